// A paused cluster loses its leader from sight, and then somebody lifts the pause (INV-1, INV-5, ADR 10). In a pause nobody
// guards the server, so these stories count every server that takes writes, whatever its agent believes.
#include "tests/sim/story.h"

#include <memory>

namespace matriarch::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Paused : public Story {
 protected:
  Paused() : Story(with_guardian(quiet(7))) {}

  void SetUp() override {
    Story::SetUp();
    leader_ = world_.leader();
    others_ = standbys();
    ASSERT_EQ(lift(*leader_, true), 200);
    ASSERT_TRUE(one_primary_until(seconds(30), [&] { return !leader_->guardian()->lease(); })) << "the guardian stays armed";
  }
  void TearDown() override {
    EXPECT_LE(most_, 1) << "servers that took writes at one instant";
    Story::TearDown();
  }

  // Time passes in small steps, in each of which those who take writes are counted.
  template <class Condition>
  bool one_primary_until(Duration patience, Condition condition) {
    const Instant until = world_.scheduler().now() + patience;
    while (!condition()) {
      if (world_.scheduler().now() >= until || !world_.checks().violations().empty()) return false;
      world_.advance(milliseconds(2));
      most_ = std::max(most_, writable());
    }
    return true;
  }
  void pass(Duration time) {
    (void)one_primary_until(time, [] { return false; });
  }
  bool heals(Duration patience) {
    const Instant until = world_.scheduler().now() + patience;
    while (world_.scheduler().now() < until) {
      if (world_.converges(milliseconds(1))) return true;
      pass(milliseconds(500));
    }
    return false;
  }
  int writable() {
    int count = 0;
    for (int i = 0; i < 3; ++i) count += world_.node(i).postgres().writable() ? 1 : 0;
    return count;
  }

  using Answer = std::shared_ptr<std::optional<CommandResult>>;
  static Task<CommandResult> keep(Task<CommandResult> asking, Answer answer) {
    CommandResult result = co_await std::move(asking);
    *answer = result;
    co_return result;
  }
  Answer ask(Node& node, std::string what, std::function<Task<CommandResult>(agent::Agent&, Ctx)> command) {
    auto answer = std::make_shared<std::optional<CommandResult>>();
    world_.people().give(node, std::move(what), [answer, command = std::move(command)](agent::Agent& agent, Ctx ctx) {
      return keep(command(agent, std::move(ctx)), answer);
    });
    return answer;
  }
  Answer ask_to_pause(Node& node, bool pause) {
    Value::Map change;
    change.set("pause", pause ? Value(true) : Value(nullptr));
    return ask(node, pause ? "pause" : "resume", [change = Value(std::move(change))](agent::Agent& agent, Ctx ctx) {
      return agent.patch_config(change, std::move(ctx));
    });
  }
  // The status of the answer; 0: none came.
  int lift(Node& node, bool pause = false) {
    const Answer answer = ask_to_pause(node, pause);
    (void)one_primary_until(seconds(60), [&] { return answer->has_value(); });
    if (!*answer) return 0;
    last_text_ = (**answer).text;
    return (**answer).status;
  }
  // As with `etcdctl put`, or `resume --force`.
  void write_resumed() {
    world_.store().edit([](StoreKeys& keys) {
      Value config = *parse_json(keys.config->text);
      config.as_map().erase("pause");
      keys.config = {.text = to_json(config), .version = keys.advance()};
    });
  }
  [[nodiscard]] bool paused() {
    const auto& config = world_.store().keys().view().config;
    return config && config->data.find("pause") != nullptr;
  }

  [[nodiscard]] bool reports(const Node& node) { return world_.store().keys().members.contains(node.name()); }

  Node* leader_ = nullptr;
  std::vector<Node*> others_;
  std::string last_text_;
  int most_ = 0;
};

// Nobody is promoted while the cluster is paused, and the pause is not lifted while the server of the last leader may run.
TEST_F(Paused, NobodyLiftsThePauseWhileTheLeaderIsCutOff) {
  isolate(*leader_);
  EXPECT_EQ(lift(*others_[0]), 412) << last_text_;  // it has the key still, and does not answer
  pass(seconds(60));
  ASSERT_EQ(world_.leader(), nullptr) << "its lease has ended";
  EXPECT_TRUE(leader_->postgres().writable()) << "INV-5";
  for (Node* other : others_) {
    EXPECT_EQ(lift(*other), 412);
    EXPECT_NE(last_text_.find(leader_->name() + " led last"), std::string::npos) << last_text_;
  }
  EXPECT_TRUE(paused());
  pass(seconds(60));
  rejoin(*leader_);
  ASSERT_TRUE(one_primary_until(seconds(30), [&] { return leads(*leader_) && reports(*leader_); }));
  EXPECT_EQ(lift(*others_[0]), 200) << last_text_;
  EXPECT_TRUE(leader_->guardian()->lease()) << "armed before anybody can read it";
  EXPECT_TRUE(heals(seconds(60))) << violations();
  EXPECT_TRUE(leads(*leader_));
}

// A store that answers slowly is no reason to stay without the key: nothing is bounded by a lease that a paused node does not
// act on.
TEST_F(Paused, TheLeaderGetsItsKeyBackOverASlowNetwork) {
  world_.network().set_quality({.least = milliseconds(30), .most = milliseconds(40), .slow_share = 0});
  isolate(*leader_);
  pass(seconds(60));
  ASSERT_EQ(world_.leader(), nullptr);
  rejoin(*leader_);
  EXPECT_TRUE(one_primary_until(seconds(30), [&] { return leads(*leader_); }));
}

