// The engines of the conformance suite. Their servers are started once, when first used, and shared by all tests.
#pragma once

#include <string>
#include <vector>

#include "store/etcd3/etcd3_store.h"
#include "tests/system/store/bench.h"
#include "tests/system/store/etcd_cluster.h"

namespace matriarch::test {

struct EngineParam {
  std::string name;
  int members = 1;
};
std::vector<EngineParam> engine_params();

Reactor& shared_reactor();
Engine& shared_engine(const EngineParam& param);

// Clients of one etcd cluster.
class EtcdEngine final : public Engine {
 public:
  EtcdEngine(Reactor& reactor, EtcdClusterOptions options) : reactor_(reactor), cluster(reactor, std::move(options)) {}
  ~EtcdEngine() override { close_all(); }

  Store* open(const std::string& scope, const std::string& name, Duration ttl) override;
  etcd3::Etcd3Store* open_with(etcd3::Etcd3Options options);
  etcd3::Etcd3Options options(const std::string& scope, const std::string& name) const;
  void close_all() override;
  void put_raw(const std::string& scope, const std::string& key, const std::string& value) override;
  std::optional<std::string> get_raw(const std::string& scope, const std::string& key) override;
  void delete_raw(const std::string& scope, const std::string& key) override;

 private:
  Reactor& reactor_;
  std::vector<std::unique_ptr<etcd3::Etcd3Store>> stores_;

 public:
  EtcdCluster cluster;
};

}  // namespace matriarch::test
