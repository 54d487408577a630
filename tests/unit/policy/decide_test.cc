// Whole decisions: reasons, parameters, and what is remembered over several cycles.
#include "policy/decide.h"

#include <gtest/gtest.h>

#include "tests/unit/policy/worlds.h"

namespace matriarch::policy {
namespace {

// Cycles of one node: the memory flows from decision to decision, time passes.
struct Node {
  World world;
  Memory memory;

  Decision cycle(Duration later = 0s) {
    world.now += later;
    Decided decided = decide(world, memory);
    memory = decided.memory;
    return decided.decision;
  }
  // The action that was begun, or its end.
  void begin(ActionKind kind) {
    world.action = {.kind = kind, .name = "an action", .since = world.now};
    world.finished.reset();
  }
  Decision end(bool ok, bool vetoed = false) {
    world.finished = FinishedAction{.kind = world.action.kind, .ok = ok, .vetoed = vetoed};
    world.action = {};
    const Decision d = cycle();
    world.finished.reset();
    return d;
  }
};

TEST(Cycles, ACrashedPrimaryIsStartedInPlaceAndIfThatFailsGivesTheLockAway) {  // HA-110, HA-061
  Node n{.world = leading()};
  EXPECT_EQ(n.cycle().verdict, Verdict::kLead);
  stop_server(n.world);
  Decision d = n.cycle(1s);
  EXPECT_EQ(n.memory.state, PgState::kCrashed);  // HA-066
  EXPECT_EQ(d.verdict, Verdict::kStartPrimary);
  EXPECT_TRUE(d.keep_lease);
  n.begin(ActionKind::kStartPrimary);
  d = n.cycle(1s);
  EXPECT_EQ(d.verdict, Verdict::kWait);
  EXPECT_TRUE(d.keep_lease);
  d = n.end(false);
  EXPECT_EQ(d.verdict, Verdict::kRelease);
  EXPECT_EQ(d.reason, "removed leader key after trying and failing to start postgres");
  EXPECT_FALSE(d.keep_lease);
  EXPECT_EQ(n.memory.state, PgState::kStartFailed);
  n.world.lease = {};
  set_leader(n.world, "");
  EXPECT_EQ(n.cycle(1s).verdict, Verdict::kCrashRecovery);  // HA-113: dirty, and nobody leads
  set_leader(n.world, "b");
  EXPECT_EQ(n.cycle(1s).verdict, Verdict::kStartStandby);
}

TEST(Cycles, ACrashedPrimaryThatComesBackLeadsOnTheSameTimeline) {  // HA-110
  Node n{.world = leading()};
  n.cycle();
  const World running = n.world;
  stop_server(n.world);
  EXPECT_EQ(n.cycle(1s).verdict, Verdict::kStartPrimary);
  n.begin(ActionKind::kStartPrimary);
  n.world.server = running.server;
  EXPECT_EQ(n.end(true).verdict, Verdict::kLead);
  EXPECT_EQ(n.memory.role, Role::kPrimary);
  EXPECT_EQ(n.memory.state, PgState::kRunning);
}

TEST(Cycles, AFailedStartOfAStandbyIsToldOnceAndTriedAgain) {  // HA-061
  Node n{.world = following()};
  n.cycle();
  stop_server(n.world);
  EXPECT_EQ(n.cycle().verdict, Verdict::kStartStandby);
  n.begin(ActionKind::kStartStandby);
  Decision d = n.end(false);
  EXPECT_EQ(d.verdict, Verdict::kWait);
  EXPECT_EQ(d.reason, "failed to start postgres");
  EXPECT_EQ(n.cycle(10s).verdict, Verdict::kStartStandby);
}

TEST(Cycles, TheRaceIsWonAndThePromotionLed) {  // HA-164, HA-134, HA-131
  Node n{.world = standby()};
  Decision d = n.cycle();
  EXPECT_EQ(d.verdict, Verdict::kPollPeers);
  EXPECT_EQ(d.ask.size(), 2u);
  n.world.peers = {peer("b"), peer("c")};
  d = n.cycle();
  EXPECT_EQ(d.verdict, Verdict::kAcquire);
  EXPECT_EQ(d.text, "{}");  // HA-165
  EXPECT_FALSE(d.keep_lease);
  hold_lease(n.world);
  n.world.lease.obtained_at = n.world.now;  // the view is older
  n.world.peers.reset();
  d = n.cycle();
  EXPECT_EQ(d.verdict, Verdict::kPromote);
  EXPECT_TRUE(d.keep_lease);
  n.begin(ActionKind::kPromote);
  set_leader(n.world, "a");
  d = n.cycle(1s);
  EXPECT_EQ(d.verdict, Verdict::kWait);
  EXPECT_TRUE(d.keep_lease);
  make_primary(n.world);
  n.world.action.promoting = true;
  n.cycle();
  EXPECT_EQ(n.memory.role, Role::kPromoted);  // PG-021
  d = n.end(true);
  EXPECT_EQ(d.verdict, Verdict::kLead);
  EXPECT_EQ(d.reason, "no action. I am (a), the leader with the lock");
  EXPECT_TRUE(n.memory.led);
}

TEST(Cycles, TheFormerLeaderIsNamedToBeFencedUntilThisNodeLeads) {  // DESIGN 3
  Node n{.world = following()};
  EXPECT_FALSE(n.cycle().suspect);
  set_leader(n.world, "");
  n.world.server.replication_state.clear();
  Decision d = n.cycle(1s);
  ASSERT_EQ(d.verdict, Verdict::kPollPeers);
  ASSERT_TRUE(d.suspect);
  EXPECT_EQ(d.suspect->member, "b");
  EXPECT_EQ(d.suspect->address.host, "b");
  n.world.peers = std::vector<PeerStatus>{dead_peer("b"), peer("c")};
  EXPECT_EQ(n.cycle().verdict, Verdict::kAcquire);

  set_leader(n.world, "a");
  hold_lease(n.world);
  Node paused = n;
  d = n.cycle();
  ASSERT_EQ(d.verdict, Verdict::kPromote);
  ASSERT_TRUE(d.suspect) << "the lock in my name does not say who else writes";
  EXPECT_EQ(d.suspect->member, "b");
  paused.world.settings.paused = true;
  EXPECT_FALSE(paused.cycle().suspect) << "in a pause nothing is stopped";

  make_primary(n.world);
  EXPECT_EQ(n.cycle().verdict, Verdict::kLead);
  stop_server(n.world);
  n.cycle();
  EXPECT_FALSE(n.memory.former_leader) << "after leading, an old story";
}

TEST(Cycles, APromotionThatLosesItsLeaseIsCancelledOrTheServerStopped) {  // HA-076, HA-077
  Node n{.world = standby()};
  set_leader(n.world, "a");
  hold_lease(n.world);
  EXPECT_EQ(n.cycle().verdict, Verdict::kPromote);
  n.begin(ActionKind::kPromote);
  n.world.lease.status = LeaseState::Status::kLost;
  EXPECT_EQ(n.cycle().verdict, Verdict::kCancelAction);
  n.world.action.promoting = true;
  const Decision d = n.cycle();
  EXPECT_EQ(d.verdict, Verdict::kDemoteNoLock);
  EXPECT_EQ(d.kill_at, n.world.now);
  EXPECT_NE(d.reason.find("lost leader lock during"), d.reason.npos);
}

TEST(Cycles, AVetoedPromotionGivesTheLockBackAndStaysOut) {  // HA-130, HA-168
  Node n{.world = standby()};
  set_leader(n.world, "a");
  hold_lease(n.world);
  n.cycle();
  n.begin(ActionKind::kPromote);
  Decision d = n.end(false, true);
  EXPECT_EQ(d.verdict, Verdict::kRelease);
  EXPECT_EQ(d.reason, "promotion cancelled: pre_promote failed");
  n.world.lease = {};
  set_leader(n.world, "");
  n.world.peers = {peer("b"), peer("c")};
  d = n.cycle(29s);
  EXPECT_EQ(d.verdict, Verdict::kWait);
  EXPECT_EQ(d.reason, "pre_promote refused the promotion of this node");
  EXPECT_EQ(n.cycle(1s).verdict, Verdict::kAcquire);
}

TEST(Cycles, AnOutageIsServedToTheFenceAndNoFurther) {  // HA-290, HA-291, B2
  Node n{.world = leading()};
  n.cycle();
  n.world.view.reset();
  Decision d = n.cycle(1s);
  EXPECT_EQ(d.verdict, Verdict::kWait);
  EXPECT_TRUE(d.keep_lease);
  EXPECT_EQ(d.reason, "DCS is not accessible, serving until the lease ends");
  EXPECT_EQ(d.revisit_at, n.world.lease.times.fence_at);
  n.world.now = d.revisit_at - 1ns;
  EXPECT_EQ(n.cycle().verdict, Verdict::kWait);
  d = n.cycle(1ns);
  EXPECT_EQ(d.verdict, Verdict::kDemoteOffline);
  EXPECT_EQ(d.kill_at, n.world.lease.times.kill_at);
  EXPECT_FALSE(d.keep_lease);
  EXPECT_EQ(d.revisit_at, Instant::max());
}

TEST(Cycles, FailsafeModeProlongsAnOutage) {  // HA-289
  Node n{.world = leading()};
  n.world.settings.failsafe_mode = true;
  n.world.known_failsafe = Value::Map();
  n.cycle();
  n.world.view.reset();
  EXPECT_EQ(n.cycle(1s).verdict, Verdict::kAskFailsafe);
  n.world.failsafe_asked = true;
  EXPECT_EQ(n.cycle().verdict, Verdict::kWait);
  n.world.now = n.world.lease.times.fence_at;
  EXPECT_EQ(n.cycle().verdict, Verdict::kDemoteOffline);  // asked, and somebody refused
}

TEST(Cycles, AFormerPrimaryIsRecoveredComparedRewoundAndStarted) {  // HA-113, HA-331, HA-333
  Node n{.world = following(), .memory = {.role = Role::kPrimary, .state = PgState::kStopped}};
  make_primary(n.world);
  stop_server(n.world);
  n.world.server.replication_state.clear();
  n.world.can_rewind = true;
  edit(n.world, [](ClusterView& v) { member_of(v, "b").data.timeline = 2; });
  EXPECT_EQ(n.cycle().verdict, Verdict::kCrashRecovery);
  n.begin(ActionKind::kCrashRecovery);
  n.world.server.control.state = ControlState::kShutDown;
  Decision d = n.end(true);
  EXPECT_EQ(d.verdict, Verdict::kCompare);
  ASSERT_TRUE(d.source.has_value());
  EXPECT_EQ(d.source->name, "b");
  n.world.divergence = Divergence{.local_timeline = 1,
                                  .local_lsn = kEnd,
                                  .was_primary = true,
                                  .leader_timeline = 2,
                                  .leader_history = {{.timeline = 1, .switch_lsn = Lsn{0x3000000}}}};
  d = n.cycle();
  EXPECT_EQ(d.verdict, Verdict::kRewind);
  EXPECT_EQ(d.reason, "running pg_rewind from b");
  EXPECT_EQ(d.source->name, "b");
  n.world.divergence.reset();
  n.begin(ActionKind::kRewind);
  d = n.end(true);
  EXPECT_EQ(d.verdict, Verdict::kStartStandby);
  ASSERT_TRUE(d.target && d.target->upstream);
  EXPECT_EQ(d.target->upstream->member, "b");
}

TEST(Cycles, ARewindThatCanNeverSucceedEndsInAWordToTheOperatorOrAnewCopy) {  // HA-335
  Node n{.world = following(), .memory = {.rewind = RewindState::kNeeded}};
  stop_server(n.world);
  n.world.server.replication_state.clear();
  n.world.can_rewind = true;
  EXPECT_EQ(n.cycle().verdict, Verdict::kRewind);
  n.begin(ActionKind::kRewind);
  const Decision d = n.end(false, true);
  EXPECT_EQ(d.verdict, Verdict::kWait);
  EXPECT_NE(d.reason.find("use reinit"), d.reason.npos);
  n.world.settings.remove_data_on_rewind_failure = true;
  EXPECT_EQ(n.cycle().verdict, Verdict::kReinitialize);
}

TEST(Cycles, ACrashRecoveryIsTriedOnceUntilAStartSucceeds) {  // HA-120
  Node n{.world = standby(), .memory = {.role = Role::kPrimary}};
  make_primary(n.world);
  const World running = n.world;
  stop_server(n.world);
  EXPECT_EQ(n.cycle().verdict, Verdict::kCrashRecovery);
  n.begin(ActionKind::kCrashRecovery);
  EXPECT_NE(n.end(false).verdict, Verdict::kCrashRecovery);
  EXPECT_NE(n.cycle(10s).verdict, Verdict::kCrashRecovery);
  n.world.server = running.server;
  n.cycle();
  stop_server(n.world);
  EXPECT_EQ(n.cycle().verdict, Verdict::kCrashRecovery);
}

TEST(Cycles, AStartThatTakesTooLongFailsOver) {  // HA-083, HA-084
  Node n{.world = leading()};
  n.world.server.readiness = Readiness::kRejecting;
  n.world.server.queried = false;
  Decision d = n.cycle();
  EXPECT_EQ(d.verdict, Verdict::kWait);
  EXPECT_EQ(d.reason, "postgres is still starting");
  const Instant overdue = n.world.now + 300s;
  n.world.lease.times = lease_times(n.world.now + 290s, 30s, 30s);
  EXPECT_EQ(n.cycle().revisit_at, overdue);
  n.world.now = overdue;
  EXPECT_EQ(n.cycle().verdict, Verdict::kPollPeers);
  n.world.peers = {dead_peer("b"), dead_peer("c")};
  EXPECT_EQ(n.cycle().verdict, Verdict::kWait);  // nobody could take over: better late than never
  n.world.peers = {peer("b"), dead_peer("c")};
  d = n.cycle();
  EXPECT_EQ(d.verdict, Verdict::kDemoteImmediate);
  EXPECT_EQ(d.reason, "demoting self because postgres did not start in time");
}

TEST(Cycles, ThePostponedRaceIsLookedAtAgainInTime) {  // HA-163, HA-007
  Node n{.world = standby()};
  n.world.settings.primary_race_backoff = 60s;
  n.world.server.replication_state = "streaming";
  set_leader(n.world, "b");
  n.cycle();
  set_leader(n.world, "");
  Decision d = n.cycle(5s);
  EXPECT_EQ(d.verdict, Verdict::kWait);
  EXPECT_NE(d.reason.find("wal position moved since last heart beat loop"), d.reason.npos);
  EXPECT_EQ(d.revisit_at, n.world.now + 60s);
  EXPECT_EQ(n.cycle(10s).verdict, Verdict::kPollPeers);  // the primary is silent
  n.world.server.receive_lsn.value += 8;
  EXPECT_EQ(n.cycle(1s).verdict, Verdict::kWait);
}

TEST(Decide, Identity) {
  World w = leading();
  edit(w, [](ClusterView& v) { v.initialize.reset(); });
  Decision d = decide(w, {}).decision;
  EXPECT_EQ(d.verdict, Verdict::kWriteInitialize);  // HA-054
  EXPECT_EQ(d.text, kSystemId);
  EXPECT_TRUE(d.if_absent);
  edit(w, [](ClusterView& v) { v.initialize = "nonsense"; });
  EXPECT_FALSE(decide(w, {}).decision.if_absent);
  w = following();
  w.system_id = "7309999999999999999";
  d = decide(w, {}).decision;
  EXPECT_EQ(d.verdict, Verdict::kExit);  // HA-064
  EXPECT_EQ(d.reason,
            "system ID mismatch, node a belongs to a different cluster: 7301234567890123456 != 7309999999999999999");
  w = leading();
  edit(w, [](ClusterView& v) { v.config.reset(); });
  EXPECT_EQ(decide(w, {}).decision.verdict, Verdict::kWriteConfig);  // HA-055
}

TEST(Decide, EmptyDirectories) {  // HA section 8
  World w = following();
  stop_server(w);
  w.server.directory = DataDirectory::kEmpty;
  w.system_id.clear();
  Decision d = decide(w, {}).decision;
  EXPECT_EQ(d.verdict, Verdict::kClone);  // HA-088
  EXPECT_EQ(d.reason, "trying to bootstrap from leader 'b'");
  set_leader(w, "");
  EXPECT_EQ(decide(w, {}).decision.reason, "waiting for leader to bootstrap");
  edit(w, [](ClusterView& v) { v.initialize.reset(); });
  w.has_bootstrap_section = true;
  EXPECT_EQ(decide(w, {}).decision.verdict, Verdict::kBootstrap);  // HA-087
  edit(w, [](ClusterView& v) { v.initialize = ""; });
  EXPECT_EQ(decide(w, {}).decision.reason, "waiting for another node to bootstrap");
  w.settings.paused = true;
  EXPECT_EQ(decide(w, {}).decision.reason, "running with empty data directory");  // HA-280
  w.settings.paused = false;
  w.server.directory = DataDirectory::kInaccessible;
  w.server.directory_problem = "/data is not mounted";
  EXPECT_EQ(decide(w, {}).decision.reason, "/data is not mounted");  // HA-062
}

TEST(Decide, WordsOfFollowers) {
  World w = following();
  EXPECT_EQ(decide(w, {}).decision.reason, "no action. I am (a), a secondary, and following a leader (b)");
  w.view.reset();
  EXPECT_EQ(decide(w, {}).decision.reason, "DCS is not accessible");  // HA-288
  w.view_ever_loaded = false;
  EXPECT_EQ(decide(w, {}).decision.reason, "waiting for the store");
  w = leading();
  set_leader(w, "b");
  w.lease = {};
  Decision d = decide(w, {}).decision;
  EXPECT_EQ(d.verdict, Verdict::kDemoteNoLock);  // HA-151
  EXPECT_EQ(d.reason, "demoting self because I do not have the lock and I was a leader");
  w.settings.paused = true;
  EXPECT_EQ(decide(w, {}).decision.reason, "no action. continue to run as primary without lock");  // HA-150
}

TEST(Target, WhomAStandbyFollows) {
  const auto upstream = [](const World& w) {
    const StandbyTarget target = target_of(w);
    return target.upstream ? target.upstream->member : std::string("nobody");
  };
  World w = following();
  EXPECT_EQ(upstream(w), "b");  // HA-147
  EXPECT_EQ(target_of(w).upstream->address, (MemberAddress{.host = "b", .port = "5432", .dbname = "postgres"}));
  w.tags = tags({{"replicatefrom", "c"}});
  EXPECT_EQ(upstream(w), "c");  // HA-146
  w.tags = tags({{"replicatefrom", "gone"}});
  EXPECT_EQ(upstream(w), "b");
  w.tags = tags({{"replicatefrom", "a"}});
  EXPECT_EQ(upstream(w), "b");
  w.tags = tags({{"nostream", true}});
  EXPECT_EQ(upstream(w), "nobody");  // HA-144
  w.tags = {};
  set_leader(w, "a");
  EXPECT_EQ(upstream(w), "nobody");  // HA-148
  w = following();
  edit(w, [](ClusterView& v) { member_of(v, "b").data.conn_url.clear(); });
  EXPECT_EQ(upstream(w), "nobody");  // B10 is the procedure's: it keeps what it has
  w = following();
  w.settings.use_slots = false;
  EXPECT_FALSE(target_of(w).upstream->use_slot);
}

TEST(CloneSource, PrefersThoseThatOffer) {  // HA-092
  World w = following();
  EXPECT_EQ(clone_source(w, 7)->name, "b");
  edit(w, [](ClusterView& v) {
    v.members.push_back(member("d"));
    for (const char* name : {"a", "b", "c", "d"}) member_of(v, name).data.tags = tags({{"clonefrom", true}});
  });
  EXPECT_EQ(clone_source(w, 0)->name, "c");
  EXPECT_EQ(clone_source(w, 1)->name, "d");
  EXPECT_EQ(clone_source(w, 2)->name, "c");
  edit(w, [](ClusterView& v) { member_of(v, "c").data.state = PgState::kStopped; });
  EXPECT_EQ(clone_source(w, 0)->name, "d");
  edit(w, [](ClusterView& v) { std::erase_if(v.members, [](const Member& m) { return m.name == "d"; }); });
  EXPECT_EQ(clone_source(w, 0)->name, "b");
  edit(w, [](ClusterView& v) { member_of(v, "b").data.tags = {}; });
  EXPECT_EQ(clone_source(w, 0)->name, "b");
  set_leader(w, "");
  EXPECT_FALSE(clone_source(w, 0).has_value());
  set_leader(w, "a");
  EXPECT_FALSE(clone_source(w, 0).has_value());
}

}  // namespace
}  // namespace matriarch::policy
