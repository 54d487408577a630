// The contract of ports/store.h, against the real server of every engine (spec/dcs.md section 3).
#include "tests/system/store/bench.h"
#include "tests/system/store/etcd_engine.h"

namespace matriarch::test {
namespace {

using namespace std::chrono_literals;

class StoreContract : public testing::TestWithParam<EngineParam> {
 protected:
  void SetUp() override {
    engine_ = &shared_engine(GetParam());
    static int count = 0;
    scope_ = fmt::format("contract{}", count++);
  }
  void TearDown() override { engine_->close_all(); }

  Store* open(const std::string& name, Duration ttl = 30s) { return engine_->open(scope_, name, ttl); }
  Reactor& reactor() { return shared_reactor(); }
  void run(Task<void> task) { reactor().run_until_done(std::move(task)); }
  void put_raw(const std::string& key, const std::string& value) { engine_->put_raw(scope_, key, value); }
  std::optional<std::string> get_raw(const std::string& key) { return engine_->get_raw(scope_, key); }
  void delete_raw(const std::string& key) { engine_->delete_raw(scope_, key); }

  ClusterView load(Store* store) {
    ClusterView view;
    constexpr auto body = [](Reactor* r, Store* s, ClusterView* out) -> Task<void> {
      auto loaded = co_await s->load(within(*r, 5s));
      EXPECT_TRUE(loaded.ok()) << loaded.error().text();
      if (loaded.ok()) *out = *std::move(loaded);
    };
    run(body(&reactor(), store, &view));
    return view;
  }

