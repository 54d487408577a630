// Stopping a primary in good order so that another node can take over without losing anything, and at once.
#pragma once

#include <string>

#include "agent/node.h"
#include "policy/election.h"

namespace matriarch::agent {

struct HandoverOptions {
  bool checkpoint = false;               // CHECKPOINT first, while clients still write (HA-241)
  policy::CandidateQuery candidates;     // who may take over
  std::string step;                      // prefix of the steps: "demote" or "shutdown"
};

// Stops the server fast. If the key is ours it is released with the LSN of HA-237 as soon as pg_control says "shut down" and
// a candidate has that checkpoint (HA-229, HA-311), else when the server is gone (HA-233, HA-312). The lease is renewed all
// the while; if it nevertheless runs out before the safepoint, the stop becomes an immediate one that ends by K.
Task<Status> stop_and_hand_over(Node& node, HandoverOptions options, Ctx ctx);

// HA-233: until somebody else has the lock, for at most 2 s. The loop keeps the view fresh meanwhile.
Task<void> wait_for_new_leader(Node& node, Ctx ctx);

}  // namespace matriarch::agent
