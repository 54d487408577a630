#include "store/managed_etcd/home.h"

#include <algorithm>
#include <fstream>
#include <random>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "store/managed_etcd/fields.h"

namespace matriarch::managed_etcd {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxIdentity = 64 << 10;

Status make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return errno_error(errno, "cannot create etcd3.data_dir " + path.string());
  if (access(path.c_str(), R_OK | W_OK | X_OK) != 0)
    return errno_error(errno, "cannot use etcd3.data_dir " + path.string());
  return {};
}

std::string random_text() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}", device(), device());
}

// YAML takes a JSON text as a double-quoted one.
std::string yaml_text(std::string_view text) { return to_json(Value(text)); }

std::string listen_url(const ManagedOptions& options, const http::HostPort& address) {
  http::HostPort at = address;
  // etcd binds to addresses only, not to names.
  if (!http::is_numeric_address(at.host)) at.host = "0.0.0.0";
  return (options.https ? "https://" : "http://") + http::to_string(at);
}

}  // namespace

Status Home::prepare() const {
  for (const fs::path& path : {folder_, data(), snapshots()}) {
    if (const Status made = make_folder(path); !made) return made;
  }
  return {};
}

bool Home::has_data() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data() / "member" / "wal", error)) {
    if (entry.path().extension() == ".wal") return true;
  }
  return false;
}

Status Home::set_data_aside() const {
  const fs::path aside = folder_ / "data.removed";
  std::error_code error;
  fs::remove_all(aside, error);
  fs::rename(data(), aside, error);
  if (error)
    return Error(Errc::kIo,
                 fmt::format("cannot rename {} to {}: {}", data().string(), aside.string(), error.message()));
  return prepare();
}

Result<Identity> Home::read_identity() const {
  const fs::path path = folder_ / "identity.json";
  const auto text = read_file(path, kMaxIdentity);
  if (!text && text.error().code() == Errc::kNotFound) return Identity{.instance = random_text()};
  if (!text) return text.error();
  const auto document = parse_json(*text);
  if (!document || text_of(*document, "instance").empty()) {
    return Error(Errc::kProtocol,
                 fmt::format("{} is damaged: restore it, or remove it if this node never ran etcd", path.string()));
  }
  Identity identity{.instance = text_of(*document, "instance"),
                    .member_id = text_of(*document, "member_id"),
                    .cluster_id = text_of(*document, "cluster_id")};
  const Value* has_run = document->find("has_run");
  identity.has_run = has_run != nullptr && has_run->is_bool() && has_run->as_bool();
  identity.vote = read_vote(*document);
  return identity;
}

Status Home::write_identity(const Identity& identity) const {
  Value::Map map;
  map.set("instance", identity.instance);
  write_vote(identity.vote, map);
  map.set("has_run", identity.has_run);
  map.set("member_id", identity.member_id);
  map.set("cluster_id", identity.cluster_id);
  return write_file_atomically(folder_ / "identity.json", to_pretty_json(map) + "\n");
}

std::vector<http::HostPort> Home::read_endpoints() const {
  std::vector<http::HostPort> endpoints;
  const auto text = read_file(folder_ / "endpoints", kMaxIdentity);
  if (!text) return endpoints;
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (auto address = http::parse_host_port(rest.substr(0, end))) endpoints.push_back(std::move(*address));
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
  }
  return endpoints;
}

void Home::write_endpoints(const std::vector<http::HostPort>& endpoints) const {
  std::string text;
  for (const http::HostPort& endpoint : endpoints) text += http::to_string(endpoint) + "\n";
  if (const auto written = update_file(folder_ / "endpoints", text); !written)
    log::warning("{}", written.error().text());
}

void Home::bound_log(std::size_t limit) const {
  std::error_code error;
  const auto size = fs::file_size(log_file(), error);
  if (error || size <= limit) return;
  // Copied and cut rather than renamed: etcd keeps its descriptor, opened for appending.
  fs::copy_file(log_file(), log_file().string() + ".1", fs::copy_options::overwrite_existing, error);
  if (truncate(log_file().c_str(), 0) != 0)
    log::warning("{}", errno_error(errno, "cannot cut " + log_file().string()).text());
}

std::string Home::log_tail(std::size_t limit) const {
  std::ifstream file(log_file(), std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(file.tellg(), 0));
  const std::size_t from = size > limit ? size - limit : 0;
  file.seekg(static_cast<std::streamoff>(from));
  std::string text(size - from, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

std::string etcd_name(std::string_view node) { return http::percent_encode(node); }
std::string node_name(std::string_view etcd_name) {
  return http::percent_decode(etcd_name).value_or(std::string(etcd_name));
}

std::string client_url(const ManagedOptions& options) {
  return (options.https ? "https://" : "http://") + http::to_string(options.client_address);
}

std::string peer_url(const ManagedOptions& options) {
  return (options.https ? "https://" : "http://") + http::to_string(options.peer_address);
}

std::string config_text(const ManagedOptions& options, const Home& home, const Beginning& beginning) {
  std::string initial;
  for (const Candidate& member : beginning.initial) {
    initial += fmt::format("{}{}={}", initial.empty() ? "" : ",", etcd_name(member.name), member.peer_url);
  }
  std::string text = "# Written by the agent before each start of etcd. Changes are lost.\n";
  const auto line = [&text](std::string_view key, std::string_view value) {
    text += fmt::format("{}: {}\n", key, value);
  };
  line("name", yaml_text(etcd_name(options.name)));
  line("data-dir", yaml_text(home.data().string()));
  line("listen-client-urls", yaml_text(listen_url(options, options.client_address)));
  line("advertise-client-urls", yaml_text(client_url(options)));
  line("listen-peer-urls", yaml_text(listen_url(options, options.peer_address)));
  line("initial-advertise-peer-urls", yaml_text(peer_url(options)));
  if (!initial.empty()) {
    line("initial-cluster", yaml_text(initial));
    line("initial-cluster-state", beginning.existing ? "existing" : "new");
    line("initial-cluster-token", yaml_text(beginning.token.empty() ? "matriarch" : beginning.token));
  }
  line("heartbeat-interval", "50");  // for one LAN
  // At a turbo ttl of 3 s the loss of etcd's leader together with the primary must cost less than 5 s, and this counts twice:
  // the election takes up to two of it, and the new leader prolongs all leases by one.
  line("election-timeout", "300");
  line("pre-vote", "true");  // a member that returns does not disturb the leader
  line("strict-reconfig-check", "true");
  line("enable-v2", "false");
  line("enable-grpc-gateway", "true");  // on by default, but not with a configuration file
  line("auto-compaction-mode", "periodic");
  line("auto-compaction-retention", yaml_text("10m"));
  line("quota-backend-bytes", std::to_string(options.quota_bytes));
  line("logger", "zap");
  line("log-level", "warn");
  line("log-outputs", "[stderr]");
  if (options.https) {
    for (const std::string_view section : {"client-transport-security", "peer-transport-security"}) {
      text += fmt::format("{}:\n  cert-file: {}\n  key-file: {}\n  trusted-ca-file: {}\n  client-cert-auth: true\n",
                          section, yaml_text(options.cert), yaml_text(options.key), yaml_text(options.cacert));
    }
  }
  return text;
}

}  // namespace matriarch::managed_etcd
