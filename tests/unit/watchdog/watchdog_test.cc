// The watchdog by its file driver: what the device would have been told, letter by letter.
#include "watchdog/watchdog.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "base/files.h"

namespace matriarch::watchdog {
namespace {

using namespace std::chrono_literals;

class WatchdogTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "/watchdog." + std::to_string(getpid());
    std::ofstream(path_).flush();
  }
  void TearDown() override { std::filesystem::remove(path_); }

  [[nodiscard]] WatchdogOptions options(WatchdogMode mode, int margin = 5) const {
    return {.mode = mode, .device = path_, .safety_margin = margin, .driver = "testing"};
  }
  [[nodiscard]] std::string told() const { return read_file(path_).value_or("unreadable"); }

  std::string path_;
};

TEST_F(WatchdogTest, ActivatedFedAndDisabled) {  // HA-315, HA-317, HA-318
  Watchdog dog(options(WatchdogMode::kAutomatic));
  dog.configure(options(WatchdogMode::kAutomatic), 30s, 10s);
  dog.feed();
  EXPECT_EQ(told(), "") << "fed before it was activated";
  ASSERT_TRUE(dog.activate().ok());
  EXPECT_EQ(told(), "o[25]1");
  ASSERT_TRUE(dog.activate().ok()) << "again";
  dog.feed();
  EXPECT_EQ(told(), "o[25]11");
  EXPECT_TRUE(dog.running());
  dog.disable();
  EXPECT_EQ(told(), "o[25]11V");
  EXPECT_FALSE(dog.running());
  dog.disable();
  EXPECT_EQ(told(), "o[25]11V");
}

TEST_F(WatchdogTest, AMarginOfMinusOneIsHalfOfTheTtl) {  // HA-315
  Watchdog dog(options(WatchdogMode::kRequired, -1));
  dog.configure(options(WatchdogMode::kRequired, -1), 21s, 5s);
  ASSERT_TRUE(dog.activate().ok());
  EXPECT_EQ(told(), "o[10]1");
}

TEST_F(WatchdogTest, AChangeComesWithTheNextFeeding) {  // HA-320
  Watchdog dog(options(WatchdogMode::kAutomatic));
  dog.configure(options(WatchdogMode::kAutomatic), 21s, 5s);
  ASSERT_TRUE(dog.activate().ok());
  dog.configure(options(WatchdogMode::kAutomatic), 20s, 5s);
  EXPECT_EQ(told(), "o[16]1");
  dog.feed();
  EXPECT_EQ(told(), "o[16]1[15]1");
}

TEST_F(WatchdogTest, SwitchedOffAtOnce) {  // HA-320
  Watchdog dog(options(WatchdogMode::kAutomatic));
  dog.configure(options(WatchdogMode::kAutomatic), 30s, 10s);
  ASSERT_TRUE(dog.activate().ok());
  dog.configure(options(WatchdogMode::kOff), 30s, 10s);
  EXPECT_EQ(told(), "o[25]1V");
  ASSERT_TRUE(dog.activate().ok());
  EXPECT_FALSE(dog.running());
}

TEST_F(WatchdogTest, RequiredFailsWhereAutomaticWarns) {  // HA-316, HA-321
  for (const WatchdogMode mode : {WatchdogMode::kAutomatic, WatchdogMode::kRequired}) {
    const bool required = mode == WatchdogMode::kRequired;
    Watchdog missing(options(mode));
    WatchdogOptions elsewhere = options(mode);
    elsewhere.device = path_ + ".missing";
    missing.configure(elsewhere, 30s, 10s);
    EXPECT_EQ(missing.activate().ok(), !required);
    EXPECT_EQ(missing.healthy(), !required);

    Watchdog slack(options(mode));
    slack.configure(options(mode, 25), 30s, 10s);  // fires after 5 s, fed every 10
    EXPECT_EQ(slack.activate().ok(), !required);
    EXPECT_EQ(slack.healthy(), !required);

    WatchdogOptions unknown = options(mode);
    unknown.driver = "other";
    Watchdog other(unknown);
    other.configure(unknown, 30s, 10s);
    EXPECT_EQ(other.activate().ok(), !required);
    EXPECT_FALSE(other.running());
  }
  EXPECT_EQ(told(), "");
}

TEST_F(WatchdogTest, DyingInGoodOrderDisables) {
  {
    Watchdog dog(options(WatchdogMode::kRequired));
    dog.configure(options(WatchdogMode::kRequired), 30s, 10s);
    ASSERT_TRUE(dog.activate().ok());
  }
  EXPECT_EQ(told(), "o[25]1V");
}

}  // namespace
}  // namespace matriarch::watchdog
