// Stories with the real agent, told by hand: what a DBA would try first.
#include <gtest/gtest.h>

#include "tests/sim/quiet.h"

namespace matriarch::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SimCluster : public testing::Test {
 protected:
  void build() {
    world_.start();
    ASSERT_TRUE(world_.converges(seconds(60))) << violations();
  }
  std::string violations() { return fmt::format("{}", fmt::join(world_.checks().violations(), "; ")); }
  void TearDown() override { EXPECT_TRUE(world_.checks().violations().empty()) << violations(); }

  World world_{quiet(5), CheckOptions{}};
};

TEST_F(SimCluster, BootstrapsAndFollows) {  // HA-087, HA-088
  build();
  EXPECT_EQ(world_.coverage().count("check: initdb"), 1u);
}

TEST_F(SimCluster, ADeadMachineIsReplacedWhenItsLeaseHasEnded) {  // HA-356
  build();
  Node& old = *world_.leader();
  const Instant lost = world_.scheduler().now();
  old.power_off();
  while (world_.leader() == nullptr || world_.leader() == &old || !world_.leader()->postgres().writable()) {
    ASSERT_LT(world_.scheduler().now(), lost + seconds(40));
    world_.advance(milliseconds(100));
  }
  EXPECT_GT(world_.scheduler().now(), lost + seconds(15));
  old.power_on();
  old.start_agent();
  EXPECT_TRUE(world_.converges(seconds(60)));
}

TEST_F(SimCluster, ACrashedPostgresIsStartedInPlace) {  // HA-110
  build();
  Node& leader = *world_.leader();
  leader.postgres().crash("test");
  ASSERT_TRUE(world_.converges(seconds(20)));
  EXPECT_EQ(world_.leader(), &leader);
  EXPECT_EQ(leader.postgres().wal().timeline(), 1u);
}

TEST_F(SimCluster, AKilledAgentComesBackWithoutInterruption) {
  build();
  Node& leader = *world_.leader();
  leader.kill_agent();
  world_.advance(seconds(2));
  leader.start_agent();
  world_.advance(seconds(60));
  EXPECT_EQ(world_.leader(), &leader);
  EXPECT_EQ(leader.postgres().launches(), 1u);
}

TEST_F(SimCluster, WithoutTheStoreThePrimaryStopsBeforeItsLeaseEnds) {  // HA-290
  build();
  Node& leader = *world_.leader();
  for (int member = 0; member < 3; ++member) world_.store().crash(member);
  world_.advance(seconds(31));
  EXPECT_FALSE(leader.postgres().writable());
  for (int member = 0; member < 3; ++member) world_.store().recover(member);
  EXPECT_TRUE(world_.converges(seconds(60)));
}

TEST(SimFailsafe, ThePrimaryServesThroughAnOutageOfTheStore) {  // HA-289, HA-296
  Scenario scenario = quiet(5);
  scenario.settings.failsafe_mode = true;
  World world(std::move(scenario), CheckOptions{});
  world.start();
  ASSERT_TRUE(world.converges(seconds(60)));
  world.advance(seconds(30));  // /failsafe names all
  Node& leader = *world.leader();
  for (int member = 0; member < 3; ++member) world.store().crash(member);
  for (int second = 0; second < 90; ++second) {
    world.advance(seconds(1));
    ASSERT_TRUE(leader.postgres().writable()) << "after " << second << " s";
  }
  for (int member = 0; member < 3; ++member) world.store().recover(member);  // the leader key expires now
  ASSERT_TRUE(world.converges(seconds(60)));
  world.advance(seconds(60));
  EXPECT_EQ(world.leader(), &leader);
  EXPECT_EQ(leader.postgres().launches(), 1u);
  EXPECT_TRUE(world.checks().violations().empty());
}

TEST_F(SimCluster, AFrozenMachineDoesNotStayPrimary) {
  build();
  Node& old = *world_.leader();
  old.freeze_machine();
  world_.advance(seconds(45));
  ASSERT_NE(world_.leader(), &old);
  old.thaw_machine();
  EXPECT_TRUE(world_.converges(seconds(60)));
}

// How long a synchronous primary whose clients do not go takes to stop when it is asked to hand over.
Duration slow_hand_over(Duration stop_timeout) {
  Scenario scenario = quiet(5);
  scenario.settings.synchronous_mode = SyncMode::kPriority;
  scenario.settings.primary_stop_timeout = stop_timeout;
  World world(std::move(scenario), CheckOptions{});
  world.start();
  EXPECT_TRUE(world.converges(seconds(60)));
  Node& old = *world.leader();
  old.postgres().faults().stop_is_slow = true;
  world.people().give(old, "switchover", [from = old.name()](agent::Agent& agent, Ctx ctx) {
    return agent.failover({.switchover = true, .leader = from}, std::move(ctx));
  });
  const Instant asked = world.scheduler().now();
  for (int i = 0; i < 600 && old.postgres().running(); ++i) world.advance(milliseconds(100));
  const Duration took = world.scheduler().now() - asked;
  EXPECT_TRUE(world.converges(seconds(60)));
  EXPECT_TRUE(world.checks().violations().empty());
  return took;
}

TEST(SimSynchronous, ASlowStopOfThePrimaryIsCutShort) {  // HA-022, HA-249
  EXPECT_GT(slow_hand_over(Duration::zero()), seconds(8));
  EXPECT_LT(slow_hand_over(seconds(3)), seconds(5));
}

TEST_F(SimCluster, ASeedIsReplayedExactly) {
  const Outcome once = run_seed(3, seconds(60), "", nullptr);
  const Outcome twice = run_seed(3, seconds(60), "", nullptr);
  EXPECT_EQ(once.hash, twice.hash);
  EXPECT_EQ(once.events, twice.events);
  EXPECT_NE(once.hash, run_seed(4, seconds(60), "", nullptr).hash);
}

}  // namespace
}  // namespace matriarch::sim
