// The local configuration of a node, typed: files and environment after merging (config.md section 1). What can also
// come from `/config` (most of `postgresql`) is in effective.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/log.h"
#include "base/result.h"
#include "config/secret.h"
#include "config/yaml.h"
#include "model/tags.h"
#include "model/value.h"

namespace matriarch::config {

using TextPairs = std::vector<std::pair<std::string, std::string>>;  // ordered name -> value

struct HostPort {
  std::string host;  // without brackets; empty or "*" where "all interfaces" is allowed
  int port = 0;      // 1..65535; 0 = not given

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "host:port", "host", ":port", "[::1]:5432". Without brackets the last colon separates the port, unless that leaves no
// IPv6 address where the whole is one ("2001:db8::5"). kInvalid: a port that is no number 1..65535, unbalanced
// brackets, an empty text.
Result<HostPort> parse_host_port(std::string_view text, int default_port);
// "host:port", brackets around IPv6; ":port" left out when 0.
std::string to_string(const HostPort& address);

// --- log (CFG-010..022, section 6)
enum class LogType { kPlain, kJson };

struct LogConfig {
  LogType type = LogType::kPlain;
  log::Level level = log::Level::kInfo;
  log::Level traceback_level = log::Level::kError;                // kDebug or kError
  std::string format = "%(asctime)s %(levelname)s: %(message)s";  // of plain records
  TextPairs json_fields = {{"asctime", "asctime"}, {"levelname", "levelname"}, {"message", "message"}};  // field -> key
  std::string dateformat;               // strftime; empty: ISO date, comma, milliseconds
  Value::Map static_fields;             // json only
  int max_queue_size = 1000;            // records
  std::filesystem::path dir;            // empty: stderr
  std::optional<mode_t> mode;           // of log files; none: 0666 & ~umask
  int file_num = 4;                     // rotated files kept; 0: no rotation
  std::int64_t file_size = 25'000'000;  // bytes; 0: no rotation
  std::map<std::string, log::Level> loggers;
  bool deduplicate_heartbeat_logs = false;

  friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

// --- restapi (CFG-084..100)
enum class VerifyClient { kNone, kOptional, kRequired };
enum class ServerTokens { kMinimal, kProductOnly, kOriginal };

struct BasicAuth {
  std::string username;
  Secret password;

  [[nodiscard]] bool configured() const { return !username.empty(); }
  friend bool operator==(const BasicAuth&, const BasicAuth&) = default;
};

struct RestApiConfig {
  HostPort listen;           // host empty: all interfaces
  HostPort connect_address;  // port 0: none given; default `listen`
  BasicAuth authentication;  // not configured: unsafe endpoints are open to the allowlist
  std::string certfile;      // empty: plain HTTP
  std::string keyfile;       // empty: the key is in certfile
  Secret keyfile_password;
  std::string cafile;
  std::string ciphers;  // OpenSSL cipher string; empty: library default
  VerifyClient verify_client = VerifyClient::kNone;
  std::vector<std::string>
      allowlist;  // names, addresses and networks as configured; empty: no allowlist (API-087, API-088)
  bool allowlist_include_members = false;
  TextPairs http_extra_headers;
  TextPairs https_extra_headers;  // on top, when certfile is set
  int request_queue_size = 5;     // 0..4096, listen backlog
  int thread_pool_size = 5;       // >= 5
  ServerTokens server_tokens = ServerTokens::kOriginal;

  [[nodiscard]] bool tls() const { return !certfile.empty(); }
  // "https://host:port": the member's api_url without its path (CFG-085, API-009).
  [[nodiscard]] std::string base_url() const;
  friend bool operator==(const RestApiConfig&, const RestApiConfig&) = default;
};

// --- ctl (CFG-101..107): how this node and the CLI call members. Fallbacks to restapi are resolved here.
struct CtlConfig {
  BasicAuth authentication;
  bool insecure = false;
  std::string cacert;
  std::string certfile;
  std::string keyfile;
  Secret keyfile_password;

