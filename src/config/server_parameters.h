// What a PostgreSQL server of a given version and role is given: postgresql.conf, command line, recovery settings
// (config.md 3.3 and 3.4).
#pragma once

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

// Configured values for this role, names lower-case where the table or PostgreSQL does not care: what comparisons with
// pg_settings use (CFG-337, CFG-357). Controlled parameters of the version included (CFG-299, CFG-300), recovery ones not.
// `warnings` gets CFG-280's.
Value::Map configured_parameters(const EffectiveConfig& config, RoleClass role, int server_version, Warnings& warnings);

std::vector<std::string> pg_hba_lines(const EffectiveConfig& config, RoleClass role);  // empty: leave the file alone
std::vector<std::string> pg_ident_lines(const EffectiveConfig& config, RoleClass role);

struct ServerParameters {
  TextPairs
      file;  // name -> text for postgresql.conf, sorted by name; without hba_file and ident_file unless configured
  TextPairs command_line;  // controlled ones, in order
  TextPairs recovery;      // from `parameters` or recovery_conf (CFG-327), checked against the version, sorted
  Warnings warnings;
};

// `server_names` as in checked_guc(). Does not know pg_controldata (CFG-301) nor the synchronous names (CFG-302).
ServerParameters server_parameters(const EffectiveConfig& config, RoleClass role, int server_version,
                                   const std::set<std::string>& server_names);

// "name = 'value'" with quotes and backslashes doubled (CFG-320).
std::string conf_line(std::string_view name, std::string_view value);

// CFG-347, CFG-328: recovery settings renamed to what this version calls them.
void translate_recovery_settings(Value::Map& settings, int server_version);

}  // namespace matriarch::config
