// What only etcd does: members that hang, die, fall behind or forget; tokens; certificates; how often it is asked.
#include <fmt/format.h>

#include "http/encoding.h"

#include "tests/system/store/bench.h"
#include "tests/system/store/etcd_engine.h"

namespace matriarch::test {
namespace {

using namespace std::chrono_literals;
using etcd3::Etcd3Options;
using etcd3::Etcd3Store;

// A cluster of etcd of its own for each test: they break it.
class Etcd3Test : public testing::Test {
 protected:
  EtcdEngine& start(EtcdClusterOptions options = {}) {
    engine_ = std::make_unique<EtcdEngine>(reactor(), std::move(options));
    return *engine_;
  }
  EtcdCluster& cluster() { return engine_->cluster; }
  Reactor& reactor() { return shared_reactor(); }
  void run(Task<void> task) { reactor().run_until_done(std::move(task)); }

  Result<ClusterView> load(Store* store, Duration patience = 3s) {
    Result<ClusterView> result = Error(Errc::kFailed, "");
    run([](Reactor* r, Store* s, Duration time, Result<ClusterView>* out) -> Task<void> {
      *out = co_await s->load(within(*r, time));
    }(&reactor(), store, patience, &result));
    return result;
  }
  RenewOutcome renew(Store* store, Duration patience = 3s) {
    RenewOutcome outcome;
    run([](Reactor* r, Store* s, Duration time, RenewOutcome* out) -> Task<void> {
      *out = co_await s->renew_leader({}, within(*r, time));
    }(&reactor(), store, patience, &outcome));
    return outcome;
  }
  Result<LeaseHeld> acquire(Store* store) {
    Result<LeaseHeld> result = Error(Errc::kFailed, "");
    run([](Reactor* r, Store* s, Result<LeaseHeld>* out) -> Task<void> {
      *out = co_await look_and_acquire(s, within(*r, 3s));
    }(&reactor(), store, &result));
    return result;
  }
  Status touch(Store* store, std::uint64_t position = 0) {
    Status result;
    run([](Reactor* r, Store* s, std::uint64_t at, Status* out) -> Task<void> {
      *out = co_await s->touch_member(member_data(at), within(*r, 3s));
    }(&reactor(), store, position, &result));
    return result;
  }
  // Is a change that somebody else makes told within a second?
  bool is_told(Store* store, int member) {
    static int count = 0;
    bool told = false;
    store->on_change([&told] { told = true; });
    const Value body = etcd3::put("/service/demo/config", fmt::format("{{\"n\":{}}}", count++), {});
    EXPECT_NE(cluster().call(member, "/kv/put", body).find("header"), nullptr);
    const bool in_time = eventually(reactor(), 1s, [&told] { return told; });
    store->on_change({});
    return in_time;
  }
  // A client of one member only.
  Etcd3Store* open_at(int member, const std::string& name = "a") {
    Etcd3Options options = engine_->options("demo", name);
    options.endpoints = {cluster().address(member)};
    options.use_proxies = true;
    return engine_->open_with(options);
  }

