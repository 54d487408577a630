// A new cluster: initdb or a custom method, and what is to be done in it afterwards (PG section 4).
#pragma once

#include "postgres/config_files.h"
#include "postgres/core.h"
#include "postgres/scripts.h"
#include "postgres/starter.h"
#include "postgres/stopper.h"

namespace matriarch::postgres {

class Bootstrap {
 public:
  Bootstrap(Core& core, ConfigFiles& files, Scripts& scripts, Starter& starter, Stopper& stopper)
      : core_(core), files_(files), scripts_(scripts), starter_(starter), stopper_(stopper) {}

  // Runs the method; ends with a running server that has left recovery (PG-254).
  Task<Status> create(Ctx ctx);
  // Users, script, and the end of a custom bootstrap's special configuration.
  Task<Status> finish(Ctx ctx);

 private:
  Task<Status> mark_unannounced(Ctx ctx);
  Task<Status> run_initdb(Ctx ctx);
  Task<Status> run_custom(Ctx ctx);
  Task<Status> start_after_custom(Ctx ctx);
  Task<Status> wait_for_end_of_recovery(Ctx ctx);
  Task<Status> run_post_bootstrap(Ctx ctx);
  Task<Status> create_roles(Connection* session, bool superuser_only, Ctx ctx);
  Task<Status> leave_custom(Ctx ctx);

  Core& core_;
  ConfigFiles& files_;
  Scripts& scripts_;
  Starter& starter_;
  Stopper& stopper_;
};

// PG-259: CREATE or ALTER by existence, in one statement; `attributes` is "SUPERUSER" and the like. `quote` makes an SQL
// literal.
std::string role_statement(const Credentials& user, std::string_view attributes,
                           const std::function<std::string(std::string_view)>& quote);

}  // namespace matriarch::postgres
