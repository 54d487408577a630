#include "config/server_parameters.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/controlled.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

const RoleOverrides* overrides_for(const EffectiveConfig& config, RoleClass role) {
  switch (role) {
    case RoleClass::kPrimary: return &config.postgresql.for_primary;
    case RoleClass::kReplica: return &config.postgresql.for_replica;
    case RoleClass::kStandbyLeader: return &config.postgresql.for_standby_leader;
    case RoleClass::kNone: return nullptr;
  }
  return nullptr;
}

Value::Map merged_for_role(const EffectiveConfig& config, RoleClass role, Warnings& warnings) {
  Value::Map parameters = config.postgresql.parameters;
  const RoleOverrides* overrides = overrides_for(config, role);
  if (overrides == nullptr) return parameters;
  for (const auto& [name, value] : overrides->parameters) {
    if (is_controlled_guc(name)) {
      warnings.push_back(
          fmt::format("Role-based config attempted to override protected parameter '{}', ignoring", lower_case(name)));
    } else {
      set_guc(parameters, name, value);
    }
  }
  return parameters;
}

// CFG-305.
void add_citus_needs(const EffectiveConfig& config, Value::Map& parameters) {
  const Value* libraries = find_guc_value(parameters, "shared_preload_libraries");
  std::vector<std::string> names = {"citus"};
  for (const std::string& part : split(libraries == nullptr ? "" : string_form(*libraries), ',')) {
    const auto name = trimmed(part);
    if (!name.empty() && name != "citus") names.emplace_back(name);
  }
  set_guc(parameters, "shared_preload_libraries", joined(names, ","));
  const Value* prepared = find_guc_value(parameters, "max_prepared_transactions");
  const Value* connections = find_guc_value(parameters, "max_connections");
  const bool none_prepared = prepared == nullptr || parse_int(*prepared).value_or(0) == 0;
  if (none_prepared && connections != nullptr) {
    set_guc(parameters, "max_prepared_transactions", 2 * parse_int(*connections).value_or(100));
  }
  set_guc(parameters, "wal_level", "logical");
  set_guc(parameters, "citus.local_hostname", local_tcp_host(config.postgresql.local));
}

void add_local_ones(const EffectiveConfig& config, Value::Map& parameters) {
  set_guc(parameters, "listen_addresses", config.postgresql.local.listen_addresses);
  set_guc(parameters, "port", config.postgresql.local.port);
  set_guc(parameters, "cluster_name", config.cluster_name);
}

bool is_follower_setting(std::string_view name) {  // CFG-056: decided by whom the node follows, never configured
  const std::string lower = lower_case(name);
  return lower.starts_with("recovery_target") || lower == "primary_conninfo" || lower == "primary_slot_name";
}

Value::Map configured_recovery(const EffectiveConfig& config, const Value::Map& parameters) {
  Value::Map settings;
  for (const auto& [name, value] : parameters) {
    if (is_recovery_guc(name)) set_guc(settings, lower_case(name), value);
  }
  if (settings.empty()) {  // CFG-327
    for (const auto& [name, value] : config.postgresql.recovery_conf) set_guc(settings, lower_case(name), value);
  }
  return settings;
}

void add_standby_cluster(const StandbyCluster& cluster, RoleClass role, Value::Map& settings) {
  if (!cluster.restore_command.empty()) settings.set("restore_command", cluster.restore_command);
  if (!cluster.archive_cleanup_command.empty())
    settings.set("archive_cleanup_command", cluster.archive_cleanup_command);
  const bool delayed = role == RoleClass::kStandbyLeader && !cluster.recovery_min_apply_delay.empty();
  if (delayed) settings.set("recovery_min_apply_delay", cluster.recovery_min_apply_delay);
}

TextPairs recovery_settings(const EffectiveConfig& config, RoleClass role, const Value::Map& parameters,
                            int server_version, Warnings& warnings) {
  Value::Map settings = configured_recovery(config, parameters);
  if (config.standby_cluster) add_standby_cluster(*config.standby_cluster, role, settings);
  translate_recovery_settings(settings, server_version);
  TextPairs checked;
  for (const auto& [name, value] : settings) {
    if (is_follower_setting(name)) continue;
    if (auto text = checked_recovery_guc(name, value, server_version, warnings))
      checked.emplace_back(name, std::move(*text));
  }
  std::sort(checked.begin(), checked.end());
  return checked;
}

// The file a parameter names, and whether that is ours (CFG-304).
std::pair<std::filesystem::path, bool> configured_file(const EffectiveConfig& config, const Value::Map& parameters,
                                                       std::string_view name, std::string_view own_name) {
  const auto own = config.postgresql.local.config_dir / own_name;
  const Value* value = find_guc_value(parameters, name);
  if (value == nullptr || !value->truthy()) return {own, true};
  const auto configured = (config.postgresql.local.config_dir / string_form(*value)).lexically_normal();
  return {configured, configured == own.lexically_normal()};
}

}  // namespace

