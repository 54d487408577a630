// The renewer of the leader key (DESIGN 3): it renews only what a decision permits, counts from sending, and never revives
// what is given back.
#include "agent/lease_keeper.h"

#include <gtest/gtest.h>

#include "tests/unit/agent/fake_store.h"
#include "tests/unit/agent/virtual_time.h"

namespace matriarch::agent {
namespace {

using namespace std::chrono_literals;
using LeaseStatus = policy::LeaseState::Status;

class LeaseKeeperTest : public testing::Test {
 protected:
  LeaseKeeperTest() {
    Settings settings;  // ttl 30 s, loop_wait 10 s, retry_timeout 10 s
    keeper.configure(settings);
  }
  ~LeaseKeeperTest() override {
    stop.request_stop();
    time.advance(60s);
    EXPECT_EQ(time.running(), 0);  // everything ends when told to
  }

  void acquire() {
    const auto result = time.start(keeper.acquire({}, {}));
    time.advance(store.takes);
    ASSERT_TRUE(result->has_value());
    ASSERT_TRUE((**result).ok());
  }
  void run() { time.keep(keeper.run(Ctx{.stop = stop.get_token()})); }
  // The loop: a completed decision every second that says keep.
  void advance_permitting(Duration by) {
    for (const Instant end = time.now() + by; time.now() < end; time.advance(1s)) keeper.permit();
  }
  [[nodiscard]] std::ptrdiff_t count(std::string_view call) const { return std::ranges::count(store.calls, call); }

