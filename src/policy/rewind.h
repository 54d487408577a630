// Whether a data directory can simply follow the leader, or must be rewound first (HA-330..335).
#pragma once

#include "policy/facts.h"
#include "policy/memory.h"
#include "policy/world.h"

namespace matriarch::policy {

// HA-332: did the local server write anything that the leader's timeline does not contain?
bool diverged(const Divergence& d);

// HA-333: what the state of the check means for this node now.
Path path_of(const World& world, const Memory& memory);

// The next state of the check, from what was measured, what ended and what changed.
RewindState next_rewind_state(const World& world, const Memory& memory);

}  // namespace matriarch::policy