RoleClass role_class(Role role) {
  switch (role) {
    case Role::kPrimary:
    case Role::kPromoted: return RoleClass::kPrimary;
    case Role::kReplica:
    case Role::kDemoted: return RoleClass::kReplica;
    case Role::kStandbyLeader: return RoleClass::kStandbyLeader;
    case Role::kUninitialized: return RoleClass::kNone;
  }
  return RoleClass::kNone;
}

std::string local_tcp_host(const PostgresqlLocal& local) {
  const std::vector<std::string> hosts = split(local.listen_addresses, ',');
  for (const std::string& host : hosts) {
    if (host == "*" || host == "localhost" || host == "0.0.0.0" || host == "127.0.0.1") return "localhost";
  }
  return hosts.front().empty() ? "localhost" : hosts.front();
}

Value::Map configured_parameters(const EffectiveConfig& config, RoleClass role, int server_version,
                                 Warnings& warnings) {
  Value::Map merged = merged_for_role(config, role, warnings);
  add_local_ones(config, merged);
  fit_controlled(merged, server_version);
  if (config.citus) add_citus_needs(config, merged);
  Value::Map parameters;
  for (auto& [name, value] : merged) {
    const bool ours_now =
        equals_ignoring_case(name, "synchronous_standby_names") && config.settings.synchronous_mode != SyncMode::kOff;
    if (!value.is_null() && !is_recovery_guc(name) && !ours_now) parameters.append(name, std::move(value));
  }
  return parameters;
}

std::vector<std::string> pg_hba_lines(const EffectiveConfig& config, RoleClass role) {
  const RoleOverrides* overrides = overrides_for(config, role);
  return overrides != nullptr && overrides->pg_hba ? *overrides->pg_hba : config.postgresql.pg_hba;
}

std::vector<std::string> pg_ident_lines(const EffectiveConfig& config, RoleClass role) {
  const RoleOverrides* overrides = overrides_for(config, role);
  return overrides != nullptr && overrides->pg_ident ? *overrides->pg_ident : config.postgresql.pg_ident;
}

ServerParameters server_parameters(const EffectiveConfig& config, RoleClass role, int server_version,
                                   const std::set<std::string>& server_names) {
  ServerParameters result;
  const Value::Map configured = configured_parameters(config, role, server_version, result.warnings);
  std::map<std::string, std::string> controlled;
  for (const auto& [name, value] : configured) {
    const std::string lower = lower_case(name);
    if (lower == "hba_file" || lower == "ident_file") continue;
    auto text = checked_guc(name, value, server_version, server_names, result.warnings);
    if (!text) continue;
    if (is_controlled_guc(name)) controlled[lower] = *text;
    result.file.emplace_back(name, std::move(*text));
  }
  std::sort(result.file.begin(), result.file.end());
  for (const ControlledGuc& guc : controlled_gucs()) {
    const auto found = controlled.find(std::string(guc.name));
    if (guc.on_command_line && found != controlled.end()) result.command_line.emplace_back(found->first, found->second);
  }
  std::tie(result.hba_file, result.manages_hba) = configured_file(config, configured, "hba_file", "pg_hba.conf");
  std::tie(result.ident_file, result.manages_ident) =
      configured_file(config, configured, "ident_file", "pg_ident.conf");
  Warnings said_already;
  const Value::Map merged = merged_for_role(config, role, said_already);
  result.recovery = recovery_settings(config, role, merged, server_version, result.warnings);
  return result;
}

std::string conf_line(std::string_view name, std::string_view value) {
  std::string quoted;
  for (const char c : value) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return fmt::format("{} = '{}'", name, quoted);
}

void translate_recovery_settings(Value::Map& settings, int server_version) {
  constexpr int kNewTriggerName = 120000;
  const bool is_new = server_version == 0 || server_version >= kNewTriggerName;
  const std::string_view wrong = is_new ? "trigger_file" : "promote_trigger_file";
  const std::string_view right = is_new ? "promote_trigger_file" : "trigger_file";
  if (const Value* trigger = settings.find(wrong)) {
    Value moved = *trigger;
    settings.erase(wrong);
    if (!settings.contains(right)) settings.set(right, std::move(moved));
  }
  if (const Value* pause = settings.find("pause_at_recovery_target")) {
    const auto flag = parse_bool(*pause);
    settings.erase("pause_at_recovery_target");
    if (flag && !settings.contains("recovery_target_action")) {
      settings.set("recovery_target_action", *flag ? "pause" : "promote");
    }
  }
}

}  // namespace matriarch::config
