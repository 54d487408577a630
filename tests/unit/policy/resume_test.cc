// Who must have done what before a pause is lifted (ADR 10).
#include "policy/resume.h"

#include <gtest/gtest.h>

#include "tests/unit/policy/worlds.h"

namespace matriarch::policy {
namespace {

ResumeRule rule(const World& world, const Memory& memory = {}) { return resume_rule(world, memory); }

World led_by(const std::string& leader) {
  World world = standby();
  set_leader(world, leader);
  edit(world, [](ClusterView& v) {
    for (auto& m : v.members) {
      m.data.matriarch = "0.1";
      m.data.guardian = "ready";
    }
  });
  return world;
}

// Nobody leads, and this node remembers that `leader` did.
Memory remembers(const std::string& leader) {
  Memory memory;
  memory.led_view = led_by(leader).view;
  return memory;
}

void forget_member(World& world, const std::string& name) {
  edit(world, [&](ClusterView& v) { std::erase_if(v.members, [&](const Member& m) { return m.name == name; }); });
}

TEST(Resume, TheLeaderDoesItItself) {
  EXPECT_EQ(rule(led_by("a")).verdict, Resume::kGuardHere);
  const auto other = rule(led_by("b"));
  EXPECT_EQ(other.verdict, Resume::kAskLeader);
  EXPECT_EQ(other.node, "b");
}

TEST(Resume, NothingIsAskedOfALeaderWithoutAGuardian) {
  World world = led_by("b");
  edit(world, [](ClusterView& v) { member_of(v, "b").data.guardian.clear(); });
  EXPECT_EQ(rule(world).verdict, Resume::kFree);
}

TEST(Resume, RefusedWhenTheLeaderDoesNotReport) {
  World world = led_by("b");
  forget_member(world, "b");
  const auto answer = rule(world);
  EXPECT_EQ(answer.verdict, Resume::kRefused);
  EXPECT_EQ(answer.node, "b");
  EXPECT_NE(answer.why.find("b has the leader key, but its agent does not report"), std::string::npos);
}

// The agent died during the pause: key and member key are gone, the server may run on.
TEST(Resume, RefusedWhenWhoLedLastDoesNotReport) {
  World world = led_by("");
  forget_member(world, "b");
  const auto answer = rule(world, remembers("b"));
  EXPECT_EQ(answer.verdict, Resume::kRefused);
  EXPECT_EQ(answer.node, "b");
  EXPECT_NE(answer.why.find("--force"), std::string::npos);
}

TEST(Resume, WhoLedLastIsAlsoWrittenDown) {
  World world = led_by("");
  forget_member(world, "b");
  EXPECT_EQ(rule(world).verdict, Resume::kRefused) << "nobody knows";
  EXPECT_EQ(rule(world).node, "");

  edit(world, [](ClusterView& v) { v.sync = {.leader = "b", .version = "3"}; });
  EXPECT_EQ(rule(world).node, "b");

  edit(world, [](ClusterView& v) { v.history = History{.rows = {{.timeline = 1, .new_leader = "b"}, {.timeline = 2, .new_leader = "c"}}}; });
  EXPECT_EQ(rule(world).verdict, Resume::kFree) << "c promoted last, and reports that it is a standby";
}

// Maintenance: the server was stopped by its operator, the agent gave the lock back.
TEST(Resume, FreeWhenWhoLedLastReportsThatItIsNoPrimary) {
  World world = led_by("");
  EXPECT_EQ(rule(world, remembers("b")).verdict, Resume::kFree);
  edit(world, [](ClusterView& v) {
    member_of(v, "b").data.role = Role::kPrimary;
    member_of(v, "b").data.state = PgState::kCrashed;
  });
  EXPECT_EQ(rule(world, remembers("b")).verdict, Resume::kFree);
  edit(world, [](ClusterView& v) { member_of(v, "b").data.state = PgState::kRunning; });
  EXPECT_EQ(rule(world, remembers("b")).verdict, Resume::kRefused) << "it has not got the lock yet";
}

TEST(Resume, ThisNodeLedLast) {
  World world = led_by("");
  EXPECT_EQ(rule(world, remembers("a")).verdict, Resume::kFree) << "a standby now";
  world.server.queried = false;
  EXPECT_EQ(rule(world, remembers("a")).verdict, Resume::kRefused) << "it does not answer: it may be a primary";
  world.server.postmaster_alive = false;
  EXPECT_EQ(rule(world, remembers("a")).verdict, Resume::kFree);
}

TEST(Resume, StandbyClustersTakeNoWrites) {
  World world = led_by("");
  world.settings.standby_cluster = true;
  EXPECT_EQ(rule(world).verdict, Resume::kFree);
}

}  // namespace
}  // namespace matriarch::policy
