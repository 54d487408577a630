// INV-6: whatever happens to the agent at a named step of a procedure, it comes to the same end as one to which nothing
// happened. All steps of the registry (agent/steps.h), each with every way of failing, without guardians and with them.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "agent/steps.h"
#include "tests/sim/quiet.h"

namespace matriarch::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Mishap { kAgentKilled, kAgentFrozen, kPowerLost, kGuardianKilled, kBothKilled };
constexpr std::array kMishaps = {Mishap::kAgentKilled, Mishap::kAgentFrozen, Mishap::kPowerLost, Mishap::kGuardianKilled,
                                 Mishap::kBothKilled};

bool needs_guardian(Mishap mishap) { return mishap == Mishap::kGuardianKilled || mishap == Mishap::kBothKilled; }

std::string_view to_string(Mishap mishap) {
  switch (mishap) {
    case Mishap::kAgentKilled: return "killed";
    case Mishap::kAgentFrozen: return "frozen";
    case Mishap::kPowerLost: return "power_lost";
    case Mishap::kGuardianKilled: return "guardian_killed";
    case Mishap::kBothKilled: return "killed_with_guardian";
  }
  return "";
}

void restart(Node& node) {
  node.power_on();
  node.start_agent();
}

// --- what makes agents come by the steps

Node& some_standby(World& world) { return world.leader() == &world.node(0) ? world.node(1) : world.node(0); }

void switch_over(World& world) {
  world.people().give(*world.leader(), "switchover", [from = world.leader()->name()](agent::Agent& agent, Ctx ctx) {
    return agent.failover({.switchover = true, .leader = from}, std::move(ctx));
  });
}

void lose_leader(World& world) {
  Node& lost = *world.leader();
  lost.power_off();
  world.scheduler().after(seconds(60), [&lost] { restart(lost); });
}

// Its clients reach it, and their writes reach nobody else: it must be rewound afterwards.
void isolate_leader(World& world) {
  const Endpoint cut = world.leader()->endpoint();
  std::vector<Endpoint> others;
  for (Endpoint other = 0; other < 6; ++other) {  // nodes and store members
    if (other != cut) others.push_back(other);
  }
  for (const Endpoint other : others) {
    world.network().block(cut, other);
    world.network().block(other, cut);
  }
  world.scheduler().after(seconds(60), [&world] { world.network().heal(); });
}

void crash_leader(World& world) { world.leader()->postgres().crash("test"); }

void restart_agent_of_leader(World& world) {
  Node& leader = *world.leader();
  leader.kill_agent();
  world.scheduler().after(seconds(1), [&leader] { leader.start_agent(); });
}

void terminate_leader(World& world) {
  AgentProcess& leader = *world.leader()->agent();
  leader.process().post([&agent = leader.agent()] { agent.terminate(); });
}

void restart_leader(World& world) {
  world.people().give(*world.leader(), "restart",
                      [](agent::Agent& agent, Ctx ctx) { return agent.restart({}, std::move(ctx)); });
}

void reinitialize_standby(World& world) {
  world.people().give(some_standby(world), "reinitialize",
                      [](agent::Agent& agent, Ctx ctx) { return agent.reinitialize(false, false, std::move(ctx)); });
}

void switch_synchronous_off(World& world) {
  world.people().give(*world.leader(), "settings changed", [](agent::Agent& agent, Ctx ctx) {
    Value::Map change;
    change.set("synchronous_mode", false);
    return agent.patch_config(Value(std::move(change)), std::move(ctx));
  });
}

struct Story {
  std::string_view procedure;    // its steps begin with that
  void (*tell)(World& world);    // null: the cluster comes by it when it is made
  int postgres_version = 15;
  SyncMode synchronous = SyncMode::kOff;
  bool needs_guardian = false;
};

constexpr std::array kStories = {
    Story{"bootstrap.", nullptr},
    Story{"clone.", nullptr},
    Story{"crash_recovery.", &lose_leader},
    Story{"demote.", &switch_over},
    Story{"follow.", &switch_over, 12},
    Story{"lead.", &lose_leader},
    Story{"promote.", &lose_leader},
    Story{"reinitialize.", &reinitialize_standby},
    Story{"restart.", &restart_leader},
    Story{"rewind.", &isolate_leader},
    Story{"shutdown.", &terminate_leader},
    Story{"start.armed", &crash_leader},
    Story{"start.primary", &crash_leader},
    Story{"start.standby", nullptr},
    Story{"sync.published", nullptr, 15, SyncMode::kPriority},
    Story{"sync.required", nullptr, 15, SyncMode::kQuorum},
    Story{"sync.unpublished", &switch_synchronous_off, 15, SyncMode::kPriority},
    Story{"takeover.", &restart_agent_of_leader, 15, SyncMode::kOff, true},
};

