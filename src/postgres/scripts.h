// The operator's commands: callbacks, pre_promote, before_stop (PG section 8).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "postgres/core.h"

namespace matriarch::postgres {

class Scripts {
 public:
  explicit Scripts(Core& core) : core_(core) {}

  // Never waits. A callback that still runs is killed for the new one, with what it started (PG-389); on_reload has a
  // track of its own (PG-390).
  void callback(CallbackAction action, Role role);

  Task<bool> pre_promote(Ctx ctx);  // PG-094
  Task<void> before_stop(Ctx ctx);  // PG-396

  // A command of the configuration, split into words, with `arguments` appended; its output is logged.
  // kInvalid: cannot be split; other errors: not started, or the Ctx ended it.
  Task<Result<ExitStatus>> command(std::string what, std::string command_line, std::vector<std::string> arguments,
                                   std::map<std::string, std::string> env, Ctx ctx);

 private:
  struct Track {
    std::optional<std::vector<std::string>> next;
    bool gently = false;  // SIGTERM before SIGKILL
    bool busy = false;
    std::stop_source replaced;
  };
  static Task<void> run_track(Scripts* self, Track* track);
  Task<void> run_callback(std::vector<std::string> argv, Track* track);
  Task<void> end(ChildProcess* child, bool gently);

  Core& core_;
  Track main_;
  Track reload_{.gently = true};
};

// `--key=value` with values rendered as the contract does (PG-016).
std::string long_option(std::string_view key, const Value& value);

}  // namespace matriarch::postgres
