#include "tests/system/store/etcd_engine.h"

#include <cstdlib>
#include <map>

#include "base/log.h"

namespace matriarch::test {

std::vector<EngineParam> engine_params() { return {{"Etcd3OneMember", 1}, {"Etcd3ThreeMembers", 3}}; }

namespace {

// Ends the servers before the reactor goes.
struct Shared {
  Reactor reactor;
  std::map<std::string, std::unique_ptr<EtcdEngine>> engines;
};

std::unique_ptr<Shared> shared;

class EndShared : public testing::Environment {
 public:
  void TearDown() override { shared.reset(); }
};
[[maybe_unused]] const auto* const kRegistered = testing::AddGlobalTestEnvironment(new EndShared);

}  // namespace

Reactor& shared_reactor() {
  if (!shared) {
    shared = std::make_unique<Shared>();
    // The tests provoke complaints by the hundred. GTEST output is what counts; MATRIARCH_TEST_LOG=1 shows them.
    if (std::getenv("MATRIARCH_TEST_LOG") == nullptr) log::set_level(log::Level::kCritical);
  }
  return shared->reactor;
}

Engine& shared_engine(const EngineParam& param) {
  Reactor& reactor = shared_reactor();
  auto& engine = shared->engines[param.name];
  if (!engine) engine = std::make_unique<EtcdEngine>(reactor, EtcdClusterOptions{.members = param.members});
  return *engine;
}

etcd3::Etcd3Options EtcdEngine::options(const std::string& scope, const std::string& name) const {
  etcd3::Etcd3Options options;
  for (int i = 0; i < cluster.size(); ++i) options.endpoints.push_back(cluster.address(i));
  options.scope = scope;
  options.name = name;
  options.retry_timeout = std::chrono::seconds(3);
  return options;
}

etcd3::Etcd3Store* EtcdEngine::open_with(etcd3::Etcd3Options options) {
  auto store = etcd3::Etcd3Store::create(reactor_, std::move(options));
  EXPECT_TRUE(store.ok()) << store.error().text();
  if (!store.ok()) return nullptr;
  return stores_.emplace_back(*std::move(store)).get();
}

Store* EtcdEngine::open(const std::string& scope, const std::string& name, Duration ttl) {
  etcd3::Etcd3Options wanted = options(scope, name);
  wanted.ttl = ttl;
  return open_with(std::move(wanted));
}

void EtcdEngine::close_all() {
  constexpr auto body = [](etcd3::Etcd3Store* store) -> Task<void> { co_await store->close(); };
  for (auto& store : stores_) reactor_.run_until_done(body(store.get()));
  stores_.clear();
}

void EtcdEngine::put_raw(const std::string& scope, const std::string& key, const std::string& value) {
  cluster.put_raw("/service/" + scope + "/" + key, value);
}

std::optional<std::string> EtcdEngine::get_raw(const std::string& scope, const std::string& key) {
  return cluster.get_raw("/service/" + scope + "/" + key);
}

void EtcdEngine::delete_raw(const std::string& scope, const std::string& key) {
  cluster.delete_raw("/service/" + scope + "/" + key);
}

}  // namespace matriarch::test
