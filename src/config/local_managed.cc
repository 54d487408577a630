// etcd3: {managed: true}: the store that this node runs itself (DESIGN 5).
#include <array>

#include <fmt/format.h>

#include "config/local_parts.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

constexpr int kRestPort = 8008;
constexpr int kClientPort = 2379;
constexpr int kPeerPort = 2380;

Error wrong(const Reader& section, std::string_view key, std::string_view value, std::string_view remedy) {
  return {Errc::kInvalid, fmt::format("{}: {}: {}", section.path_of(key), value, remedy)};
}

// A member that is left out by mistake would change what a majority is: so a wrong one is no warning.
Result<std::vector<HostPort>> read_partners(const Reader& section) {
  std::vector<HostPort> partners;
  for (const std::string& text : section.texts_or_commas("partners")) {
    auto address = parse_host_port(text, kRestPort);
    if (!address || address->host.empty() || address->host == "*") {
      return wrong(section, "partners", text, "must be the <host>:<port> of a node's REST API");
    }
    const bool twice = std::find(partners.begin(), partners.end(), *address) != partners.end();
    if (!twice) partners.push_back(std::move(*address));
  }
  return partners;
}

Result<HostPort> read_address(const Reader& section, std::string_view key, const HostPort& rest, int port) {
  const std::string text = section.text(key);
  if (text.empty()) {
    if (!rest.host.empty() && rest.host != "*") return HostPort{.host = rest.host, .port = port};
    return wrong(section, key, "not given",
                 "restapi.connect_address names no host to take; give the <host>:<port> at which the others reach it");
  }
  auto address = parse_host_port(text, port);
  const bool usable = address && !address->host.empty() && address->host != "*" && address->host != "0.0.0.0";
  if (!usable) return wrong(section, key, text, "must be a <host>:<port> at which the others reach this node");
  return address;
}

// Keys that name another etcd, or what the managed one has not.
Status check_contradictions(const Reader& section, const EtcdConfig& etcd) {
  constexpr std::array<std::string_view, 9> kElsewhere = {
      "host", "hosts", "url", "proxy", "use_proxies", "srv", "discovery_srv", "srv_domain", "srv_suffix"};
  for (const std::string_view key : kElsewhere) {
    if (!section.has(key)) continue;
    return wrong(
        section, key, shown(section.path_of(key), *section.find(key)),
        "names an etcd that others run, but etcd3.managed: true makes this node run its own; remove one of them");
  }
  for (const std::string_view key : {"username", "password"}) {
    if (!section.has(key)) continue;
    return wrong(section, key, "***", "the managed etcd has no users; remove it, and protect etcd by protocol: https");
  }
  const bool files = !etcd.tls.cacert.empty() && !etcd.tls.cert.empty() && !etcd.tls.key.empty();
  if (etcd.protocol == "https" && !files) {
    return wrong(section, "protocol", "https", "the managed etcd needs cacert, cert and key (a file each) for it");
  }
  return {};
}

bool is_inside(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const auto inner = path.lexically_normal();
  const auto outer = folder.lexically_normal();
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

Result<std::filesystem::path> read_data_dir(const Reader& section, const std::filesystem::path& pgdata) {
  const std::string text = section.text("data_dir");
  if (text.empty()) {
    std::string beside = pgdata.lexically_normal().string();
    while (beside.size() > 1 && beside.ends_with('/')) beside.pop_back();
    if (!beside.empty() && beside != ".") return std::filesystem::path(beside + ".etcd");
    return wrong(section, "data_dir", "not given",
                 "name the folder for etcd's data, on a disk that is not lost easily");
  }
  std::filesystem::path path(text);
  if (!path.is_absolute()) return wrong(section, "data_dir", text, "must be an absolute path");
  if (!pgdata.empty() && is_inside(path, pgdata)) {
    return wrong(section, "data_dir", text,
                 fmt::format("must not be inside PostgreSQL's data directory {}, which is replaced as a whole at times",
                             pgdata.string()));
  }
  return path;
}

void read_tuning(const Reader& section, ManagedEtcdConfig& own) {
  const auto integer = [&section](std::string_view key, int fallback, int min, int max) {
    return static_cast<int>(section.integer(key, fallback, min, max));
  };
  constexpr int kAny = std::numeric_limits<int>::max();
  own.quota = integer("quota", own.quota, 2, 8192);
  own.bootstrap_patience = integer("bootstrap_patience", own.bootstrap_patience, 1, 86400);
  own.snapshot_interval = integer("snapshot_interval", own.snapshot_interval, 0, kAny);
  own.snapshots_kept = integer("snapshots_kept", own.snapshots_kept, 1, 10000);
  own.defragment_interval = integer("defragment_interval", own.defragment_interval, 0, kAny);
  own.stop_with_agent = section.boolean("stop_with_agent", own.stop_with_agent);
}

}  // namespace

Status read_managed(const Reader& root, const HostPort& rest, const std::filesystem::path& pgdata, StoreConfig& store) {
  EtcdConfig& etcd = store.etcd;
  if (store.kind == StoreKind::kEtcd && etcd.managed) {
    return Error(Errc::kInvalid, "etcd.managed: true: the managed etcd speaks version 3; call the section etcd3");
  }
  if (store.kind != StoreKind::kEtcd3) return {};
  const Reader section = root.section("etcd3");
  if (!etcd.managed) {
    if (section.has("partners")) section.warn("etcd3.partners has no effect without etcd3.managed: true");
    return {};
  }
  if (const auto status = check_contradictions(section, etcd); !status) return status;
  auto partners = read_partners(section);
  if (!partners) return partners.error();
  auto client = read_address(section, "client_address", rest, kClientPort);
  if (!client) return client.error();
  auto peer = read_address(section, "peer_address", rest, kPeerPort);
  if (!peer) return peer.error();
  if (*client == *peer) {
    return wrong(section, "peer_address", to_string(*peer), "is etcd3.client_address too; give each a port of its own");
  }
  auto data_dir = read_data_dir(section, pgdata);
  if (!data_dir) return data_dir.error();
  etcd.partners = std::move(*partners);
  etcd.own.client_address = std::move(*client);
  etcd.own.peer_address = std::move(*peer);
  etcd.data_dir = std::move(*data_dir);
  etcd.bin = section.text("bin");
  read_tuning(section, etcd.own);
  return {};
}

void read_managed_client(const Reader& root, StoreConfig& store) {
  if (store.kind != StoreKind::kEtcd3 || !store.etcd.managed) return;
  const Reader section = root.section("etcd3");
  if (auto partners = read_partners(section)) store.etcd.partners = std::move(*partners);
  const Reader restapi = root.section("restapi");
  const auto rest = parse_host_port(restapi.text("connect_address", restapi.text("listen")), kRestPort);
  const HostPort fallback = rest && !rest->host.empty() && rest->host != "*" ? *rest : HostPort{.host = "127.0.0.1"};
  if (auto client = read_address(section, "client_address", fallback, kClientPort))
    store.etcd.own.client_address = *client;
  const std::string pgdata = root.section("postgresql").text("data_dir");
  if (auto data_dir = read_data_dir(section, pgdata)) store.etcd.data_dir = std::move(*data_dir);
}

}  // namespace matriarch::config
