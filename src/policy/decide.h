// Decided decide(World, Memory): the whole policy as one pure, total function.
#pragma once

#include "policy/decision.h"
#include "policy/memory.h"
#include "policy/world.h"

namespace matriarch::policy {

Decided decide(const World& world, const Memory& memory);

// HA-144..148: whom a standby of this node follows. No upstream: nobody known.
StandbyTarget target_of(const World& world);

// HA-092: whom to clone from: a member with tag clonefrom, else the leader. `pick` chooses among several.
std::optional<Member> clone_source(const World& world, std::uint64_t pick);

}  // namespace matriarch::policy