// The operator has seen to it that the server is stopped, and forces it. The former leader learns it when it is back.
TEST_F(Paused, AForcedResumeIsLearntAfterHealing) {
  isolate(*leader_);
  pass(seconds(40));
  leader_->postgres().crash("stopped by the operator");
  write_resumed();
  ASSERT_TRUE(one_primary_until(seconds(60), [&] { return world_.leader() != nullptr && world_.leader()->postgres().writable(); }));
  ASSERT_NE(world_.leader(), leader_);
  pass(seconds(40));
  EXPECT_FALSE(leader_->postgres().running()) << "it still takes the cluster for paused";
  rejoin(*leader_);
  EXPECT_TRUE(heals(seconds(120))) << violations();
}

// The agent of the leader dies in the pause; PostgreSQL goes on, unguarded.
TEST_F(Paused, ADeadAgentHoldsThePauseUp) {
  leader_->kill_agent();
  pass(seconds(5));
  EXPECT_EQ(lift(*others_[0]), 412) << last_text_;
  pass(seconds(60));
  EXPECT_EQ(lift(*others_[1]), 412) << last_text_;
  EXPECT_TRUE(leader_->postgres().writable());
  leader_->start_agent();
  ASSERT_TRUE(one_primary_until(seconds(30), [&] { return leads(*leader_) && reports(*leader_); }));
  EXPECT_EQ(lift(*others_[1]), 200) << last_text_;
  EXPECT_TRUE(heals(seconds(60))) << violations();
  EXPECT_TRUE(leads(*leader_));
}

TEST_F(Paused, AFrozenAgentHoldsThePauseUp) {
  leader_->freeze_agent();
  pass(seconds(5));
  EXPECT_EQ(lift(*others_[0]), 412) << last_text_;
  pass(seconds(60));
  EXPECT_EQ(lift(*others_[1]), 412) << last_text_;
  leader_->thaw_agent();
  ASSERT_TRUE(one_primary_until(seconds(30), [&] { return leads(*leader_) && reports(*leader_); }));
  EXPECT_EQ(lift(*others_[1]), 200) << last_text_;
  EXPECT_TRUE(heals(seconds(60))) << violations();
  EXPECT_TRUE(leads(*leader_));
}

// From the moment in which the others can read that the pause is over the guardian answers for the leader.
class AtResume : public Paused, public testing::WithParamInterface<int> {};

TEST_P(AtResume, TheLeaderIsGuarded) {
  (void)ask_to_pause(*others_[0], false);
  ASSERT_TRUE(one_primary_until(seconds(10), [&] { return !paused(); }));
  switch (GetParam()) {
    case 0: leader_->kill_agent(); break;
    case 1: leader_->freeze_agent(); break;
    case 2: isolate(*leader_); break;
    default: leader_->hang_agent(true); break;
  }
  EXPECT_TRUE(leader_->guardian()->lease());
  ASSERT_TRUE(one_primary_until(seconds(60), [&] { return world_.leader() != nullptr && world_.leader() != leader_ &&
                                                          world_.leader()->postgres().writable(); }));
  EXPECT_FALSE(leader_->postgres().writable());
  leader_->thaw_agent();
  leader_->hang_agent(false);
  if (GetParam() == 2) rejoin(*leader_);
  leader_->start_agent();
  EXPECT_TRUE(heals(seconds(120))) << violations();
}

INSTANTIATE_TEST_SUITE_P(All, AtResume, testing::Range(0, 4));

// A person makes another node leader while the former one cannot be reached: two servers take writes then, at that person's
// word, and only until the former leader hears of it.
class FailedOverInThePause : public Paused {
 protected:
  void TearDown() override { Story::TearDown(); }

  void fail_over() {
    isolate(*leader_);
    pass(seconds(40));
    const Answer answer = ask(*others_[0], "failover", [to = others_[0]->name()](agent::Agent& agent, Ctx ctx) {
      return agent.failover({.switchover = false, .candidate = to}, std::move(ctx));
    });
    ASSERT_TRUE(within(seconds(60), [&] { return leads(*others_[0]); })) << (*answer ? (**answer).text : "no answer");
    EXPECT_TRUE(leader_->postgres().writable());
    EXPECT_EQ(lift(*others_[1]), 200) << last_text_;
    EXPECT_TRUE(others_[0]->guardian()->lease());
    pass(seconds(60));
  }
};

TEST_F(FailedOverInThePause, TheFormerLeaderIsStoppedWhenItIsBack) {
  fail_over();
  rejoin(*leader_);
  EXPECT_TRUE(within(seconds(25), [&] { return !leader_->postgres().writable(); }));
  EXPECT_TRUE(heals(seconds(120))) << violations();
  EXPECT_TRUE(leads(*others_[0]));
}

// Its agent died meanwhile: the next one is not misled by what its cache says about a pause.
TEST_F(FailedOverInThePause, TheFormerLeaderIsStoppedByItsNextAgent) {
  fail_over();
  leader_->kill_agent();
  rejoin(*leader_);
  leader_->start_agent();
  EXPECT_TRUE(within(seconds(25), [&] { return !leader_->postgres().writable(); }));
  EXPECT_TRUE(heals(seconds(120))) << violations();
  EXPECT_TRUE(leads(*others_[0]));
}

}  // namespace
}  // namespace matriarch::sim
