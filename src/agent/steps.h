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

inline constexpr std::array<std::string_view, 30> kAllSteps = {
    "bootstrap.claimed",        "bootstrap.initialized",   "bootstrap.identified",  "bootstrap.configured",
    "bootstrap.led",            "clone.begin",             "clone.done",            "crash_recovery.begin",
    "crash_recovery.done",      "demote.begin",            "demote.safepoint",      "demote.stopped",
    "demote.released",          "follow.begin",            "lead.acquired",         "promote.begin",
    "promote.pre_promote_done", "promote.lease_confirmed", "promote.done",          "reinitialize.stopped",
    "reinitialize.removed",     "restart.begin",           "restart.stopped",       "rewind.stopped",
    "rewind.done",              "shutdown.begin",          "shutdown.stopped",      "shutdown.released",
    "start.primary",            "start.standby",
};

}  // namespace matriarch::agent
