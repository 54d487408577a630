// What the simulator once found, told as stories (docs/bugs-found-by-simulation.md).
#include "tests/sim/story.h"

namespace matriarch::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class FoundBefore : public Story {
 protected:
  using Story::Story;
};

TEST_F(FoundBefore, APrimaryIsStoppedWhoseAgentStartsWithoutAStore) {  // B13
  Node& leader = *world_.leader();
  for (int member = 0; member < 3; ++member) world_.store().crash(member);
  leader.kill_agent();
  world_.advance(seconds(60));
  ASSERT_TRUE(leader.postgres().writable()) << "nobody was there to stop it";
  leader.start_agent();
  EXPECT_TRUE(within(seconds(20), [&] { return !leader.postgres().writable(); }));
  for (int member = 0; member < 3; ++member) world_.store().recover(member);
  EXPECT_TRUE(world_.converges(seconds(60)));
}

TEST_F(FoundBefore, TwoTimelinesOfOneNumberAreToldApart) {  // HA-332
  Node& first = *world_.leader();
  Node& second = *standbys()[0];
  Node& third = *standbys()[1];
  isolate(third);
  world_.advance(seconds(5));  // what is written now never reaches the third
  first.power_off();
  ASSERT_TRUE(within(seconds(60), [&] { return leads(second); }));
  world_.advance(seconds(5));
  second.power_off();
  rejoin(third);
  ASSERT_TRUE(within(seconds(60), [&] { return leads(third); }));
  ASSERT_EQ(second.postgres().wal().timeline(), 2u);
  ASSERT_EQ(third.postgres().wal().timeline(), 2u);
  switch_on(second);
  EXPECT_TRUE(within(seconds(90), [&] { return second.postgres().streaming_from(third.postgres()); }));
  switch_on(first);
  EXPECT_TRUE(world_.converges(seconds(90)));
}

TEST_F(FoundBefore, AServerThatDoesNotAnswerIsStoppedWithTheLease) {  // HA-014, HA-290
  Node& leader = *world_.leader();
  PostgresFaults silent;
  silent.queries_hang = true;
  leader.postgres().set_faults(silent);
  isolate(leader);
  EXPECT_TRUE(within(seconds(31), [&] { return !leader.postgres().writable(); }));
  leader.postgres().set_faults({});
  rejoin(leader);
  EXPECT_TRUE(world_.converges(seconds(90)));
}

TEST_F(FoundBefore, AStopOutlivesTheAgentThatAskedForIt) {
  Node& leader = *world_.leader();
  PostgresFaults slow;
  slow.stop_is_slow = true;
  leader.postgres().set_faults(slow);
  leader.agent()->process().post([&agent = leader.agent()->agent()] { agent.terminate(); });
  ASSERT_TRUE(within(seconds(10), [&] { return leader.postgres().phase() == Postgres::Phase::kStopping; }));
  leader.kill_agent();
  EXPECT_TRUE(within(seconds(120), [&] { return !leader.postgres().running(); }));
  leader.postgres().set_faults({});
  leader.start_agent();
  EXPECT_TRUE(world_.converges(seconds(90)));
}

Scenario with_timeline_check(Scenario scenario) {
  scenario.settings.check_timeline = true;
  return scenario;
}

class FoundBeforeWithTimelineCheck : public FoundBefore {
 protected:
  FoundBeforeWithTimelineCheck() : FoundBefore(with_timeline_check(quiet(7))) {}
};

// INV-3, HA-183: between the decision to take the leader key and its request another leader came and went.
TEST_F(FoundBeforeWithTimelineCheck, ALateRequestForTheLeaderKeyIsRefused) {
  Node& first = *world_.leader();
  Node& second = *standbys()[0];
  Node& late = *standbys()[1];
  first.power_off();
  const LeaseId lease = world_.store().keys().leader->lease;
  ASSERT_TRUE(within(seconds(40), [&] {
    return world_.store().keys().leases.at(lease).expires - world_.scheduler().now() < milliseconds(300);
  }));
  while (world_.leader() != nullptr) world_.advance(milliseconds(1));
  late.hang_agent(true);  // it will read that nobody leads, and get no further
  while (world_.leader() != nullptr) world_.advance(std::chrono::microseconds(100));
  late.hang_agent(true);  // it will be told and read that nobody leads, and get no further
  ASSERT_TRUE(within(seconds(30), [&] { return leads(second); }));
  ASSERT_TRUE(within(seconds(20), [&] { return world_.store().keys().view().timeline() == 2; }));
  second.power_off();
  ASSERT_TRUE(within(seconds(60), [&] { return world_.leader() == nullptr; }));
  late.hang_agent(false);
  world_.advance(seconds(30));
  EXPECT_EQ(world_.leader(), nullptr) << "its data is older than what was acknowledged on timeline 2";
  EXPECT_EQ(world_.coverage().count("store: claim on an old view refused"), 1u);
  switch_on(second);
  EXPECT_TRUE(within(seconds(60), [&] { return leads(second); }));
  switch_on(first);
  EXPECT_TRUE(world_.converges(seconds(90)));
}

