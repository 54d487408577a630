// A cluster that has come up in peace, and what stories do with it. Its end is checked for violations.
#pragma once

#include <vector>

#include <gtest/gtest.h>

#include "tests/sim/quiet.h"

namespace matriarch::sim {

class Story : public testing::Test {
 protected:
  explicit Story(Scenario scenario = quiet(7)) : world_(std::move(scenario), CheckOptions{}) {}

  void SetUp() override {
    world_.start();
    ASSERT_TRUE(world_.converges(std::chrono::seconds(60))) << violations();
    world_.advance(std::chrono::seconds(20));
  }
  std::string violations() { return fmt::format("{}", fmt::join(world_.checks().violations(), "; ")); }
  void TearDown() override { EXPECT_TRUE(world_.checks().violations().empty()) << violations(); }

  std::vector<Node*> standbys() {
    std::vector<Node*> result;
    for (int i = 0; i < 3; ++i) {
      if (&world_.node(i) != world_.leader()) result.push_back(&world_.node(i));
    }
    return result;
  }
  // From nodes and store, not from clients.
  void cut(Node& node, void (Network::*change)(Endpoint, Endpoint)) {
    for (Endpoint other = 0; other < 6; ++other) {
      if (other == node.endpoint()) continue;
      (world_.network().*change)(node.endpoint(), other);
      (world_.network().*change)(other, node.endpoint());
    }
  }
  void isolate(Node& node) { cut(node, &Network::block); }
  void rejoin(Node& node) { cut(node, &Network::unblock); }
  static void switch_on(Node& node) {
    node.power_on();
    node.start_agent();
  }
  template <class Condition>
  [[nodiscard]] bool within(Duration patience, Condition condition) {
    const Instant until = world_.scheduler().now() + patience;
    while (!condition()) {
      if (world_.scheduler().now() >= until || !world_.checks().violations().empty()) return false;
      world_.advance(std::chrono::milliseconds(100));
    }
    return true;
  }
  [[nodiscard]] bool leads(Node& node) { return world_.leader() == &node && node.postgres().writable(); }

  World world_;
};

inline Scenario with_guardian(Scenario scenario) {
  scenario.guardian = true;
  return scenario;
}

}  // namespace matriarch::sim
