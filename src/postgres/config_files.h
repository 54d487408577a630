// The files that configure the server, kept as they should be (PG section 3).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/wait.h"
#include "ports/server.h"
#include "postgres/core.h"
#include "postgres/recovery_conf.h"
#include "postgres/server_config.h"

namespace matriarch::postgres {

class ConfigFiles {
 public:
  explicit ConfigFiles(Core& core) : core_(core), writing_(core.reactor) {}

  struct Written {
    ServerConfig config;
    bool main = false;  // which of them differed
    bool hba = false;
    bool ident = false;

    [[nodiscard]] bool any() const { return main || hba || ident; }
  };
  // Writes the main file, pg_hba.conf and pg_ident.conf for the role of the core. The limits of a server that is not a
  // primary are raised to those of the control file (PG-179).
  Task<Result<Written>> write(Ctx ctx);

  // The standby's settings for `target`, with the password file written (PG-190).
  Task<Result<RecoverySettings>> recovery_for(StandbyTarget target, Ctx ctx);
  // Remembers the settings for the next write and makes the signal file: of a standby, or of a recovery that ends (PG-201).
  Task<Status> set_recovery(RecoverySettings settings, bool standby, Ctx ctx);
  Task<Status> remove_recovery(Ctx ctx);  // PG-204
  [[nodiscard]] const RecoverySettings& recovery() const { return recovery_; }
  // What an adopted server has; so that writing the main file does not lose it (PG-229).
  void remember_recovery(RecoverySettings settings) { recovery_ = std::move(settings); }

  // The password file for a user of these parameters; the variable that points programs to it, empty without password.
  Task<Result<std::map<std::string, std::string>>> pgpass_for(ConnParams params, Ctx ctx);

  // Copies into the data directory, for nodes that will be made from it (PG-232), and back where one is missing (PG-233).
  Task<void> save_copies(Ctx ctx);
  Task<Status> restore_missing(Ctx ctx);
  Task<Status> append_bootstrap_hba(Ctx ctx);  // PG-185
  Task<Status> ensure_directories(Ctx ctx);    // PG-160

  // Known after the first success; none if the program does not run.
  Task<std::shared_ptr<const GucCatalog>> catalog(Ctx ctx);

  std::optional<std::string> synchronous_standby_names;  // as the synchronous replication logic set it
  bool custom_bootstrap = false;
  bool keep_existing_recovery = false;  // PG-250
  bool hot_standby_off = false;

 private:
  Core& core_;
  AsyncMutex writing_;  // what is computed first must not be written last
  RecoverySettings recovery_;
  std::shared_ptr<const GucCatalog> catalog_;
  int catalog_major_ = 0;
};

}  // namespace matriarch::postgres
