// Changes of the configuration while the server runs: what is written, whether the server is told, and what has to wait
// for a restart (PG 3.9).
#pragma once

#include "model/value.h"
#include "postgres/config_files.h"
#include "postgres/core.h"
#include "postgres/follower.h"
#include "postgres/scripts.h"
#include "postgres/starter.h"

namespace matriarch::postgres {

class Reloader {
 public:
  Reloader(Core& core, ConfigFiles& files, Starter& starter, Follower& follower, Scripts& scripts)
      : core_(core), files_(files), starter_(starter), follower_(follower), scripts_(scripts) {}

  Task<Status> apply(PostgresOptions options, bool forced, Ctx ctx);
  // The role changed under a running server: its own part of the configuration comes into force, in the background.
  void role_changed();
  Task<Status> set_synchronous_standbys(std::vector<std::string> names, int count, SyncMode mode, Ctx ctx);
  Task<Status> write_transaction(Ctx ctx);
  [[nodiscard]] Value pending_restart_reason() const;

 private:
  Task<Status> write_and_reload(bool forced, bool callback, Ctx ctx);
  Task<Status> learn_role(Ctx ctx);
  // Tells the server, and completes when our own session has read the new configuration.
  Task<Status> reload_and_wait(Ctx ctx);
  Task<void> find_pending_restart(Ctx ctx);
  static Task<void> apply_role(Reloader* self);
  static Task<void> apply_when_accepting(Reloader* self);

  Core& core_;
  ConfigFiles& files_;
  Starter& starter_;
  Follower& follower_;
  Scripts& scripts_;
  Value::Map pending_;
  std::shared_ptr<const Postmaster> pending_of_;  // a restart makes `pending_` void
};

}  // namespace matriarch::postgres
