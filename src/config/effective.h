// The effective configuration: built-in defaults, below `/config`, below the local configuration (config.md 2 and 3.3).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/local_config.h"
#include "model/names.h"
#include "model/settings.h"
#include "model/value.h"

namespace matriarch::config {

// The lowest timings that are accepted (HA-015..018; DESIGN 3).
enum class Floors {
  kReference,  // ttl >= 20, loop_wait >= 1, retry_timeout >= 3, whole seconds: a Patroni member may be in the cluster
  kMatriarch,  // ttl >= 2, loop_wait >= 0.2, retry_timeout >= 0.5, fractions kept
};

struct Timing {  // seconds
  double ttl = 30;
  double loop_wait = 10;
  double retry_timeout = 10;

  friend bool operator==(const Timing&, const Timing&) = default;
};
// Raises each to its floor, then CFG-251, so that always loop_wait + 2*retry_timeout <= ttl. One warning per change.
Timing adjust_timing(Timing wanted, Floors floors, Warnings& warnings);

// --- postgresql (CFG-036..073 without the local-only keys)
struct Callbacks {  // shell-split command lines; empty: none
  std::string on_start, on_stop, on_restart, on_reload, on_role_change;

  [[nodiscard]] const std::string& command(CallbackAction action) const;
  friend bool operator==(const Callbacks&, const Callbacks&) = default;
};

struct ReplicaMethod {  // CFG-063..067; "basebackup" is built in and is not one of these
  std::string name;
  std::string command;  // default: the method's name
  bool no_params = false;
  bool no_leader = false;
  bool keep_data = false;
  TextPairs extra;  // --name=value, texts as PG-016

  friend bool operator==(const ReplicaMethod&, const ReplicaMethod&) = default;
};

struct RoleOverrides {  // CFG-051, CFG-053, CFG-055, CFG-280
  Value::Map parameters;
  std::optional<std::vector<std::string>> pg_hba;
  std::optional<std::vector<std::string>> pg_ident;

  friend bool operator==(const RoleOverrides&, const RoleOverrides&) = default;
};

struct PostgresqlConfig {
  PostgresqlLocal local;

  std::string config_base_name = "postgresql";  // <x>.conf, <x>.base.conf
  std::string custom_conf;                      // empty: <config_base_name>.base.conf
  std::filesystem::path bin_dir;                // empty: PATH
  std::map<std::string, std::string> bin_name;  // program -> file name; absent: the program's own name
  std::string database = "postgres";
  std::string krbsrvname;
  bool use_unix_socket = false;
  bool use_unix_socket_repl = false;

  Value::Map parameters;            // GUCs by configured name, CFG-279 and CFG-297 applied
  std::vector<std::string> pg_hba;  // empty: the file is left alone
  std::vector<std::string> pg_ident;
  RoleOverrides for_primary, for_replica, for_standby_leader;
  Value::Map recovery_conf;

  Callbacks callbacks;
  std::string pre_promote;  // empty: none
  std::string before_stop;
  std::vector<std::string> create_replica_methods = {"basebackup"};
  std::map<std::string, ReplicaMethod> methods;  // every custom method named there or in standby_cluster
  Value basebackup;                              // for tool_options()
  Value rewind;
  Duration pg_ctl_timeout = std::chrono::seconds(60);

  // Full path, or the bare name to be looked up in PATH.
  [[nodiscard]] std::string program(std::string_view name) const;
  friend bool operator==(const PostgresqlConfig&, const PostgresqlConfig&) = default;
};

// --- slots and the standby cluster (CFG-226..241)
enum class SlotType { kPhysical, kLogical };
enum class SlotClusters { kBoth, kPrimaryOnly, kStandbyOnly };

struct PermanentSlot {
  std::string name;  // [a-z0-9_]{1,63}
  SlotType type = SlotType::kPhysical;
  std::string database;  // logical only
  std::string plugin;
  SlotClusters clusters = SlotClusters::kBoth;
  Value extra;  // the entry as configured

  friend bool operator==(const PermanentSlot&, const PermanentSlot&) = default;
};

struct IgnoreSlot {  // empty = matches any; an entry matches when all four do (CFG-233)
  std::string name, type, database, plugin;

  friend bool operator==(const IgnoreSlot&, const IgnoreSlot&) = default;
};

struct StandbyCluster {  // CFG-234..241
  std::string host;      // comma list possible; empty: archive only
  std::string port;      // as text, comma list possible; empty: libpq's default
  std::string primary_slot_name;
  std::vector<std::string> create_replica_methods = {"basebackup"};
  std::string restore_command;
  std::string archive_cleanup_command;
  std::string recovery_min_apply_delay;

  friend bool operator==(const StandbyCluster&, const StandbyCluster&) = default;
};

struct EffectiveConfig {
  Settings settings;
  PostgresqlConfig postgresql;
  std::vector<PermanentSlot> slots;
  std::vector<IgnoreSlot> ignore_slots;
  std::optional<StandbyCluster> standby_cluster;
  std::string cluster_name;  // scope
  bool citus = false;

  // What is kept in the cache file and written to `/config` by the leader when it is missing: as received, with the
  // adjusted timings (CFG-253, CFG-308).
  Value::Map dynamic;
  Warnings warnings;  // to be logged, each once per change of configuration
};

// Never fails for a single bad value: those take their default, with a warning. Fails (kInvalid) when the document
// makes the merge fail (CFG-255): a timing that is no number; `postgresql` or `postgresql.parameters` that is no
// mapping.
Result<EffectiveConfig> effective(const Value& dynamic, const LocalConfig& local, Floors floors);

// CFG-255: like effective(), but when the merge fails timings and postgresql of `previous` stay in force while the
// cluster-wide flags are read from the new document; the error is in the warnings.
EffectiveConfig effective_or_keep(const Value& dynamic, const LocalConfig& local, Floors floors,
                                  const EffectiveConfig& previous);

// The document that is in force before `/config` was ever read: the cache, else bootstrap.dcs, else empty (CFG-317).
Value initial_dynamic(const std::optional<Value>& cache, const LocalConfig& local);

// Would storing this document leave the nodes with what they have (CFG-255)? kInvalid: the text names key, value and
// remedy. Everything else that is odd in it is applied as far as possible; see check_dynamic().
Status acceptable_dynamic(const Value& dynamic, Floors floors);

// What is odd in a `/config` document, for people who edit it: one line each, "<key>: ...". Empty: nothing. Unknown
// keys, adjusted timings, and parameters that a server of this version (150020; 0: any) would leave out are named
// too. These are no reasons to refuse it: unknown keys are kept as they are (CFG-001).
std::vector<std::string> check_dynamic(const Value& dynamic, Floors floors, int server_version = 0);

}  // namespace matriarch::config
