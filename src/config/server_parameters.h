// What a PostgreSQL server of a given version and role is given: postgresql.conf, command line, recovery settings
// (config.md 3.3 and 3.4).
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/effective.h"
#include "config/guc.h"
#include "model/names.h"
#include "model/value.h"

namespace matriarch::config {

// --- the parameters that only `/config` may set (CFG-282..299)
struct ControlledGuc {
  std::string_view name;
  std::string_view fallback;  // text of the default
  bool on_command_line;
  int version_from;  // first major version that has it
};
std::span<const ControlledGuc> controlled_gucs();  // in the order of the command line
bool is_controlled_guc(std::string_view name);     // case-insensitive

// --- role overrides (CFG-280, PG-182). uninitialized: none apply.
enum class RoleClass { kNone, kPrimary, kReplica, kStandbyLeader };
RoleClass role_class(Role role);

// The configured values for this role: what comparisons with pg_settings use (CFG-337, CFG-357). With the controlled
// parameters that the version has (CFG-299, CFG-300); without recovery settings, nulls, and synchronous_standby_names
// while synchronous mode is on (CFG-302). Citus' needs are applied (CFG-305). `warnings` gets those of CFG-280.
Value::Map configured_parameters(const EffectiveConfig& config, RoleClass role, int server_version, Warnings& warnings);

std::vector<std::string> pg_hba_lines(const EffectiveConfig& config, RoleClass role);  // empty: leave the file alone
std::vector<std::string> pg_ident_lines(const EffectiveConfig& config, RoleClass role);

struct ServerParameters {
  TextPairs file;          // name -> text for postgresql.conf, sorted by name; without hba_file and ident_file
  TextPairs command_line;  // controlled ones, in order
  // For a standby: of `parameters`, else recovery_conf (CFG-327), below those of standby_cluster (CFG-239..241); checked
  // against the version, sorted; never recovery_target*, primary_conninfo or primary_slot_name (CFG-056).
  TextPairs recovery;
  std::filesystem::path hba_file;  // absolute; to be written explicitly (CFG-304)
  std::filesystem::path ident_file;
  bool manages_hba = true;  // hba_file is the default one, so `pg_hba` applies to it (CFG-052)
  bool manages_ident = true;
  Warnings warnings;
};

// `server_names` as in checked_guc(). Does not know pg_controldata (CFG-301) nor the synchronous names (CFG-302).
ServerParameters server_parameters(const EffectiveConfig& config, RoleClass role, int server_version,
                                   const std::set<std::string>& server_names);

// The host of local TCP connections (PG-115), for example "localhost".
std::string local_tcp_host(const PostgresqlLocal& local);

// "name = 'value'" with quotes and backslashes doubled (CFG-320).
std::string conf_line(std::string_view name, std::string_view value);

// CFG-347, CFG-328: recovery settings renamed to what this version calls them.
void translate_recovery_settings(Value::Map& settings, int server_version);

}  // namespace matriarch::config
