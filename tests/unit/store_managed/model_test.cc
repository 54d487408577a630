// Every course that a first bootstrap can take: any node looks at any time, at any of what the others ever said, or at
// nothing. At most one cluster comes out, and when all are healthy again, one does.
#include <deque>
#include <set>

#include <gtest/gtest.h>

#include "store/managed_etcd/decide.h"

namespace matriarch::managed_etcd {
namespace {

struct Node {
  Vote vote;
  bool running = false;  // a member of `vote`
};
using World = std::vector<Node>;

std::string name_of(std::size_t i) { return std::string(1, static_cast<char>('a' + i)); }

std::vector<std::string> partners_of(std::size_t size) {
  std::vector<std::string> partners;
  for (std::size_t i = 0; i < size; ++i) partners.push_back(name_of(i) + ":8008");
  return partners;
}

Report report_of(const World& world, std::size_t i, bool voted, bool running) {
  const std::string name = name_of(i);
  Report report{.scope = "demo", .name = name, .instance = "i-" + name, .partners = partners_of(world.size())};
  report.peer_url = "http://" + name + ":2380";
  if (voted) report.vote = world[i].vote;
  if (running) report.state = DataState::kMember;
  return report;
}

// What can be heard of a node: nothing, and each of its states so far.
std::vector<Answer> hearsay(const World& world, std::size_t i) {
  std::vector<Answer> answers(1);
  answers[0].problem = "timed out";
  answers.push_back({.report = report_of(world, i, false, false)});
  if (!world[i].vote.token.empty()) answers.push_back({.report = report_of(world, i, true, false)});
  if (world[i].running) answers.push_back({.report = report_of(world, i, true, true)});
  return answers;
}

Verdict look(const World& world, std::size_t i, std::vector<Answer> answers, bool patience_over) {
  Situation situation{.own = report_of(world, i, true, world[i].running), .answers = std::move(answers)};
  situation.patience_over = patience_over;
  return decide(situation);
}

World after(World world, std::size_t i, const Verdict& verdict) {
  if (verdict.act == Act::kVote) world[i].vote = verdict.vote;
  if (verdict.act == Act::kBootstrap) {
    EXPECT_EQ(verdict.vote, world[i].vote);
    world[i].running = true;
  }
  return world;
}

std::string key_of(const World& world) {
  std::string key;
  for (const Node& node : world) key += node.vote.token + (node.running ? "+" : "-");
  return key;
}

void check_one_cluster(const World& world) {
  std::set<std::string> tokens;
  for (const Node& node : world) {
    if (node.running) tokens.insert(node.vote.token);
  }
  ASSERT_LE(tokens.size(), 1u) << key_of(world);
}

// All that one look of node `i` can lead to.
std::vector<World> steps_of(const World& world, std::size_t i) {
  std::vector<std::vector<Answer>> views{{}};
  for (std::size_t j = 0; j < world.size(); ++j) {
    if (j == i) continue;
    std::vector<std::vector<Answer>> longer;
    for (const auto& view : views) {
      for (const Answer& answer : hearsay(world, j)) {
        longer.push_back(view);
        longer.back().push_back(answer);
      }
    }
    views = std::move(longer);
  }
  std::vector<World> next;
  for (const auto& view : views) {
    for (const bool patience_over : {false, true}) next.push_back(after(world, i, look(world, i, view, patience_over)));
  }
  return next;
}

std::size_t explore(std::size_t size) {
  std::deque<World> open{World(size)};
  std::set<std::string> seen{key_of(open.front())};
  while (!open.empty() && !::testing::Test::HasFailure()) {
    const World world = open.front();
    open.pop_front();
    check_one_cluster(world);
    for (std::size_t i = 0; i < size; ++i) {
      if (world[i].running) continue;
      for (World& next : steps_of(world, i)) {
        if (seen.insert(key_of(next)).second) open.push_back(std::move(next));
      }
    }
  }
  return seen.size();
}

TEST(FirstBootstrap, NeverMakesTwoClusters) {
  EXPECT_GT(explore(2), 4u);
  EXPECT_GT(explore(3), 50u);
  EXPECT_GT(explore(4), 100u);
}

TEST(FirstBootstrap, ComesToAnEndWhenAllAreThere) {
  for (std::size_t size = 1; size <= 5; ++size) {
    World world(size);
    for (int round = 0; round < 6; ++round) {
      for (std::size_t i = 0; i < size; ++i) {
        if (world[i].running) continue;
        std::vector<Answer> answers;
        for (std::size_t j = 0; j < size; ++j) {
          if (j != i) answers.push_back(hearsay(world, j).back());
        }
        world = after(world, i, look(world, i, answers, false));
      }
    }
    for (const Node& node : world) EXPECT_TRUE(node.running) << size;
  }
}

}  // namespace
}  // namespace matriarch::managed_etcd