 private:
  std::unique_ptr<EtcdEngine> engine_;
};

TEST_F(Etcd3Test, AKeepaliveWithoutAMajorityIsNoRenewal) {  // B19, HA-035, DESIGN 3
  start({.members = 3});
  const int leader = cluster().leader();
  ASSERT_GE(leader, 0);
  Etcd3Store* store = open_at(leader);
  ASSERT_TRUE(acquire(store).ok());
  ASSERT_EQ(renew(store).verdict, RenewVerdict::kKept);
  for (int i = 0; i < 3; ++i) {
    if (i != leader) cluster().suspend(i);
  }
  Value::Map keepalive;
  keepalive.set("ID", store->lease_id());
  const Value answer = cluster().call(leader, "/lease/keepalive", keepalive);
  ASSERT_NE(answer.at("result", "TTL"), nullptr) << "the trap is gone: " << to_json(answer);
  const RenewOutcome outcome = renew(store, 2s);
  EXPECT_EQ(outcome.verdict, RenewVerdict::kUnknown);
  EXPECT_NE(outcome.why.find(to_string(cluster().address(leader))), std::string::npos) << outcome.why;
  for (int i = 0; i < 3; ++i) {
    if (i != leader) cluster().resume(i);
  }
  EXPECT_TRUE(eventually(reactor(), 10s, [&] { return renew(store).verdict == RenewVerdict::kKept; }));
}

TEST_F(Etcd3Test, AnotherMemberServesWhenOneHangs) {  // DCS-236, DCS-454
  EtcdEngine& engine = start({.members = 3});
  auto* store = engine.open_with(engine.options("demo", "a"));
  ASSERT_TRUE(load(store).ok());
  ASSERT_TRUE(acquire(store).ok());
  const int leader = cluster().leader();
  cluster().suspend(leader);
  const Instant begin = reactor().now();
  const RenewOutcome outcome = renew(store, 8s);  // the others elect a leader meanwhile
  EXPECT_EQ(outcome.verdict, RenewVerdict::kKept) << outcome.why;
  EXPECT_GT(outcome.lease.sent_at, begin);
  EXPECT_TRUE(load(store, 5s).ok());
  EXPECT_TRUE(eventually(reactor(), 5s, [&] { return is_told(store, (leader + 1) % 3); }));
  cluster().resume(leader);
}

TEST_F(Etcd3Test, TheMembersAreFoundByAnyOfThem) {  // DCS-229, DCS-230
  EtcdEngine& engine = start({.members = 3});
  Etcd3Options options = engine.options("demo", "a");
  options.endpoints = {cluster().address(0)};
  auto* store = engine.open_with(options);
  ASSERT_TRUE(load(store).ok());
  ASSERT_TRUE(touch(store).ok());  // by now the background search has been made
  cluster().kill(0);
  EXPECT_TRUE(eventually(reactor(), 10s, [&] { return touch(store, 1).ok(); }));
  EXPECT_TRUE(load(store, 5s).ok());
  EXPECT_TRUE(eventually(reactor(), 5s, [&] { return is_told(store, 1); }));
}

TEST_F(Etcd3Test, ARestartOfEtcdCostsNothing) {  // DCS-436
  EtcdEngine& engine = start();
  auto* store = engine.open_with(engine.options("demo", "a"));
  ASSERT_TRUE(load(store).ok());
  ASSERT_TRUE(acquire(store).ok());
  const std::string lease = store->lease_id();
  cluster().kill(0);
  const auto failed = load(store, 500ms);
  // The view that is held in memory is still good; what needs the server fails and names it.
  const RenewOutcome outcome = renew(store, 500ms);
  EXPECT_EQ(outcome.verdict, RenewVerdict::kUnknown);
  EXPECT_NE(outcome.why.find("127.0.0.1:"), std::string::npos) << outcome.why;
  EXPECT_TRUE(eventually(reactor(), 2s, [&] { return !load(store, 300ms).ok(); })) << "its watch is gone, too";
  cluster().start(0);
  EXPECT_TRUE(eventually(reactor(), 10s, [&] { return renew(store).verdict == RenewVerdict::kKept; }));
  EXPECT_EQ(store->lease_id(), lease);
  EXPECT_TRUE(eventually(reactor(), 5s, [&] { return is_told(store, 0); }));
}

TEST_F(Etcd3Test, AHangingServerIsAnErrorInTime) {  // DCS-454, DCS-238
  EtcdEngine& engine = start();
  auto* store = engine.open_with(engine.options("demo", "a"));
  ASSERT_TRUE(load(store).ok());
  ASSERT_TRUE(is_told(store, 0));
  cluster().suspend(0);
  const Instant begin = reactor().now();
  const auto loaded = load(store, 1s);  // nobody leads: memory is not asked
  ASSERT_FALSE(loaded.ok());
  EXPECT_LT(reactor().now() - begin, 1500ms);
  EXPECT_NE(loaded.error().text().find(to_string(cluster().address(0))), std::string::npos) << loaded.error().text();
  cluster().resume(0);
  EXPECT_TRUE(load(store).ok());
  EXPECT_TRUE(eventually(reactor(), 5s, [&] { return is_told(store, 0); }));
}

TEST_F(Etcd3Test, CompactionDisturbsNobody) {  // DCS-273
  EtcdEngine& engine = start();
  auto* store = engine.open_with(engine.options("demo", "a"));
  ASSERT_TRUE(load(store).ok());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_told(store, 0));
  const Value last = cluster().call(0, "/kv/range", etcd3::range_of_key("x"));
  Value::Map compact;
  compact.set("revision", std::to_string(etcd3::read_header(last).revision));
  compact.set("physical", true);
  ASSERT_NE(cluster().call(0, "/kv/compaction", compact).find("header"), nullptr);
  EXPECT_TRUE(is_told(store, 0));
  EXPECT_TRUE(load(store).ok());
}

TEST_F(Etcd3Test, AStoreThatLostItsDataIsReadAnew) {  // DCS-200
  EtcdEngine& engine = start();
  auto* store = engine.open_with(engine.options("demo", "a"));
  ASSERT_TRUE(touch(store).ok());
  ASSERT_TRUE(acquire(store).ok());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(touch(store, static_cast<std::uint64_t>(i + 1)).ok());
  ASSERT_EQ(load(store)->leader_name(), "a");
  cluster().kill(0);
  cluster().wipe(0);
  cluster().start(0);
  cluster().wait_until_healthy();
  const RenewOutcome outcome = renew(store);
  EXPECT_EQ(outcome.verdict, RenewVerdict::kLost) << outcome.why;
  EXPECT_TRUE(outcome.vacant);
  const auto view = load(store);
  ASSERT_TRUE(view.ok());
  EXPECT_TRUE(view->is_empty());
  EXPECT_TRUE(acquire(store).ok());
  EXPECT_TRUE(touch(store, 9).ok());
  EXPECT_EQ(load(store)->leader_name(), "a");
  EXPECT_TRUE(eventually(reactor(), 5s, [&] { return is_told(store, 0); }));
}

TEST_F(Etcd3Test, AProcessGoesOnWithTheLeaseOfItsPredecessor) {  // DESIGN 3: the guardian's handover
  EtcdEngine& engine = start();
  auto* first = engine.open_with(engine.options("demo", "a"));
  ASSERT_TRUE(acquire(first).ok());
  const Version before = load(first)->leader->version;
  Etcd3Options options = engine.options("demo", "a");
  options.resume_lease = first->lease_id();
  engine.close_all();
  auto* second = engine.open_with(options);
  EXPECT_EQ(renew(second).verdict, RenewVerdict::kKept);
  EXPECT_EQ(second->lease_id(), options.resume_lease);
  // A release that the first one still had on its way names a version that is gone.
  const Version after = load(second)->leader->version;
  EXPECT_NE(after, before);
  EXPECT_EQ(renew(second).verdict, RenewVerdict::kKept);
  EXPECT_EQ(load(second)->leader->version, after) << "once is enough";
}

// --- authentication

class Etcd3AuthTest : public Etcd3Test {
 protected:
  static Value body(std::initializer_list<std::pair<std::string, std::string>> fields) {
    Value::Map map;
    for (const auto& [key, value] : fields) map.set(key, value);
    return map;
  }
  void enable_auth() {
    const auto done = [&](const std::string& method, const Value& request) {
      EXPECT_NE(cluster().call(0, method, request).find("header"), nullptr) << method;
    };
    done("/auth/user/add", body({{"name", "root"}, {"password", "root-pass"}}));
    done("/auth/user/add", body({{"name", "node"}, {"password", "s3cret-pass"}}));
    done("/auth/role/add", body({{"name", "root"}}));
    done("/auth/role/add", body({{"name", "nodes"}}));
    Value::Map permission;
    permission.set("permType", "READWRITE");
    permission.set("key", http::base64_encode("/service/"));
    permission.set("range_end", http::base64_encode("/service0"));
    Value::Map grant;
    grant.set("name", "nodes");
    grant.set("perm", std::move(permission));
    done("/auth/role/grant", grant);
    done("/auth/user/grant", body({{"user", "root"}, {"role", "root"}}));
    done("/auth/user/grant", body({{"user", "node"}, {"role", "nodes"}}));
    done("/auth/enable", Value::Map());
  }
  Etcd3Store* open_as(EtcdEngine& engine, const std::string& user, const std::string& password,
                      const std::string& name_space = "service") {
    Etcd3Options options = engine.options("demo", "a");
    options.username = user;
    options.password = password;
    options.name_space = name_space;
    return engine.open_with(options);
  }
};

TEST_F(Etcd3AuthTest, ATokenIsGotAndGotAgain) {  // DCS-278..288
  EtcdEngine& engine = start();
  Etcd3Store* early = open_as(engine, "node", "s3cret-pass");
  EXPECT_TRUE(load(early).ok());  // "authentication is not enabled" is no error (DCS-283)
  enable_auth();
  EXPECT_TRUE(load(early).ok());
  Etcd3Store* store = open_as(engine, "node", "s3cret-pass");
  ASSERT_TRUE(load(store).ok()) << load(store).error().text();
  ASSERT_TRUE(acquire(store).ok());
  ASSERT_TRUE(touch(store).ok());
  EXPECT_EQ(renew(store).verdict, RenewVerdict::kKept);
  cluster().kill(0);
  cluster().start(0);  // forgets all tokens
  EXPECT_TRUE(eventually(reactor(), 10s, [&] { return renew(store).verdict == RenewVerdict::kKept; }))
      << renew(store).why;
  EXPECT_TRUE(touch(store, 5).ok());
  EXPECT_TRUE(load(store).ok());
}

TEST_F(Etcd3AuthTest, RejectionsNameTheSettingAndNoSecret) {  // DCS-282, DCS-287
  EtcdEngine& engine = start();
  enable_auth();
  const auto wrong = load(open_as(engine, "node", "wr0ng-pass"));
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code(), Errc::kDenied);
  EXPECT_NE(wrong.error().text().find("etcd3.password"), std::string::npos) << wrong.error().text();
  EXPECT_EQ(wrong.error().text().find("wr0ng-pass"), std::string::npos) << wrong.error().text();
  const auto none = load(open_as(engine, "", ""));
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), Errc::kDenied);
  EXPECT_NE(none.error().text().find("etcd3.username"), std::string::npos) << none.error().text();
  const auto elsewhere = load(open_as(engine, "node", "s3cret-pass", "forbidden"));
  ASSERT_FALSE(elsewhere.ok());
  EXPECT_EQ(elsewhere.error().code(), Errc::kDenied);
  EXPECT_EQ(elsewhere.error().text().find("s3cret-pass"), std::string::npos);
}

