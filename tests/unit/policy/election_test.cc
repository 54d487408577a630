// Who may take the lock (HA section 11).
#include "policy/election.h"

#include <gtest/gtest.h>

#include "tests/unit/policy/election_cases.h"

namespace matriarch::policy {
namespace {

// --- the health comparison (11.3)

const std::vector<Case> kHealthComparison = {
    {"HA-184 nobody was asked yet", [](World& w) { w.peers.reset(); }, Race::kNeedsPeers},
    {"HA-179 equal to all", [](World&) {}, Race::kMayWin},
    {"HA-182 lag at the limit",
     [](World& w) { edit(w, [](ClusterView& v) { v.status.optime = Lsn{kEnd.value + 1048576}; }); }, Race::kMayWin},
    {"HA-182 lag over the limit",
     [](World& w) { edit(w, [](ClusterView& v) { v.status.optime = Lsn{kEnd.value + 1048577}; }); }, Race::kMayNot,
     "maximum replication lag"},
    {"HA-182 the limit is the setting's",
     [](World& w) {
       w.settings.maximum_lag_on_failover = 7;
       edit(w, [](ClusterView& v) { v.status.optime = kAhead; });
     },
     Race::kMayNot, "maximum replication lag"},
    {"HA-183 behind the cluster's timeline, unchecked", [](World& w) { history_up_to(w, 1); }, Race::kMayWin},
    {"HA-183 behind the cluster's timeline, checked",
     [](World& w) {
       w.settings.check_timeline = true;
       history_up_to(w, 1);
     },
     Race::kMayNot, "timeline 1 is behind"},
    {"HA-183 on the cluster's timeline",
     [](World& w) {
       w.settings.check_timeline = true;
       w.server.received_timeline = 2;
       history_up_to(w, 1);
     },
     Race::kMayWin},
    {"HA-183 timeline unknown",
     [](World& w) {
       w.settings.check_timeline = true;
       w.server.received_timeline = 0;
       w.server.control = {};
     },
     Race::kMayNot, "timeline 0"},
    {"HA-185 a primary lives",
     [](World& w) {
       answer(w, "c").in_recovery = false;
       answer(w, "c").position = Lsn{};
     },
     Race::kMayNot, "Primary (c) is still alive"},
    {"HA-192 a primary whose watchdog failed does not hinder",
     [](World& w) { answer(w, "c") = {.name = "c", .reachable = true, .watchdog_failed = true}; }, Race::kMayWin},
    {"HA-186 somebody is ahead", [](World& w) { answer(w, "b").position = kAhead; }, Race::kMayNot,
     "Wal position of b is ahead of my wal position"},
    {"HA-186 somebody is behind", [](World& w) { answer(w, "b").position = kBehind; }, Race::kMayWin},
    {"HA-192 one that is ahead but not reachable", [](World& w) { answer(w, "b") = {.name = "b", .position = kAhead}; },
     Race::kMayWin},
    {"HA-192 one that is ahead but nofailover",
     [](World& w) {
       answer(w, "b").position = kAhead;
       answer(w, "b").nofailover = true;
     },
     Race::kMayWin},
    {"HA-187 a higher priority at my position", [](World& w) { answer(w, "b").failover_priority = 2; }, Race::kMayNot,
     "b has equally tolerable WAL position and priority 2, while this node has priority 1"},
    {"HA-187 a higher priority behind me",
     [](World& w) {
       answer(w, "b").failover_priority = 2;
       answer(w, "b").position = kBehind;
     },
     Race::kMayWin},
    {"HA-187 my priority is as high",
     [](World& w) {
       answer(w, "b").failover_priority = 2;
       w.tags = tags({{"failover_priority", 2}});
     },
     Race::kMayWin},
    {"HA-180 who answers but is no member does not count",
     [](World& w) { w.peers->push_back(peer("stranger", kAhead)); }, Race::kMayWin},
};

TEST(Election, HealthComparison) {
  for (const Case& c : kHealthComparison) check(asked(), c);
}

TEST(Election, TheFormerLeadersPriorityDoesNotCount) {  // HA-187
  World w = asked();
  answer(w, "b").failover_priority = 5;
  World before = asked();
  set_leader(before, "b");
  std::string why;
  EXPECT_EQ(race_of(w, {.led_view = before.view}, &why), Race::kMayWin) << why;
  set_leader(before, "c");
  EXPECT_EQ(race_of(w, {.led_view = before.view}, &why), Race::kMayNot);
}

TEST(Election, MembersThatLeftTheStoreAreStillAskedAndHeard) {  // HA-180
  World w = asked();
  w.peers->push_back(peer("d", kAhead));
  std::string why;
  EXPECT_EQ(race_of(w, {}, &why), Race::kMayWin);
  World before = standby();
  edit(before, [](ClusterView& v) { v.members.push_back(member("d")); });
  const Memory memory{.led_view = before.view};
  EXPECT_EQ(race_of(w, memory, &why), Race::kMayNot);
  EXPECT_EQ(members_to_ask(w, memory).size(), 3u);

  World failsafe = asked();  // the same through /failsafe
  failsafe.peers->push_back(peer("e", kAhead));
  edit(failsafe, [](ClusterView& v) {
    v.failsafe = Value::Map();
    v.failsafe.as_map().set("e", "http://e:8008/patroni");
    v.failsafe.as_map().set("odd", 5);
  });
  EXPECT_EQ(race_of(failsafe, {}, &why), Race::kMayNot);
}

TEST(Election, TheCurrentMemberKeyOverridesAnOlderOne) {  // HA-180
  World before = standby();
  edit(before, [](ClusterView& v) { member_of(v, "b").data.api_url = "http://old:8008/patroni"; });
  for (const auto& m : members_to_ask(standby(), {.led_view = before.view})) {
    EXPECT_NE(m.data.api_url, "http://old:8008/patroni");
  }
}

TEST(Election, WhoIsAsked) {  // HA-184
  World w = standby();
  edit(w, [](ClusterView& v) {
    member_of(v, "b").data.tags = tags({{"nofailover", true}});
    member_of(v, "c").data.api_url.clear();
    v.members.push_back(member("d"));
  });
  const auto names = [&] {
    std::vector<std::string> all;
    for (const auto& m : members_to_ask(w, {})) all.push_back(m.name);
    return all;
  };
  EXPECT_EQ(names(), std::vector<std::string>{"d"});
  sync_with(w, SyncMode::kQuorum, "z", {"a", "b"}, 1);  // the electorate; its nofailover voters vote (B7)
  EXPECT_EQ(names(), std::vector<std::string>{"b"});
  request(w, "", "d");  // HA-213: a requested candidate is always asked
  EXPECT_EQ(names(), (std::vector<std::string>{"b", "d"}));
}

// --- who may race at all (11.2)

const std::vector<Case> kWhoMayRace = {
    {"HA-170 the server does not answer", [](World& w) { w.server.queried = false; }, Race::kMayNot},
    {"HA-171 a primary in pause",
     [](World& w) {
       make_primary(w);
       w.settings.paused = true;
     },
     Race::kMayWin},
    {"HA-171 a foreign primary in pause",
     [](World& w) {
       make_primary(w);
       w.settings.paused = true;
       w.system_id = "7309999999999999999";
     },
     Race::kMayNot},
    {"HA-171 /initialize is gone",
     [](World& w) {
       make_primary(w);
       w.settings.paused = true;
       edit(w, [](ClusterView& v) { v.initialize.reset(); });
     },
     Race::kMayWin},
    {"HA-172 a primary, no history", [](World& w) { make_primary(w); }, Race::kMayWin},
    {"HA-172 a primary on the cluster's timeline",
     [](World& w) {
       make_primary(w);
       w.server.timeline = 3;
       history_up_to(w, 2);
     },
     Race::kMayWin},
    {"HA-172 a stale primary",
     [](World& w) {
       make_primary(w);
       w.server.timeline = 2;
       history_up_to(w, 2);
     },
     Race::kMayNot, "timeline 2, which is behind the cluster's 3"},
    {"HA-172 a primary asks nobody",
     [](World& w) {
       make_primary(w);
       w.peers.reset();
     },
     Race::kMayWin},
    {"B8 a primary that /sync names",
     [](World& w) {
       make_primary(w);
       sync_with(w, SyncMode::kPriority, "A", {"b"});
     },
     Race::kMayWin},
    {"B8 a primary that /sync does not name",
     [](World& w) {
       make_primary(w);
       sync_with(w, SyncMode::kPriority, "b", {"a"});
     },
     Race::kMayNot, "/sync names b"},
    {"B8 /sync is left over, the mode is off",
     [](World& w) {
       make_primary(w);
       sync_with(w, SyncMode::kOff, "b", {"a"});
     },
     Race::kMayWin},
    {"HA-173 a standby in pause", [](World& w) { w.settings.paused = true; }, Race::kMayNot, "paused"},
    {"HA-174 nofailover", [](World& w) { w.tags = tags({{"nofailover", true}}); }, Race::kMayNot,
     "not allowed to promote"},
    {"HA-174, HA-195 priority 0", [](World& w) { w.tags = tags({{"failover_priority", 0}}); }, Race::kMayNot},
    {"HA-195 nofailover=false beats priority 0",
     [](World& w) {
       w.tags = tags({{"failover_priority", 0}, {"nofailover", false}});
       w.peers = {peer("b", kBehind), peer("c", kBehind)};  // at equal positions a higher priority would come first
     },
     Race::kMayWin},
    {"HA-177 not in /failsafe",
     [](World& w) {
       w.settings.failsafe_mode = true;
       edit(w, [](ClusterView& v) {
         v.failsafe = Value::Map();
         v.failsafe.as_map().set("b", "http://b:8008");
       });
     },
     Race::kMayNot, "failsafe"},
    {"HA-177 in /failsafe",
     [](World& w) {
       w.settings.failsafe_mode = true;
       edit(w, [](ClusterView& v) {
         v.failsafe = Value::Map();
         v.failsafe.as_map().set("a", "http://a:8008");
       });
     },
     Race::kMayWin},
    {"HA-177 an empty /failsafe excludes nobody",
     [](World& w) {
       w.settings.failsafe_mode = true;
       edit(w, [](ClusterView& v) { v.failsafe = Value::Map(); });
     },
     Race::kMayWin},
    {"HA-177 the mode is off",
     [](World& w) {
       edit(w, [](ClusterView& v) {
         v.failsafe = Value::Map();
         v.failsafe.as_map().set("b", "http://b:8008");
       });
     },
     Race::kMayWin},
    {"HA-178 no synchronous standby", [](World& w) { sync_with(w, SyncMode::kPriority, "b", {"c"}); }, Race::kMayNot,
     "not a synchronous standby"},
    {"HA-178 a synchronous standby, whatever its case", [](World& w) { sync_with(w, SyncMode::kPriority, "b", {"A"}); },
     Race::kMayWin},
    {"HA-178 the former leader itself", [](World& w) { sync_with(w, SyncMode::kPriority, "a", {"b"}); }, Race::kMayWin},
    {"HA-178 /sync not in use", [](World& w) { sync_with(w, SyncMode::kPriority, "", {}); }, Race::kMayWin},
    {"HA-180 with sync only its names are compared",
     [](World& w) {
       sync_with(w, SyncMode::kPriority, "b", {"a"});
       answer(w, "c").position = kAhead;
     },
     Race::kMayWin},
    {"HA-186 the former sync leader may be ahead",
     [](World& w) {
       sync_with(w, SyncMode::kPriority, "b", {"a"});
       answer(w, "b").position = kAhead;
     },
     Race::kMayWin},
    {"HA-186 another sync standby may not",
     [](World& w) {
       sync_with(w, SyncMode::kPriority, "b", {"a", "c"});
       answer(w, "c").position = kAhead;
     },
     Race::kMayNot},
    {"HA-187 the sync leader's priority does not count",
     [](World& w) {
       sync_with(w, SyncMode::kPriority, "b", {"a"});
       answer(w, "b").failover_priority = 9;
     },
     Race::kMayWin},
};

TEST(Election, WhoMayRace) {
  for (const Case& c : kWhoMayRace) check(asked(), c);
}

TEST(Election, AVetoedNodeStaysOutForATtl) {  // HA-168
  World w = asked();
  std::string why;
  const Memory memory{.promotion_vetoed_at = w.now};
  w.now += 30s - 1ns;
  EXPECT_EQ(race_of(w, memory, &why), Race::kMayNot);
  w.now += 1ns;
  EXPECT_EQ(race_of(w, memory, &why), Race::kMayWin);
}

// --- quorum

World quorum_world(int quorum = 1) {
  World w = asked();
  sync_with(w, SyncMode::kQuorum, "z", {"a", "b", "c"}, quorum);
  return w;
}

const std::vector<Case> kQuorum = {
    {"HA-188 both vote for me",
     [](World& w) {
       w = quorum_world(2);
       w.peers = {peer("b"), peer("c")};
     },
     Race::kMayWin},
    {"HA-189 one vote is not two",
     [](World& w) {
       w = quorum_world(2);
       w.peers = {peer("b"), dead_peer("c")};
     },
     Race::kMayNot, "only 1 of 2 votes"},
    {"HA-188 who does not know its position has no vote", [](World& w) { w.peers = {peer("b", Lsn{})}; }, Race::kMayNot,
     "only 0 of 1"},
    {"HA-188 outside the electorate I start one short",
     [](World& w) { sync_with(w, SyncMode::kQuorum, "z", {"b", "c"}, 2); }, Race::kMayNot, "only 1 of 2 votes"},
    {"HA-188 outside, but enough votes", [](World& w) { sync_with(w, SyncMode::kQuorum, "z", {"b", "c"}, 1); },
     Race::kMayWin},
    {"HA-188 the sync leader is in the electorate and may vote",
     [](World& w) { sync_with(w, SyncMode::kQuorum, "b", {"a"}, 1); }, Race::kMayWin},
    {"HA-186, HA-188 the sync leader ahead of me has no vote",
     [](World& w) {
       sync_with(w, SyncMode::kQuorum, "b", {"a"}, 1);
       answer(w, "b").position = kAhead;
     },
     Race::kMayNot, "only 0 of 1"},
    {"HA-186 a voter ahead of me", [](World& w) { answer(w, "c").position = kAhead; }, Race::kMayNot, "ahead"},
    {"B7 a nofailover voter votes",
     [](World& w) {
       w.peers = {peer("b"), dead_peer("c")};
       answer(w, "b").nofailover = true;
     },
     Race::kMayWin},
    {"B7 a nofailover voter ahead of me does not vote, nor does it hinder",
     [](World& w) {
       answer(w, "b").nofailover = true;
       answer(w, "b").position = kAhead;
     },
     Race::kMayWin},
    {"B7 its priority is no argument",
     [](World& w) {
       w.peers = {peer("b"), dead_peer("c")};
       answer(w, "b").nofailover = true;
       answer(w, "b").failover_priority = 9;
     },
     Race::kMayWin},
    {"B7, HA-192 with a failed watchdog it does not vote",
     [](World& w) {
       w.peers = {peer("b"), dead_peer("c")};
       answer(w, "b").nofailover = true;
       answer(w, "b").watchdog_failed = true;
     },
     Race::kMayNot},
    {"HA-187 a voter's priority counts", [](World& w) { answer(w, "c").failover_priority = 2; }, Race::kMayNot,
     "priority 2"},
    {"QRM-040 the former leader returns alone",
     [](World& w) {
       sync_with(w, SyncMode::kQuorum, "a", {"b", "c"}, 1);
       w.peers = {dead_peer("b"), dead_peer("c")};
     },
     Race::kMayWin},
    {"QRM-040 but not if a voter has more",
     [](World& w) {
       sync_with(w, SyncMode::kQuorum, "a", {"b", "c"}, 1);
       w.peers = {peer("b", kAhead), dead_peer("c")};
     },
     Race::kMayNot},
    {"QRM-040, B7 nor if a nofailover voter has more",
     [](World& w) {
       sync_with(w, SyncMode::kQuorum, "a", {"b", "c"}, 1);
       w.peers = {peer("b", kAhead), dead_peer("c")};
       answer(w, "b").nofailover = true;
     },
     Race::kMayNot, "only 0 of 1"},
};

TEST(Election, Quorum) {
  for (const Case& c : kQuorum) check(quorum_world(), c);
}

// --- backoff (11.1)

TEST(Election, Backoff) {
  World w = asked();
  w.settings.primary_race_backoff = 60s;
  w.server.replication_state = "streaming";
  const auto at = [&](Duration waited, bool moved) {
    std::string why;
    return race_of(w, {.race_backoff_since = w.now - waited, .last_position = kBehind, .position_moved = moved}, &why);
  };
  EXPECT_EQ(at(0s, false), Race::kPostponed);  // HA-163: at least one loop
  EXPECT_EQ(at(9999ms, false), Race::kPostponed);
  EXPECT_EQ(at(10s, false), Race::kMayWin);    // the primary is silent
  EXPECT_EQ(at(10s, true), Race::kPostponed);  // it still sends
  EXPECT_EQ(at(59s, true), Race::kPostponed);
  EXPECT_EQ(at(60s, true), Race::kMayWin);
  w.server.replication_state = "in archive recovery";
  EXPECT_EQ(at(10s, true), Race::kMayWin);
  w.server.replication_state = "streaming";
  request(w, "b", "a");  // HA-162: a candidate was named
  EXPECT_EQ(at(0s, true), Race::kMayWin);
}

TEST(Election, BackoffNeedsAKnownPositionAndIsNotForPause) {  // HA-162
  World w = asked();
  w.settings.primary_race_backoff = 60s;
  std::string why;
  EXPECT_EQ(race_of(w, {.race_backoff_since = w.now}, &why), Race::kMayWin);
  EXPECT_EQ(race_of(w, {.last_position = kEnd}, &why), Race::kPostponed);  // first unlocked cycle
  w.settings.paused = true;
  EXPECT_EQ(race_of(w, {.last_position = kEnd}, &why), Race::kMayNot);
}

}  // namespace
}  // namespace matriarch::policy
