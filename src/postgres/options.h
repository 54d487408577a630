// What the PostgreSQL module has to be told. A plain structure, filled from the effective configuration by whoever wires
// the program together; this module does not know how configuration is written, found or merged.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/time.h"
#include "model/names.h"
#include "model/settings.h"
#include "model/value.h"

namespace matriarch::postgres {

// How to log in (PG-120). `params` holds the libpq names sslmode, sslcert, sslkey, sslpassword, sslrootcert, sslcrl,
// sslcrldir, gssencmode, channel_binding, sslnegotiation; anything else in it is ignored (PG-128).
struct Credentials {
  std::string username;                 // empty: libpq's default (PG-123)
  std::optional<std::string> password;  // absent or null in the configuration: none
  std::map<std::string, std::string> params;

  friend bool operator==(const Credentials&, const Credentials&) = default;
};

// A role-dependent part of the configuration: what `<key>_primary`, `<key>_replica` and `<key>_standby_leader` say.
template <class T>
struct ByRole {
  std::optional<T> primary;
  std::optional<T> replica;
  std::optional<T> standby_leader;

  [[nodiscard]] const std::optional<T>& of(Role role) const {
    static const std::optional<T> kNone;
    switch (role) {
      case Role::kPrimary:
      case Role::kPromoted: return primary;
      case Role::kReplica:
      case Role::kDemoted: return replica;
      case Role::kStandbyLeader: return standby_leader;
      case Role::kUninitialized: break;
    }
    return kNone;
  }
};

// The `bootstrap` section, as far as this node's server is concerned.
struct BootstrapOptions {
  std::string method = "initdb";    // a custom one counts only if `method_section` has `command` (PG-241)
  Value initdb;                     // list or map of options (PG-017)
  Value::Map method_section;        // bootstrap.<method>
  std::vector<std::string> pg_hba;  // appended once (PG-185)
  std::string post_bootstrap;       // or its alias post_init (PG-257)
};

// `standby_cluster` (PG-296): the primary of another cluster that this one follows.
struct RemotePrimary {
  std::string host;  // may be a comma list; empty together with port: archive only (PG-300)
  std::string port;
  std::string primary_slot_name;  // empty: no slot
  std::vector<std::string> create_replica_methods;
  std::optional<std::string> restore_command;
  std::optional<std::string> archive_cleanup_command;
  std::optional<std::string> recovery_min_apply_delay;
};

struct PostgresOptions {
  // Names.
  std::string scope;
  std::string name;
  std::string database = "postgres";

  // Places.
  std::filesystem::path data_dir;
  std::filesystem::path config_dir;             // empty: data_dir
  std::string config_base_name = "postgresql";  // PG-158
  std::string custom_conf;                      // PG-165
  std::filesystem::path bin_dir;                // empty: PATH
  std::map<std::string, std::string> bin_name;  // program -> name (PG-005)
  std::filesystem::path pgpass;                 // empty: ~/pgpass (PG-159)
  std::optional<mode_t> outside_file_mode;      // of files outside the data directory; none: 0666 & ~umask (PG-234)
  std::filesystem::path server_log;             // the postmaster's stdout and stderr; empty: the agent's own (PG-053)

  // Network.
  std::string listen;           // "host[,host...][:port]"
  std::string connect_address;  // "host[:port]"
  bool use_unix_socket = false;
  bool use_unix_socket_repl = false;
  std::string krbsrvname;

  // Users.
  Credentials superuser;
  Credentials replication;
  std::optional<Credentials> rewind;  // absent: the superuser's (PG-122)

  // Server settings. `parameters` is the merged map of dynamic and local values; the settings that only the dynamic
  // configuration may give (PG 3.3) must come from there. They are checked, completed and cleaned here.
  Value::Map parameters;
  ByRole<Value::Map> parameters_by_role;
  std::vector<std::string> pg_hba;
  ByRole<std::vector<std::string>> pg_hba_by_role;
  std::vector<std::string> pg_ident;
  ByRole<std::vector<std::string>> pg_ident_by_role;
  Value::Map recovery_conf;
  std::optional<RemotePrimary> standby_cluster;

  // Commands.
  std::map<CallbackAction, std::string> callbacks;
  std::string pre_promote;
  std::string before_stop;
  std::vector<std::string> create_replica_methods;  // empty: basebackup (PG-273)
  std::map<std::string, Value> method_sections;     // postgresql.<method>, also "basebackup" (list or map)
  BootstrapOptions bootstrap;

  // Rewinding.
  bool use_pg_rewind = false;
  Value rewind_options;  // postgresql.rewind: list or map

  // Replication.
  bool use_slots = true;
  Value::List ignore_slots;  // PG-365
  SyncMode synchronous_mode = SyncMode::kOff;
  bool synchronous_mode_strict = false;
  bool enforce_hot_standby_feedback = false;  // PG-167

  // Limits.
  Duration pg_ctl_timeout = std::chrono::seconds(60);
  Duration retry_timeout = std::chrono::seconds(10);
};

}  // namespace matriarch::postgres
