#include "postgres/server_config.h"

#include <fmt/format.h>

#include "base/log.h"
#include "model/names.h"
#include "postgres/guc_value.h"
#include "postgres/paths.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

constexpr std::string_view kHeader =
    "# This file is written by the cluster manager and overwritten by it.\n"
    "# Changes made here are lost: change the manager's configuration instead.\n";

// The value in the file must be usable whatever the server's working directory is.
std::string beside_config(const PostgresOptions& options, const std::string& path) {
  return (config_dir(options) / path).string();
}

bool redirected(const Value::Map& parameters, std::string_view key, const std::filesystem::path& standard) {
  const Value* value = parameters.find(key);
  if (value == nullptr || value->is_null()) return false;
  return std::filesystem::path(standard.parent_path() / string_form(*value)) != standard;
}

void apply_synchronous(const PostgresOptions& options, const ConfigFacts& facts,
                       std::map<std::string, std::string>& all) {
  if (options.synchronous_mode == SyncMode::kOff && !facts.synchronous_standby_names) return;
  all.erase("synchronous_standby_names");
  const bool primary = facts.role == Role::kPrimary || facts.role == Role::kPromoted;
  if (facts.synchronous_standby_names) {
    if (!facts.synchronous_standby_names->empty()) {
      all["synchronous_standby_names"] = *facts.synchronous_standby_names;
    }
  } else if (options.synchronous_mode_strict && primary) {
    all["synchronous_standby_names"] = kSyncPlaceholder;
  }
}

std::string render(const PostgresOptions& options, const Settings& parameters, const RecoverySettings& recovery) {
  const std::string include =
      options.custom_conf.empty() ? base_conf(options).filename().string() : options.custom_conf;
  std::string text(kHeader);
  text += fmt::format("include {}\n\n", quoted_setting(include));
  for (const auto& [name, value] : parameters) text += fmt::format("{} = {}\n", name, quoted_setting(value));
  if (!recovery.empty()) {
    text += "\n# recovery.conf\n";
    for (const auto& [name, value] : recovery) text += fmt::format("{} = {}\n", name, quoted_setting(value));
  }
  return text;
}

}  // namespace

std::string quoted_setting(std::string_view value) {
  std::string result = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') result += c;
    if (c == '\n' || c == '\0') continue;  // they end a setting: they cannot be part of one
    result += c;
  }
  return result + "'";
}

std::string managed_file(const std::vector<std::string>& lines) {
  std::string text(kHeader);
  for (const auto& line : lines) text += line + "\n";
  return text;
}

std::string open_hba(const PostgresOptions& options) {
  const auto user_or_all = [](const std::string& user) { return user.empty() ? "all" : "\"" + user + "\""; };
  const std::string superuser = user_or_all(options.superuser.username);
  const std::string replication = user_or_all(options.replication.username);
  // "samehost" is every address of this machine, and nothing else.
  return managed_file({fmt::format("local replication {} trust", replication),
                       fmt::format("local all {} trust", superuser),
                       fmt::format("host replication {} samehost trust", replication),
                       fmt::format("host all {} samehost trust", superuser)});
}

Value::Map parameters_for(const PostgresOptions& options, Role role) {
  Value::Map merged;
  for (const auto& [name, value] : options.parameters) merged.set(lower_case(name), value);
  if (const auto& own = options.parameters_by_role.of(role)) {
    for (const auto& [name, value] : *own) {
      const auto lower = lower_case(name);
      if (is_controlled(lower)) {
        log::warning("Role-based config attempted to override protected parameter '{}', ignoring", name);
      } else {
        merged.set(lower, value);
      }
    }
  }
  return merged;
}

