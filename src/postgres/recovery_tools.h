// Repairs of a stopped server: archiving what its crash left unarchived, and recovery in single-user mode (PG 1.8, 6.6).
#pragma once

#include <string>

#include "postgres/config_files.h"
#include "postgres/core.h"

namespace matriarch::postgres {

class RecoveryTools {
 public:
  RecoveryTools(Core& core, ConfigFiles& files) : core_(core), files_(files) {}

  // A setting as the server would have it, by `postgres -C`.
  Task<Result<std::string>> setting(std::string name, Ctx ctx);

  // PG-335: runs archive_command for each segment that is still to be archived. Failures are logged only.
  Task<void> archive_ready_segments(Ctx ctx);
  // PG-098..103
  Task<Status> crash_recovery(Ctx ctx);

 private:
  Core& core_;
  ConfigFiles& files_;
};

// %p, %f, %r, %% of archive_command and restore_command (PG-329).
std::string fill_placeholders(std::string_view command, const std::string& path, const std::string& file);
// The settings that postmaster.opts records: words of the form --name=value (PG-102).
std::map<std::string, std::string> recorded_options(std::string_view postmaster_opts);

}  // namespace matriarch::postgres
