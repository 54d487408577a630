#include "config/local_config.h"

#include <fmt/format.h>

#include "config/local_parts.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

constexpr std::string_view kReservedName = "__patroni_strict_sync_replica_placeholder__";  // CFG-225

Result<std::string> mandatory_text(const Reader& root, std::string_view key, std::string_view remedy) {
  std::string text = root.text(key);
  if (!text.empty()) return text;
  return Error(Errc::kInvalid, fmt::format("{} is not defined; {}", key, remedy));
}

Status read_identity(const Reader& root, LocalConfig& config) {
  auto scope = mandatory_text(root, "scope", "give the name of the cluster");
  if (!scope) return scope.error();
  config.scope = std::move(*scope);
  auto name = mandatory_text(root, "name", "give this node a name that no other node has");
  if (!name) return name.error();
  if (*name == kReservedName)
    return Error(Errc::kInvalid, fmt::format("Node 'name' can't be set to '{}'", kReservedName));
  config.name = std::move(*name);
  config.name_space = normalized_namespace(root.text("namespace", "/service"));
  constexpr std::int64_t kMinPool = 5;
  config.thread_pool_size =
      static_cast<int>(std::clamp<std::int64_t>(root.integer("thread_pool_size", kMinPool), kMinPool, 1024));
  return {};
}

std::optional<CustomBootstrap> read_custom_bootstrap(const Reader& bootstrap) {
  const std::string method = bootstrap.text("method", "initdb");
  if (method == "initdb") return std::nullopt;
  const Value* section = bootstrap.find(method);
  const Reader reader = bootstrap.section(method);
  CustomBootstrap custom{.name = method, .command = reader.text("command")};
  if (custom.command.empty()) {
    bootstrap.warn(fmt::format("bootstrap.method: '{}' has no section with a command; initdb is used", method));
    return std::nullopt;
  }
  custom.no_params = reader.boolean("no_params", false);
  custom.keep_existing_recovery_conf = reader.boolean("keep_existing_recovery_conf", false);
  custom.has_recovery_conf = reader.has("recovery_conf");
  custom.recovery_conf = reader.map("recovery_conf");
  custom.extra = extra_arguments(section->as_map(), {"command", "no_params", "keep_existing_recovery_conf",
                                                     "recovery_conf", "scope", "datadir"});  // CFG-031
  return custom;
}

// CFG-188, with booleans as the contract prints them.
void warn_of_conflict(const Value::Map& tags, std::string_view exclusion, std::string_view priority,
                      Warnings& warnings) {
  const Value* flag = tags.find(exclusion);
  const Value* number = tags.find(priority);
  if (flag == nullptr || flag->is_null() || number == nullptr) return;
  const auto value = parse_int(*number);
  if (!value || flag->truthy() != (*value > 0)) return;
  warnings.push_back(fmt::format("Conflicting configuration between {0}: {1} and {2}: {3}. Defaulting to {0}: {1}",
                                 exclusion, string_form(*flag), priority, string_form(*number)));
}

}  // namespace

std::string normalized_namespace(std::string_view text) {
  std::string out;
  for (const std::string& part : split(text, '/')) {
    if (!part.empty()) out += "/" + part;
  }
  return out;
}

TextPairs extra_arguments(const Value::Map& section, std::initializer_list<std::string_view> own_keys) {
  TextPairs extra;
  for (const auto& [key, value] : section) {
    const bool own = std::find(own_keys.begin(), own_keys.end(), key) != own_keys.end();
    if (!own && !value.is_map() && !value.is_list()) extra.emplace_back(key, string_form(value));
  }
  return extra;
}

std::optional<BootstrapConfig> read_bootstrap(const Reader& root, bool citus) {
  const Value* section = root.find("bootstrap");
  if (section == nullptr) return std::nullopt;
  const Reader bootstrap = root.section("bootstrap");
  BootstrapConfig config;
  config.dcs = bootstrap.map("dcs");
  if (citus && !config.dcs.contains("synchronous_mode")) config.dcs.set("synchronous_mode", "quorum");  // CFG-257
  config.custom = read_custom_bootstrap(bootstrap);
  if (const Value* initdb = bootstrap.find("initdb")) config.initdb = *initdb;
  config.post_bootstrap = bootstrap.text("post_bootstrap");
  if (config.post_bootstrap.empty()) config.post_bootstrap = bootstrap.text("post_init");
  config.pg_hba = bootstrap.texts("pg_hba");
  if (bootstrap.has("users")) {
    bootstrap.warn("bootstrap.users is not supported since version 4.0; create users in bootstrap.post_bootstrap");
  }
  return config;
}

WatchdogConfig read_watchdog(const Reader& watchdog) {
  WatchdogConfig config;
  if (const Value* mode = watchdog.find("mode")) {
    const std::string word = mode->is_bool() ? (mode->as_bool() ? "automatic" : "off") : lower_case(string_form(*mode));
    if (word == "automatic" || word == "auto") {
      config.mode = WatchdogMode::kAutomatic;
    } else if (word == "required" || word == "require") {
      config.mode = WatchdogMode::kRequired;
    } else {
      config.mode = WatchdogMode::kOff;
      const bool meant = word == "off" || word == "disable" || word == "disabled";
      if (!meant)
        watchdog.warn(
            fmt::format("watchdog.mode: {} must be off, automatic or required; off is used", shown("", *mode)));
    }
  }
  config.device = watchdog.text("device", "/dev/watchdog");
  config.safety_margin = static_cast<int>(watchdog.integer("safety_margin", config.safety_margin, -1, 86400));
  const std::string driver = watchdog.text("driver", "default");
  config.driver = driver == "default"   ? WatchdogDriver::kLinux
                  : driver == "testing" ? WatchdogDriver::kTesting
                                        : WatchdogDriver::kNone;
  return config;
}

