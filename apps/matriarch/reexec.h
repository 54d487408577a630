// SIGUSR2: the agent executes its program anew, which an upgrade may have replaced, without touching PostgreSQL. The process
// stays the same, so its service manager notices nothing; what the lease is, the guardian hands over, or the environment.
#pragma once

#include <string>

#include "base/reactor.h"
#include "base/result.h"

namespace matriarch::app {

// Set for the successor: the store's name of the lease that it goes on with.
inline constexpr const char* kLeaseVariable = "MATRIARCH_RESUME_LEASE";

// Reads and removes it. Empty: none.
std::string take_lease_variable();

// Ok if the program that would be executed runs at all.
Task<Status> check_successor(Reactor& reactor, Ctx ctx);

// Executes it with the arguments and the environment of this process's start. Returns only if that failed.
Error execute_successor(const std::string& lease_id);

}  // namespace matriarch::app