// --- TLS

TEST_F(Etcd3Test, CertificatesAreUsedAndChecked) {  // DCS-233
  EtcdEngine& engine = start({.tls = true});
  Etcd3Options options = engine.options("demo", "a");
  options.https = true;
  options.cert = cluster().certificate("client");
  options.key = cluster().certificate("client-key");
  EXPECT_TRUE(load(engine.open_with(options)).ok()) << "without cacert nothing is verified";
  options.cacert = cluster().certificate("ca");
  auto* store = engine.open_with(options);
  EXPECT_TRUE(load(store).ok());
  EXPECT_TRUE(acquire(store).ok());
  EXPECT_TRUE(is_told(store, 0));
  Etcd3Options stranger = options;
  stranger.cacert = cluster().certificate("client");
  EXPECT_FALSE(load(engine.open_with(stranger), 1s).ok());
  Etcd3Options anonymous = options;
  anonymous.cert.clear();
  anonymous.key.clear();
  EXPECT_FALSE(load(engine.open_with(anonymous), 1s).ok());
  Etcd3Options missing = options;
  missing.cacert = "/nonexistent/ca.pem";
  const auto refused = Etcd3Store::create(reactor(), missing);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().text().find("/nonexistent/ca.pem"), std::string::npos) << refused.error().text();
}

