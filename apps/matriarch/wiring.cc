#include "wiring.h"

#include <array>
#include <fmt/format.h>

namespace matriarch::app {

namespace {

std::string bracketed(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

http::HostPort endpoint(const config::HostPort& address) {
  return {.host = address.host, .port = static_cast<std::uint16_t>(address.port)};
}

postgres::Credentials credentials(const config::PgUser& user) {
  postgres::Credentials result{.username = user.username};
  if (!user.password.empty()) result.password = user.password.reveal();
  const auto add = [&result](const char* name, const std::string& value) {
    if (!value.empty()) result.params[name] = value;
  };
  add("sslmode", user.sslmode);
  add("sslcert", user.sslcert);
  add("sslkey", user.sslkey);
  add("sslpassword", user.sslpassword.reveal());
  add("sslrootcert", user.sslrootcert);
  add("sslcrl", user.sslcrl);
  add("sslcrldir", user.sslcrldir);
  add("gssencmode", user.gssencmode);
  add("channel_binding", user.channel_binding);
  add("sslnegotiation", user.sslnegotiation);
  return result;
}

// The sections of `postgresql` that clone methods are described in, as configured (PG-273 ff.).
std::map<std::string, Value> method_sections(const config::PostgresqlConfig& pg, const Value::Map& tree) {
  std::map<std::string, Value> sections;
  for (const auto& method : pg.create_replica_methods) {
    if (const Value* section = tree.find(method)) sections[method] = *section;
  }
  if (!pg.basebackup.is_null()) sections["basebackup"] = pg.basebackup;
  return sections;
}

void map_bootstrap(const config::LocalConfig& local, postgres::BootstrapOptions& to) {
  if (!local.bootstrap) return;
  to.initdb = local.bootstrap->initdb;
  to.pg_hba = local.bootstrap->pg_hba;
  to.post_bootstrap = local.bootstrap->post_bootstrap;
  if (const auto& custom = local.bootstrap->custom) {
    to.method = custom->name;
    to.method_section.set("command", custom->command);
    to.method_section.set("no_params", custom->no_params);
    to.method_section.set("keep_existing_recovery_conf", custom->keep_existing_recovery_conf);
    if (custom->has_recovery_conf) to.method_section.set("recovery_conf", custom->recovery_conf);
    for (const auto& [name, value] : custom->extra) to.method_section.set(name, value);
  }
}

void map_roles(const config::PostgresqlConfig& pg, postgres::PostgresOptions& to) {
  const auto map_role = [&to](const config::RoleOverrides& from, auto member) {
    if (!from.parameters.empty()) to.parameters_by_role.*member.parameters = from.parameters;
    if (from.pg_hba) to.pg_hba_by_role.*member.lines = *from.pg_hba;
    if (from.pg_ident) to.pg_ident_by_role.*member.lines = *from.pg_ident;
  };
  using Parameters = postgres::ByRole<Value::Map>;
  using Lines = postgres::ByRole<std::vector<std::string>>;
  struct Members {
    std::optional<Value::Map> Parameters::* parameters;
    std::optional<std::vector<std::string>> Lines::* lines;
  };
  map_role(pg.for_primary, Members{&Parameters::primary, &Lines::primary});
  map_role(pg.for_replica, Members{&Parameters::replica, &Lines::replica});
  map_role(pg.for_standby_leader, Members{&Parameters::standby_leader, &Lines::standby_leader});
}

std::map<CallbackAction, std::string> map_callbacks(const config::Callbacks& from) {
  std::map<CallbackAction, std::string> to;
  for (const auto action : {CallbackAction::kOnStart, CallbackAction::kOnStop, CallbackAction::kOnRestart,
                            CallbackAction::kOnReload, CallbackAction::kOnRoleChange}) {
    if (!from.command(action).empty()) to[action] = from.command(action);
  }
  return to;
}

}  // namespace

postgres::PostgresOptions postgres_options(const config::EffectiveConfig& effective, const config::LocalConfig& local) {
  const config::PostgresqlConfig& pg = effective.postgresql;
  postgres::PostgresOptions to;
  to.scope = local.scope;
  to.name = local.name;
  to.database = pg.database;
  to.data_dir = pg.local.data_dir;
  to.config_dir = pg.local.config_dir;
  to.config_base_name = pg.config_base_name;
  to.custom_conf = pg.custom_conf;
  to.bin_dir = pg.bin_dir;
  to.bin_name = pg.bin_name;
  to.pgpass = pg.local.pgpass;
  to.listen = fmt::format("{}:{}", pg.local.listen_addresses, pg.local.port);
  if (!pg.local.connect_address.host.empty()) to.connect_address = config::to_string(pg.local.connect_address);
  to.use_unix_socket = pg.use_unix_socket;
  to.use_unix_socket_repl = pg.use_unix_socket_repl;
  to.krbsrvname = pg.krbsrvname;
  to.superuser = credentials(pg.local.superuser);
  to.replication = credentials(pg.local.replication);
  if (pg.local.rewind) to.rewind = credentials(*pg.local.rewind);
  to.parameters = pg.parameters;
  map_roles(pg, to);
  to.pg_hba = pg.pg_hba;
  to.pg_ident = pg.pg_ident;
  to.recovery_conf = pg.recovery_conf;
  to.callbacks = map_callbacks(pg.callbacks);
  to.pre_promote = pg.pre_promote;
  to.before_stop = pg.before_stop;
  to.create_replica_methods = pg.create_replica_methods;
  to.method_sections = method_sections(pg, local.postgresql_tree);
  map_bootstrap(local, to.bootstrap);
  to.use_pg_rewind = effective.settings.use_pg_rewind;
  to.rewind_options = pg.rewind;
  to.use_slots = effective.settings.use_slots;
  to.synchronous_mode = effective.settings.synchronous_mode;
  to.synchronous_mode_strict = effective.settings.synchronous_mode_strict;
  to.pg_ctl_timeout = pg.pg_ctl_timeout;
  to.retry_timeout = effective.settings.retry_timeout;
  if (const auto& remote = effective.standby_cluster) {
    const auto text = [](const std::string& value) { return value.empty() ? std::nullopt : std::optional(value); };
    to.standby_cluster = postgres::RemotePrimary{.host = remote->host,
                                                 .port = remote->port,
                                                 .primary_slot_name = remote->primary_slot_name,
                                                 .create_replica_methods = remote->create_replica_methods,
                                                 .restore_command = text(remote->restore_command),
                                                 .archive_cleanup_command = text(remote->archive_cleanup_command),
                                                 .recovery_min_apply_delay = text(remote->recovery_min_apply_delay)};
  }
  for (const auto& slot : effective.ignore_slots) {
    Value::Map entry;
    const auto add = [&entry](const char* name, const std::string& value) {
      if (!value.empty()) entry.set(name, value);
    };
    add("name", slot.name);
    add("type", slot.type);
    add("database", slot.database);
    add("plugin", slot.plugin);
    to.ignore_slots.emplace_back(std::move(entry));
  }
  return to;
}

watchdog::WatchdogOptions watchdog_options(const config::WatchdogConfig& from) {
  constexpr std::array kDrivers = {"none", "default", "testing"};
  constexpr std::array kModes = {watchdog::WatchdogMode::kOff, watchdog::WatchdogMode::kAutomatic, watchdog::WatchdogMode::kRequired};
  return {.mode = kModes.at(static_cast<std::size_t>(from.mode)),
          .device = from.device,
          .safety_margin = from.safety_margin,
          .driver = kDrivers.at(static_cast<std::size_t>(from.driver))};
}

rest::RestOptions rest_options(const config::RestApiConfig& from) {
  rest::RestOptions to;
  to.listen = endpoint(from.listen);
  to.backlog = std::max(from.request_queue_size, 128);
  to.certfile = from.certfile;
  to.keyfile = from.keyfile;
  to.keyfile_password = from.keyfile_password.reveal();
  to.cafile = from.cafile;
  to.ciphers = from.ciphers;
  switch (from.verify_client) {
    case config::VerifyClient::kNone: to.verify_client = http::ClientCertificates::kNone; break;
    case config::VerifyClient::kOptional: to.verify_client = http::ClientCertificates::kOptional; break;
    case config::VerifyClient::kRequired: to.verify_client = http::ClientCertificates::kRequired; break;
  }
  to.username = from.authentication.username;
  to.password = from.authentication.password.reveal();
  to.allowlist = from.allowlist;
  to.allowlist_include_members = from.allowlist_include_members;
  to.http_extra_headers = from.http_extra_headers;
  to.https_extra_headers = from.https_extra_headers;
  switch (from.server_tokens) {
    case config::ServerTokens::kMinimal: to.server_tokens = rest::ServerTokens::kMinimal; break;
    case config::ServerTokens::kProductOnly: to.server_tokens = rest::ServerTokens::kProductOnly; break;
    case config::ServerTokens::kOriginal: to.server_tokens = rest::ServerTokens::kOriginal; break;
  }
  to.product_version = MATRIARCH_VERSION;
  to.keep_alive = true;
  return to;
}

etcd3::Etcd3Options store_options(const config::LocalConfig& local, const Settings& settings) {
  const config::EtcdConfig& from = local.store.etcd;
  etcd3::Etcd3Options to;
  for (const auto& address : from.endpoints) to.endpoints.push_back(endpoint(address));
  if (from.managed) to.endpoints.push_back(endpoint(from.own.client_address));
  to.https = from.protocol == "https";
  to.srv = from.srv;
  to.srv_suffix = from.srv_suffix;
  to.use_proxies = from.use_proxies;
  to.username = from.username;
  to.password = from.password.reveal();
  to.cacert = from.tls.cacert;
  to.cert = from.tls.cert;
  to.key = from.tls.key;
  to.key_password = from.tls.key_password.reveal();
  to.name_space = local.name_space;
  to.scope = local.scope;
  to.name = local.name;
  to.ttl = settings.ttl;
  to.retry_timeout = settings.retry_timeout;
  return to;
}

peers::PeersOptions peers_options(const config::LocalConfig& local) {
  return {.username = local.ctl.authentication.username,
          .password = local.ctl.authentication.password.reveal(),
          .cacert = local.ctl.cacert,
          .certfile = local.ctl.certfile,
          .keyfile = local.ctl.keyfile,
          .keyfile_password = local.ctl.keyfile_password.reveal(),
          .user_agent = fmt::format("Matriarch/{}", MATRIARCH_VERSION)};
}

agent::NodeConfig node_config(const config::EffectiveConfig& effective, const config::LocalConfig& local) {
  const auto& pg = local.postgresql;
  std::string host = pg.connect_address.host;
  int port = pg.connect_address.port;
  if (host.empty()) host = pg.listen_addresses.substr(0, pg.listen_addresses.find(','));
  if (port == 0) port = pg.port;
  const std::string& name = effective.postgresql.database;

  agent::NodeConfig to;
  to.name = local.name;
  to.scope = local.scope;
  to.conn_url = fmt::format("postgres://{}:{}/{}", bracketed(host), port, name);
  to.api_url = local.restapi.base_url() + "/patroni";
  if (pg.proxy_address) to.proxy_url = fmt::format("postgres://{}/{}", config::to_string(*pg.proxy_address), name);
  to.release = MATRIARCH_VERSION;
  to.tags = local.tags;
  to.has_bootstrap_section = local.bootstrap.has_value();
  return to;
}

}  // namespace matriarch::app
