// /failover as the leader sees it (HA-200..208), and the rule of schedules (HA-263).
#include "policy/request.h"

#include <gtest/gtest.h>

#include "model/codec.h"
#include "policy/decide.h"
#include "tests/unit/policy/worlds.h"

namespace matriarch::policy {
namespace {

World asked() {
  World w = leading();
  w.peers = {peer("b"), peer("c")};
  return w;
}

std::string at(Duration from_now) {
  return to_iso8601(kWallNow + std::chrono::duration_cast<std::chrono::microseconds>(from_now));
}

struct Case {
  const char* what;
  std::function<void(World&)> change;
  Request expected;
  const char* why = "";
};

const std::vector<Case> kAsTheLeaderReadsIt = {
    {"HA-200 none", [](World&) {}, Request::kNone},
    {"HA-200 an empty one", [](World& w) { request(w, "", ""); }, Request::kNone},
    {"HA-200 an empty one with a time", [](World& w) { request(w, "", "", at(-1s)); }, Request::kNone},
    {"HA-205 a candidate that can", [](World& w) { request(w, "a", "b"); }, Request::kPossible},
    {"HA-205 anybody", [](World& w) { request(w, "a", ""); }, Request::kPossible},
    {"HA-205 a manual failover", [](World& w) { request(w, "", "b"); }, Request::kPossible},
    {"HA-196 nobody was asked",
     [](World& w) {
       request(w, "a", "b");
       w.peers.reset();
     },
     Request::kNeedsPeers},
    {"HA-202 not me", [](World& w) { request(w, "b", "c"); }, Request::kInvalid, "leader name does not match"},
    {"HA-202 comes before the candidate", [](World& w) { request(w, "b", "a"); }, Request::kInvalid, "does not match"},
    {"HA-203 to myself", [](World& w) { request(w, "a", "a"); }, Request::kInvalid, "already the leader"},
    {"HA-204 paused without a candidate",
     [](World& w) {
       request(w, "a", "");
       w.settings.paused = true;
     },
     Request::kInvalid, "paused"},
    {"HA-204 paused with one",
     [](World& w) {
       request(w, "a", "b");
       w.settings.paused = true;
     },
     Request::kPossible},
    {"HA-206 the candidate is sick",
     [](World& w) {
       request(w, "a", "b");
       w.peers = {dead_peer("b"), peer("c")};
     },
     Request::kImpossible, "b is not healthy"},
    {"HA-206 everybody is",
     [](World& w) {
       request(w, "a", "");
       w.peers = {dead_peer("b"), dead_peer("c")};
     },
     Request::kImpossible, "no healthy member"},
    {"HA-206 the candidate does not exist", [](World& w) { request(w, "a", "nobody"); }, Request::kImpossible},
    {"HA-196 a switchover to an asynchronous node",
     [](World& w) {
       request(w, "a", "b");
       sync_with(w, SyncMode::kPriority, "a", {"c"});
     },
     Request::kImpossible},
    {"HA-196 a manual failover to one",
     [](World& w) {
       request(w, "", "b");
       sync_with(w, SyncMode::kPriority, "a", {"c"});
     },
     Request::kPossible},
    {"HA-201 to come", [](World& w) { request(w, "a", "b", at(1s)); }, Request::kNotDue},
    {"HA-201 due", [](World& w) { request(w, "a", "b", at(0s)); }, Request::kPossible},
    {"HA-263 just in time", [](World& w) { request(w, "a", "b", at(-15s)); }, Request::kPossible},
    {"HA-263 missed", [](World& w) { request(w, "a", "b", at(-15'000'001us)); }, Request::kInvalid, "missed"},
    {"HA-263 paused: kept, not run",
     [](World& w) {
       request(w, "a", "b", at(-3600s));
       w.settings.paused = true;
     },
     Request::kNotDue},
    {"HA-263 no time stamp", [](World& w) { request(w, "a", "b", "tomorrow"); }, Request::kInvalid, "tomorrow"},
    {"HA-263 no offset", [](World& w) { request(w, "a", "b", "2030-01-01T00:00:00"); }, Request::kInvalid, "offset"},
    {"HA-201 the time comes before everything else", [](World& w) { request(w, "b", "a", at(1s)); }, Request::kNotDue},
};

TEST(Request, AsTheLeaderReadsIt) {
  for (const Case& c : kAsTheLeaderReadsIt) {
    World w = asked();
    c.change(w);
    std::string why;
    EXPECT_EQ(request_of(w, &why), c.expected) << c.what << ": " << why;
    EXPECT_NE(why.find(c.why), why.npos) << c.what << ": " << why;
    EXPECT_EQ(why.empty(), c.expected != Request::kInvalid && c.expected != Request::kImpossible)
        << c.what << ": " << why;
  }
}

TEST(Request, Schedules) {  // HA-263: floor(1.5 * loop_wait)
  EXPECT_EQ(schedule_of(kWallNow + 1us, kWallNow, 10s), Schedule::kWait);
  EXPECT_EQ(schedule_of(kWallNow, kWallNow, 10s), Schedule::kDue);
  EXPECT_EQ(schedule_of(kWallNow - 4s, kWallNow, 3s), Schedule::kDue);
  EXPECT_EQ(schedule_of(kWallNow - 4s - 1us, kWallNow, 3s), Schedule::kStale);
}

TEST(Request, WhatIsLeftAfterTheWin) {  // HA-165, DCS-097
  World w = standby();
  EXPECT_EQ(failover_after_win(w), "{}");
  request(w, "b", "a");
  EXPECT_EQ(failover_after_win(w), "{}");
  w.settings.paused = true;
  EXPECT_EQ(failover_after_win(w), R"({"member":"a"})");
  request(w, "", "a");
  EXPECT_EQ(failover_after_win(w), R"({"member":"a"})");  // B12: a manual failover to me
  request(w, "", "c");
  EXPECT_EQ(failover_after_win(w), "{}");
  request(w, "b", "");
  EXPECT_EQ(failover_after_win(w), "{}");
  request(w, "b", "a", "2031-01-01T00:00:00+00:00");
  Complaints complaints;
  const FailoverRequest kept = read_failover(failover_after_win(w), "1", complaints);
  EXPECT_EQ(kept.leader, "");
  EXPECT_EQ(kept.candidate, "a");
  EXPECT_EQ(kept.scheduled_at_text, "2031-01-01T00:00:00+00:00");
}

TEST(Request, DecidedByTheLeader) {
  World w = asked();
  request(w, "a", "b");
  Decision d = decide(w, {}).decision;
  EXPECT_EQ(d.verdict, Verdict::kDemoteGraceful);  // HA-205
  EXPECT_EQ(d.reason, "switchover: demote");
  EXPECT_EQ(d.candidate, "b");
  EXPECT_FALSE(d.manual_failover);
  EXPECT_TRUE(d.keep_lease);  // until the server is down

  request(w, "", "c");
  d = decide(w, {}).decision;
  EXPECT_EQ(d.reason, "manual failover: demote");
  EXPECT_TRUE(d.manual_failover);

  request(w, "a", "nobody");
  d = decide(w, {}).decision;
  EXPECT_EQ(d.verdict, Verdict::kClearFailover);  // HA-206
  EXPECT_EQ(d.text, "{}");                        // DCS-096
  EXPECT_EQ(d.expected, "12");

  request(w, "a", "b", at(3s));
  d = decide(w, {}).decision;
  EXPECT_EQ(d.verdict, Verdict::kLead);
  EXPECT_EQ(d.revisit_at, w.now + 3s);

  request(w, "a", "b");
  w.peers.reset();
  d = decide(w, {}).decision;
  EXPECT_EQ(d.verdict, Verdict::kPollPeers);
  EXPECT_EQ(d.ask.size(), 2u);
}

}  // namespace
}  // namespace matriarch::policy
