// The recovery settings of a standby: made for what it is to follow (PG-191 ff.), and compared with what the running
// server has (PG-205 ff.). Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "ports/server.h"
#include "postgres/conninfo.h"
#include "postgres/guc_value.h"
#include "postgres/server_config.h"

namespace matriarch::postgres {

struct FollowFacts {
  int major_version = 0;
  std::string passfile;  // of the replication user's password; empty: there is none to write
};

// primary_conninfo's parameters (PG-199), without the password.
ConnParams upstream_params(const PostgresOptions& options, const Upstream& upstream, const FollowFacts& facts);

// Everything a standby of `target` needs.
RecoverySettings recovery_settings(const PostgresOptions& options, const StandbyTarget& target,
                                   const FollowFacts& facts);

// What the running server says about its recovery settings.
struct RunningRecovery {
  std::map<std::string, GucRow> settings;  // of pg_settings
  bool receiver_alive = false;
  std::string receiver_conninfo;  // password masked by the server
  std::string receiver_slot;
  std::string main_conf;                        // path of the managed file
  std::optional<std::string> passfile_content;  // of the passfile that the running conninfo names
  std::string wanted_passfile_content;          // what the managed one shall contain; empty: no password
};

// kNone: nothing to do; kReload: writing the file and a reload suffice; kRestart.
FollowChange compare_recovery(const RecoverySettings& wanted, const RunningRecovery& running, int major_version);

}  // namespace matriarch::postgres
