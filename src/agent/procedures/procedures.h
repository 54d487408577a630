// The procedures that carry decisions out, as coroutines over the ports. They never decide; each is idempotent, bounded and
// cancellable through its Ctx, and names its steps (steps.h).
#pragma once

#include "agent/action_runner.h"
#include "agent/node.h"
#include "policy/decision.h"

namespace matriarch::agent {

// HA-135..143. Completes when the server takes writes. The server is told to promote only while the lease is held, and
// after `suspect`, the former primary, was stopped if it still writes; that is tried for a second at most.
Task<Outcome> promote(Node& node, std::optional<Upstream> suspect, Ctx ctx);

// HA-221, HA-231..236: stop in good order; give the key to a candidate that has everything as soon as the shutdown
// checkpoint is written; else when stopped.
Task<Outcome> demote_gracefully(Node& node, policy::Decision decision, Ctx ctx);
// HA-222..224: no checkpoint, gone by decision.kill_at. `release`: the key is ours and is given back afterwards.
Task<Outcome> demote_at_once(Node& node, policy::Decision decision, StopMode mode, bool release, Ctx ctx);
// HA-308..313.
Task<Outcome> shut_down(Node& node, Ctx ctx);

// HA-087, HA-095..105.
Task<Outcome> bootstrap(Node& node, Ctx ctx);
// HA-093.
Task<Outcome> clone(Node& node, CloneSource source, Ctx ctx);
// HA-268.
Task<Outcome> reinitialize(Node& node, CloneSource source, Ctx ctx);

// HA-110.
Task<Outcome> start_primary(Node& node, Ctx ctx);
// HA-117.
Task<Outcome> start_standby(Node& node, StandbyTarget target, Ctx ctx);
// HA-118.
Task<Outcome> recover_from_crash(Node& node, Ctx ctx);
// HA-334.
Task<Outcome> rewind(Node& node, Upstream upstream, Ctx ctx);
// HA-157: the running standby follows another upstream, with a restart where needed.
Task<Outcome> follow(Node& node, StandbyTarget target, Ctx ctx);
// HA-256..262.
Task<Outcome> restart(Node& node, std::optional<Duration> timeout, Ctx ctx);

}  // namespace matriarch::agent