  Engine* engine_ = nullptr;
  std::string scope_;
};

TEST_P(StoreContract, AnEmptyStoreIsAnEmptyView) {  // DCS-200
  EXPECT_TRUE(load(open("a")).is_empty());
}

TEST_P(StoreContract, TheLeaderKeyIsTakenByOne) {  // HA-034, DCS-158
  run([](Reactor* r, Store* a, Store* b) -> Task<void> {
    const Instant before = r->now();
    const auto taken = co_await look_and_acquire(a, within(*r, 5s));
    CO_ASSERT(taken.ok());
    EXPECT_GE(taken->sent_at, before);
    EXPECT_EQ(taken->lasts, 30s);
    const auto second = co_await look_and_acquire(b, within(*r, 5s));
    CO_ASSERT(!second.ok());
    EXPECT_EQ(second.error().code(), Errc::kConflict);
    EXPECT_NE(second.error().text().find("held by a"), std::string::npos) << second.error().text();
    for (Store* store : {a, b}) {
      const auto view = co_await store->load(within(*r, 5s));
      CO_ASSERT(view.ok());
      EXPECT_EQ(view->leader_name(), "a");
      EXPECT_FALSE(view->leader->version.empty());
    }
  }(&reactor(), open("a"), open("b")));
  EXPECT_EQ(get_raw("leader"), "a");  // DCS-036, DCS-443
}

// INV-3, docs/adr/0009: a request that was on its way while another leader came and went.
TEST_P(StoreContract, TheLeaderKeyIsNotTakenOnAnOldView) {
  run([](Reactor* r, Store* late, Store* leader) -> Task<void> {
    const auto before = co_await late->load(within(*r, 5s));
    CO_ASSERT(before.ok());
    CO_ASSERT((co_await look_and_acquire(leader, within(*r, 5s))).ok());
    LeaderReport report;
    report.status = StatusInfo{.optime = Lsn{5}};
    EXPECT_EQ((co_await leader->renew_leader(report, within(*r, 5s))).verdict, RenewVerdict::kKept);
    EXPECT_TRUE((co_await leader->release_leader(std::nullopt, within(*r, 5s))).ok());
    const auto refused = co_await late->acquire_leader(before->basis, within(*r, 5s));
    CO_ASSERT(!refused.ok());
    EXPECT_EQ(refused.error().code(), Errc::kConflict);
    EXPECT_NE(refused.error().text().find("changed"), std::string::npos) << refused.error().text();
    EXPECT_TRUE((co_await look_and_acquire(late, within(*r, 5s))).ok()) << "a new look is enough";
  }(&reactor(), open("a"), open("b")));
  EXPECT_EQ(get_raw("leader"), "a");
}

// Each of the keys that say who may lead counts, also whether it is there at all; the members' do not.
TEST_P(StoreContract, EveryKeyThatAnElectionIsDecidedOnCounts) {
  Store* a = open("a");
  const std::pair<std::string, std::string> keys[] = {{"config", R"({"pause":true})"}, {"failover", "{}"},
                                                      {"failsafe", "{}"},              {"history", "[]"},
                                                      {"status", R"({"optime":3})"},   {"sync", "{}"}};
  constexpr auto acquire_on = [](Reactor* r, Store* store, ElectionBasis basis,
                                 std::optional<Errc>* refused) -> Task<void> {
    const auto taken = co_await store->acquire_leader(std::move(basis), within(*r, 5s));
    if (!taken.ok()) *refused = taken.error().code();
  };
  for (const auto& [key, text] : keys) {
    const ElectionBasis absent = load(a).basis;
    put_raw(key, text);
    const ElectionBasis written = load(a).basis;
    put_raw(key, text);
    const ElectionBasis again = load(a).basis;
    EXPECT_NE(absent, written) << key;
    EXPECT_NE(written, again) << key;
    for (const ElectionBasis& old : {absent, written}) {
      std::optional<Errc> refused;
      run(acquire_on(&reactor(), a, old, &refused));
      EXPECT_EQ(refused, Errc::kConflict) << key;
    }
    delete_raw(key);
    std::optional<Errc> refused;
    run(acquire_on(&reactor(), a, again, &refused));
    EXPECT_EQ(refused, Errc::kConflict) << key << " is gone";
  }
  const ElectionBasis basis = load(a).basis;
  put_raw("members/x", "{}");
  std::optional<Errc> refused;
  run(acquire_on(&reactor(), a, basis, &refused));
  EXPECT_FALSE(refused.has_value());
  EXPECT_EQ(get_raw("leader"), "a");
}

TEST_P(StoreContract, AnAcquirerSeesItselfAsLeaderAtOnce) {  // DCS-276
  run([](Reactor* r, Store* a) -> Task<void> {
    CO_ASSERT((co_await a->load(within(*r, 5s))).ok());
    CO_ASSERT((co_await look_and_acquire(a, within(*r, 5s))).ok());
    const auto view = co_await a->load(within(*r, 5s));
    CO_ASSERT(view.ok());
    EXPECT_EQ(view->leader_name(), "a");
    CO_ASSERT((co_await a->release_leader(std::nullopt, within(*r, 5s))).ok());
    const auto after = co_await a->load(within(*r, 5s));
    CO_ASSERT(after.ok());
    EXPECT_TRUE(after->is_unlocked());
  }(&reactor(), open("a")));
}

TEST_P(StoreContract, ARenewalIsKeptAndPublishes) {  // HA-035, HA-036, DCS-160
  run([](Reactor* r, Store* a) -> Task<void> {
    CO_ASSERT((co_await look_and_acquire(a, within(*r, 5s))).ok());
    LeaderReport report;
    report.status = StatusInfo{.optime = Lsn{5}, .slots = {{"x", Lsn{4}}}, .retain_slots = {"x"}};
    report.failsafe = Value::Map();
    report.failsafe->set("a", "http://a/patroni");
    const Instant before = r->now();
    const auto kept = co_await a->renew_leader(report, within(*r, 5s));
    EXPECT_EQ(kept.verdict, RenewVerdict::kKept) << kept.why;
    EXPECT_GE(kept.lease.sent_at, before);
    EXPECT_EQ(kept.lease.lasts, 30s);
    const auto again = co_await a->renew_leader(report, within(*r, 5s));
    EXPECT_EQ(again.verdict, RenewVerdict::kKept) << again.why;
    EXPECT_GT(again.lease.sent_at, kept.lease.sent_at);
  }(&reactor(), open("a")));
  EXPECT_EQ(get_raw("status"), R"({"optime":5,"slots":{"x":4},"retain_slots":["x"]})");
  EXPECT_EQ(get_raw("failsafe"), R"({"a":"http://a/patroni"})");
}

TEST_P(StoreContract, ARenewalWithoutTheKeyIsLost) {  // HA-035, DCS-195
  Store* a = open("a");
  run([](Reactor* r, Store* store) -> Task<void> { CO_ASSERT((co_await look_and_acquire(store, within(*r, 5s))).ok()); }(
                                       &reactor(), a));
  constexpr auto expect_lost = [](Reactor* r, Store* store, bool vacant) -> Task<void> {
    LeaderReport report;
    report.status = StatusInfo{.optime = Lsn{9}};
    const auto outcome = co_await store->renew_leader(report, within(*r, 5s));
    EXPECT_EQ(outcome.verdict, RenewVerdict::kLost);
    EXPECT_EQ(outcome.vacant, vacant);
    EXPECT_FALSE(outcome.why.empty());
  };
  delete_raw("leader");
  run(expect_lost(&reactor(), a, true));
  put_raw("leader", "b");
  run(expect_lost(&reactor(), a, false));
  EXPECT_FALSE(get_raw("status").has_value());  // nothing is published by who does not lead
  EXPECT_EQ(get_raw("leader"), "b");
}

TEST_P(StoreContract, AReleaseWritesTheLastPositionAndKeepsSlots) {  // HA-037, DCS-083, DCS-163
  run([](Reactor* r, Store* a, Store* b) -> Task<void> {
    CO_ASSERT((co_await look_and_acquire(a, within(*r, 5s))).ok());
    LeaderReport report;
    report.status = StatusInfo{.optime = Lsn{5}, .slots = {{"x", Lsn{4}}}, .retain_slots = {"x"}};
    EXPECT_EQ((co_await a->renew_leader(report, within(*r, 5s))).verdict, RenewVerdict::kKept);
    const auto not_ours = co_await b->release_leader(Lsn{99}, within(*r, 5s));
    CO_ASSERT(!not_ours.ok());
    EXPECT_EQ(not_ours.error().code(), Errc::kConflict);
    EXPECT_TRUE((co_await a->release_leader(Lsn{7}, within(*r, 5s))).ok());
    const auto again = co_await a->release_leader(std::nullopt, within(*r, 5s));
    CO_ASSERT(!again.ok());
    EXPECT_EQ(again.error().code(), Errc::kConflict);
    EXPECT_TRUE((co_await look_and_acquire(b, within(*r, 5s))).ok());
  }(&reactor(), open("a"), open("b")));
  EXPECT_EQ(get_raw("status"), R"({"optime":7,"slots":{"x":4},"retain_slots":["x"]})");
  EXPECT_EQ(get_raw("leader"), "b");
}

TEST_P(StoreContract, TheEndOfBootstrapTakesTheKeyInAnyCase) {  // DCS-018, DCS-162
  put_raw("leader", "ghost");
  run([](Reactor* r, Store* a) -> Task<void> {
    EXPECT_TRUE((co_await a->take_leader(within(*r, 5s))).ok());
    EXPECT_EQ((co_await a->renew_leader({}, within(*r, 5s))).verdict, RenewVerdict::kKept);
  }(&reactor(), open("a")));
  EXPECT_EQ(get_raw("leader"), "a");
}

TEST_P(StoreContract, ANodeThatComesBackOwnsItsKeyAgain) {  // DCS-261, DCS-269
  put_raw("leader", "a");                                   // by a process of before, with another lease
  run([](Reactor* r, Store* a) -> Task<void> {
    const auto kept = co_await a->renew_leader({}, within(*r, 5s));
    EXPECT_EQ(kept.verdict, RenewVerdict::kKept) << kept.why;
    const auto view = co_await a->load(within(*r, 5s));
    CO_ASSERT(view.ok() && view->leader);
    EXPECT_FALSE(view->leader->session.empty());
  }(&reactor(), open("a")));
}

TEST_P(StoreContract, AMemberKeyComesAndGoes) {  // DCS-164, DCS-259
  run([](Reactor* r, Store* a, Store* b) -> Task<void> {
    EXPECT_TRUE((co_await a->touch_member(member_data(1), within(*r, 5s))).ok());
    const auto first = co_await b->load(within(*r, 5s));
    CO_ASSERT(first.ok() && first->member("a") != nullptr);
    EXPECT_EQ(first->member("a")->data.xlog_location, Lsn{1});
    EXPECT_TRUE((co_await a->touch_member(member_data(1), within(*r, 5s))).ok());
    EXPECT_TRUE((co_await a->touch_member(member_data(2), within(*r, 5s))).ok());
    const auto third = co_await a->load(within(*r, 5s));
    CO_ASSERT(third.ok() && third->member("a") != nullptr);
    EXPECT_EQ(third->member("a")->data.xlog_location, Lsn{2});
    EXPECT_TRUE((co_await a->delete_member(within(*r, 5s))).ok());
  }(&reactor(), open("a"), open("b")));
  EXPECT_FALSE(get_raw("members/a").has_value());
}

TEST_P(StoreContract, AMemberKeyThatVanishedIsWrittenAgain) {  // DCS-020
  Store* a = open("a");
  constexpr auto touch = [](Reactor* r, Store* store) -> Task<void> {
    CO_ASSERT((co_await store->load(within(*r, 5s))).ok());
    EXPECT_TRUE((co_await store->touch_member(member_data(1), within(*r, 5s))).ok());
  };
  run(touch(&reactor(), a));
  delete_raw("members/a");
  EXPECT_TRUE(eventually(reactor(), 3s, [&] {
    run(touch(&reactor(), a));
    return get_raw("members/a").has_value();
  }));
}

TEST_P(StoreContract, InitializeIsARace) {  // HA-087, DCS-021, DCS-165, DCS-178
  run([](Reactor* r, Store* a, Store* b) -> Task<void> {
    EXPECT_TRUE((co_await a->create_initialize("", within(*r, 5s))).ok());
    const auto lost = co_await b->create_initialize("", within(*r, 5s));
    CO_ASSERT(!lost.ok());
    EXPECT_EQ(lost.error().code(), Errc::kConflict);
    const auto view = co_await b->load(within(*r, 5s));
    CO_ASSERT(view.ok());
    EXPECT_EQ(view->initialize, "");  // DCS-078: not absent
    EXPECT_TRUE((co_await a->set_initialize("7431900112233445566", within(*r, 5s))).ok());
    EXPECT_TRUE((co_await b->load(within(*r, 5s)))->has_valid_system_id());
    EXPECT_TRUE((co_await a->delete_initialize(within(*r, 5s))).ok());
    EXPECT_FALSE((co_await b->load(within(*r, 5s)))->initialize.has_value());
    EXPECT_TRUE((co_await b->create_initialize("7431900112233445566", within(*r, 5s))).ok());
  }(&reactor(), open("a"), open("b")));
  EXPECT_EQ(get_raw("initialize"), "7431900112233445566");
}

TEST_P(StoreContract, ConfigAndFailoverAreComparedAndSet) {  // DCS-026, DCS-034, DCS-167
  run([](Reactor* r, Store* a, Store* b) -> Task<void> {
    EXPECT_TRUE((co_await a->set_config(R"({"ttl":30})", std::nullopt, within(*r, 5s))).ok());
    const auto view = co_await b->load(within(*r, 5s));
    CO_ASSERT(view.ok() && view->config);
    EXPECT_TRUE((co_await b->set_config(R"({"ttl":20})", view->config->version, within(*r, 5s))).ok());
    const auto stale = co_await a->set_config(R"({"ttl":10})", view->config->version, within(*r, 5s));
    CO_ASSERT(!stale.ok());
    EXPECT_EQ(stale.error().code(), Errc::kConflict);
    EXPECT_EQ(to_json((co_await a->load(within(*r, 5s)))->config->data), R"({"ttl":20})");

    EXPECT_TRUE((co_await a->set_failover(write_failover("a", "b", ""), std::nullopt, within(*r, 5s))).ok());
    const auto request = (co_await b->load(within(*r, 5s)))->failover;
    CO_ASSERT(request.has_value());
    EXPECT_EQ(request->candidate, "b");
    EXPECT_TRUE((co_await b->set_failover("{}", request->version, within(*r, 5s))).ok());
    EXPECT_FALSE((co_await a->set_failover("{}", request->version, within(*r, 5s))).ok());
  }(&reactor(), open("a"), open("b")));
  EXPECT_EQ(get_raw("failover"), "{}");
}

TEST_P(StoreContract, SyncHandsItsNewVersionBack) {  // HA-038, DCS-091, DCS-169, DCS-170
  run([](Reactor* r, Store* a, Store* b) -> Task<void> {
    const auto first = co_await a->set_sync(write_sync("a", {}, 0), Version(), within(*r, 5s));  // must not exist
    CO_ASSERT(first.ok());
    const auto exists = co_await b->set_sync(write_sync("b", {}, 0), Version(), within(*r, 5s));
    CO_ASSERT(!exists.ok());
    EXPECT_EQ(exists.error().code(), Errc::kConflict);
    const auto second = co_await a->set_sync(write_sync("a", {"b"}, 0), *first, within(*r, 5s));
    CO_ASSERT(second.ok());
    EXPECT_NE(*first, *second);
    const auto view = co_await b->load(within(*r, 5s));
    CO_ASSERT(view.ok());
    EXPECT_EQ(view->sync.version, *second);
    EXPECT_TRUE(view->sync.matches("b"));
    EXPECT_FALSE((co_await a->delete_sync(*first, within(*r, 5s))).ok());
    EXPECT_TRUE((co_await a->delete_sync(*second, within(*r, 5s))).ok());
    const auto after = co_await b->load(within(*r, 5s));
    CO_ASSERT(after.ok());
    EXPECT_FALSE(after->sync.active());
    EXPECT_TRUE((co_await b->set_sync(write_sync("b", {}, 0), std::nullopt, within(*r, 5s))).ok());
  }(&reactor(), open("a"), open("b")));
}

TEST_P(StoreContract, HistoryAndStatusAreStored) {
  run([](Reactor* r, Store* a) -> Task<void> {
    EXPECT_TRUE((co_await a->set_history(R"([[1,50331648,"no recovery target specified"]])", within(*r, 5s))).ok());
    EXPECT_TRUE((co_await a->set_status({.optime = Lsn{3}}, within(*r, 5s))).ok());
    const auto view = co_await a->load(within(*r, 5s));
    CO_ASSERT(view.ok());
    EXPECT_EQ(view->timeline(), 2u);
    EXPECT_EQ(view->status.optime, Lsn{3});
  }(&reactor(), open("a")));
}

TEST_P(StoreContract, RemovingAClusterLeavesItsNeighboursAlone) {  // DCS-172
  run([](Reactor* r, Store* a, Store* neighbour) -> Task<void> {
    for (Store* store : {a, neighbour}) {
      EXPECT_TRUE((co_await store->set_config("{}", std::nullopt, within(*r, 5s))).ok());
      EXPECT_TRUE((co_await store->touch_member(member_data(), within(*r, 5s))).ok());
    }
    EXPECT_TRUE((co_await a->delete_cluster(within(*r, 5s))).ok());
    EXPECT_TRUE((co_await a->load(within(*r, 5s)))->is_empty());
    EXPECT_FALSE((co_await neighbour->load(within(*r, 5s)))->is_empty());
  }(&reactor(), open("a"), engine_->open(scope_ + "0", "a", 30s)));
}

TEST_P(StoreContract, TheKeysOfADeadNodeExpire) {  // DCS-037
  Store* a = open("a", 2s);
  Store* b = open("b");
  const Instant begin = reactor().now();
  run([](Reactor* r, Store* store) -> Task<void> {
    EXPECT_TRUE((co_await store->touch_member(member_data(), within(*r, 5s))).ok());
    CO_ASSERT((co_await look_and_acquire(store, within(*r, 5s))).ok());
  }(&reactor(), a));
  EXPECT_TRUE(eventually(reactor(), 6s, [&] { return load(b).is_unlocked(); }));
  EXPECT_GE(reactor().now() - begin, 2s) << "a lease must not end before its time";
  EXPECT_EQ(load(b).member("a"), nullptr);
  run([](Reactor* r, Store* store) -> Task<void> {
    const auto outcome = co_await store->renew_leader({}, within(*r, 5s));
    EXPECT_EQ(outcome.verdict, RenewVerdict::kLost);
    EXPECT_TRUE(outcome.vacant);
    EXPECT_TRUE((co_await store->touch_member(member_data(), within(*r, 5s))).ok());  // with a new lease
    EXPECT_TRUE((co_await look_and_acquire(store, within(*r, 5s))).ok());
  }(&reactor(), a));
}

TEST_P(StoreContract, AChangedTtlMovesTheKeysToANewLease) {  // DCS-209
  Store* a = open("a");
  std::string before;
  constexpr auto session = [](Reactor* r, Store* store, std::string* out) -> Task<void> {
    const auto view = co_await store->load(within(*r, 5s));
    CO_ASSERT(view.ok() && view->leader);
    *out = view->leader->session;
  };
  run([](Reactor* r, Store* store) -> Task<void> {
    CO_ASSERT((co_await look_and_acquire(store, within(*r, 5s))).ok());
    EXPECT_TRUE((co_await store->touch_member(member_data(), within(*r, 5s))).ok());
  }(&reactor(), a));
  run(session(&reactor(), a, &before));
  a->configure(20s, 5s);
  run([](Reactor* r, Store* store) -> Task<void> {
    const auto kept = co_await store->renew_leader({}, within(*r, 5s));
    EXPECT_EQ(kept.verdict, RenewVerdict::kKept) << kept.why;
    EXPECT_EQ(kept.lease.lasts, 20s);
    EXPECT_TRUE((co_await store->touch_member(member_data(), within(*r, 5s))).ok());
  }(&reactor(), a));
  std::string after;
  run(session(&reactor(), a, &after));
  EXPECT_NE(before, after);
  EXPECT_EQ(a->traits().granted, 20s);
}

TEST_P(StoreContract, ChangesAreTold) {  // DCS-187
  Store* a = open("a");
  Store* b = open("b");
  (void)load(b);
  int told = 0;
  b->on_change([&told] { ++told; });
  EXPECT_TRUE(load(b).is_unlocked());
  const auto expect_told = [&](const std::string& what, Task<void> doing) {
    // Things that happened before have been told by now.
    eventually(reactor(), 60ms, [] { return false; });
    const int before = told;
    run(std::move(doing));
    const Instant done = reactor().now();
    EXPECT_TRUE(eventually(reactor(), 2s, [&] { return told > before; })) << what;
    EXPECT_LT(reactor().now() - done, 100ms) << what;
  };
  Reactor* r = &reactor();
  expect_told("leader", [](Reactor* x, Store* s) -> Task<void> {
    EXPECT_TRUE((co_await look_and_acquire(s, within(*x, 5s))).ok());
  }(r, a));
  expect_told("member", [](Reactor* x, Store* s) -> Task<void> {
    EXPECT_TRUE((co_await s->touch_member(member_data(), within(*x, 5s))).ok());
  }(r, a));
  expect_told("config", [](Reactor* x, Store* s) -> Task<void> {
    EXPECT_TRUE((co_await s->set_config("{}", std::nullopt, within(*x, 5s))).ok());
  }(r, a));
  expect_told("failover", [](Reactor* x, Store* s) -> Task<void> {
    EXPECT_TRUE((co_await s->set_failover("{}", std::nullopt, within(*x, 5s))).ok());
  }(r, a));
  expect_told("sync", [](Reactor* x, Store* s) -> Task<void> {
    EXPECT_TRUE((co_await s->set_sync("{}", std::nullopt, within(*x, 5s))).ok());
  }(r, a));
  expect_told("initialize", [](Reactor* x, Store* s) -> Task<void> {
    EXPECT_TRUE((co_await s->create_initialize("", within(*x, 5s))).ok());
  }(r, a));
  expect_told("status", [](Reactor* x, Store* s) -> Task<void> {
    EXPECT_TRUE((co_await s->set_status({.optime = Lsn{1}}, within(*x, 5s))).ok());
  }(r, a));
  expect_told("release", [](Reactor* x, Store* s) -> Task<void> {
    EXPECT_TRUE((co_await s->release_leader(std::nullopt, within(*x, 5s))).ok());
  }(r, a));
  EXPECT_TRUE(load(b).is_unlocked());

  // A member that only moved on in the WAL wakes nobody: they would keep each other awake. Nor does the own one.
  run([](Reactor* x, Store* own) -> Task<void> {
    EXPECT_TRUE((co_await own->touch_member(member_data(), within(*x, 5s))).ok());
  }(r, b));
  eventually(reactor(), 60ms, [] { return false; });
  const int before = told;
  run([](Reactor* x, Store* s, Store* own) -> Task<void> {
    EXPECT_TRUE((co_await s->touch_member(member_data(77), within(*x, 5s))).ok());
    EXPECT_TRUE((co_await own->touch_member(member_data(78), within(*x, 5s))).ok());
  }(r, a, b));
  EXPECT_TRUE(eventually(reactor(), 2s, [&] { return load(b).member("a")->data.xlog_location == Lsn{77}; }));
  EXPECT_EQ(told, before);
  b->on_change({});
}

TEST_P(StoreContract, AStoppedCallEnds) {  // the rule for every port call
  Store* a = open("a");
  run([](Reactor* r, Store* store) -> Task<void> {
    std::stop_source stop;
    stop.request_stop();
    const Ctx stopped{.deadline = r->now() + 5s, .stop = stop.get_token()};
    const auto loaded = co_await store->load(stopped);
    CO_ASSERT(!loaded.ok());
    EXPECT_EQ(loaded.error().code(), Errc::kCancelled);
    const Ctx late{.deadline = r->now() - 1s};
    EXPECT_FALSE((co_await store->set_config("{}", std::nullopt, late)).ok());
    EXPECT_EQ((co_await store->renew_leader({}, late)).verdict, RenewVerdict::kUnknown);
  }(&reactor(), a));
  EXPECT_FALSE(get_raw("config").has_value());
}

TEST_P(StoreContract, GarbageInAnyKeyStopsNobody) {  // DCS-105 ff.
  std::vector<std::string> garbage{"", "\xff\xfe", "true", "{\"leader\":"};
  if (GetParam().members == 1) garbage.push_back(std::string(1100000, 'x'));  // slow
  const std::vector<std::string> keys{"initialize", "config",        "leader", "failover", "history", "members/n",
                                      "status",     "optime/leader", "sync",   "failsafe", "unknown", "members/n/m"};
  Store* a = open("a");
  for (const std::string& bad : garbage) {
    for (const std::string& key : keys) put_raw(key, bad);
    const ClusterView view = load(a);
    EXPECT_TRUE(view.config && view.config->version.empty());
    EXPECT_EQ(view.is_unlocked(), bad.empty());
    EXPECT_EQ(view.members.size(), 1u);
    EXPECT_FALSE(view.sync.active());
    EXPECT_FALSE(view.sync.version.empty());
    run([](Reactor* r, Store* store) -> Task<void> {
      const auto outcome = co_await store->renew_leader({}, within(*r, 5s));
      EXPECT_EQ(outcome.verdict, RenewVerdict::kLost);
      EXPECT_LT(outcome.why.size(), 300u);
      EXPECT_TRUE((co_await store->touch_member(member_data(), within(*r, 5s))).ok());
      EXPECT_TRUE((co_await store->delete_member(within(*r, 5s))).ok());
    }(&reactor(), a));
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, StoreContract, testing::ValuesIn(engine_params()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace matriarch::test