const Story* story_of(std::string_view step) {
  for (const Story& story : kStories) {
    if (step.starts_with(story.procedure)) return &story;
  }
  return nullptr;
}

// --- the mishap

class Fate {
 public:
  Fate(World& world, std::string_view step, Mishap mishap) : world_(world), step_(step), mishap_(mishap) {
    world.at_step([this](Node& node, std::string_view reached) {
      if (!armed_ || struck_ || reached != step_) return;
      struck_ = true;
      strike(node);
    });
  }

  void arm() { armed_ = true; }
  [[nodiscard]] bool struck() const { return struck_; }

 private:
  void strike(Node& node) {
    world_.trace().line("TEST", "{} at {}: {}", node.name(), step_, to_string(mishap_));
    switch (mishap_) {
      case Mishap::kAgentKilled:
        node.kill_agent();
        world_.scheduler().after(seconds(1), [&node] { restart(node); });
        break;
      case Mishap::kAgentFrozen:  // for longer than its lease
        node.freeze_agent();
        world_.scheduler().after(seconds(45), [&node] { node.thaw_agent(); });
        break;
      case Mishap::kPowerLost:
        node.power_off();
        world_.scheduler().after(seconds(2), [&node] { restart(node); });
        break;
      case Mishap::kGuardianKilled:
        node.kill_guardian();
        break;
      case Mishap::kBothKilled:
        node.kill_guardian();
        node.kill_agent();
        world_.scheduler().after(seconds(1), [&node] { restart(node); });
        break;
    }
  }

  World& world_;
  std::string_view step_;
  Mishap mishap_;
  bool armed_ = false;
  bool struck_ = false;
};

struct Case {
  std::string_view step;
  Mishap mishap = Mishap::kAgentKilled;
  bool guardian = false;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const std::string_view step : agent::kAllSteps) {
    const Story* story = story_of(step);
    for (const Mishap mishap : kMishaps) {
      if (!needs_guardian(mishap) && (story == nullptr || !story->needs_guardian)) cases.push_back({step, mishap, false});
      cases.push_back({step, mishap, true});
    }
  }
  return cases;
}

class SimSteps : public testing::TestWithParam<Case> {};

TEST_P(SimSteps, ConvergesAfterwards) {
  const auto [step, mishap, guardian] = GetParam();
  const Story* story = story_of(step);
  ASSERT_NE(story, nullptr) << "no story leads to the step " << step << ": write one";
  Scenario scenario = quiet(11);
  scenario.postgres_version = story->postgres_version;
  scenario.settings.synchronous_mode = story->synchronous;
  scenario.guardian = guardian;
  World world(std::move(scenario), CheckOptions{});
  Fate fate(world, step, mishap);
  const auto violations = [&] { return fmt::format("{}", fmt::join(world.checks().violations(), "; ")); };

  if (story->tell == nullptr) fate.arm();
  world.start();
  if (story->tell != nullptr) {
    ASSERT_TRUE(world.converges(seconds(60))) << violations();
    world.advance(seconds(15));  // a loop later everything is quiet
    fate.arm();
    story->tell(world);
  }
  for (int i = 0; i < 1500 && !fate.struck() && world.checks().violations().empty(); ++i) world.advance(milliseconds(100));
  ASSERT_TRUE(fate.struck()) << "nobody came by " << step << "; " << violations();
  world.advance(seconds(70));  // whatever else was lost is back
  EXPECT_TRUE(world.converges(seconds(120))) << violations();
  EXPECT_TRUE(world.checks().violations().empty()) << violations();
}

INSTANTIATE_TEST_SUITE_P(All, SimSteps, testing::ValuesIn(all_cases()), [](const auto& info) {
  std::string name(info.param.step);
  std::replace(name.begin(), name.end(), '.', '_');
  return fmt::format("{}_{}{}", name, to_string(info.param.mishap), info.param.guardian ? "_guarded" : "");
});

}  // namespace
}  // namespace matriarch::sim
