// The simulated store: leases, majorities, and leaders that do not know that they lead no more.
#include <gtest/gtest.h>

#include <optional>

#include "base/task_group.h"
#include "sim/sim_store.h"

namespace matriarch::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Endpoint kMembers = 2;  // endpoints 0 and 1 are nodes

struct StoreWorld {
  VirtualScheduler scheduler;
  Trace trace{scheduler};
  Coverage coverage;
  Network network{Random(1), kMembers + 3, {}};
  StoreCluster cluster{scheduler, network, trace, coverage, Random(2), kMembers, 3};
  MachineClock clock{scheduler.now(), Instant(seconds(100)), 0};
  Process a{scheduler, clock};
  Process b{scheduler, clock};
  TaskGroup group{a};
  SimStore store_a{a, scheduler, cluster, coverage, {.name = "a", .endpoint = 0, .ttl = seconds(10), .retry_timeout = seconds(3)}};
  SimStore store_b{b, scheduler, cluster, coverage, {.name = "b", .endpoint = 1, .ttl = seconds(10), .retry_timeout = seconds(3)}};

  void run_for(Duration duration) {
    const Instant until = scheduler.now() + duration;
    while (scheduler.run_one(until)) {
    }
  }

  // On what it sees now.
  Result<LeaseHeld> acquire(SimStore& store) {
    const auto view = wait(store.load({}));
    return view ? wait(store.acquire_leader(view->basis, {})) : Result<LeaseHeld>(view.error());
  }

  template <class T>
  T wait(Task<T> task) {
    std::optional<T> result;
    constexpr auto run = [](Task<T> work, std::optional<T>* out) -> Task<void> { out->emplace(co_await std::move(work)); };
    group.spawn(run(std::move(task), &result));
    while (!result) {
      if (!scheduler.run_one(scheduler.now() + seconds(100))) break;
    }
    return std::move(*result);
  }
};

TEST(SimStore, OnlyOneGetsTheLeaderKey) {  // HA-034
  StoreWorld w;
  EXPECT_TRUE(w.acquire(w.store_a));
  const auto second = w.acquire(w.store_b);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Errc::kConflict);
  EXPECT_TRUE(w.acquire(w.store_a)) << "repeating an acquisition whose answer was lost";
}

TEST(SimStore, TheKeyIsNotTakenOnAnOldView) {  // INV-3, docs/adr/0009
  StoreWorld w;
  const auto before = w.wait(w.store_b.load({}));
  ASSERT_TRUE(before);
  ASSERT_TRUE(w.acquire(w.store_a));
  const auto renewal = w.wait(w.store_a.renew_leader({.status = StatusInfo{.optime = Lsn{5}}, .failsafe = {}}, {}));
  ASSERT_EQ(renewal.verdict, RenewVerdict::kKept);
  ASSERT_TRUE(w.wait(w.store_a.release_leader(std::nullopt, {})));
  const auto late = w.wait(w.store_b.acquire_leader(before->basis, {}));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), Errc::kConflict);
  EXPECT_TRUE(w.acquire(w.store_b));
}

TEST(SimStore, TheKeyExpiresNotBeforeAndLittleAfterTheLease) {  // DESIGN 5: 0 to 0.5 s late
  StoreWorld w;
  const auto held = w.acquire(w.store_a);
  ASSERT_TRUE(held);
  const Instant asked = w.scheduler.now();
  w.run_for(seconds(9));
  EXPECT_TRUE(w.cluster.keys().leader);
  w.run_for(asked + seconds(10) + milliseconds(510) - w.scheduler.now());
  EXPECT_FALSE(w.cluster.keys().leader);
  const auto renewal = w.wait(w.store_a.renew_leader({}, {}));
  EXPECT_EQ(renewal.verdict, RenewVerdict::kLost);
}

TEST(SimStore, RenewingKeepsTheKey) {
  StoreWorld w;
  ASSERT_TRUE(w.acquire(w.store_a));
  for (int i = 0; i < 10; ++i) {
    w.run_for(seconds(5));
    const Instant before = w.a.now();
    const auto renewal = w.wait(w.store_a.renew_leader({}, {}));
    ASSERT_EQ(renewal.verdict, RenewVerdict::kKept);
    EXPECT_GE(renewal.lease.sent_at, before);
    EXPECT_EQ(renewal.lease.lasts, seconds(10));
  }
}

