// Carrying out what policy/sync decides, one step at a time.
#pragma once

#include <vector>

#include "agent/node.h"
#include "policy/sync/sync.h"

namespace matriarch::agent {

// Nothing and LookAgain are successes. A /sync that was written is in `node.view` afterwards.
Task<Status> carry_out(Node& node, policy::sync::Step step, Ctx ctx);

// SYNC-033: in order; the first that fails forbids the promotion, or the start, that they were meant for.
Task<Status> carry_out_all(Node& node, std::vector<policy::sync::Step> steps, Ctx ctx);

}  // namespace matriarch::agent
