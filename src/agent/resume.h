// Lifting a pause (ADR 10): only while the guardian of whoever takes writes is armed.
#pragma once

#include <functional>

#include "agent/node.h"
#include "ports/agent_api.h"

namespace matriarch::agent {

// A change of /config that was asked for, and how to carry it out.
struct ConfigChange {
  std::string method;  // "PATCH" or "PUT"
  Value body;          // as it was asked for, for the leader
  std::function<Task<CommandResult>()> write;
};

// Does the change, which turns the cluster that `view` shows from paused to not paused; `view` was read just now. 412: refused,
// the text names the node and the remedy. `node` outlives it.
Task<CommandResult> lift_pause(Node& node, ClusterView view, ConfigChange change, Ctx ctx);

}  // namespace matriarch::agent
