#include "apps/matriarchctl/clusters.h"

#include "apps/matriarchctl/store_admin.h"
#include "ctl/settings.h"
#include "store/etcd3/etcd3_store.h"
#include "store/managed_etcd/home.h"

namespace matriarch {
namespace {

constexpr std::string_view kAvailable = "etcd3";

http::HostPort endpoint(const config::HostPort& address) {
  return {.host = address.host, .port = static_cast<std::uint16_t>(address.port)};
}

// The own one, those that the agent of this machine knows, and those beside the partners, which use the same port as a rule.
std::vector<http::HostPort> managed_endpoints(const config::EtcdConfig& etcd) {
  std::vector<http::HostPort> endpoints = {endpoint(etcd.own.client_address)};
  for (auto& known : managed_etcd::Home(etcd.data_dir).read_endpoints()) endpoints.push_back(std::move(known));
  for (const config::HostPort& partner : etcd.partners) endpoints.push_back({.host = partner.host, .port = endpoints.front().port});
  return endpoints;
}

etcd3::Etcd3Options store_options(const config::ClientConfig& config, const ctl::ClusterId& id) {
  const config::EtcdConfig& from = config.store->etcd;
  etcd3::Etcd3Options to;
  for (const auto& address : from.endpoints) to.endpoints.push_back(endpoint(address));
  if (to.endpoints.empty() && from.srv.empty() && from.managed) to.endpoints = managed_endpoints(from);
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
  to.name_space = config.name_space;
  to.scope = id.scope;
  to.group = id.group;
  to.name = id.scope;  // DCS-216
  to.ttl = std::chrono::seconds(config.ttl);
  to.retry_timeout = std::chrono::seconds(config.retry_timeout);
  to.cli = true;
  return to;
}

class EtcdClusters final : public ctl::Clusters {
 public:
  EtcdClusters(Reactor& reactor, const config::ClientConfig& config) : reactor_(reactor), config_(config) {}

  Result<Store*> open(ctl::ClusterId id) override {
    auto store = etcd(std::move(id));
    if (!store) return store.error();
    return static_cast<Store*>(*store);
  }

  Task<Result<std::map<int, ClusterView>>> load_groups(std::string scope, Ctx ctx) override {
    auto store = etcd({.scope = std::move(scope), .group = std::nullopt});
    if (!store) co_return store.error();
    co_return co_await (*store)->load_groups(std::move(ctx));
  }

  ctl::StoreAdmin* store_admin() override {
    if (!config_.store || config_.store->kind != config::StoreKind::kEtcd3) return nullptr;
    if (!store_admin_) store_admin_ = make_store_admin(reactor_, config_);
    return store_admin_.get();
  }

  Task<void> close() override {
    for (auto& [id, store] : stores_) co_await store->close();
  }

 private:
  Result<etcd3::Etcd3Store*> etcd(ctl::ClusterId id) {
    if (!config_.store) return ctl::no_store_error(kAvailable);
    const auto kind = config_.store->kind;
    if (kind != config::StoreKind::kEtcd3 && kind != config::StoreKind::kRaft) {
      return Error(Errc::kUnsupported, fmt::format("The store {} is not supported\nAvailable implementations: {}",
                                                   config::to_string(kind), kAvailable));
    }
    auto& store = stores_[id];
    if (!store) {
      auto made = etcd3::Etcd3Store::create(reactor_, store_options(config_, id));
      if (!made) return made.error();
      store = std::move(*made);
    }
    return store.get();
  }

  Reactor& reactor_;
  const config::ClientConfig& config_;
  std::unique_ptr<ctl::StoreAdmin> store_admin_;
  std::map<ctl::ClusterId, std::unique_ptr<etcd3::Etcd3Store>> stores_;
};

}  // namespace

std::unique_ptr<ctl::Clusters> make_clusters(Reactor& reactor, const config::ClientConfig& config) {
  return std::make_unique<EtcdClusters>(reactor, config);
}

}  // namespace matriarch
