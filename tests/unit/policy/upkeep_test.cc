// Member slots (HA-344..347, DCS-142..146, DCS-176) and the history of timelines (HA-328, DCS-094).
#include "policy/upkeep.h"

#include <gtest/gtest.h>

#include "tests/unit/policy/worlds.h"

namespace matriarch::policy {
namespace {

using Slots = std::map<std::string, WantedSlot>;

constexpr WantedSlot kActive{};
constexpr WantedSlot kept(Lsn lsn = {}) { return {.advance_to = lsn, .expect_active = false}; }

void tag(World& w, std::string_view name, const char* key, Value value) {
  edit(w, [&](ClusterView& v) { member_of(v, name).data.tags.raw.set(key, value); });
}

void publish(World& w, std::string slot, Lsn lsn) {
  edit(w, [&](ClusterView& v) { v.status.slots[slot] = lsn; });
}

TEST(WantedSlots, OfALeader) {
  World w = leading();
  EXPECT_EQ(wanted_slots(w), (Slots{{"b", kActive}, {"c", kActive}}));
  tag(w, "c", "replicatefrom", "b");
  publish(w, "c", Lsn{77});
  EXPECT_EQ(wanted_slots(w), (Slots{{"b", kActive}, {"c", kept(kEnd)}}));  // DCS-145: its own position is further
  publish(w, "c", Lsn{kEnd.value + 1});
  EXPECT_EQ(wanted_slots(w).at("c"), kept(Lsn{kEnd.value + 1}));
  tag(w, "c", "replicatefrom", "a");
  EXPECT_EQ(wanted_slots(w).at("c"), kActive);
  tag(w, "c", "replicatefrom", "gone");  // DCS-143: an unknown member: it streams from the leader
  EXPECT_EQ(wanted_slots(w).at("c"), kActive);
  tag(w, "c", "nostream", true);
  EXPECT_EQ(wanted_slots(w), (Slots{{"b", kActive}}));
}

TEST(WantedSlots, OfAStandby) {  // HA-344
  World w = following();
  publish(w, "c", Lsn{77});
  EXPECT_EQ(wanted_slots(w), (Slots{{"b", kept()}, {"c", kept(Lsn{77})}}));
  tag(w, "c", "replicatefrom", "a");
  EXPECT_EQ(wanted_slots(w).at("c"), kActive);
  w.tags = tags({{"nofailover", true}});
  EXPECT_EQ(wanted_slots(w), (Slots{{"c", kActive}}));
}

TEST(WantedSlots, WithoutRetention) {  // HA-345
  World w = following();
  w.settings.member_slots_ttl = 0s;
  EXPECT_EQ(wanted_slots(w), Slots());
  tag(w, "c", "replicatefrom", "a");
  tag(w, "b", "replicatefrom", "a");  // never for the leader
  EXPECT_EQ(wanted_slots(w), (Slots{{"c", kActive}}));
  w.settings.member_slots_ttl = 1800s;
  w.server.major_version = 100000;  // slots cannot be advanced
  EXPECT_EQ(wanted_slots(w), (Slots{{"c", kActive}}));
  World leader = leading();
  leader.settings.member_slots_ttl = 0s;
  tag(leader, "c", "replicatefrom", "b");
  EXPECT_EQ(wanted_slots(leader), (Slots{{"b", kActive}}));
}

TEST(WantedSlots, NoneWithoutUseSlotsOrView) {  // DCS-142
  World w = leading();
  w.settings.use_slots = false;
  EXPECT_EQ(wanted_slots(w), Slots());
  w.settings.use_slots = true;
  w.view.reset();
  EXPECT_EQ(wanted_slots(w), Slots());
}

TEST(WantedSlots, PositionsLearntInFailsafeMode) {  // PG-346, HA-297, DCS-419
  World w = following();
  publish(w, "b", Lsn{5});
  publish(w, "c", Lsn{77});
  tag(w, "c", "replicatefrom", "b");
  w.view = std::make_shared<const ClusterView>(with_slot_positions(*w.view, {{"c", Lsn{99}}, {"x", Lsn{1}}}));
  EXPECT_EQ(wanted_slots(w), (Slots{{"b", kept(Lsn{5})}, {"c", kept(Lsn{99})}}));
}

TEST(WantedSlots, RetainedOnes) {  // DCS-146
  World w = following();
  edit(w, [](ClusterView& v) { v.status.retain_slots = {"a", "c", "left"}; });
  publish(w, "left", Lsn{55});
  EXPECT_EQ(wanted_slots(w), (Slots{{"b", kept()}, {"c", kept()}, {"left", kept(Lsn{55})}}));
  World leader = w;
  set_leader(leader, "a");
  EXPECT_EQ(wanted_slots(leader).at("left"), kept());  // a leader's is where it is
  w.tags = tags({{"nofailover", true}});
  EXPECT_EQ(wanted_slots(w), Slots());
}

TEST(WantedSlots, UnderALeaderThatDoesNotPublishThem) {  // DCS-145
  World w = following();
  for (const auto& [version, expected] : std::map<std::string, Lsn>{{"3.0.2", kEnd},
                                                                    {"3", kEnd},
                                                                    {"4.0.0", Lsn{}},
                                                                    {"4.1", Lsn{}},
                                                                    {"10.1", Lsn{}},
                                                                    {"", Lsn{}},
                                                                    {"x.y", Lsn{}}}) {
    edit(w, [&](ClusterView& v) { member_of(v, "b").data.version = version; });
    EXPECT_EQ(wanted_slots(w).at("c"), kept(expected)) << version;
  }
}

TEST(WantedSlots, AreNamedAsTheContractNamesThem) {  // DCS-082
  World w = leading();
  edit(w, [](ClusterView& v) { v.members = {member("a"), member("Node-2.example")}; });
  EXPECT_EQ(wanted_slots(w), (Slots{{"node_2_example", kActive}}));
}

TEST(Retention, TheLeaderRemembersWhoWasSeen) {  // HA-347, DCS-176
  World w = leading();
  Memory m{.slots_seen = remember_slots(w, {})};
  EXPECT_EQ(retained_slots(m), (std::vector<std::string>{"a", "b", "c"}));
  edit(w, [](ClusterView& v) { std::erase_if(v.members, [](const Member& x) { return x.name == "c"; }); });
  w.now += 1799s;
  m.slots_seen = remember_slots(w, m.slots_seen);
  EXPECT_EQ(retained_slots(m), (std::vector<std::string>{"a", "b", "c"}));
  w.now += 1s;
  m.slots_seen = remember_slots(w, m.slots_seen);
  EXPECT_EQ(retained_slots(m), (std::vector<std::string>{"a", "b"}));
}

TEST(Retention, ANewLeaderStartsTheClockOfAllAnew) {  // HA-347
  World w = leading();
  edit(w, [](ClusterView& v) { v.status.retain_slots = {"left"}; });
  auto seen = remember_slots(w, {});
  EXPECT_EQ(seen.at("left"), kNow);
  w.now += 10s;
  seen = remember_slots(w, seen);
  EXPECT_EQ(seen.at("left"), kNow);  // and it is not wound up again by what this leader itself published
  set_leader(w, "b");
  EXPECT_TRUE(remember_slots(w, seen).empty());
  w.view.reset();
  EXPECT_TRUE(remember_slots(w, seen).empty());
}

TEST(Retention, NotForNostreamNorWithoutATtl) {
  World w = leading();
  tag(w, "c", "nostream", true);
  EXPECT_FALSE(remember_slots(w, {}).contains("c"));
  w.settings.member_slots_ttl = 0s;
  EXPECT_TRUE(remember_slots(w, {}).empty());
}

// --- history

World primary_on(Timeline timeline) {
  World w = leading();
  w.server.timeline = timeline;
  return w;
}

std::vector<HistoryRow> server_rows(Timeline last) {
  std::vector<HistoryRow> rows;
  for (Timeline t = 1; t <= last; ++t) {
    rows.push_back(
        {.timeline = t, .switch_lsn = Lsn{t * 0x1000}, .reason = "no recovery target specified", .fields = 3});
  }
  return rows;
}

TEST(TimelineHistory, OnTheFirstTimeline) {  // DCS-094
  World w = primary_on(1);
  EXPECT_FALSE(history_to_write(w, {}).has_value());
  history_up_to(w, 0);
  EXPECT_FALSE(history_to_write(w, {}).has_value());
  history_up_to(w, 2);
  EXPECT_EQ(history_to_write(w, {}), std::vector<HistoryRow>());
}

TEST(TimelineHistory, ANewTimelineIsSignedWithTimeAndLeader) {  // HA-328
  World w = primary_on(3);
  auto rows = history_to_write(w, server_rows(2));
  ASSERT_TRUE(rows.has_value());
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ((*rows)[0].new_leader, "");
  EXPECT_EQ((*rows)[0].fields, 3);
  EXPECT_EQ((*rows)[1].new_leader, "a");
  EXPECT_EQ((*rows)[1].timestamp, to_iso8601(kWallNow));
  EXPECT_EQ((*rows)[1].fields, 5);
}

TEST(TimelineHistory, OldRowsKeepWhatWasStoredIfTheLsnIsTheSame) {  // HA-328
  World w = primary_on(4);
  history_up_to(w, 2);
  auto mine = server_rows(3);
  mine[1].switch_lsn = Lsn{0x9999};
  const auto rows = history_to_write(w, mine);
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ((*rows)[0].timestamp, "2031-01-01T00:00:00+00:00");
  EXPECT_EQ((*rows)[0].fields, 5);
  EXPECT_EQ((*rows)[1].timestamp, "");
  EXPECT_EQ((*rows)[2].new_leader, "a");
}

TEST(TimelineHistory, IsRewrittenOnlyIfItIsWrong) {  // DCS-094
  World w = primary_on(3);
  EXPECT_TRUE(history_outdated(w));
  history_up_to(w, 2);
  EXPECT_FALSE(history_outdated(w));
  edit(w, [](ClusterView& v) { v.history->rows.back().fields = 4; });
  EXPECT_TRUE(history_outdated(w));
  history_up_to(w, 1);
  EXPECT_TRUE(history_outdated(w));
  history_up_to(w, 3);
  EXPECT_TRUE(history_outdated(w));
  EXPECT_FALSE(history_to_write(w, {}).has_value());  // an empty list is not written
  w.server.in_recovery = true;
  EXPECT_FALSE(history_outdated(w));
  w = primary_on(0);
  EXPECT_FALSE(history_outdated(w));
}

TEST(TimelineHistory, IsCutToTheNewestRows) {
  World w = primary_on(5);
  w.settings.max_timelines_history = 2;
  const auto rows = history_to_write(w, server_rows(4));
  ASSERT_TRUE(rows.has_value());
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_EQ(rows->front().timeline, 3u);
  w.settings.max_timelines_history = 9;
  EXPECT_EQ(history_to_write(w, server_rows(4))->size(), 4u);
  w.settings.max_timelines_history = 0;
  EXPECT_EQ(history_to_write(w, server_rows(4))->size(), 4u);
}

}  // namespace
}  // namespace matriarch::policy
