// Role and state of the local server in the contract's words, and the rest of what is remembered (HA section 1).
#pragma once

#include "policy/memory.h"
#include "policy/world.h"

namespace matriarch::policy {

PgState state_of(const World& world, const Memory& memory);
Role role_of(const World& world, const Memory& memory);

// The memory as it is before a decision: former memory plus what this world shows. facts_of() is asked with its result.
Memory remember(const World& world, const Memory& memory);

}  // namespace matriarch::policy
