// The named steps of all procedures: the places at which a test kills the agent and starts it again (DESIGN 2). In
// production reaching a step costs one virtual call.
#pragma once

#include <array>
#include <string_view>

namespace matriarch::agent {

class Steps {
 public:
  virtual ~Steps() = default;
  // `name` is one of kAllSteps. Must return normally; a test that wants the agent dead stops its scheduler here.
  virtual void reached(std::string_view /*name*/) {}
};

inline constexpr auto kAllSteps = std::to_array<std::string_view>({
    "bootstrap.claimed",         "bootstrap.configured",      "bootstrap.identified",      "bootstrap.initialized",
    "bootstrap.led",             "clone.begin",               "clone.done",                "crash_recovery.begin",
    "crash_recovery.done",       "demote.begin",              "demote.released",           "demote.safepoint",
    "demote.stopped",            "follow.begin",              "lead.acquired",             "promote.armed",
    "promote.begin",             "promote.done",              "promote.fenced",            "promote.lease_confirmed",
    "promote.pre_promote_done",  "reinitialize.removed",      "reinitialize.stopped",      "restart.begin",
    "restart.stopped",           "rewind.done",               "rewind.stopped",            "shutdown.begin",
    "shutdown.released",         "shutdown.safepoint",        "shutdown.stopped",          "start.armed",
    "start.primary",             "start.standby",             "sync.published",            "sync.required",
    "sync.unpublished",          "takeover.begin",            "takeover.lease_adopted",    "takeover.lease_renewed",
    "takeover.server_found",     "takeover.view_read",
});

}  // namespace matriarch::agent