  VirtualTime time;
  FakeStore store{time};
  int changes = 0;
  LeaseKeeper keeper{time, store, [] { return LeaderReport(); }, [this] { ++changes; }};
  std::stop_source stop;
};

TEST_F(LeaseKeeperTest, TheLeaseIsCountedFromSending) {  // HA-042, B1
  store.takes = 4s;
  const Instant sent = time.now();
  acquire();
  EXPECT_EQ(keeper.state().status, LeaseStatus::kHeld);
  EXPECT_EQ(keeper.state().times, policy::lease_times(sent, 30s, 30s));
  EXPECT_EQ(keeper.state().obtained_at, sent + 4s);
  const Instant again = time.now();
  const auto outcome = time.start(keeper.renew({}));
  time.advance(4s);
  EXPECT_EQ((**outcome).verdict, RenewVerdict::kKept);
  EXPECT_EQ(keeper.state().times, policy::lease_times(again, 30s, 30s));
  EXPECT_EQ(keeper.state().obtained_at, sent + 4s);  // renewals do not change it
}

// --- the guardian (DESIGN 3)

TEST_F(LeaseKeeperTest, TellsTheGuardianOfEachMove) {
  int moves = 0;
  keeper.on_moved([&] { ++moves; });
  acquire();
  EXPECT_EQ(moves, 1);
  time.advance(2s);
  const auto outcome = time.start(keeper.renew({}));
  time.advance(store.takes);
  ASSERT_EQ((**outcome).verdict, RenewVerdict::kKept);
  EXPECT_EQ(moves, 2);
  time.advance(1s);
  keeper.prolong(time.now());
  EXPECT_EQ(moves, 3);
  keeper.prolong(time.now() - 5s);  // earlier than what is known: nothing moves
  EXPECT_EQ(moves, 3);
}

TEST_F(LeaseKeeperTest, UnguardedTheFenceIsNowAndRenewalsDoNotMoveIt) {
  acquire();
  const auto times = keeper.state().times;
  time.advance(1s);
  EXPECT_TRUE(keeper.unguarded());
  EXPECT_FALSE(keeper.unguarded()) << "once is enough";
  EXPECT_FALSE(keeper.held());
  EXPECT_EQ(keeper.state().times.kill_at, times.kill_at);
  const auto outcome = time.start(keeper.renew({}));
  time.advance(store.takes);
  ASSERT_EQ((**outcome).verdict, RenewVerdict::kKept);
  EXPECT_FALSE(keeper.held());
  keeper.guarded();
  EXPECT_TRUE(keeper.held());
}

TEST_F(LeaseKeeperTest, ALeaseObtainedAnewBeginsWithoutThat) {  // else nobody would ever try to be guarded again
  acquire();
  keeper.unguarded();
  keeper.forget();
  acquire();
  EXPECT_TRUE(keeper.held());
}

TEST_F(LeaseKeeperTest, GoesOnWithTheLeaseOfAFormerAgent) {
  const Instant end = time.now() + 20s;
  keeper.adopt(end - 300ms, end);
  EXPECT_TRUE(keeper.held());
  EXPECT_EQ(keeper.state().times, (policy::LeaseTimes{.end = end, .kill_at = end - 300ms, .fence_at = end - 300ms - 3s}));
  EXPECT_EQ(keeper.state().obtained_at, Instant()) << "older than any view of the store, which therefore counts";
  run();
  advance_permitting(1s);
  EXPECT_EQ(count("renew"), 1) << "at once";
}

TEST_F(LeaseKeeperTest, IsHeldUntilTheFence) {
  acquire();
  const Instant fence = keeper.state().times.fence_at;
  time.advance(fence - time.now() - 1ns);
  EXPECT_TRUE(keeper.held());
  time.advance(1ns);
  EXPECT_FALSE(keeper.held());
}

TEST_F(LeaseKeeperTest, NeverBelievesMoreThanTtlNorMoreThanGranted) {  // DESIGN 5
  const Instant sent = time.now();
  store.granted = 60s;
  acquire();
  EXPECT_EQ(keeper.state().times, policy::lease_times(sent, 30s, 30s));
  store.granted = 12s;
  acquire();
  EXPECT_EQ(keeper.state().times, policy::lease_times(sent, 12s, 30s));
  EXPECT_EQ(store.configured_ttl, Duration(30s));
}

TEST_F(LeaseKeeperTest, IsAcquiredOnWhatTheDecisionSaw) {  // INV-3
  const ElectionBasis basis{.history = "7", .status = "9"};
  const auto result = time.start(keeper.acquire(basis, {}));
  EXPECT_TRUE((**result).ok());
  EXPECT_EQ(store.acquired_on, basis);
}

TEST_F(LeaseKeeperTest, AFailedAttemptHoldsNothing) {  // HA-034
  store.acquire_error = Error(Errc::kConflict, "somebody has it");
  const auto result = time.start(keeper.acquire({}, {}));
  EXPECT_EQ((**result).error().code(), Errc::kConflict);
  EXPECT_EQ(keeper.state().status, LeaseStatus::kNone);
  EXPECT_FALSE(keeper.held());
}

// INV-8: the next renewal binds the key to a lease of the new ttl, and may do so without our hearing of it.
TEST_F(LeaseKeeperTest, AShorterTtlShortensTheLeaseAtOnce) {
  acquire();
  run();
  keeper.permit();
  time.advance(3s);
  ASSERT_EQ(store.renewals.size(), 0u);
  store.takes = 1s;
  Settings settings;
  settings.ttl = 6s;
  settings.loop_wait = 1s;
  settings.retry_timeout = 1s;
  const Instant changed = time.now();
  keeper.configure(settings);
  EXPECT_EQ(keeper.state().times, policy::lease_times(changed, 6s, 6s));
  keeper.permit();
  time.advance(1ms);
  ASSERT_EQ(store.renewals.size(), 1u) << "renewed at once: there is less time than was counted on";
  EXPECT_LT(store.renewals.front(), changed + 10ms);
  settings.ttl = 30s;
  keeper.configure(settings);
  EXPECT_EQ(keeper.state().times, policy::lease_times(changed, 6s, 6s)) << "a longer one needs a renewal";
}

TEST_F(LeaseKeeperTest, IsRenewedWhilePermitted) {
  acquire();
  run();
  advance_permitting(60s);
  EXPECT_EQ(store.renewals.size(), 6u);  // every min(loop_wait, ttl / 3)
  for (const Duration patience : store.patience) EXPECT_EQ(patience, Duration(10s));
  EXPECT_TRUE(keeper.held());
}

TEST_F(LeaseKeeperTest, IsNotRenewedBeforeItIsObtainedNorAfterItEnded) {
  run();
  advance_permitting(60s);
  EXPECT_TRUE(store.calls.empty());
}

TEST_F(LeaseKeeperTest, AHungLoopIsNotRenewedForEver) {  // permission ends after loop_wait + retry_timeout
  acquire();
  const Instant permitted = time.now();
  run();
  time.advance(300s);
  ASSERT_EQ(store.renewals.size(), 2u);
  EXPECT_LE(store.renewals.back() - permitted, Duration(20s));
  EXPECT_FALSE(keeper.held());
  keeper.permit();  // the loop is back
  time.settle();
  EXPECT_EQ(store.renewals.size(), 3u);
}

TEST_F(LeaseKeeperTest, IsNotRenewedOnceForbidden) {
  acquire();
  run();
  time.advance(5s);
  keeper.forbid();
  time.advance(300s);
  EXPECT_TRUE(store.renewals.empty());
}

TEST_F(LeaseKeeperTest, AnUnknownOutcomeKeepsTheLeaseToItsEndAndIsTriedAgainSoon) {
  acquire();
  const auto before = keeper.state();
  store.verdict = RenewVerdict::kUnknown;
  run();
  advance_permitting(15s);
  EXPECT_EQ(keeper.state(), before);
  EXPECT_GE(store.renewals.size(), 4u);
  EXPECT_LE(store.renewals.size(), 7u);  // without hammering: ttl / 20, at least 100 ms, at most a second apart
  EXPECT_EQ(changes, 1);                 // the loop is told once, not with each attempt
  store.verdict = RenewVerdict::kKept;
  advance_permitting(2s);
  EXPECT_GT(keeper.state().times.end, before.times.end);
}

TEST_F(LeaseKeeperTest, ALostLeaseIsToldAtOnceAndNotRenewed) {  // HA-035
  acquire();
  store.verdict = RenewVerdict::kLost;
  run();
  advance_permitting(11s);
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(keeper.state().status, LeaseStatus::kLost);
  EXPECT_FALSE(keeper.held());
  advance_permitting(60s);
  EXPECT_EQ(store.renewals.size(), 1u);
}

TEST_F(LeaseKeeperTest, ALeaseThatWasLostIsObtainedAnewByARenewalThatWasDecided) {  // HA-123
  acquire();
  store.verdict = RenewVerdict::kLost;
  time.start(keeper.renew({}));
  time.advance(5s);
  store.verdict = RenewVerdict::kKept;
  time.start(keeper.renew({}));
  EXPECT_TRUE(keeper.held());
  EXPECT_EQ(keeper.state().obtained_at, time.now());
}

TEST_F(LeaseKeeperTest, AReleaseWaitsForTheRenewalUnderWayAndIsNotRevived) {  // HA-001, HA-238
  acquire();
  store.takes = 3s;
  const auto renewal = time.start(keeper.renew({}));
  time.advance(1s);
  const auto release = time.start(keeper.release(Lsn{0x2000}, {}));
  time.advance(1s);
  EXPECT_EQ(count("release"), 0);
  time.advance(10s);
  EXPECT_EQ((**renewal).verdict, RenewVerdict::kKept);
  EXPECT_TRUE((**release).ok());
  EXPECT_EQ(store.calls, (std::vector<std::string>{"acquire", "renew", "release"}));
  EXPECT_EQ(store.most_in_progress, 1);
  EXPECT_EQ(store.released_with, Lsn{0x2000});
  EXPECT_EQ(keeper.state().status, LeaseStatus::kNone);
}

TEST_F(LeaseKeeperTest, TheRenewerDoesNotReviveWhatWasReleased) {  // HA-001
  acquire();
  run();
  store.takes = 3s;
  time.advance(11s);  // a renewal is under way
  EXPECT_EQ(count("renew"), 1);
  const auto release = time.start(keeper.release(std::nullopt, {}));
  time.advance(6s);
  ASSERT_TRUE(release->has_value());
  const auto calls = store.calls.size();
  time.advance(300s);
  EXPECT_EQ(store.calls.size(), calls);
  EXPECT_EQ(keeper.state().status, LeaseStatus::kNone);
}

TEST_F(LeaseKeeperTest, AnAttemptQueuedBehindAReleaseDoesNotReviveTheLease) {  // HA-001
  acquire();
  run();
  store.takes = 12s;
  const auto release = time.start(keeper.release(std::nullopt, {}));
  time.advance(11s);
  EXPECT_EQ(count("renew"), 0);
  time.advance(100s);
  EXPECT_EQ(count("renew"), 0);
  EXPECT_EQ(keeper.state().status, LeaseStatus::kNone);
}

TEST_F(LeaseKeeperTest, AReleaseThatFailsEndsTheLeaseAllTheSame) {  // HA-238
  acquire();
  store.release_error = Error(Errc::kUnavailable, "no quorum");
  const auto release = time.start(keeper.release(std::nullopt, {}));
  EXPECT_FALSE((**release).ok());
  EXPECT_EQ(keeper.state().status, LeaseStatus::kNone);
}

TEST_F(LeaseKeeperTest, AReleaseThatCannotWaitEndsTheLeaseAllTheSame) {
  acquire();
  store.takes = 8s;
  time.start(keeper.renew({}));
  const auto release = time.start(keeper.release(std::nullopt, Ctx{.deadline = time.now() + 2s}));
  time.advance(2s);
  EXPECT_EQ((**release).error().code(), Errc::kTimeout);
  EXPECT_EQ(keeper.state().status, LeaseStatus::kNone);
}

TEST_F(LeaseKeeperTest, FailsafeProlongsWhatIsHeldAndNothingElse) {  // HA-289
  acquire();
  time.advance(20s);
  const Instant asked = time.now() - 1s;
  keeper.prolong(asked);
  EXPECT_EQ(keeper.state().times, policy::lease_times(asked, 30s, 30s));
  keeper.prolong(asked - 5s);  // never back
  EXPECT_EQ(keeper.state().times, policy::lease_times(asked, 30s, 30s));
  keeper.forget();
  keeper.prolong(time.now());
  EXPECT_EQ(keeper.state().status, LeaseStatus::kNone);
}

TEST_F(LeaseKeeperTest, TheRenewerEndsWhenStoppedWhateverItDoes) {
  acquire();
  run();
  store.takes = 9s;
  time.advance(12s);
  ASSERT_EQ(store.in_progress, 1);
  stop.request_stop();
  time.settle();
  EXPECT_EQ(time.running(), 0);
  EXPECT_EQ(store.in_progress, 0);
}

}  // namespace
}  // namespace matriarch::agent
