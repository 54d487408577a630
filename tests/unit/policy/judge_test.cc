// The decision table, enumerated: whatever combination of facts, the answer keeps the invariants (docs/invariants.md).
#include "policy/judge.h"

#include <gtest/gtest.h>

namespace matriarch::policy {
namespace {

constexpr std::uint8_t kVerdicts = static_cast<std::uint8_t>(Verdict::kExit) + 1;

// Mixed-radix counter over all values of an enumeration.
template <class Enum>
Enum take(std::uint64_t& rest, std::uint64_t values) {
  const auto value = static_cast<Enum>(rest % values);
  rest /= values;
  return value;
}

struct Counted {
  std::uint64_t rows = 0;
  std::array<std::uint64_t, kVerdicts> seen{};
};

constexpr std::uint64_t kFlags = 17;

void set_flags(Facts& f, std::uint64_t bits) {
  const auto next = [&bits] {
    const bool set = (bits & 1) != 0;
    bits >>= 1;
    return set;
  };
  f.ever_loaded = !next();
  f.shut_down = next();
  f.answering = !next();
  f.start_failed = next();
  f.start_overdue = next();
  f.fail_over_at_once = next();
  f.peers_known = next();
  f.failover_possible = next();
  f.crash_recovery = next();
  f.may_bootstrap = next();
  f.clone_source = next();
  f.config_missing = next();
  f.vetoed = next();
  f.bootstrap_failed = next();
  f.started_once = next();
  f.promotion_awaited = next();
  f.standby_cluster = next();
}

bool writable(const Facts& f) { return f.running == Running::kPrimary || f.running == Running::kStartingPrimary; }

bool is_one_of(Verdict v, std::initializer_list<Verdict> set) { return std::ranges::find(set, v) != set.end(); }

// Empty: fine. Otherwise the invariant that is broken.
const char* broken(const Facts& f, Verdict v) {
  const bool demotes = is_one_of(
      v, {Verdict::kDemoteGraceful, Verdict::kDemoteImmediate, Verdict::kDemoteNoLock, Verdict::kDemoteOffline});
  // INV-1: one writable primary. Nobody leads, promotes or starts as primary without lock and lease.
  if (is_one_of(v, {Verdict::kLead, Verdict::kPromote, Verdict::kStartPrimary, Verdict::kDemoteGraceful}) &&
      (f.lock != Lock::kMine || f.lease != Lease::kHeld)) {
    return "leads without lock and lease";
  }
  if (v == Verdict::kPromote && (f.running != Running::kStandby || f.busy != Busy::kNo))
    return "promotes what is no standby";
  if (v == Verdict::kLead && f.running != Running::kPrimary) return "leads with something else than a primary";
  if (v == Verdict::kStartPrimary && f.remains != Remains::kProvenPrimary) return "starts an unproven primary in place";
  if (v == Verdict::kAcquire && (f.lock != Lock::kFree || f.race != Race::kMayWin))
    return "takes a lock it may not take";
  // INV-1 again: what takes writes without a lease to rely on is stopped, whatever else is going on.
  const bool unguarded = writable(f) && (f.lease == Lease::kLost || f.lease == Lease::kFenceDue);
  if (unguarded && !f.paused && f.busy != Busy::kStopping && f.busy != Busy::kPreparingPromotion &&
      !f.bootstrap_failed && f.busy != Busy::kOther && !demotes) {
    return "lets an unguarded primary run";
  }
  if (f.busy == Busy::kPreparingPromotion && (f.lease == Lease::kLost || f.lease == Lease::kFenceDue) && !f.paused &&
      !f.bootstrap_failed && v != Verdict::kCancelAction) {
    return "goes on promoting without a lease";  // HA-076
  }
  // INV paused: nothing is started, stopped or promoted, unless a person asked for just that.
  if (f.paused && !f.shutdown && !f.bootstrap_failed &&
      is_one_of(v, {Verdict::kStartPrimary, Verdict::kStartStandby, Verdict::kDemoteImmediate, Verdict::kDemoteNoLock,
                    Verdict::kDemoteOffline, Verdict::kRewind, Verdict::kReinitialize, Verdict::kClone,
                    Verdict::kBootstrap, Verdict::kCrashRecovery})) {
    return "acts while paused";
  }
  if (f.paused && v == Verdict::kPromote && !f.promotion_awaited) return "promotes while paused, unasked";
  // INV data: nothing is overwritten unless somebody else leads; a new cluster is made only where there is none.
  if (is_one_of(v, {Verdict::kRewind, Verdict::kReinitialize, Verdict::kClone}) && f.lock != Lock::kOthers) {
    return "overwrites data although nobody else leads";
  }
  if (f.half_rewound && f.running == Running::kDown &&
      is_one_of(v, {Verdict::kStartPrimary, Verdict::kStartStandby, Verdict::kCrashRecovery})) {
    return "starts what a rewind left half done";
  }
  if (v == Verdict::kClone && f.directory != Directory::kEmpty) return "clones over data";
  if (v == Verdict::kBootstrap && (f.lock != Lock::kFree || f.identity != Identity::kUnset || !f.may_bootstrap ||
                                   f.directory != Directory::kEmpty)) {
    return "makes a second cluster";  // HA-087
  }
  if (v == Verdict::kWriteInitialize && f.lock == Lock::kFree && f.running == Running::kStandby) {
    return "a standby claims the identity";  // HA-107
  }
  // HA-287 ff.: without the store nothing is begun.
  if (f.lock == Lock::kUnknown && f.busy == Busy::kNo && !f.shutdown && !f.bootstrap_failed &&
      !is_one_of(v, {Verdict::kWait, Verdict::kAskFailsafe, Verdict::kDemoteOffline, Verdict::kDemoteNoLock})) {
    return "begins something without the store";
  }
  // HA-076, HA-078: one action at a time; only fences and the shutdown interrupt it.
  if (f.busy != Busy::kNo && !f.bootstrap_failed &&
      !is_one_of(v, {Verdict::kWait, Verdict::kCancelAction, Verdict::kDemoteNoLock, Verdict::kDemoteOffline,
                     Verdict::kExit})) {
    return "begins a second action";
  }
  // DESIGN 3: the renewer goes on only where the lock is to be kept.
  if (keeps_lease(f, v) &&
      is_one_of(v, {Verdict::kRelease, Verdict::kDemoteNoLock, Verdict::kDemoteOffline, Verdict::kExit})) {
    return "renews what it gives up";
  }
  if (keeps_lease(f, v) && f.lease != Lease::kHeld && f.lease != Lease::kFenceDue)
    return "renews what it does not have";
  return nullptr;
}

void check(const Facts& f, Counted& counted) {
  const Verdict v = judge(f);
  ++counted.rows;
  ++counted.seen.at(static_cast<std::size_t>(v));
  if (const char* what = broken(f, v)) {
    FAIL() << what << ": " << to_string(v) << " for " << describe(f);
  }
}

Facts facts_at(std::uint64_t row) {
  Facts f;
  f.lock = take<Lock>(row, 4);
  f.lease = take<Lease>(row, 4);
  f.running = take<Running>(row, 5);
  f.directory = take<Directory>(row, 4);
  f.identity = take<Identity>(row, 4);
  f.busy = take<Busy>(row, 6);
  f.paused = take<std::uint8_t>(row, 2) != 0;
  f.shutdown = take<std::uint8_t>(row, 2) != 0;
  f.request = take<Request>(row, 6);
  f.race = take<Race>(row, 4);
  f.remains = take<Remains>(row, 3);
  f.path = take<Path>(row, 6);
  f.failsafe = take<Failsafe>(row, 3);
  return f;
}

constexpr std::uint64_t kRows = 4ULL * 4 * 5 * 4 * 4 * 6 * 2 * 2 * 6 * 4 * 3 * 6 * 3;

std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// All combinations of the many-valued facts, each with flags that differ from row to row; and no verdict is dead.
TEST(Judge, KeepsTheInvariantsForEveryCombinationOfFacts) {
  Counted counted;
  for (std::uint64_t row = 0; row < kRows; ++row) {
    Facts f = facts_at(row);
    const std::uint64_t bits = mix(row + 1);
    set_flags(f, bits);
    f.bootstrap_failed = f.bootstrap_failed && (bits >> 40) % 16 == 0;  // it hides all other rows
    f.half_rewound = (bits >> 50) % 4 == 0;
    check(f, counted);
    if (testing::Test::HasFatalFailure()) return;
  }
  for (std::uint8_t v = 0; v < kVerdicts; ++v) {
    EXPECT_GT(counted.seen.at(v), 0u) << "never given: " << to_string(static_cast<Verdict>(v));
  }
}

// All combinations of all flags, for every combination of lock, lease and server with nothing else special.
TEST(Judge, KeepsTheInvariantsForEveryCombinationOfFlags) {
  Counted counted;
  for (std::uint64_t core = 0; core < 4 * 4 * 5; ++core) {
    for (std::uint64_t bits = 0; bits < (1ULL << kFlags); ++bits) {
      Facts f = facts_at(core);
      f.directory = Directory::kPresent;
      f.identity = Identity::kMatches;
      set_flags(f, bits);
      check(f, counted);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

Facts quiet(Lock lock, Running running) {
  Facts f;
  f.lock = lock;
  f.running = running;
  f.lease = lock == Lock::kMine ? Lease::kHeld : Lease::kNone;
  return f;
}

TEST(Judge, ReadsAsTheContractsTablesDo) {
  EXPECT_EQ(judge(quiet(Lock::kMine, Running::kPrimary)), Verdict::kLead);            // HA-131
  EXPECT_EQ(judge(quiet(Lock::kMine, Running::kStandby)), Verdict::kPromote);         // HA-134
  EXPECT_EQ(judge(quiet(Lock::kOthers, Running::kStandby)), Verdict::kFollow);        // HA-157 ff.
  EXPECT_EQ(judge(quiet(Lock::kOthers, Running::kPrimary)), Verdict::kDemoteNoLock);  // HA-151
  EXPECT_EQ(judge(quiet(Lock::kFree, Running::kPrimary)), Verdict::kDemoteNoLock);    // lost the race, HA-161
  EXPECT_EQ(judge(quiet(Lock::kUnknown, Running::kStandby)), Verdict::kWait);         // HA-288
}

TEST(Judge, AnUnreachableStoreIsSurvivedToTheEndOfTheLease) {  // HA-290, HA-291
  Facts f = quiet(Lock::kUnknown, Running::kPrimary);
  f.lease = Lease::kHeld;
  EXPECT_EQ(judge(f), Verdict::kWait);
  f.lease = Lease::kFenceDue;
  EXPECT_EQ(judge(f), Verdict::kDemoteOffline);
  f.paused = true;
  EXPECT_EQ(judge(f), Verdict::kWait);  // HA-278
}

TEST(Judge, FailsafeModeIsAskedBeforeTheLeaseEnds) {  // HA-289
  Facts f = quiet(Lock::kUnknown, Running::kPrimary);
  f.lease = Lease::kHeld;
  f.failsafe = Failsafe::kUnasked;
  EXPECT_EQ(judge(f), Verdict::kAskFailsafe);
  f.failsafe = Failsafe::kAsked;
  EXPECT_EQ(judge(f), Verdict::kWait);
}

TEST(Judge, ADefinitelyLostLockDemotesEvenInFailsafeMode) {  // HA-292
  Facts f = quiet(Lock::kOthers, Running::kPrimary);
  f.lease = Lease::kLost;
  f.failsafe = Failsafe::kUnasked;
  EXPECT_EQ(judge(f), Verdict::kDemoteNoLock);
}

TEST(Judge, ACrashedPrimaryWithTheLockIsStartedInPlace) {  // HA-110
  Facts f = quiet(Lock::kMine, Running::kDown);
  f.remains = Remains::kProvenPrimary;
  EXPECT_EQ(judge(f), Verdict::kStartPrimary);
  f.fail_over_at_once = true;  // HA-109
  EXPECT_EQ(judge(f), Verdict::kPollPeers);
  f.peers_known = true;
  f.failover_possible = true;
  EXPECT_EQ(judge(f), Verdict::kDemoteImmediate);
  f.failover_possible = false;  // HA-119
  EXPECT_EQ(judge(f), Verdict::kStartStandby);
}

TEST(Judge, ALockThatIsOursButNotOurLeaseIsRenewedFirst) {  // HA-123
  Facts f = quiet(Lock::kMine, Running::kPrimary);
  f.lease = Lease::kNone;
  EXPECT_EQ(judge(f), Verdict::kResumeLease);
}

TEST(Judge, ACrashedReplicaIsStartedAgainAtOnce) {  // HA-116
  EXPECT_EQ(judge(quiet(Lock::kOthers, Running::kDown)), Verdict::kStartStandby);
}

TEST(Judge, AFormerPrimaryIsRecoveredComparedAndRewound) {  // HA-113, HA-331, HA-333
  Facts f = quiet(Lock::kOthers, Running::kDown);
  f.remains = Remains::kDirty;
  f.crash_recovery = true;
  f.path = Path::kUnchecked;
  EXPECT_EQ(judge(f), Verdict::kCrashRecovery);
  f.crash_recovery = false;
  EXPECT_EQ(judge(f), Verdict::kCompare);
  f.path = Path::kRewind;
  EXPECT_EQ(judge(f), Verdict::kRewind);
  f.path = Path::kReinitialize;
  EXPECT_EQ(judge(f), Verdict::kReinitialize);
}

TEST(Judge, NobodyStartsBesideAPromotionButAStandbyTurnsToTheNewLeaderAtOnce) {  // HA-116, HA-331
  Facts down = quiet(Lock::kOthers, Running::kDown);
  down.path = Path::kTooEarly;
  EXPECT_EQ(judge(down), Verdict::kWait);
  Facts standby = quiet(Lock::kOthers, Running::kStandby);
  standby.path = Path::kTooEarly;
  EXPECT_EQ(judge(standby), Verdict::kFollow);
}

TEST(Judge, ASwitchoverThatIsPossibleDemotesOneThatIsNotIsCleared) {  // HA-205, HA-206
  Facts f = quiet(Lock::kMine, Running::kPrimary);
  f.request = Request::kNeedsPeers;
  EXPECT_EQ(judge(f), Verdict::kPollPeers);
  f.request = Request::kPossible;
  EXPECT_EQ(judge(f), Verdict::kDemoteGraceful);
  f.request = Request::kImpossible;
  EXPECT_EQ(judge(f), Verdict::kClearFailover);
  f.request = Request::kNotDue;
  EXPECT_EQ(judge(f), Verdict::kLead);
}

TEST(Judge, AForeignSystemIdentifierEndsTheAgentOrInPauseGivesTheLockBack) {  // HA-064, HA-279
  Facts f = quiet(Lock::kMine, Running::kPrimary);
  f.identity = Identity::kForeign;
  EXPECT_EQ(judge(f), Verdict::kExit);
  f.paused = true;
  EXPECT_EQ(judge(f), Verdict::kRelease);
}

TEST(Judge, ShutdownCancelsStopsAndEnds) {  // HA-308 ff.
  Facts f = quiet(Lock::kMine, Running::kPrimary);
  f.shutdown = true;
  f.busy = Busy::kOther;
  EXPECT_EQ(judge(f), Verdict::kCancelAction);
  f.busy = Busy::kNo;
  EXPECT_EQ(judge(f), Verdict::kShutDown);
  f.busy = Busy::kStopping;
  EXPECT_EQ(judge(f), Verdict::kWait);
  f.busy = Busy::kNo;
  f.shut_down = true;
  EXPECT_EQ(judge(f), Verdict::kExit);
}

}  // namespace
}  // namespace matriarch::policy
