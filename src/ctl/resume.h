// Lifting a pause, for the commands that can (ADR 10): the leader arms its guardian first, so the members are asked to do it.
#pragma once

#include "ctl/app.h"

namespace matriarch::ctl {

// Only members of ours may be asked: whoever may be taking writes has a guardian, or nobody can say whether it has.
bool resume_is_guarded(const ClusterView& view);

// PATCH /config in the order of CTL-198. The answer of the first member that can be reached; kUnavailable: none can.
Task<Result<RestReply>> ask_to_pause(App& app, ClusterView view, bool pause);

// Whether a member that was asked to resume would not, or none could be asked: what --force is for.
bool is_refused(const Result<RestReply>& reply);

}  // namespace matriarch::ctl