class FoundBeforeWithGuardian : public FoundBefore {
 protected:
  FoundBeforeWithGuardian() : FoundBefore(with_guardian(quiet(7))) {}
};

// INV-1, INV-8: the key hangs on a lease of the new ttl, the agent believed in what was left of the old one.
TEST_F(FoundBeforeWithGuardian, AShorterTtlShortensWhatIsBelieved) {
  Node& leader = *world_.leader();
  const LeaseId before = world_.store().keys().leader->lease;
  Value::Map shorter;
  shorter.set("ttl", 8);
  shorter.set("loop_wait", 1);
  shorter.set("retry_timeout", 1);
  world_.people().give(leader, "settings changed", [change = Value(std::move(shorter))](agent::Agent& agent, Ctx ctx) {
    return agent.patch_config(change, std::move(ctx));
  });
  ASSERT_TRUE(within(seconds(20), [&] { return world_.store().keys().leader->lease != before; }));
  isolate(leader);
  EXPECT_TRUE(within(seconds(12), [&] { return world_.leader() != nullptr && world_.leader() != &leader; }));
  EXPECT_FALSE(leader.postgres().writable());
  ASSERT_TRUE(within(seconds(10), [&] { return world_.leader()->postgres().writable(); }));
  rejoin(leader);
  EXPECT_TRUE(world_.converges(seconds(90)));
}

// The agent dies while it gives the key back; the next one takes over with the same lease, and starts the server as primary
// before the request of the dead one arrives.
TEST_F(FoundBeforeWithGuardian, AReleaseUnderWayDoesNotConcernTheNextAgent) {
  Node& leader = *world_.leader();
  Node& deaf = *standbys()[1];  // the shutdown waits for it; meanwhile the key is given back already (HA-229)
  const auto lag = [&](Duration duration) {
    for (int member = 0; member < 3; ++member) {
      world_.network().set_lag(leader.endpoint(), world_.store().endpoint_of(member), duration);
    }
  };
  bool struck = false;
  world_.at_step([&](Node& node, std::string_view step) {
    if (struck || &node != &leader || step != "shutdown.safepoint") return;
    struck = true;
    lag(seconds(8));
    world_.network().block(leader.endpoint(), deaf.endpoint());
  });
  leader.agent()->process().post([&agent = leader.agent()->agent()] { agent.terminate(); });
  ASSERT_TRUE(within(seconds(20), [&] {
    return leader.agent()->agent().node().lease.state().status == policy::LeaseState::Status::kNone;
  }));
  ASSERT_TRUE(struck);
  ASSERT_TRUE(leader.guardian()->lease());
  world_.advance(milliseconds(100));  // the request is on its way
  leader.kill_agent();
  world_.network().unblock(leader.endpoint(), deaf.endpoint());
  lag(Duration::zero());
  leader.start_agent();
  ASSERT_TRUE(within(seconds(6), [&] { return leads(leader); }));
  world_.advance(seconds(10));
  EXPECT_TRUE(leads(leader));
  EXPECT_EQ(world_.coverage().count("store: release of another version of the leader key refused"), 1u);
  EXPECT_TRUE(world_.converges(seconds(60)));
}

Scenario synchronous(Scenario scenario) {
  scenario.settings.synchronous_mode = SyncMode::kPriority;
  return scenario;
}

class FoundBeforeSynchronous : public FoundBefore {
 protected:
  FoundBeforeSynchronous() : FoundBefore(synchronous(quiet(7))) {}
};

// When it has stopped leading, and does nothing but wait, it must not look at the world all the time.
TEST_F(FoundBeforeSynchronous, AFormerLeaderSleepsBetweenCycles) {
  Value::Map pause;
  pause.set("pause", true);
  world_.people().give(*world_.leader(), "pause", [change = Value(std::move(pause))](agent::Agent& agent, Ctx ctx) {
    return agent.patch_config(change, std::move(ctx));
  });
  world_.advance(seconds(20));
  world_.leader()->postgres().crash("test");
  ASSERT_TRUE(within(seconds(60), [&] { return world_.leader() == nullptr; })) << "HA-273";
  world_.advance(seconds(10));
  const std::uint64_t before = world_.scheduler().events_run();
  world_.advance(seconds(20));
  EXPECT_LT(world_.scheduler().events_run() - before, 20u * 200);
}

}  // namespace
}  // namespace matriarch::sim
