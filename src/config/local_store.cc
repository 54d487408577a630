#include <fmt/format.h>

#include "config/local_parts.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

constexpr int kEtcdPort = 2379;
constexpr int kEtcdPeerPort = 2380;

std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    out += escape ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return out;
}

// scheme://[user[:password]@]host[:port][/...] (DCS-225). Everything comes from the URL, credentials too.
bool apply_url(std::string_view url, EtcdConfig& etcd) {
  const std::size_t scheme_end = url.find("://");
  if (scheme_end == url.npos) return false;
  const std::string scheme = lower_case(url.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") return false;
  std::string_view authority = url.substr(scheme_end + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  std::string_view credentials;
  if (const std::size_t at = authority.rfind('@'); at != authority.npos) {
    credentials = authority.substr(0, at);
    authority.remove_prefix(at + 1);
  }
  auto endpoint = parse_host_port(authority, kEtcdPort);
  if (!endpoint || endpoint->host.empty()) return false;
  etcd.protocol = scheme;
  etcd.endpoints = {std::move(*endpoint)};
  const std::size_t colon = credentials.find(':');
  etcd.username = percent_decoded(credentials.substr(0, colon));
  etcd.password = Secret(colon == credentials.npos ? std::string() : percent_decoded(credentials.substr(colon + 1)));
  return true;
}

std::vector<HostPort> read_addresses(const Reader& section, std::string_view key, int default_port) {
  std::vector<HostPort> addresses;
  for (const std::string& text : section.texts_or_commas(key)) {
    auto address = parse_host_port(text, default_port);
    if (address && !address->host.empty()) {
      addresses.push_back(std::move(*address));
    } else {
      section.warn(fmt::format("{}: '{}' is no <host>:<port>; it is skipped", section.path_of(key), text));
    }
  }
  return addresses;
}

// DCS-225..227: proxy, then url, then hosts, then host.
void read_endpoints(const Reader& section, EtcdConfig& etcd) {
  for (const std::string_view key : {"proxy", "url"}) {
    const std::string url = section.text(key);
    if (url.empty()) continue;
    if (apply_url(url, etcd)) {
      etcd.use_proxies = etcd.use_proxies || key == "proxy";
      return;
    }
    section.wrong(key, Value(url), "must be http://<host>:<port> or https://<host>:<port>");
  }
  const int port = static_cast<int>(section.integer("port", kEtcdPort, 1, 65535));
  etcd.endpoints = read_addresses(section, "hosts", port);
  if (!etcd.endpoints.empty() || !section.has("host")) return;
  auto host = parse_host_port(section.text("host"), port);
  if (!host || host->host.empty()) {
    section.wrong("host", *section.find("host"), "must be <host>:<port>");
    return;
  }
  if (section.has("port")) host->port = port;  // DCS-226
  etcd.endpoints = {std::move(*host)};
  etcd.expand_host = etcd.protocol == "http";
}

EtcdConfig read_etcd(const Reader& section) {
  EtcdConfig etcd;
  etcd.protocol =
      section.choice("protocol", std::string("http"), {{"http", std::string("http")}, {"https", std::string("https")}});
  etcd.use_proxies = section.boolean("use_proxies", false);
  etcd.username = section.text("username");
  etcd.password = section.secret("password");
  etcd.tls = {.cacert = section.text("cacert"), .cert = section.text("cert"), .key = section.text("key")};
  for (const std::string_view key : {"srv", "discovery_srv", "srv_domain"}) {
    if (etcd.srv.empty()) etcd.srv = section.text(key);
  }
  etcd.srv_suffix = section.text("srv_suffix");
  read_endpoints(section, etcd);
  etcd.managed = section.boolean("managed", false);
  return etcd;
}

// A raft section starts the managed etcd with the same partners.
EtcdConfig read_raft(const Reader& section) {
  EtcdConfig etcd;
  etcd.managed = true;
  etcd.partners = read_addresses(section, "partner_addrs", kEtcdPeerPort);
  const auto self = read_addresses(section, "self_addr", kEtcdPeerPort);
  if (!self.empty()) etcd.self_addr = self.front();
  etcd.data_dir = section.text("data_dir");
  return etcd;
}

constexpr std::array<StoreKind, 7> kOrder = {StoreKind::kConsul,    StoreKind::kEtcd,       StoreKind::kEtcd3,
                                             StoreKind::kExhibitor, StoreKind::kKubernetes, StoreKind::kRaft,
                                             StoreKind::kZooKeeper};

}  // namespace

std::string_view to_string(StoreKind kind) {
  switch (kind) {
    case StoreKind::kConsul: return "consul";
    case StoreKind::kEtcd: return "etcd";
    case StoreKind::kEtcd3: return "etcd3";
    case StoreKind::kExhibitor: return "exhibitor";
    case StoreKind::kKubernetes: return "kubernetes";
    case StoreKind::kRaft: return "raft";
    case StoreKind::kZooKeeper: return "zookeeper";
  }
  return "";
}

std::optional<StoreConfig> read_store(const Reader& root) {
  for (const StoreKind kind : kOrder) {
    if (!root.has(to_string(kind))) continue;
    const Reader section = root.section(to_string(kind));
    StoreConfig store{.kind = kind, .section = *root.find(to_string(kind))};
    if (kind == StoreKind::kEtcd || kind == StoreKind::kEtcd3) store.etcd = read_etcd(section);
    if (kind == StoreKind::kRaft) store.etcd = read_raft(section);
    return store;
  }
  return std::nullopt;
}

}  // namespace matriarch::config
