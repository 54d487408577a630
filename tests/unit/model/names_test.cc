// Small words of the model: LSNs, names, tags, slot names, what a view derives.
#include <gtest/gtest.h>

#include "model/cluster.h"
#include "model/timestamp.h"

namespace matriarch {
namespace {

TEST(LsnText, IsTwoHexadecimalHalves) {
  EXPECT_EQ(to_string(Lsn{0x16B374D848}), "16/B374D848");
  EXPECT_EQ(parse_lsn("16/B374D848"), Lsn{0x16B374D848});
  EXPECT_EQ(parse_lsn("0/0"), Lsn{});
  EXPECT_EQ(parse_lsn("FFFFFFFF/ffffffff"), Lsn{~std::uint64_t{0}});
  for (const char* text : {"", "/", "1/", "/1", "1", "1/2/3", "1/100000000", "-1/2", "0x1/2", " 1/2"}) {
    EXPECT_FALSE(parse_lsn(text)) << text;
  }
}

TEST(Names, EveryStateAndRoleReadsBackAsItself) {  // PG-020, PG-021
  for (int i = 0; i <= static_cast<int>(PgState::kCrashed); ++i) {
    const auto state = static_cast<PgState>(i);
    EXPECT_EQ(parse_state(to_string(state)), state);
  }
  for (int i = 0; i <= static_cast<int>(Role::kDemoted); ++i) {
    const auto role = static_cast<Role>(i);
    EXPECT_EQ(parse_role(to_string(role)), role);
  }
  EXPECT_EQ(static_cast<int>(parse_state("running").value()), 5);
  EXPECT_EQ(static_cast<int>(parse_state("starting after custom bootstrap").value()), 7);
  EXPECT_EQ(static_cast<int>(parse_state("crashed").value()), 14);
  EXPECT_EQ(parse_role("master"), Role::kPrimary);  // DCS-069
  EXPECT_EQ(callback_role(Role::kPromoted), "primary");
  EXPECT_FALSE(parse_state("Running"));
  EXPECT_FALSE(parse_role(""));
}

Tags tags(std::string_view json) { return Tags{parse_json(json).value().as_map()}; }

TEST(TagsTest, NofailoverWinsOverPriority) {  // HA-195, DCS-072
  EXPECT_FALSE(Tags().nofailover());
  EXPECT_EQ(Tags().failover_priority(), 1);
  EXPECT_TRUE(tags(R"({"nofailover":true,"failover_priority":5})").nofailover());
  EXPECT_EQ(tags(R"({"nofailover":true,"failover_priority":5})").failover_priority(), 0);
  EXPECT_TRUE(tags(R"({"failover_priority":0})").nofailover());
  EXPECT_TRUE(tags(R"({"failover_priority":"-1"})").nofailover());
  EXPECT_FALSE(tags(R"({"nofailover":false,"failover_priority":0})").nofailover());
  EXPECT_EQ(tags(R"({"failover_priority":"3"})").failover_priority(), 3);
  EXPECT_EQ(tags(R"({"failover_priority":"x"})").failover_priority(), 1);
  EXPECT_TRUE(tags(R"({"sync_priority":0})").nosync());
  EXPECT_EQ(tags(R"({"nosync":true,"sync_priority":4})").sync_priority(), 0);
}

TEST(TagsTest, TheOthersAreReadAsDescribed) {  // DCS-072
  EXPECT_TRUE(tags(R"({"nostream":"on"})").nostream());
  EXPECT_FALSE(tags(R"({"nostream":"perhaps"})").nostream());
  EXPECT_TRUE(tags(R"({"noloadbalance":"x"})").noloadbalance());
  EXPECT_TRUE(tags(R"({"clonefrom":1})").clonefrom());
  EXPECT_EQ(tags(R"({"replicatefrom":"b"})").replicatefrom(), "b");
  EXPECT_EQ(tags(R"({"replicatefrom":7})").replicatefrom(), "");
}

TEST(TagsTest, PublishesOnlyWhatTheContractWants) {  // DCS-070
  const auto published = [](std::string_view json) { return to_json(published_tags(tags(json))); };
  EXPECT_EQ(published(R"({"clonefrom":false,"nofailover":false,"noloadbalance":true,"rack":"r7","n":1})"),
            R"({"noloadbalance":true,"rack":"r7","n":1})");
  EXPECT_EQ(published(R"({"nofailover":false,"failover_priority":2,"nosync":false,"sync_priority":0})"),
            R"({"nofailover":false,"failover_priority":2,"nosync":false,"sync_priority":0})");
  EXPECT_EQ(published(R"({"nofailover":false,"nosync":false})"), "{}");
}

TEST(SlotName, IsDerivedFromTheMembersName) {  // DCS-082
  EXPECT_EQ(slot_name_of_member("Node-1.eu"), "node_1_eu");
  EXPECT_EQ(slot_name_of_member("a b"), "au0032b");
  EXPECT_EQ(slot_name_of_member("ä"), "u0228");
  EXPECT_EQ(slot_name_of_member("Ä"), "u0228");  // lower case first
  EXPECT_EQ(slot_name_of_member("\xF0\x9F\x90\x98"), "u128024");
  EXPECT_EQ(slot_name_of_member(""), "");
  EXPECT_EQ(slot_name_of_member(std::string(80, 'x')), std::string(63, 'x'));
  EXPECT_EQ(slot_name_of_member(std::string(62, 'x') + " "), std::string(62, 'x') + "u");
}

TEST(SystemId, IsTenDigitsOrMore) {  // DCS-077
  EXPECT_TRUE(is_valid_system_id("7431900112233445566"));
  EXPECT_FALSE(is_valid_system_id("123456789"));
  EXPECT_FALSE(is_valid_system_id(""));
  EXPECT_FALSE(is_valid_system_id("12345678901x"));
}

TEST(SyncStateTest, MatchesWithoutRegardToCase) {  // DCS-089, DCS-135, DCS-136
  const SyncState sync{.leader = "PG-a", .voters = {"pg-B"}, .version = "1"};
  EXPECT_TRUE(sync.leader_matches("pg-A"));
  EXPECT_TRUE(sync.matches("PG-b"));
  EXPECT_FALSE(sync.matches("pg-a"));
  EXPECT_TRUE(sync.matches("pg-a", true));
  EXPECT_FALSE(sync.matches("pg"));
  EXPECT_FALSE(SyncState().matches("", true));
}

TEST(ClusterViewTest, DerivesTimelineAndEmptiness) {  // DCS-125, DCS-127, DCS-133
  ClusterView view;
  EXPECT_TRUE(view.is_empty());
  EXPECT_TRUE(view.is_unlocked());
  EXPECT_EQ(view.timeline(), 0u);
  view.history = History{.rows = {}, .is_empty_list = true, .raw = "[]"};
  EXPECT_EQ(view.timeline(), 1u);
  view.history->rows.push_back({.timeline = 4});
  EXPECT_EQ(view.timeline(), 5u);
  EXPECT_FALSE(view.is_empty());
  view.leader = Leader{.name = "a"};
  EXPECT_FALSE(view.is_unlocked());
  EXPECT_EQ(view.leader_member(), nullptr);  // DCS-105: no member key
  view.members.push_back(Member{.name = "a"});
  EXPECT_EQ(view.leader_member(), &view.members[0]);
  EXPECT_EQ(view.member("A"), nullptr);  // DCS-128
  view.leader->name.clear();
  EXPECT_TRUE(view.is_unlocked());
}

TEST(TimestampTest, UnderstandsIsoForms) {  // DCS-119, API-335
  const auto utc = [](std::string_view text) {
    const auto timestamp = read_timestamp(text);
    return timestamp ? to_iso8601(timestamp->utc) : std::string("none");
  };
  EXPECT_EQ(utc("2031-05-06T07:08:09.12+02:00"), "2031-05-06T05:08:09.120000+00:00");
  EXPECT_EQ(utc("2031-05-06 07:08Z"), utc("2031-05-06T07:08:00+00:00"));
  EXPECT_EQ(utc("2031-05-06 07:08:09 -0130"), utc("2031-05-06T08:38:09Z"));
  EXPECT_EQ(utc("2031-01-01T00:00+03"), utc("2030-12-31T21:00:00 UTC"));
  EXPECT_EQ(utc("2031-05-06T07:08:09.123456789Z"), utc("2031-05-06T07:08:09.123456Z"));
  EXPECT_FALSE(read_timestamp("2031-05-06T07:08:09")->has_offset);
  EXPECT_FALSE(read_timestamp("2031-05-06")->has_offset);
  for (const char* text : {"", "tomorrow", "2031-13-01T00:00Z", "2031-02-30T00:00Z", "2031-05-06T24:00Z",
                           "2031-05-06T07Z", "2031-05-06T07:08:09+2", "2031-05-06T07:08:09+02:0",
                           "2031-05-06T07:08:09.Z", "2031-05-06TZ", "2031-05-06T07:08:09Zx"}) {
    EXPECT_EQ(utc(text), "none") << text;
  }
}

}  // namespace
}  // namespace matriarch