  friend bool operator==(const CtlConfig&, const CtlConfig&) = default;
};

// --- the consensus store (CFG-108..168)
enum class StoreKind { kConsul, kEtcd, kEtcd3, kExhibitor, kKubernetes, kRaft, kZooKeeper };  // the order of CFG-108
std::string_view to_string(StoreKind kind);                                                   // the section's name

struct TlsFiles {
  std::string cacert;  // empty: see `verify`
  std::string cert;
  std::string key;  // empty: inside cert
  Secret key_password;

  friend bool operator==(const TlsFiles&, const TlsFiles&) = default;
};

// etcd3: {managed: true}: the etcd that this node runs. EtcdConfig::data_dir is absolute then, and never in PGDATA.
struct ManagedEtcdConfig {
  HostPort client_address;        // where the store is reached on this node; default: host of the REST API, port 2379
  HostPort peer_address;          // where the other members reach it; default: host of the REST API, port 2380
  int quota = 256;                // MiB of the database
  int bootstrap_patience = 30;    // seconds before a majority of the partners is enough for the first bootstrap
  int snapshot_interval = 3600;   // seconds; 0: none
  int snapshots_kept = 24;
  int defragment_interval = 86400;  // seconds; 0: never
  bool stop_with_agent = false;

  friend bool operator==(const ManagedEtcdConfig&, const ManagedEtcdConfig&) = default;
};

struct EtcdConfig {                 // sections etcd and etcd3
  std::vector<HostPort> endpoints;  // of proxy, url, hosts or host; may be empty if `srv` is set. Ports filled in.
  bool expand_host = false;         // endpoints came from `host` over http: use all its addresses (DCS-227)
  std::string protocol = "http";    // or "https"
  std::string srv;                  // domain; empty: no SRV discovery. Wins over hosts and host (DCS-227)
  std::string srv_suffix;
  bool use_proxies = false;  // no topology discovery
  std::string username;
  Secret password;
  TlsFiles tls;                       // cacert set: the server's certificate is verified (DCS-233)
  bool managed = false;               // this agent runs etcd itself (DESIGN 5)
  std::vector<HostPort> partners;     // managed: REST addresses of the nodes of the first bootstrap; raft: peer addresses
  std::optional<HostPort> self_addr;  // of a raft section
  std::filesystem::path data_dir;     // of the managed etcd; see ManagedEtcdConfig
  std::string bin;                    // of the managed etcd; empty: "etcd" in PATH
  ManagedEtcdConfig own;              // meaningful if managed

  friend bool operator==(const EtcdConfig&, const EtcdConfig&) = default;
};

struct StoreConfig {
  StoreKind kind = StoreKind::kEtcd3;
  Value section;    // as configured; holds secrets
  EtcdConfig etcd;  // kEtcd, kEtcd3, and kRaft (managed, with the same partners)

  friend bool operator==(const StoreConfig&, const StoreConfig&) = default;
};

// --- postgresql: what only the local configuration may say (CFG-074..083, CFG-249)
struct PgUser {
  std::string username;  // superuser: may be empty (libpq's default)
  Secret password;
  std::string sslmode, sslcert, sslkey, sslrootcert, sslcrl, sslcrldir, gssencmode, channel_binding, sslnegotiation;
  Secret sslpassword;

  friend bool operator==(const PgUser&, const PgUser&) = default;
};

struct PostgresqlLocal {
  std::string listen_addresses;  // "a,b" or "*", as configured, brackets removed
  int port = 5432;
  HostPort connect_address;  // host empty: derived from listen (PG-118)
  std::optional<HostPort> proxy_address;
  std::filesystem::path data_dir;    // absolute
  std::filesystem::path config_dir;  // absolute; default data_dir
  std::filesystem::path pgpass;      // absolute
  PgUser superuser;
  PgUser replication;
  std::optional<PgUser> rewind;  // absent: superuser is used

  [[nodiscard]] const PgUser& rewind_user() const { return rewind ? *rewind : superuser; }
  friend bool operator==(const PostgresqlLocal&, const PostgresqlLocal&) = default;
};

// --- options handed to PostgreSQL's programs (PG-017..019)
struct ToolOptions {
  std::vector<std::string> arguments;  // "--key=value", "--key"
  std::vector<std::string> errors;     // one line per refused option; for initdb any error aborts the bootstrap

