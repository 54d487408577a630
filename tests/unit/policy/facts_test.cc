// What of the world becomes which fact.
#include "policy/facts.h"

#include <gtest/gtest.h>

#include "policy/decide.h"
#include "tests/unit/policy/worlds.h"

namespace matriarch::policy {
namespace {

Facts facts(const World& w, const Memory& m = {}) { return facts_of(w, m); }

TEST(FactsOf, Lock) {
  EXPECT_EQ(facts(leading()).lock, Lock::kMine);
  EXPECT_EQ(facts(following()).lock, Lock::kOthers);
  EXPECT_EQ(facts(standby()).lock, Lock::kFree);
  World w = leading();
  w.view.reset();
  EXPECT_EQ(facts(w).lock, Lock::kUnknown);
  w = leading();
  set_leader(w, "A");  // names of nodes are compared exactly
  EXPECT_EQ(facts(w).lock, Lock::kOthers);
}

TEST(FactsOf, AViewOlderThanTheLeaseCannotDenyIt) {
  World w = standby();
  hold_lease(w);
  w.lease.obtained_at = w.view_asked_at + 1ns;
  EXPECT_EQ(facts(w).lock, Lock::kMine);
  EXPECT_EQ(facts(w).lease, Lease::kHeld);
  set_leader(w, "b");
  EXPECT_EQ(facts(w).lock, Lock::kMine);
  w.lease.obtained_at = w.view_asked_at;
  EXPECT_EQ(facts(w).lock, Lock::kOthers);
  EXPECT_EQ(facts(w).lease, Lease::kLost);
}

TEST(FactsOf, Lease) {
  World w = leading();
  EXPECT_EQ(facts(w).lease, Lease::kHeld);
  w.now = w.lease.times.fence_at - 1ns;
  EXPECT_EQ(facts(w).lease, Lease::kHeld);
  w.now = w.lease.times.fence_at;
  EXPECT_EQ(facts(w).lease, Lease::kFenceDue);
  w.view.reset();
  EXPECT_EQ(facts(w).lease, Lease::kFenceDue);
  w.now = kNow;
  EXPECT_EQ(facts(w).lease, Lease::kHeld);  // an outage alone takes nothing away
  w.lease.status = LeaseState::Status::kLost;
  EXPECT_EQ(facts(w).lease, Lease::kLost);
  w.lease.status = LeaseState::Status::kNone;
  EXPECT_EQ(facts(w).lease, Lease::kNone);
}

TEST(FactsOf, AKeyThatExpiredInAnOutageIsTakenAgainWhileTheMembersWait) {  // HA-289, HA-296
  World w = leading();
  set_leader(w, "");
  w.lease.by_members = true;
  EXPECT_EQ(facts(w).lease, Lease::kHeld);
  EXPECT_EQ(decide(w, {}).decision.verdict, Verdict::kAcquire);
  w.now = w.lease.times.fence_at;
  EXPECT_EQ(facts(w).lease, Lease::kFenceDue);
  w.now = kNow;
  set_leader(w, "b");
  EXPECT_EQ(facts(w).lease, Lease::kLost);
}

TEST(FactsOf, AStandbyWhoseLostLockIsSeenInItsNameMayResumeIt) {
  World w = standby();
  set_leader(w, "a");
  w.lease = {.status = LeaseState::Status::kLost, .lost_at = w.view_asked_at};
  EXPECT_EQ(facts(w).lease, Lease::kLost) << "the view may be older than the loss";
  w.lease.lost_at = w.view_asked_at - 1ns;
  EXPECT_EQ(facts(w).lease, Lease::kNone);
  make_primary(w);
  EXPECT_EQ(facts(w).lease, Lease::kLost) << "a primary stops first";
  make_primary(w);
  w.server.in_recovery = true;
  set_leader(w, "b");
  EXPECT_EQ(facts(w).lease, Lease::kLost);
}

TEST(FactsOf, ALeaseIsLostWhenTheViewShowsAnotherLeaderOrNone) {  // DCS-157
  World w = leading();
  set_leader(w, "b");
  EXPECT_EQ(facts(w).lease, Lease::kLost);
  set_leader(w, "");
  EXPECT_EQ(facts(w).lease, Lease::kLost);
}

TEST(FactsOf, Running) {
  World w = following();
  EXPECT_EQ(facts(w).running, Running::kStandby);
  w.server.queried = false;
  EXPECT_EQ(facts(w).running, Running::kStandby);
  EXPECT_FALSE(facts(w).answering);
  EXPECT_EQ(facts(w, {.role = Role::kPrimary}).running, Running::kPrimary);  // HA-014: what it was last
  w.server.recovery_configured = false;
  EXPECT_EQ(facts(w).running, Running::kPrimary);  // nothing keeps it from taking writes
  w.server.readiness = Readiness::kRejecting;
  EXPECT_EQ(facts(w).running, Running::kStartingPrimary);
  w.server.recovery_configured = true;
  EXPECT_EQ(facts(w).running, Running::kStarting);
  stop_server(w);
  EXPECT_EQ(facts(w).running, Running::kDown);
  EXPECT_EQ(facts(leading()).running, Running::kPrimary);
}

TEST(FactsOf, DirectoryAndIdentity) {
  World w = following();
  EXPECT_EQ(facts(w).directory, Directory::kPresent);
  EXPECT_EQ(facts(w).identity, Identity::kMatches);
  w.system_id = "";  // HA-063
  EXPECT_EQ(facts(w).directory, Directory::kUnreadable);
  EXPECT_EQ(facts(w).identity, Identity::kMatches);
  w.system_id = "7309999999999999999";  // HA-064
  EXPECT_EQ(facts(w).identity, Identity::kForeign);
  w.server.directory = DataDirectory::kEmpty;
  EXPECT_EQ(facts(w).directory, Directory::kEmpty);
  EXPECT_EQ(facts(w).identity, Identity::kMatches);  // nothing there that could be foreign
  w.server.directory = DataDirectory::kInaccessible;
  EXPECT_EQ(facts(w).directory, Directory::kInaccessible);
  edit(w, [](ClusterView& v) { v.initialize = ""; });
  EXPECT_EQ(facts(w).identity, Identity::kBeingMade);  // HA-091
  edit(w, [](ClusterView& v) { v.initialize = "nonsense"; });
  EXPECT_EQ(facts(w).identity, Identity::kUnset);
  edit(w, [](ClusterView& v) { v.initialize.reset(); });
  EXPECT_EQ(facts(w).identity, Identity::kUnset);
}

TEST(FactsOf, Busy) {
  const auto busy = [](ActionKind kind, bool promoting = false, bool leads = false) {
    World w = leading();
    w.action = {.kind = kind, .promoting = promoting, .leading = leads};
    return facts(w).busy;
  };
  EXPECT_EQ(busy(ActionKind::kNone), Busy::kNo);
  EXPECT_EQ(busy(ActionKind::kPromote), Busy::kPreparingPromotion);
  EXPECT_EQ(busy(ActionKind::kPromote, true), Busy::kPromoting);
  EXPECT_EQ(busy(ActionKind::kStartPrimary), Busy::kLeading);
  EXPECT_EQ(busy(ActionKind::kRestart), Busy::kOther);
  EXPECT_EQ(busy(ActionKind::kRestart, false, true), Busy::kLeading);
  EXPECT_EQ(busy(ActionKind::kDemote), Busy::kStopping);
  EXPECT_EQ(busy(ActionKind::kShutDown), Busy::kStopping);
  for (const auto kind :
       {ActionKind::kBootstrap, ActionKind::kClone, ActionKind::kReinitialize, ActionKind::kStartStandby,
        ActionKind::kCrashRecovery, ActionKind::kRewind, ActionKind::kFollow}) {
    EXPECT_EQ(busy(kind), Busy::kOther) << static_cast<int>(kind);
  }
}

TEST(FactsOf, Remains) {  // HA-110
  World w = leading();
  stop_server(w);
  const Memory crashed{.role = Role::kPrimary, .state = PgState::kCrashed};
  EXPECT_EQ(facts(w, crashed).remains, Remains::kProvenPrimary);
  w.server.control.state = ControlState::kShutDown;
  EXPECT_EQ(facts(w, crashed).remains, Remains::kProvenPrimary);
  EXPECT_EQ(facts(w, {.role = Role::kPrimary, .state = PgState::kStopped}).remains, Remains::kClean);
  w.server.control.state = ControlState::kInArchiveRecovery;
  EXPECT_EQ(facts(w, crashed).remains, Remains::kClean);
  for (const auto state : {ControlState::kInProduction, ControlState::kShuttingDown, ControlState::kInCrashRecovery}) {
    w.server.control.state = state;
    EXPECT_EQ(facts(w, crashed).remains, Remains::kProvenPrimary);
    EXPECT_EQ(facts(w, {.role = Role::kDemoted, .state = PgState::kCrashed}).remains, Remains::kDirty);
    EXPECT_EQ(facts(w, {.role = Role::kReplica, .state = PgState::kCrashed}).remains, Remains::kDirty);
  }
  w.server.recovery_configured = true;
  EXPECT_EQ(facts(w, crashed).remains, Remains::kDirty);
}

TEST(FactsOf, CrashRecovery) {  // HA-112, HA-113, HA-120
  World w = following();
  stop_server(w);
  w.server.control.state = ControlState::kInProduction;
  EXPECT_FALSE(facts(w).crash_recovery);  // nothing could be done with its result
  w.can_rewind = true;
  EXPECT_TRUE(facts(w).crash_recovery);
  w.can_rewind = false;
  w.settings.remove_data_on_diverged_timelines = true;
  EXPECT_TRUE(facts(w).crash_recovery);
  EXPECT_FALSE(facts(w, {.crash_recovery_tried = true}).crash_recovery);
  w.server.backup_label = true;
  EXPECT_FALSE(facts(w).crash_recovery);
  w.server.major_version = 140000;
  EXPECT_FALSE(facts(w).crash_recovery);
  w.server.backup_label = false;
  EXPECT_TRUE(facts(w).crash_recovery);
  w.server.control.state = ControlState::kShutDown;
  EXPECT_FALSE(facts(w).crash_recovery);
  w.server.control.state = ControlState::kInCrashRecovery;
  w.settings.remove_data_on_diverged_timelines = false;
  set_leader(w, "");
  EXPECT_TRUE(facts(w).crash_recovery);  // unlocked
  set_leader(w, "a");
  EXPECT_FALSE(facts(w).crash_recovery);
}

TEST(FactsOf, Failsafe) {  // HA-289, HA-294
  World w = leading();
  EXPECT_EQ(facts(w).failsafe, Failsafe::kOff);
  w.settings.failsafe_mode = true;
  EXPECT_EQ(facts(w).failsafe, Failsafe::kOff);  // /failsafe was never read: nobody can be asked
  w.known_failsafe = Value::Map();
  EXPECT_EQ(facts(w).failsafe, Failsafe::kUnasked);
  w.failsafe_asked = true;
  EXPECT_EQ(facts(w).failsafe, Failsafe::kAsked);
  w.settings.failsafe_mode = false;
  EXPECT_EQ(facts(w).failsafe, Failsafe::kOff);
}

TEST(FactsOf, Flags) {
  World w = leading();
  EXPECT_FALSE(facts(w).config_missing);
  edit(w, [](ClusterView& v) { v.config->data = Value::Map(); });
  EXPECT_TRUE(facts(w).config_missing);  // HA-055
  edit(w, [](ClusterView& v) { v.config.reset(); });
  EXPECT_TRUE(facts(w).config_missing);

  w = leading();
  const Memory starting{.state = PgState::kStarting, .state_since = kNow - 300s};
  EXPECT_TRUE(facts(w, starting).start_overdue);  // HA-083
  EXPECT_FALSE(facts(w, {.state = PgState::kStarting, .state_since = kNow - 299s}).start_overdue);
  EXPECT_FALSE(facts(w, {.state = PgState::kRunning, .state_since = kNow - 900s}).start_overdue);
  EXPECT_FALSE(facts(w).fail_over_at_once);
  w.settings.primary_start_timeout = 0s;
  EXPECT_TRUE(facts(w).fail_over_at_once);  // HA-109

  w = standby();
  EXPECT_FALSE(facts(w).may_bootstrap);
  w.has_bootstrap_section = true;
  EXPECT_TRUE(facts(w).may_bootstrap);
  w.tags = tags({{"nofailover", true}});
  EXPECT_FALSE(facts(w).may_bootstrap);  // HA-087

  w = following();
  EXPECT_TRUE(facts(w).clone_source);
  edit(w, [](ClusterView& v) { member_of(v, "b").data.conn_url.clear(); });
  EXPECT_FALSE(facts(w).clone_source);
  EXPECT_FALSE(facts(leading()).clone_source);

  w = standby();
  request(w, "", "a");
  EXPECT_FALSE(facts(w).promotion_awaited);
  w.settings.paused = true;
  EXPECT_TRUE(facts(w).promotion_awaited);  // HA-121

  w = leading();
  w.finished = FinishedAction{.kind = ActionKind::kShutDown, .ok = true};
  EXPECT_FALSE(facts(w).shut_down);
  w.shutdown_requested = true;
  EXPECT_TRUE(facts(w).shut_down);
  w.finished = FinishedAction{.kind = ActionKind::kBootstrap};
  EXPECT_TRUE(facts(w).bootstrap_failed);  // HA-099
  w.finished->cancelled = true;
  EXPECT_FALSE(facts(w).bootstrap_failed);
}

TEST(Describe, NamesWhatIsNotOrdinary) {
  EXPECT_EQ(describe(facts(leading())), "lock=mine lease=held server=primary");
  World w = standby();
  w.settings.paused = true;
  w.server.directory = DataDirectory::kEmpty;
  stop_server(w);
  EXPECT_EQ(describe(facts(w)), "lock=free lease=none server=down directory=empty race=may-not paused not-answering");
}

}  // namespace
}  // namespace matriarch::policy
