// Starting the server, and waiting until it accepts connections.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "postgres/config_files.h"
#include "postgres/core.h"

namespace matriarch::postgres {

class Starter {
 public:
  Starter(Core& core, ConfigFiles& files) : core_(core), files_(files) {}

  // Configuration and recovery settings for `target` (none: a primary), the launch, and the wait. Limited by the Ctx and
  // by pg_ctl_timeout (PG-058).
  Task<Status> start(std::optional<StandbyTarget> target, Ctx ctx);
  // The same with the recovery settings as they are; `role` is for the role-specific configuration.
  Task<Status> start_as_configured(Role role, Ctx ctx);
  // Completes when the running server accepts connections; kFailed if it ends before.
  Task<Status> wait_until_accepting(Ctx ctx);

  // Limits that were raised because the control file asks for it (PG-179): they wait for a restart.
  [[nodiscard]] const std::vector<Raised>& raised() const { return raised_; }

 private:
  Task<Status> launch(Settings command_line, Ctx ctx);
  void remove_stale_socket_locks();
  [[nodiscard]] std::string log_tail() const;

  Core& core_;
  ConfigFiles& files_;
  std::vector<Raised> raised_;
  std::int64_t log_begins_at_ = 0;
};

}  // namespace matriarch::postgres
