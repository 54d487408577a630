// How the guardian kills a server. The order matters: backends make sessions of their own and the postmaster goes on
// forking, so neither a process group nor one look at the children holds them all.
#pragma once

#include <cstdint>

#include "guard/processes.h"

namespace matriarch::guard {

struct StrikeResult {
  std::uint32_t signals = 0;  // how many times SIGKILL was sent
  Nanos last_stop_at = 0;     // after this no client is answered any more
  Nanos last_signal_at = 0;   // after this every process is dying
  bool by_cgroup = false;
  bool postmaster_found = false;
};

// `postmaster`: a checked pidfd, or -1: whatever runs in the directory by postmaster.pid. Takes milliseconds, and at most
// some hundred when the kernel does not let a process stop or end.
StrikeResult strike(int postmaster, const Server& server);

// The control group of a process, if it can be killed as a whole: writable, and without a process that is not the server's.
UniqueFd killable_cgroup(pid_t postmaster, const Server& server);

Nanos boot_now();

}  // namespace matriarch::guard
