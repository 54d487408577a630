// The race under a request (HA section 12.3), and whether somebody could take over (12.1).
#include <gtest/gtest.h>

#include "policy/election.h"
#include "tests/unit/policy/election_cases.h"

namespace matriarch::policy {
namespace {

// --- the race under a request (12.3)

const std::vector<Case> kManualRace = {
    {"HA-209 I am the candidate: no lag, no timeline, no quorum",
     [](World& w) {
       request(w, "", "a");
       w.settings.check_timeline = true;
       history_up_to(w, 4);
       edit(w, [](ClusterView& v) { v.status.optime = Lsn{kEnd.value * 2}; });
       w.peers.reset();
     },
     Race::kMayWin},
    {"HA-169 even in pause",
     [](World& w) {
       request(w, "", "a");
       w.settings.paused = true;
     },
     Race::kMayWin},
    {"HA-169 but not if scheduled",
     [](World& w) {
       request(w, "b", "a", "2031-01-01T00:00:00+00:00");
       w.settings.paused = true;
     },
     Race::kMayNot},
    {"HA-169, HA-174 nor if nofailover",
     [](World& w) {
       request(w, "", "a");
       w.settings.paused = true;
       w.tags = tags({{"nofailover", true}});
     },
     Race::kMayNot},
    {"HA-175 a switchover needs a synchronous candidate",
     [](World& w) {
       request(w, "b", "a");
       sync_with(w, SyncMode::kPriority, "b", {"c"});
     },
     Race::kMayNot, "not a synchronous standby"},
    {"QRM-041 a manual failover does not",
     [](World& w) {
       request(w, "", "a");
       sync_with(w, SyncMode::kPriority, "b", {"c"});
     },
     Race::kMayWin},
    {"HA-211 paused, nobody named",
     [](World& w) {
       request(w, "b", "");
       w.settings.paused = true;
     },
     Race::kMayNot},
    {"HA-213 the candidate is well: left to it", [](World& w) { request(w, "", "c"); }, Race::kMayNot,
     "c is the candidate"},
    {"HA-213 nobody was asked yet",
     [](World& w) {
       request(w, "", "c");
       w.peers.reset();
     },
     Race::kNeedsPeers},
    {"HA-214 the candidate is sick",
     [](World& w) {
       request(w, "", "c");
       answer(w, "c") = dead_peer("c");
     },
     Race::kMayWin},
    {"HA-214 the candidate does not exist", [](World& w) { request(w, "", "nobody"); }, Race::kMayWin},
    {"HA-212 a sick candidate's place is not for an asynchronous node",
     [](World& w) {
       request(w, "", "c");
       answer(w, "c") = dead_peer("c");
       sync_with(w, SyncMode::kPriority, "b", {"c"});
     },
     Race::kMayNot, "not a synchronous standby"},
    {"HA-215 I gave it away and somebody can take it", [](World& w) { request(w, "a", ""); }, Race::kMayNot,
     "another member can take over"},
    {"HA-215 nobody can: I take it back",
     [](World& w) {
       request(w, "a", "");
       w.peers = {dead_peer("b"), dead_peer("c")};
     },
     Race::kMayWin},
    {"HA-215 the sick candidate does not count as somebody",
     [](World& w) {
       request(w, "a", "c");
       w.peers = {dead_peer("b"), dead_peer("c")};
     },
     Race::kMayWin},
    {"HA-216 no lag check",
     [](World& w) {
       request(w, "b", "");
       edit(w, [](ClusterView& v) { v.status.optime = Lsn{kEnd.value * 2}; });
     },
     Race::kMayWin},
    {"HA-216 the timeline is still checked",
     [](World& w) {
       request(w, "b", "");
       w.settings.check_timeline = true;
       history_up_to(w, 4);
     },
     Race::kMayNot, "timeline"},
    {"HA-216 the demoted leader is not compared with",
     [](World& w) {
       request(w, "b", "");
       answer(w, "b").position = kAhead;
     },
     Race::kMayWin},
    {"HA-216 the others are",
     [](World& w) {
       request(w, "b", "");
       answer(w, "c").position = kAhead;
     },
     Race::kMayNot, "ahead"},
    {"HA-216 with sync only voters",
     [](World& w) {
       request(w, "b", "");
       sync_with(w, SyncMode::kPriority, "b", {"a"});
       answer(w, "c").position = kAhead;
     },
     Race::kMayWin},
};

TEST(Election, ManualRace) {
  for (const Case& c : kManualRace) check(asked(), c);
}

// --- candidates (12.1)

World leader_asks() {
  World w = leading();
  w.peers = {peer("b"), peer("c")};
  return w;
}

TEST(Election, GoodCandidates) {
  struct Row {
    const char* what;
    std::function<void(World&)> change;
    CandidateQuery query;
    std::vector<std::string> expected;
  };
  const std::vector<Row> rows = {
      {"HA-196 everybody", [](World&) {}, {}, {"b", "c"}},
      {"HA-196 only the one asked for", [](World&) {}, {.only = "c"}, {"c"}},
      {"HA-215 without the candidate", [](World&) {}, {.except = "c"}, {"b"}},
      {"HA-196 nofailover",
       [](World& w) { edit(w, [](ClusterView& v) { member_of(v, "b").data.tags = tags({{"nofailover", true}}); }); },
       {},
       {"c"}},
      {"HA-196 no api_url",
       [](World& w) { edit(w, [](ClusterView& v) { member_of(v, "b").data.api_url.clear(); }); },
       {},
       {"c"}},
      {"HA-196 sync: voters only", [](World& w) { sync_with(w, SyncMode::kPriority, "a", {"c"}); }, {}, {"c"}},
      {"HA-196 sync: a manual failover takes any",
       [](World& w) { sync_with(w, SyncMode::kPriority, "a", {"c"}); },
       {.manual_failover = true},
       {"b", "c"}},
      {"HA-197 limited by its own answer", [](World& w) { answer(w, "b").nofailover = true; }, {}, {"c"}},
      {"HA-197 silent", [](World& w) { w.peers = {peer("c")}; }, {}, {"c"}},
      {"HA-197 lag", [](World& w) { answer(w, "b").position = Lsn{kEnd.value - 1048577}; }, {}, {"c"}},
      {"HA-197 a target instead of the lag rule",
       [](World& w) { answer(w, "b").position = kBehind; },
       {.must_have = kEnd},
       {"c"}},
      {"HA-197 timeline, unchecked", [](World& w) { history_up_to(w, 1); }, {}, {"b", "c"}},
      {"HA-197 timeline, checked",
       [](World& w) {
         w.settings.check_timeline = true;
         history_up_to(w, 1);
         answer(w, "c").timeline = 2;
       },
       {},
       {"c"}},
  };
  for (const Row& row : rows) {
    World w = leader_asks();
    row.change(w);
    EXPECT_EQ(good_candidates(w, row.query), row.expected) << row.what;
    EXPECT_EQ(failover_possible(w, row.query), !row.expected.empty()) << row.what;  // HA-199
  }
}

TEST(Election, AQuorumNeedsOneMoreGoodNodeThanItsVotes) {  // HA-198
  World w = leader_asks();
  sync_with(w, SyncMode::kQuorum, "a", {"b", "c"}, 1);
  EXPECT_TRUE(failover_possible(w, {}));
  w.peers = {peer("b"), dead_peer("c")};
  EXPECT_FALSE(failover_possible(w, {}));
  EXPECT_TRUE(failover_possible(w, {.only = "b"}));  // QRM-041
  EXPECT_FALSE(failover_possible(w, {.only = "b", .except = "b"}));
  w.peers.reset();
  EXPECT_FALSE(failover_possible(w, {.only = "b"}));
}

}  // namespace
}  // namespace matriarch::policy