  friend bool operator==(const ToolOptions&, const ToolOptions&) = default;
};
enum class Tool { kInitdb, kBasebackup, kRewind };
// `configured`: list, map or null. `major_version` decides about basebackup's `compress` (CFG-062); 150000, 0 =
// unknown.
ToolOptions tool_options(Tool tool, const Value& configured, int major_version);

// --- bootstrap (CFG-023..035)
struct CustomBootstrap {
  std::string name;
  std::string command;
  bool no_params = false;
  bool keep_existing_recovery_conf = false;
  Value::Map recovery_conf;  // empty: none
  bool has_recovery_conf = false;
  TextPairs extra;  // --name=value, text as PG-016

  friend bool operator==(const CustomBootstrap&, const CustomBootstrap&) = default;
};

struct BootstrapConfig {
  Value::Map dcs;                         // initial dynamic configuration, CFG-257 applied
  std::optional<CustomBootstrap> custom;  // none: initdb
  Value initdb;                           // options, for tool_options()
  std::string post_bootstrap;             // or post_init; empty: none
  std::vector<std::string> pg_hba;

  friend bool operator==(const BootstrapConfig&, const BootstrapConfig&) = default;
};

// --- the rest
enum class WatchdogMode { kOff, kAutomatic, kRequired };
enum class WatchdogDriver { kNone, kLinux, kTesting };

struct WatchdogConfig {  // CFG-171..174
  WatchdogMode mode = WatchdogMode::kAutomatic;
  std::filesystem::path device = "/dev/watchdog";
  int safety_margin = 5;  // seconds before ttl; -1: half of ttl
  WatchdogDriver driver = WatchdogDriver::kLinux;

  friend bool operator==(const WatchdogConfig&, const WatchdogConfig&) = default;
};

struct GuardianConfig {  // ours: `guardian: off` or {enabled, respawn} (DESIGN 3)
  bool enabled = true;
  bool respawn = false;

  friend bool operator==(const GuardianConfig&, const GuardianConfig&) = default;
};

struct CitusConfig {  // CFG-169, CFG-170
  int group = 0;
  std::string database;

  friend bool operator==(const CitusConfig&, const CitusConfig&) = default;
};

struct LocalConfig {
  std::string scope;
  std::string name;
  std::string name_space = "/service";  // one leading slash, no runs of slashes, none at the end
  int thread_pool_size = 5;             // >= 5
  LogConfig log;
  RestApiConfig restapi;
  CtlConfig ctl;
  StoreConfig store;
  PostgresqlLocal postgresql;
  Value::Map postgresql_tree;                // the section as configured, for effective(); holds secrets
  std::optional<BootstrapConfig> bootstrap;  // none: the node never initialises a cluster
  Tags tags;
  WatchdogConfig watchdog;
  GuardianConfig guardian;
  std::optional<CitusConfig> citus;
};

// Typed view of a tree of load_tree(). Errors (kInvalid): what CFG-263 and CFG-264 list. Everything else that is wrong
// falls back to its default with a warning.
Result<LocalConfig> make_local_config(const Value& tree, Warnings& warnings);

// A node without PostgreSQL: the third vote of the managed etcd (`matriarch witness`).
struct WitnessConfig {
  std::string scope;
  std::string name;
  LogConfig log;
  RestApiConfig restapi;
  CtlConfig ctl;
  EtcdConfig etcd;
};
// kInvalid: scope, name, restapi.listen, or etcd3 with managed and data_dir are missing or wrong.
Result<WitnessConfig> make_witness_config(const Value& tree, Warnings& warnings);

// The parts that the CLI needs; nothing is mandatory but a store section (CTL-033, CTL-037).
struct ClientConfig {
  std::string scope;  // empty: not configured
  std::string name_space = "/service";
  CtlConfig ctl;
  std::optional<StoreConfig> store;
  std::optional<int> citus_group;
  std::string citus_database;
  int loop_wait = 10;      // seconds
  int ttl = 30;            // seconds
  int retry_timeout = 10;  // seconds
};
Result<ClientConfig> make_client_config(const Value& tree, Warnings& warnings);

}  // namespace matriarch::config
