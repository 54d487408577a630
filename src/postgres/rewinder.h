// pg_rewind (PG section 6).
#pragma once

#include "ports/server.h"
#include "postgres/config_files.h"
#include "postgres/core.h"
#include "postgres/recovery_tools.h"
#include "postgres/stopper.h"
#include "postgres/timelines.h"

namespace matriarch::postgres {

class Rewinder {
 public:
  Rewinder(Core& core, ConfigFiles& files, Stopper& stopper, Timelines& timelines, RecoveryTools& tools)
      : core_(core), files_(files), stopper_(stopper), timelines_(timelines), tools_(tools) {}

  [[nodiscard]] bool program_works() const;  // it is there and may be run
  Task<RewindOutcome> rewind(Upstream upstream, Ctx ctx);

 private:
  Task<bool> source_ready(Upstream upstream, Ctx ctx);
  Task<Status> run(std::vector<std::string> argv, std::map<std::string, std::string> env, std::string restore_command,
                   Ctx ctx);
  Task<Status> fetch(std::string restore_command, std::string segment, Ctx ctx);

  Core& core_;
  ConfigFiles& files_;
  Stopper& stopper_;
  Timelines& timelines_;
  RecoveryTools& tools_;
};

// The WAL segment that pg_rewind could not open, from its output (PG-328); empty: another failure.
std::string missing_segment(std::string_view output);

}  // namespace matriarch::postgres
