#include "base/log_heartbeat.h"

#include <gtest/gtest.h>

namespace matriarch::log {
namespace {

using Rules = HeartbeatFilter::Rules;
using Texts = std::vector<std::string>;

const std::string kOwner = "Lock owner: a; I am b";
const std::string kBeat = "no action. I am (b), a secondary";
const std::string kPausedBeat = "PAUSE: no action. I am (b)";
constexpr Rules kPlain{.active = true, .deduplicate = false};
constexpr Rules kDeduplicate{.active = true, .deduplicate = true};
constexpr Rules kOff{.active = false, .deduplicate = true};

Texts written(const Texts& texts, Rules rules) {
  HeartbeatFilter filter;
  Texts out;
  for (const auto& text : texts) {
    for (const auto& record : filter.pass({.text = text, .thread = 1}, rules)) out.push_back(record.text);
  }
  return out;
}

TEST(LogHeartbeat, LockOwnerIsWrittenOnlyIfNoHeartbeatFollows) {  // CFG-441
  EXPECT_EQ(written({kOwner, kBeat, kOwner, kPausedBeat}, kPlain), (Texts{kBeat, kPausedBeat}));
  EXPECT_EQ(written({kOwner, "promoted self", kBeat}, kPlain), (Texts{kOwner, "promoted self", kBeat}));
  EXPECT_EQ(written({kOwner, kOwner, kBeat}, kPlain), (Texts{kOwner, kBeat}));
  EXPECT_EQ(written({kOwner}, kPlain), Texts{});
}

TEST(LogHeartbeat, AtOtherLevelsEverythingIsWritten) {  // CFG-441
  const Texts all{kOwner, kBeat, kOwner, kBeat};
  EXPECT_EQ(written(all, kOff), all);
}

TEST(LogHeartbeat, WithoutDeduplicationEveryHeartbeatIsWritten) {  // CFG-442
  EXPECT_EQ(written({kOwner, kBeat, kOwner, kBeat}, kPlain), (Texts{kBeat, kBeat}));
}

TEST(LogHeartbeat, RepeatedHeartbeatsAreWrittenOnce) {  // CFG-442
  EXPECT_EQ(written({kOwner, kBeat, kOwner, kBeat, kOwner, kBeat}, kDeduplicate), Texts{kBeat});
  EXPECT_EQ(written({kOwner, kBeat, kOwner, kPausedBeat, kOwner, kBeat}, kDeduplicate),
            (Texts{kBeat, kPausedBeat, kBeat}));
  EXPECT_EQ(written({kOwner, kBeat, kBeat}, kDeduplicate), (Texts{kBeat, kBeat})) << "no lock owner before it";
}

TEST(LogHeartbeat, SomethingElseAfterLockOwnerMakesTheNextHeartbeatNews) {  // CFG-442
  EXPECT_EQ(written({kOwner, kBeat, kOwner, "restarting", kOwner, kBeat, kOwner, kBeat}, kDeduplicate),
            (Texts{kBeat, kOwner, "restarting", kBeat}));
  EXPECT_EQ(written({kOwner, kBeat, "reloaded", kOwner, kBeat}, kDeduplicate), (Texts{kBeat, "reloaded"}));
}

TEST(LogHeartbeat, ThreadsDoNotMix) {  // CFG-441
  HeartbeatFilter filter;
  EXPECT_TRUE(filter.pass({.text = kOwner, .thread = 1}, kPlain).empty());
  EXPECT_EQ(filter.pass({.text = "of another thread", .thread = 2}, kPlain).size(), 1u);
  EXPECT_EQ(filter.pass({.text = kBeat, .thread = 2}, kPlain).size(), 1u);
  const auto last = filter.pass({.text = kBeat, .thread = 1}, kPlain);
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].text, kBeat);
}

TEST(LogHeartbeat, WhatIsHeldBackIsNotLostWhenTheLevelChanges) {
  HeartbeatFilter filter;
  EXPECT_TRUE(filter.pass({.text = kOwner, .thread = 1}, kPlain).empty());
  EXPECT_EQ(filter.pass({.text = kBeat, .thread = 1}, kOff).size(), 2u);
}

}  // namespace
}  // namespace matriarch::log