GuardianConfig read_guardian(const Reader& root) {
  const Value* value = root.find("guardian");
  if (value == nullptr) return {};
  if (value->is_map()) {
    const Reader guardian = root.section("guardian");
    return {.enabled = guardian.boolean("enabled", true), .respawn = guardian.boolean("respawn", false)};
  }
  return {.enabled = root.boolean("guardian", true)};
}

std::optional<CitusConfig> read_citus(const Reader& root) {
  if (!root.has("citus")) return std::nullopt;
  const Reader citus = root.section("citus");
  const Value* group = citus.find("group");
  const Value* database = citus.find("database");
  const auto number = group == nullptr ? std::nullopt : parse_int(*group);
  if (number && *number >= 0 && *number <= 1'000'000 && database != nullptr && database->is_string()) {
    return CitusConfig{.group = static_cast<int>(*number), .database = database->as_string()};
  }
  citus.warn(
      "citus: the section is ignored because it needs a group (integer, 0 or more) and a database (text)");  // CFG-169
  return std::nullopt;
}

Result<LocalConfig> make_local_config(const Value& tree, Warnings& warnings) {
  if (!tree.truthy()) return Error(Errc::kInvalid, "Config is empty.");
  const Reader root(&tree, "", warnings);
  LocalConfig config;
  if (const Status status = read_identity(root, config); !status) return status.error();
  config.log = read_log(root.section("log"));
  auto restapi = read_restapi(root.section("restapi"));
  if (!restapi) return restapi.error();
  config.restapi = std::move(*restapi);
  auto ctl = read_ctl(root.section("ctl"), root.section("restapi"));
  if (!ctl) return ctl.error();
  config.ctl = std::move(*ctl);
  auto store = read_store(root);
  if (!store) {
    return Error(Errc::kInvalid,
                 "Can not find suitable configuration of distributed configuration store\n"
                 "Available implementations: consul, etcd, etcd3, exhibitor, kubernetes, raft, zookeeper");
  }
  config.store = std::move(*store);
  auto postgresql = read_postgresql_local(root.section("postgresql"));
  if (!postgresql) return postgresql.error();
  config.postgresql = std::move(*postgresql);
  const auto managed = read_managed(root, config.restapi.connect_address, config.postgresql.data_dir, config.store);
  if (!managed) return managed.error();
  config.postgresql_tree = root.map("postgresql");
  config.citus = read_citus(root);
  config.bootstrap = read_bootstrap(root, config.citus.has_value());
  config.tags.raw = root.map("tags");
  warn_of_conflict(config.tags.raw, "nofailover", "failover_priority", warnings);
  warn_of_conflict(config.tags.raw, "nosync", "sync_priority", warnings);
  config.watchdog = read_watchdog(root.section("watchdog"));
  config.guardian = read_guardian(root);
  return config;
}

Result<WitnessConfig> make_witness_config(const Value& tree, Warnings& warnings) {
  const Reader root(&tree, "", warnings);
  LocalConfig identity;
  if (const Status status = read_identity(root, identity); !status) return status.error();
  WitnessConfig config{.scope = identity.scope, .name = identity.name, .log = read_log(root.section("log"))};
  auto restapi = read_restapi(root.section("restapi"));
  if (!restapi) return restapi.error();
  config.restapi = std::move(*restapi);
  auto ctl = read_ctl(root.section("ctl"), root.section("restapi"));
  if (!ctl) return ctl.error();
  config.ctl = std::move(*ctl);
  auto store = read_store(root);
  if (!store || store->kind != StoreKind::kEtcd3 || !store->etcd.managed) {
    return Error(Errc::kInvalid, "etcd3.managed is not set: a witness is a vote of the managed etcd; give it etcd3: "
                                 "{managed: true, partners: [...], data_dir: ...}");
  }
  if (const auto managed = read_managed(root, config.restapi.connect_address, {}, *store); !managed) return managed.error();
  config.etcd = std::move(store->etcd);
  return config;
}

Result<ClientConfig> make_client_config(const Value& tree, Warnings& warnings) {
  const Reader root(&tree, "", warnings);
  ClientConfig config;
  config.scope = root.text("scope");
  config.name_space = normalized_namespace(root.text("namespace", "/service"));
  auto ctl = read_ctl(root.section("ctl"), root.section("restapi"));
  if (!ctl) return ctl.error();
  config.ctl = std::move(*ctl);
  config.store = read_store(root);
  if (config.store) read_managed_client(root, *config.store);
  if (root.has("citus")) {
    const Reader citus = root.section("citus");
    const std::int64_t group = citus.integer("group", -1, 0, 1'000'000);
    if (group >= 0) config.citus_group = static_cast<int>(group);
    config.citus_database = citus.text("database");
  }
  config.loop_wait = static_cast<int>(root.integer("loop_wait", config.loop_wait, 1, 1'000'000));
  config.ttl = static_cast<int>(root.integer("ttl", config.ttl, 1, 1'000'000));
  config.retry_timeout = static_cast<int>(root.integer("retry_timeout", config.retry_timeout, 1, 1'000'000));
  return config;
}

}  // namespace matriarch::config