RecoverySettings configured_recovery(const PostgresOptions& options, Role role, int major_version) {
  RecoverySettings result;
  const auto take = [&result](const Value::Map& from) {
    for (const auto& [name, value] : from) {
      const auto lower = lower_case(name);
      if (!is_recovery_setting(lower)) continue;
      if (const auto text = guc_text(value)) result[lower] = *text;
    }
  };
  take(parameters_for(options, role));
  if (result.empty()) take(options.recovery_conf);
  // PG-194, PG-203, PG-428: names of other versions.
  const auto take_out = [&result](std::string_view name) {
    std::optional<std::string> value;
    if (const auto found = result.find(std::string(name)); found != result.end()) {
      value = found->second;
      result.erase(found);
    }
    return value;
  };
  if (const auto pause = take_out("pause_at_recovery_target")) {
    result.try_emplace("recovery_target_action", parse_bool(*pause) == false ? "promote" : "pause");
  }
  take_out("standby_mode");
  if (const auto trigger = take_out("trigger_file")) result.try_emplace("promote_trigger_file", *trigger);
  if (major_version >= 160000) take_out("promote_trigger_file");
  return result;
}

ServerConfig make_server_config(const PostgresOptions& options, const ConfigFacts& facts) {
  ServerConfig config;
  const auto parameters = parameters_for(options, facts.role);
  auto controlled = controlled_settings(options, options.parameters, facts.major_version);
  if (facts.hot_standby_off) {
    for (auto& setting : controlled) {
      if (setting.name == "hot_standby") setting.value = "off";
    }
  }
  if (facts.control) config.raised = raise_to_control(controlled, *facts.control);

  std::map<std::string, std::string> all;
  for (const auto& setting : controlled) all[setting.name] = setting.value;
  for (const auto& [name, value] : parameters) {
    if (is_controlled(name) || is_recovery_setting(name) || name == "hba_file" || name == "ident_file") continue;
    auto text = guc_text(value);
    if (text && !is_setting_name(name)) {
      log::warning("{} is no name of a setting: it is not written to the server's configuration", to_json(Value(name)));
      continue;
    }
    if (text && facts.catalog != nullptr) text = facts.catalog->checked(name, *text);
    if (text) all[name] = *text;
  }
  apply_synchronous(options, facts, all);
  if (options.enforce_hot_standby_feedback) all["hot_standby_feedback"] = "on";

  const auto directory = config_dir(options);
  const auto hba_path = directory / "pg_hba.conf";
  const auto ident_path = directory / "pg_ident.conf";
  const bool hba_elsewhere = redirected(parameters, "hba_file", hba_path);
  const bool ident_elsewhere = redirected(parameters, "ident_file", ident_path);
  all["hba_file"] = hba_elsewhere && !facts.custom_bootstrap
                        ? beside_config(options, string_form(*parameters.find("hba_file")))
                        : hba_path.string();
  all["ident_file"] =
      ident_elsewhere ? beside_config(options, string_form(*parameters.find("ident_file"))) : ident_path.string();

  for (const auto& [name, value] : all) config.parameters.push_back({.name = name, .value = value});
  for (const auto& setting : controlled) {
    if (on_command_line(setting.name)) config.command_line.push_back(setting);
  }
  config.main_conf = render(options, config.parameters, facts.recovery);

  const auto& hba = options.pg_hba_by_role.of(facts.role).value_or(options.pg_hba);
  const auto& ident = options.pg_ident_by_role.of(facts.role).value_or(options.pg_ident);
  if (facts.custom_bootstrap) {
    config.hba = open_hba(options);
  } else if (!hba.empty() && !hba_elsewhere) {
    config.hba = managed_file(hba);
  }
  if (!ident.empty() && !ident_elsewhere) config.ident = managed_file(ident);
  return config;
}

std::optional<std::string> without_recovery_settings(std::string_view auto_conf) {
  std::string kept;
  bool removed = false;
  for (const auto line : lines_of(auto_conf)) {
    const auto first = line.find_first_not_of(" \t");
    const auto last = line.find_first_of(" \t=", first == std::string_view::npos ? 0 : first);
    const bool drop = first != std::string_view::npos && line[first] != '#' &&
                      is_recovery_setting(line.substr(first, last == std::string_view::npos ? last : last - first));
    if (drop) {
      removed = true;
    } else {
      kept.append(line).append("\n");
    }
  }
  if (!removed) return std::nullopt;
  return kept;
}

}  // namespace matriarch::postgres
