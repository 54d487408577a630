// What the files that configure the server shall contain (PG 3.2 to 3.5). Pure: options and facts in, texts out.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/standby_names.h"
#include "postgres/controlled.h"
#include "postgres/guc_catalog.h"

namespace matriarch::postgres {

using RecoverySettings = std::map<std::string, std::string>;

// What the configuration depends on besides the options.
struct ConfigFacts {
  Role role = Role::kUninitialized;    // for role-specific parts
  int major_version = 0;               // 0: unknown
  std::optional<ControlFile> control;  // present and role not primary: limits are raised to it (PG-179)
  // The last value set by the synchronous replication logic (PG-177). It goes before the user's own until that logic takes it
  // back, also when the mode was switched off already: whom /sync names must be waited for (SYNC-032).
  std::optional<std::string> synchronous_standby_names;
  RecoverySettings recovery;            // empty: no block
  bool custom_bootstrap = false;        // pg_hba.conf is open (PG-186)
  bool hot_standby_off = false;         // PG-181
  const GucCatalog* catalog = nullptr;  // none: names are not checked
};

struct ServerConfig {
  Settings command_line;  // the controlled settings, in order
  Settings parameters;    // everything of the main block, by name
  std::string main_conf;
  std::optional<std::string> hba;  // absent: the file is not managed (PG-184)
  std::optional<std::string> ident;
  std::vector<Raised> raised;  // wait for a restart
};

// parameters with the role's own merged over them, names in lower case, nulls and controlled names of the role left out.
Value::Map parameters_for(const PostgresOptions& options, Role role);  // PG-182

ServerConfig make_server_config(const PostgresOptions& options, const ConfigFacts& facts);

// The "user's recovery settings" (PG-169): those among the parameters if any, else recovery_conf.
RecoverySettings configured_recovery(const PostgresOptions& options, Role role, int major_version);

std::string quoted_setting(std::string_view value);  // 'it''s' (PG-163)
// pg_hba.conf / pg_ident.conf: the header and these lines.
std::string managed_file(const std::vector<std::string>& lines);
// PG-186
std::string open_hba(const PostgresOptions& options);

// postgresql.auto.conf without recovery settings; absent if there is nothing to remove (PG-170).
std::optional<std::string> without_recovery_settings(std::string_view auto_conf);

}  // namespace matriarch::postgres
