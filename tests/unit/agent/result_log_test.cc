#include "agent/result_log.h"

#include <gtest/gtest.h>

#include "base/log.h"

namespace matriarch::agent {
namespace {

using namespace std::chrono_literals;

std::vector<std::string>& lines() {
  static std::vector<std::string> all;
  return all;
}

class ResultLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    lines().clear();
    log::set_sink([](log::Level, std::string_view text) { lines().emplace_back(text); });
  }
  void TearDown() override { log::set_sink(nullptr); }

  // What is logged for `line` at this time.
  std::vector<std::string> at(Duration time, const std::string& line, const std::string& leader = "a") {
    lines().clear();
    results_.write(leader, "b", line, Instant{1000s} + time, 10s);
    return lines();
  }

  ResultLog results_;
};

using Lines = std::vector<std::string>;

TEST_F(ResultLogTest, TheOwnerOfTheLockComesFirst) {  // CFG-441
  EXPECT_EQ(at(0s, "no action. I am (b)"), (Lines{"Lock owner: a; I am b", "no action. I am (b)"}));
  EXPECT_EQ(at(1s, "waiting", ""), (Lines{"Lock owner: None; I am b", "waiting"}));
}

TEST_F(ResultLogTest, EqualLinesAreForTheHeartbeat) {  // CFG-443
  EXPECT_EQ(at(0s, "x").size(), 2U);
  EXPECT_EQ(at(3ms, "x").size(), 0U);
  EXPECT_EQ(at(5s, "x").size(), 0U);
  EXPECT_EQ(at(9998ms, "x").size(), 2U);
  EXPECT_EQ(at(15s, "x").size(), 0U);
  EXPECT_EQ(at(20s, "x").size(), 2U);
}

TEST_F(ResultLogTest, ChangesAreLoggedAtOnce) {
  EXPECT_EQ(at(0s, "x").size(), 2U);
  EXPECT_EQ(at(1ms, "y").size(), 2U);
  EXPECT_EQ(at(2ms, "x").size(), 2U);
  EXPECT_EQ(at(3ms, "x").size(), 0U);
}

}  // namespace
}  // namespace matriarch::agent
