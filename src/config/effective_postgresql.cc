// The postgresql section: merging local over dynamic, and reading the result.
#include <fmt/format.h>

#include "config/controlled.h"
#include "config/effective_parts.h"
#include "config/guc.h"
#include "config/local_parts.h"

namespace matriarch::config {

namespace {

constexpr std::string_view kLocalOnly[] = {"connect_address", "proxy_address", "listen",        "config_dir",
                                           "data_dir",        "pgpass",        "authentication"};  // CFG-249

bool is_local_only(std::string_view key) {
  return std::find(std::begin(kLocalOnly), std::end(kLocalOnly), key) != std::end(kLocalOnly);
}

Status check_parameters(const Value* parameters) {
  if (parameters == nullptr || parameters->is_null() || parameters->is_map()) return {};
  return Error(Errc::kInvalid, "postgresql.parameters is not a dictionary");
}

// CFG-275..279, CFG-281.
Value::Map merged_parameters(const Value* dynamic, const Value* local, Warnings& warnings) {
  const Value::Map none;
  const Value::Map& from_dynamic = dynamic != nullptr && dynamic->is_map() ? dynamic->as_map() : none;
  const Value::Map& from_local = local != nullptr && local->is_map() ? local->as_map() : none;
  Value::Map merged = controlled_parameters(from_dynamic, warnings);
  for (const Value::Map* source : {&from_dynamic, &from_local}) {
    for (const auto& [name, value] : *source) {
      if (!is_controlled_guc(name)) set_guc(merged, name, value);
    }
  }
  return merged;
}

RoleOverrides read_overrides(const Reader& merged, std::string_view role) {
  RoleOverrides overrides;
  overrides.parameters = merged.map(fmt::format("parameters_{}", role));
  if (auto lines = merged.texts(fmt::format("pg_hba_{}", role)); !lines.empty()) overrides.pg_hba = std::move(lines);
  if (auto lines = merged.texts(fmt::format("pg_ident_{}", role)); !lines.empty())
    overrides.pg_ident = std::move(lines);
  return overrides;
}

ReplicaMethod read_method(const Reader& merged, const std::string& name) {
  const Reader section = merged.section(name);
  ReplicaMethod method{.name = name, .command = section.text("command", name)};
  method.no_params = section.boolean("no_params", false);
  method.no_leader = section.boolean("no_leader", false);
  method.keep_data = section.boolean("keep_data", false);
  if (const Value* value = merged.find(name); value != nullptr && value->is_map()) {
    method.extra = extra_arguments(value->as_map(), {"command", "no_params", "no_leader", "keep_data"});
  }
  return method;
}

void read_replica_methods(const Reader& merged, const std::optional<StandbyCluster>& standby_cluster,
                          PostgresqlConfig& config) {
  auto methods = merged.texts("create_replica_methods");
  if (methods.empty()) methods = merged.texts("create_replica_method");  // CFG-061
  if (!methods.empty()) config.create_replica_methods = std::move(methods);
  std::vector<std::string> named = config.create_replica_methods;
  if (standby_cluster) {
    named.insert(named.end(), standby_cluster->create_replica_methods.begin(),
                 standby_cluster->create_replica_methods.end());
  }
  for (const std::string& name : named) {
    if (name != "basebackup") config.methods.emplace(name, read_method(merged, name));
  }
}

Callbacks read_callbacks(const Reader& callbacks) {
  return {.on_start = callbacks.text("on_start"),
          .on_stop = callbacks.text("on_stop"),
          .on_restart = callbacks.text("on_restart"),
          .on_reload = callbacks.text("on_reload"),
          .on_role_change = callbacks.text("on_role_change")};
}

Value value_or_null(const Reader& reader, std::string_view key) {
  const Value* value = reader.find(key);
  return value == nullptr ? Value() : *value;
}

}  // namespace

const std::string& Callbacks::command(CallbackAction action) const {
  switch (action) {
    case CallbackAction::kOnStart: return on_start;
    case CallbackAction::kOnStop: return on_stop;
    case CallbackAction::kOnRestart: return on_restart;
    case CallbackAction::kOnReload: return on_reload;
    case CallbackAction::kOnRoleChange: return on_role_change;
  }
  return on_start;
}

std::string PostgresqlConfig::program(std::string_view name) const {
  const auto found = bin_name.find(std::string(name));
  const std::string file = found == bin_name.end() ? std::string(name) : found->second;
  return bin_dir.empty() ? file : (bin_dir / file).string();
}

Result<Value::Map> merged_postgresql(const Value& dynamic, const LocalConfig& local, Warnings& warnings) {
  const Value* section = dynamic.find("postgresql");
  if (section != nullptr && !section->is_null() && !section->is_map()) {
    return Error(Errc::kInvalid, "postgresql must be a mapping");
  }
  const Value* dynamic_parameters = section == nullptr ? nullptr : section->find("parameters");
  const Value* local_parameters = local.postgresql_tree.find("parameters");
  for (const Value* parameters : {dynamic_parameters, local_parameters}) {
    if (const Status status = check_parameters(parameters); !status) return status.error();
  }
  Value::Map merged;
  if (section != nullptr && section->is_map()) {
    for (const auto& [key, value] : section->as_map()) {
      if (!is_local_only(key)) merged.set(key, value);
    }
  }
  for (const auto& [key, value] : local.postgresql_tree) {
    if (!value.is_null() && key != "use_slots") merged.set(key, value);  // CFG-073
  }
  merged.set("parameters", Value(merged_parameters(dynamic_parameters, local_parameters, warnings)));
  return merged;
}

PostgresqlConfig read_postgresql(const Reader& merged, const PostgresqlLocal& local,
                                 const std::optional<StandbyCluster>& standby_cluster) {
  PostgresqlConfig config{.local = local};
  config.config_base_name = merged.text("config_base_name", config.config_base_name);
  config.custom_conf = merged.text("custom_conf");
  config.bin_dir = merged.text("bin_dir");
  for (auto& [program, file] : merged.pairs("bin_name")) config.bin_name[program] = std::move(file);
  config.database = merged.text("database", config.database);
  config.krbsrvname = merged.text("krbsrvname");
  config.use_unix_socket = merged.boolean("use_unix_socket", false);
  config.use_unix_socket_repl = merged.boolean("use_unix_socket_repl", false);
  config.parameters = merged.map("parameters");
  config.pg_hba = merged.texts("pg_hba");
  config.pg_ident = merged.texts("pg_ident");
  config.for_primary = read_overrides(merged, "primary");
  config.for_replica = read_overrides(merged, "replica");
  config.for_standby_leader = read_overrides(merged, "standby_leader");
  config.recovery_conf = merged.map("recovery_conf");
  config.callbacks = read_callbacks(merged.section("callbacks"));
  config.pre_promote = merged.text("pre_promote");
  config.before_stop = merged.text("before_stop");
  read_replica_methods(merged, standby_cluster, config);
  config.basebackup = value_or_null(merged, "basebackup");
  config.rewind = value_or_null(merged, "rewind");
  constexpr std::int64_t kMaxSeconds = 10LL * 365 * 86400;
  config.pg_ctl_timeout = std::chrono::seconds(merged.integer("pg_ctl_timeout", 60, 0, kMaxSeconds));
  return config;
}

}  // namespace matriarch::config
