// State, role and the rest of what is remembered (HA sections 1 and 3.1).
#include "policy/bookkeeping.h"

#include <gtest/gtest.h>

#include "tests/unit/policy/worlds.h"

namespace matriarch::policy {
namespace {

World doing(World w, ActionKind kind) {
  w.action = {.kind = kind, .name = "an action", .since = w.now};
  return w;
}

World down(World w) {
  stop_server(w);
  return w;
}

World after(World w, ActionKind kind, bool ok, bool cancelled = false) {
  w.finished = FinishedAction{.kind = kind, .ok = ok, .cancelled = cancelled};
  return w;
}

World accepting(World w, Readiness readiness) {
  w.server.readiness = readiness;
  w.server.queried = readiness == Readiness::kAccepting;
  return w;
}

TEST(Bookkeeping, States) {
  struct Row {
    const char* what;
    World world;
    PgState before;
    PgState expected;
  };
  const std::vector<Row> rows = {
      {"runs", following(), PgState::kStopped, PgState::kRunning},
      {"still starting", accepting(following(), Readiness::kRejecting), PgState::kStopped, PgState::kStarting},
      {"no answer while the postmaster lives", accepting(following(), Readiness::kNoResponse), PgState::kRunning,
       PgState::kStarting},
      {"HA-066 gone while running", down(following()), PgState::kRunning, PgState::kCrashed},
      {"HA-066 gone while starting", down(following()), PgState::kStarting, PgState::kCrashed},
      {"crashed it stays", down(following()), PgState::kCrashed, PgState::kCrashed},
      {"stopped", down(following()), PgState::kStopping, PgState::kStopped},
      {"stopped it stays", down(following()), PgState::kStopped, PgState::kStopped},
      {"HA-061 a start failed", after(down(following()), ActionKind::kStartStandby, false), PgState::kStarting,
       PgState::kStartFailed},
      {"a restart failed", after(down(leading()), ActionKind::kRestart, false), PgState::kRestarting,
       PgState::kStartFailed},
      {"that is remembered", down(following()), PgState::kStartFailed, PgState::kStartFailed},
      {"a cancelled start did not fail", after(down(following()), ActionKind::kStartStandby, false, true),
       PgState::kStopped, PgState::kStopped},
      {"a failed rewind is no failed start", after(down(following()), ActionKind::kRewind, false), PgState::kStopped,
       PgState::kStopped},
      {"a demotion, server still alive", doing(leading(), ActionKind::kDemote), PgState::kRunning, PgState::kStopping},
      {"a demotion, server gone", doing(down(leading()), ActionKind::kDemote), PgState::kStopping, PgState::kStopped},
      {"shutting down", doing(following(), ActionKind::kShutDown), PgState::kRunning, PgState::kStopping},
      {"a bootstrap", doing(down(standby()), ActionKind::kBootstrap), PgState::kStopped, PgState::kInitializing},
      {"a clone", doing(down(standby()), ActionKind::kClone), PgState::kStopped, PgState::kCreatingReplica},
      {"a reinitialization", doing(down(standby()), ActionKind::kReinitialize), PgState::kRunning,
       PgState::kCreatingReplica},
      {"a restart", doing(down(leading()), ActionKind::kRestart), PgState::kRunning, PgState::kRestarting},
      {"a promotion changes nothing", doing(leading(), ActionKind::kPromote), PgState::kRunning, PgState::kRunning},
  };
  for (const Row& row : rows) EXPECT_EQ(state_of(row.world, {.state = row.before}), row.expected) << row.what;
}

TEST(Bookkeeping, Roles) {
  struct Row {
    const char* what;
    std::function<World()> world;
    Role before;
    Role expected;
  };
  const std::vector<Row> rows = {
      {"a standby", following, Role::kUninitialized, Role::kReplica},
      {"a primary", leading, Role::kReplica, Role::kPrimary},
      {"a primary without the lock is one all the same",
       [] {
         World w = leading();
         set_leader(w, "b");
         return w;
       },
       Role::kPrimary, Role::kPrimary},
      {"PG-021 promoted, not yet in production by pg_control",
       [] {
         World w = doing(leading(), ActionKind::kPromote);
         w.action.promoting = true;
         return w;
       },
       Role::kReplica, Role::kPromoted},
      {"a standby cluster's leader",
       [] {
         World w = following();
         set_leader(w, "a");
         w.settings.standby_cluster = true;
         return w;
       },
       Role::kReplica, Role::kStandbyLeader},
      {"HA-230 demoted while it is stopped", [] { return doing(leading(), ActionKind::kDemote); }, Role::kPrimary,
       Role::kDemoted},
      {"a replica that is shut down stays one", [] { return doing(following(), ActionKind::kShutDown); },
       Role::kReplica, Role::kReplica},
      {"HA-062 no data",
       [] {
         World w = down(following());
         w.server.directory = DataDirectory::kEmpty;
         return w;
       },
       Role::kReplica, Role::kUninitialized},
      {"no data, but the server still runs",
       [] {
         World w = leading();
         w.server.directory = DataDirectory::kInaccessible;
         return w;
       },
       Role::kPrimary, Role::kPrimary},
      {"a crashed primary is still one", [] { return down(leading()); }, Role::kPrimary, Role::kPrimary},
      {"a primary's directory of which nothing is known", [] { return down(leading()); }, Role::kUninitialized,
       Role::kDemoted},  // HA-046
      {"demoted it stays, while down", [] { return down(leading()); }, Role::kDemoted, Role::kDemoted},
      {"down with recovery settings", [] { return down(following()); }, Role::kPrimary, Role::kReplica},
      {"starting, never seen before", [] { return accepting(following(), Readiness::kRejecting); },
       Role::kUninitialized, Role::kReplica},
      {"not answering: what it was",
       [] {
         World w = leading();
         w.server.queried = false;
         return w;
       },
       Role::kPrimary, Role::kPrimary},
  };
  for (const Row& row : rows) EXPECT_EQ(role_of(row.world(), {.role = row.before}), row.expected) << row.what;
}

TEST(Bookkeeping, TheTimeOfTheLastChangeOfState) {
  World w = following();
  Memory m = remember(w, {});
  EXPECT_EQ(m.state_since, kNow);
  w.now += 5s;
  m = remember(w, m);
  EXPECT_EQ(m.state_since, kNow);
  stop_server(w);
  m = remember(w, m);
  EXPECT_EQ(m.state, PgState::kCrashed);
  EXPECT_EQ(m.state_since, kNow + 5s);
}

TEST(Bookkeeping, TheLastViewWithALeaderIsKept) {  // HA section 1, HA-180
  const World locked = following();
  World unlocked = locked;
  set_leader(unlocked, "");
  Memory m = remember(unlocked, {});
  EXPECT_EQ(m.led_view, unlocked.view);  // the first one, for want of a better
  m = remember(locked, m);
  EXPECT_EQ(m.led_view, locked.view);
  m = remember(unlocked, m);
  EXPECT_EQ(m.led_view, locked.view);
  World blind = locked;
  blind.view.reset();
  EXPECT_EQ(remember(blind, m).led_view, locked.view);
}

TEST(Bookkeeping, TheBackoffBeginsWithTheFirstUnlockedCycle) {  // HA-163
  World w = standby();
  w.server.replication_state = "streaming";
  Memory m = remember(w, {});
  EXPECT_EQ(m.race_backoff_since, kNow);
  EXPECT_FALSE(m.position_moved);  // nothing to compare with
  w.now += 3s;
  w.server.receive_lsn.value += 8;
  m = remember(w, m);
  EXPECT_EQ(m.race_backoff_since, kNow);
  EXPECT_TRUE(m.position_moved);
  EXPECT_FALSE(remember(w, m).position_moved);
  World blind = w;
  blind.view.reset();
  EXPECT_EQ(remember(blind, m).race_backoff_since, kNow);
  set_leader(w, "b");
  EXPECT_FALSE(remember(w, m).race_backoff_since.has_value());
}

TEST(Bookkeeping, EndsOfActions) {
  EXPECT_TRUE(remember(after(down(leading()), ActionKind::kStartPrimary, false), {}).start_failed);  // HA-059
  EXPECT_FALSE(remember(after(following(), ActionKind::kStartStandby, false), {}).start_failed);  // it runs after all
  EXPECT_FALSE(remember(after(following(), ActionKind::kStartStandby, true), {.start_failed = true}).start_failed);
  EXPECT_TRUE(remember(down(leading()), {.start_failed = true}).start_failed);

  EXPECT_TRUE(remember(after(down(leading()), ActionKind::kCrashRecovery, false), {}).crash_recovery_tried);  // HA-120
  EXPECT_FALSE(remember(following(), {.crash_recovery_tried = true}).crash_recovery_tried);
  EXPECT_TRUE(remember(down(following()), {.crash_recovery_tried = true}).crash_recovery_tried);

  World vetoed = after(following(), ActionKind::kPromote, false);
  vetoed.finished->vetoed = true;
  EXPECT_EQ(remember(vetoed, {}).promotion_vetoed_at, kNow);  // HA-130
  EXPECT_FALSE(remember(after(following(), ActionKind::kPromote, false), {}).promotion_vetoed_at.has_value());

  EXPECT_TRUE(remember(leading(), {}).led);
  EXPECT_FALSE(remember(after(following(), ActionKind::kStartStandby, true), {.led = true}).led);  // HA-325
  EXPECT_TRUE(remember(down(following()), {.led = true}).led);
}

TEST(Bookkeeping, TheEndOfAPauseForgetsWhatWasKnownOfDivergence) {  // HA-052
  World w = following();
  EXPECT_EQ(remember(w, {.was_paused = true, .rewind = RewindState::kFailed}).rewind, RewindState::kInitial);
  EXPECT_EQ(remember(w, {.rewind = RewindState::kFailed}).rewind, RewindState::kFailed);
  w.settings.paused = true;
  const Memory m = remember(w, {.was_paused = true, .rewind = RewindState::kFailed});
  EXPECT_EQ(m.rewind, RewindState::kFailed);
  EXPECT_TRUE(m.was_paused);
}

TEST(Bookkeeping, TheFollowedTimelineIsTheOneThatWasSettled) {  // HA-159
  World w = following();
  edit(w, [](ClusterView& v) { member_of(v, "b").data.timeline = 7; });
  EXPECT_EQ(remember(w, {}).followed_timeline, 7u);  // streams
  w.server.replication_state.clear();
  EXPECT_EQ(remember(w, {.followed_timeline = 3}).followed_timeline, 3u);
  w.divergence = Divergence{.local_timeline = 7, .leader_timeline = 7};
  EXPECT_EQ(remember(w, {.rewind = RewindState::kCheck, .followed_timeline = 3}).followed_timeline, 7u);  // compared
}

}  // namespace
}  // namespace matriarch::policy