// B19: what was measured with etcd, and why a keepalive alone proves nothing.
TEST(SimStore, AStaleLeaderAnswersKeepalivesButNothingIsKept) {
  bool answered = false;
  for (int round = 0; round < 20 && !answered; ++round) {
    StoreWorld w;
    w.run_for(milliseconds(37 * round));
    ASSERT_TRUE(w.acquire(w.store_a));
    // Node 0 reaches only the leader of the store, whose disk freezes.
    const int old = w.cluster.leader();
    for (int member = 0; member < 3; ++member) {
      if (member == old) continue;
      w.network.block(0, w.cluster.endpoint_of(member));
      w.network.block(w.cluster.endpoint_of(member), 0);
    }
    w.cluster.freeze_disk(old);
    w.run_for(seconds(4));
    ASSERT_NE(w.cluster.leader(), old);
    const auto renewal = w.wait(w.store_a.renew_leader({}, Ctx{.deadline = w.a.now() + seconds(20)}));
    EXPECT_EQ(renewal.verdict, RenewVerdict::kUnknown);
    answered = w.coverage.count("store: stale leader answered a keepalive") > 0;
    w.run_for(seconds(14));
    EXPECT_FALSE(w.cluster.keys().leader) << "the majority lets the key expire";
  }
  EXPECT_TRUE(answered);
}

TEST(SimStore, WithoutAMajorityNothingCanBeRead) {  // HA-033
  StoreWorld w;
  w.cluster.crash(1);
  w.cluster.crash(2);
  w.run_for(seconds(3));
  EXPECT_FALSE(w.wait(w.store_a.load({})));
  w.cluster.recover(1);
  w.run_for(seconds(3));
  EXPECT_TRUE(w.wait(w.store_a.load({})));
}

TEST(SimStore, CompareAndSet) {  // HA-038
  StoreWorld w;
  const auto first = w.wait(w.store_a.set_sync(R"({"leader":"a","sync_standby":null,"quorum":0})", Version(), {}));
  ASSERT_TRUE(first);
  EXPECT_FALSE(w.wait(w.store_b.set_sync("{}", Version(), {})));
  const auto second = w.wait(w.store_b.set_sync(R"({"leader":"b","sync_standby":"a","quorum":0})", *first, {}));
  ASSERT_TRUE(second);
  EXPECT_FALSE(w.wait(w.store_a.set_sync("{}", *first, {})));
  const auto view = w.wait(w.store_a.load({}));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->sync.leader, "b");
  EXPECT_EQ(view->sync.version, *second);
}

TEST(SimStore, ChangesAreAnnouncedAlsoAfterTheConnectionWasCut) {
  StoreWorld w;
  int changes = 0;
  w.store_b.on_change([&] { ++changes; });
  ASSERT_TRUE(w.acquire(w.store_a));
  w.run_for(seconds(1));
  EXPECT_GT(changes, 0);
  for (Endpoint member = kMembers; member < kMembers + 3; ++member) w.network.block(member, 1);
  const int before = changes;
  EXPECT_TRUE(w.wait(w.store_a.release_leader(std::nullopt, {})));
  w.run_for(seconds(12));
  EXPECT_EQ(changes, before);
  for (Endpoint member = kMembers; member < kMembers + 3; ++member) w.network.unblock(member, 1);
  w.run_for(seconds(5));
  EXPECT_GT(changes, before) << "after a reconnect the watcher must look again";
}

TEST(SimStore, AReleaseIsOnlyForTheOwner) {  // HA-037
  StoreWorld w;
  ASSERT_TRUE(w.acquire(w.store_a));
  const auto refused = w.wait(w.store_b.release_leader(Lsn{7}, {}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::kConflict);
  EXPECT_TRUE(w.wait(w.store_a.release_leader(Lsn{42}, {})));
  EXPECT_EQ(w.cluster.keys().status.optime.value, 42u);
  EXPECT_FALSE(w.cluster.keys().leader);
}

}  // namespace
}  // namespace matriarch::sim