// --- how often etcd is asked

class Etcd3LoadTest : public Etcd3Test {
 protected:
  // Requests etcd has served so far.
  int served() {
    int sum = 0;
    const std::string metrics = cluster().get(0, "/metrics");
    for (std::size_t at = metrics.find("\ngrpc_server_started_total{"); at != metrics.npos;
         at = metrics.find("\ngrpc_server_started_total{", at + 1)) {
      const std::size_t end = metrics.find('\n', at + 1);
      const std::string line = metrics.substr(at + 1, end - at - 1);
      sum += std::stoi(line.substr(line.rfind(' ') + 1));
    }
    return sum;
  }
};

TEST_F(Etcd3LoadTest, AnIdleClusterAsksRarely) {
  // Three nodes with a loop of 1 s and a ttl of 3 s: the proportions of 10 s and 30 s. The peer asks 22 times in six loops.
  EtcdEngine& engine = start();
  std::vector<Etcd3Store*> nodes;
  for (const std::string name : {"a", "b", "c"}) {
    Etcd3Options options = engine.options("demo", name);
    options.ttl = 3s;
    options.retry_timeout = 1s;
    nodes.push_back(engine.open_with(options));
  }
  ASSERT_TRUE(acquire(nodes[0]).ok());
  const auto loop = [&](bool leads, Store* store) {
    EXPECT_TRUE(load(store).ok());
    if (leads) EXPECT_EQ(renew(store).verdict, RenewVerdict::kKept);
    EXPECT_TRUE(touch(store).ok());
  };
  for (int round = 0; round < 2; ++round) {
    for (Store* node : nodes) loop(node == nodes[0], node);
    eventually(reactor(), 1s, [] { return false; });
  }
  const int before = served();
  constexpr int kRounds = 6;
  for (int round = 0; round < kRounds; ++round) {
    for (Store* node : nodes) loop(node == nodes[0], node);
    eventually(reactor(), 1s, [] { return false; });
  }
  const int requests = served() - before;
  RecordProperty("requests_in_six_loops", requests);
  EXPECT_LE(requests, 28);
  EXPECT_GE(requests, 2 * kRounds) << "the leader must renew and confirm each time";
}

TEST_F(Etcd3LoadTest, TheCommandLineAsksOnce) {  // DCS-216
  EtcdEngine& engine = start();
  cluster().put_raw("/service/demo/leader", "a");
  const int before = served();
  Etcd3Options options = engine.options("demo", "demo");
  options.cli = true;
  auto* store = engine.open_with(options);
  const Instant begin = reactor().now();
  const auto view = load(store);
  const Duration took = reactor().now() - begin;
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->leader_name(), "a");
  EXPECT_LT(took, 100ms);
  EXPECT_EQ(served() - before, 1);
}

TEST_F(Etcd3Test, CitusGroupsAreReadTogether) {  // DCS-101, DCS-102
  EtcdEngine& engine = start();
  for (const std::string key : {"0/leader", "1/leader", "01/leader", "x/leader", "-1/leader", "2/members/w"}) {
    cluster().put_raw("/service/demo/" + key, key);
  }
  auto* store = engine.open_with(engine.options("demo", "demo"));
  run([](Reactor* r, Etcd3Store* s) -> Task<void> {
    const auto groups = co_await s->load_groups(within(*r, 3s));
    CO_ASSERT(groups.ok());
    EXPECT_EQ(groups->size(), 3u);
    CO_ASSERT(groups->contains(0) && groups->contains(1) && groups->contains(2));
    EXPECT_EQ(groups->at(1).leader_name(), "1/leader");
    EXPECT_EQ(groups->at(2).members.size(), 1u);
  }(&reactor(), store));
}

}  // namespace
}  // namespace matriarch::test
