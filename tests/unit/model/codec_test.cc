#include "model/codec.h"

#include <gtest/gtest.h>

namespace matriarch {
namespace {

// Reads with the expectation that nothing is wrong.
template <class Read>
auto clean(Read read) {
  Complaints complaints;
  auto result = read(complaints);
  EXPECT_TRUE(complaints.empty()) << complaints.front();
  return result;
}

Member member_of(std::string_view text) {
  return clean([&](Complaints& c) { return read_member("a", text, "5", c); });
}

// The contract's own examples (DCS section 1.4): what is read is written back to the very same text.
constexpr std::array<std::string_view, 3> kMemberExamples{
    R"({"conn_url":"postgres://10.0.3.11:5432/postgres","api_url":"http://10.0.3.11:8008/patroni","state":"running",)"
    R"("role":"primary","version":"4.1.4","checkpoint_after_promote":false,"tags":{"rack":"r7"},"xlog_location":83886080,"timeline":3})",
    R"({"conn_url":"postgres://10.0.3.12:5432/postgres","api_url":"http://10.0.3.12:8008/patroni","state":"running",)"
    R"("role":"replica","version":"4.1.4","tags":{"nofailover":false,"failover_priority":2,"replicatefrom":"pg-a"},)"
    R"("pending_restart":true,"pending_restart_reason":{"max_connections":{"old_value":"100","new_value":"150"}},)"
    R"("xlog_location":83886080,"replay_lsn":83886080,"receive_lsn":83886080,"replication_state":"streaming","timeline":3,)"
    R"("scheduled_restart":{"schedule":"2031-05-06T07:08:09+00:00","postmaster_start_time":"2031-05-01 01:02:03.000004+00:00"}})",
    R"({"conn_url":"postgres://10.0.3.13:5432/postgres","api_url":"https://10.0.3.13:8008/patroni","state":"creating replica",)"
    R"("role":"uninitialized","version":"4.1.4","pause":true})"};

TEST(MemberCodec, WritesTheContractsExamplesExactly) {  // DCS-039..055
  for (const std::string_view text : kMemberExamples) EXPECT_EQ(write_member(member_of(text).data), text);
}

TEST(MemberCodec, ReadsTypedFields) {
  const MemberData data = member_of(kMemberExamples[1]).data;
  EXPECT_EQ(data.state, PgState::kRunning);
  EXPECT_EQ(data.role, Role::kReplica);
  EXPECT_EQ(data.xlog_location, Lsn{83886080});
  EXPECT_EQ(data.timeline, 3u);
  EXPECT_TRUE(data.has_wal_position);
  EXPECT_TRUE(data.pending_restart);
  EXPECT_FALSE(data.checkpoint_pending);
  EXPECT_TRUE(member_of(kMemberExamples[0]).data.checkpoint_pending);  // DCS-045: by presence
  EXPECT_EQ(member_of(R"({"role":"master","xlog_location":"0x10","state":"?"})").data.role, Role::kPrimary);
  EXPECT_EQ(member_of(R"({"xlog_location":"0x10"})").data.xlog_location, Lsn{16});  // DCS-004
}

TEST(MemberCodec, WritesAZeroPositionButNoEmptyOptions) {  // DCS-057
  MemberData data;
  data.conn_url = "postgres://h/db";
  data.api_url = "http://h:1/patroni";
  data.state = PgState::kStarting;
  data.role = Role::kReplica;
  data.version = "4.1.4";
  data.proxy_url = "postgres://proxy/db";
  data.has_wal_position = true;
  EXPECT_EQ(write_member(data),
            R"({"conn_url":"postgres://h/db","api_url":"http://h:1/patroni","state":"starting","role":"replica",)"
            R"("version":"4.1.4","proxy_url":"postgres://proxy/db","xlog_location":0})");
}

TEST(MemberCodec, ReadsTheLegacyUrl) {  // DCS-107
  const MemberData data = member_of("postgres://u:p@h:5432/postgres?application_name=http://h:8008/patroni").data;
  EXPECT_EQ(data.conn_url, "postgres://u:p@h:5432/postgres");
  EXPECT_EQ(data.api_url, "http://h:8008/patroni");
  EXPECT_EQ(to_json(data.raw), R"({"conn_url":"postgres://u:p@h:5432/postgres","api_url":"http://h:8008/patroni"})");
}

TEST(MemberCodec, ASingleWrongFieldCostsOnlyThatField) {
  Complaints complaints;
  const Member member =
      read_member("b", R"({"conn_url":5,"tags":[1],"state":"running","pause":"maybe","timeline":-3})", "1", complaints);
  EXPECT_EQ(member.data.state, PgState::kRunning);
  EXPECT_TRUE(member.data.conn_url.empty());
  EXPECT_EQ(member.data.timeline, 0u);
  ASSERT_EQ(complaints.size(), 3u);
  for (const std::string& complaint : complaints)
    EXPECT_TRUE(complaint.starts_with("key members/b: field ")) << complaint;
}

TEST(StatusCodec, RoundTripsTheExample) {  // DCS-079
  constexpr std::string_view kText =
      R"({"optime":83886080,"slots":{"cdc":83880000,"pg_a":83886080,"pg_b":83885056},"retain_slots":["pg_a","pg_b"]})";
  const StatusInfo status = clean([&](Complaints& c) { return read_status(kText, c); });
  EXPECT_EQ(write_status(status), kText);
  EXPECT_EQ(write_status(StatusInfo()), R"({"optime":0})");
  EXPECT_EQ(write_status({.optime = Lsn{1}, .retain_slots = {"b", "a"}}), R"({"optime":1,"retain_slots":["a","b"]})");
}

TEST(StatusCodec, IsTolerant) {  // DCS-112, DCS-113
  const auto read = [](std::string_view text) { return clean([&](Complaints& c) { return read_status(text, c); }); };
  EXPECT_EQ(read(R"({"optime":"77"})").optime, Lsn{77});
  EXPECT_EQ(read(R"({"optime":[]})").optime, Lsn{});
  EXPECT_EQ(read("123").optime, Lsn{123});
  EXPECT_EQ(read(R"({"slots":"{\"a\":\"5\",\"b\":null}","retain_slots":"[\"z\",\"y\"]"})"),
            (StatusInfo{.slots = {{"a", Lsn{5}}, {"b", Lsn{}}}, .retain_slots = {"y", "z"}}));
  EXPECT_EQ(read(R"({"slots":[1],"retain_slots":{}})"), StatusInfo());
  EXPECT_EQ(clean([](Complaints& c) { return read_legacy_optime("83886080", c); }).optime, Lsn{83886080});  // DCS-085
}

TEST(SyncCodec, WritesThreeFields) {  // DCS-087, DCS-088
  EXPECT_EQ(write_sync("pg-a", {"pg-b"}, 0), R"({"leader":"pg-a","quorum":0,"sync_standby":"pg-b"})");
  EXPECT_EQ(write_sync("pg-a", {"pg-d", "pg-b", "pg-c"}, 1),
            R"({"leader":"pg-a","quorum":1,"sync_standby":"pg-b,pg-c,pg-d"})");
  EXPECT_EQ(write_sync("pg-a", {}, 0), R"({"leader":"pg-a","quorum":0,"sync_standby":null})");
}

TEST(SyncCodec, ReadsTolerantly) {  // DCS-114..116
  const auto read = [](std::string_view text) { return clean([&](Complaints& c) { return read_sync(text, "9", c); }); };
  const SyncState sync = read(R"({"leader":"a","quorum":"2","sync_standby":" b , ,c,a"})");
  EXPECT_EQ(sync.voters, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(sync.quorum, 2);
  EXPECT_EQ(sync.version, "9");
  EXPECT_EQ(read(R"({"leader":"a","sync_standby":"b"})").quorum, 0);
  const SyncState off = read(R"({"leader":null,"quorum":3,"sync_standby":"b"})");
  EXPECT_FALSE(off.active());
  EXPECT_TRUE(off.voters.empty());
  EXPECT_EQ(off.quorum, 0);
  Complaints complaints;
  EXPECT_FALSE(read_sync(R"({"leader":"a","quorum":"x","sync_standby":"b"})", "9", complaints).active());
  EXPECT_EQ(complaints.size(), 1u);
}

TEST(FailoverCodec, WritesOnlyWhatIsSet) {  // DCS-095, DCS-096
  EXPECT_EQ(write_failover("pg-a", "pg-b", ""), R"({"leader":"pg-a","member":"pg-b"})");
  EXPECT_EQ(write_failover("", "pg-c", ""), R"({"member":"pg-c"})");
  EXPECT_EQ(write_failover("pg-a", "", "2031-01-01T00:00:00+00:00"),
            R"({"leader":"pg-a","scheduled_at":"2031-01-01T00:00:00+00:00"})");
  EXPECT_EQ(write_failover("", "", ""), "{}");
}

TEST(FailoverCodec, ReadsJsonAndLegacyText) {  // DCS-117..120
  const auto read = [](std::string_view text) {
    return clean([&](Complaints& c) { return read_failover(text, "3", c); });
  };
  const FailoverRequest both = read(R"({"leader":"a","member":"b","scheduled_at":"2031-01-01T01:00:00+01:00"})");
  EXPECT_TRUE(both.is_switchover());
  EXPECT_EQ(both.candidate, "b");
  EXPECT_EQ(to_iso8601(*both.scheduled_at), "2031-01-01T00:00:00+00:00");
  const FailoverRequest legacy = read(" pg-a : pg-b ");
  EXPECT_EQ(legacy.leader, "pg-a");
  EXPECT_EQ(legacy.candidate, "pg-b");
  EXPECT_EQ(read("pg-a").leader, "pg-a");
  for (const char* text : {"", "{}", "null"}) {
    EXPECT_FALSE(read(text).pending());
    EXPECT_EQ(read(text).version, "3");
  }
  const FailoverRequest local = read(R"({"leader":"a","scheduled_at":"2031-01-01T01:00:00"})");
  EXPECT_TRUE(local.scheduled());  // DCS-119: kept, so that the leader can say so and clear it
  EXPECT_FALSE(local.scheduled_at);
}

TEST(FailoverCodec, AnUnreadableScheduleEmptiesTheRequest) {  // DCS-457
  Complaints complaints;
  const FailoverRequest request =
      read_failover(R"({"leader":"a","member":"b","scheduled_at":"soon"})", "3", complaints);
  EXPECT_FALSE(request.pending());
  EXPECT_FALSE(request.scheduled());
  EXPECT_EQ(request.version, "3");
  ASSERT_EQ(complaints.size(), 1u);
  EXPECT_NE(complaints[0].find("scheduled_at"), std::string::npos);
}

TEST(HistoryCodec, KeepsTheNumberOfFields) {  // DCS-092, DCS-121
  constexpr std::string_view kText =
      R"([[1,50331648,"no recovery target specified"],[2,50331700,"x","2031-02-03T04:05:06.000007+00:00"],)"
      R"([3,50331800,"y","2031-02-03T04:05:06.000007+00:00","pg-b"]])";
  const History history = clean([&](Complaints& c) { return read_history(kText, c); });
  ASSERT_EQ(history.rows.size(), 3u);
  EXPECT_EQ(history.rows[0].fields, 3);
  EXPECT_EQ(history.rows[2].new_leader, "pg-b");
  EXPECT_EQ(history.raw, kText);
  EXPECT_EQ(write_history(history.rows), kText);
  EXPECT_TRUE(clean([](Complaints& c) { return read_history("[]", c); }).is_empty_list);
  EXPECT_EQ(write_history({}), "[]");
}

TEST(AddressOf, PrefersConnKwargs) {  // DCS-109
  MemberData data;
  EXPECT_EQ(address_of(data).host, "");
  data.conn_url = "postgres://u:p%40@h1:6000/db%20x?sslmode=require";
  EXPECT_EQ(address_of(data).host, "h1");
  EXPECT_EQ(address_of(data).port, "6000");
  EXPECT_EQ(address_of(data).dbname, "db x");
  data.conn_url = "postgres://[fe80::1]:7000,h2,[::1]/db";
  EXPECT_EQ(address_of(data).host, "fe80::1,h2,::1");
  EXPECT_EQ(address_of(data).port, "7000,5432,5432");
  data.conn_url = "postgres://h";
  EXPECT_EQ(address_of(data).port, "5432");
  EXPECT_EQ(address_of(data).dbname, "");
  data.conn_kwargs = parse_json(R"({"host":"k","port":1234})").value();
  EXPECT_EQ(address_of(data).host, "k");
  EXPECT_EQ(address_of(data).port, "1234");
  data.conn_kwargs = nullptr;
  data.conn_url = "[";
  EXPECT_EQ(address_of(data).host, "");
}

TEST(ApiEndpoint, ReplacesThePath) {  // DCS-110, API-319
  MemberData data;
  EXPECT_EQ(api_endpoint(data, "/liveness"), "");
  data.api_url = "https://h:8008/patroni?x#y";
  EXPECT_EQ(api_endpoint(data, "/liveness"), "https://h:8008/liveness");
  data.api_url = "http://[::1]:8008";
  EXPECT_EQ(api_endpoint(data, "/failsafe"), "http://[::1]:8008/failsafe");
  for (const char* bad : {"h:8008", "ftp://h/", "http:///patroni", "http://a b/", "http://a\r\nX: y/"}) {
    data.api_url = bad;
    EXPECT_EQ(api_endpoint(data, "/liveness"), "") << bad;
  }
}

TEST(ReadCluster, PutsTheKeysTogether) {  // DCS-009, DCS-010, DCS-105, DCS-112
  const std::vector<RawKey> keys{{"members/b", "{}", "4", "77"},   {"members/a", "{}", "3", "78"},
                                 {"members/x/y", "{}", "1", ""},   {"leader", "a", "5", "78"},
                                 {"optime/leader", "42", "6", ""}, {"initialize", "", "1", ""},
                                 {"whatever", "\xff", "2", ""},    {"members/", "{}", "9", ""}};
  const ClusterView view = clean([&](Complaints& c) { return read_cluster(keys, c); });
  ASSERT_EQ(view.members.size(), 2u);
  EXPECT_EQ(view.members[0].name, "a");
  EXPECT_EQ(view.leader->session, "78");
  EXPECT_EQ(view.leader->version, "5");
  EXPECT_EQ(view.status.optime, Lsn{42});
  EXPECT_EQ(view.initialize, "");  // DCS-078, DCS-123
  EXPECT_EQ(view.leader_member(), &view.members[0]);
}

// Whatever somebody wrote into a key, the node goes on, and says which key it is and what to do (DCS-105 ff.).
struct Garbage {
  std::string_view kind;
  std::string text;
};

const std::vector<Garbage>& garbage() {
  static const std::vector<Garbage> all{{"empty", ""},
                                        {"not UTF-8", "{\"leader\":\"\xff\xfe\"}"},
                                        {"wrong type", "true"},
                                        {"2 MB", std::string(2u << 20, 'x')},
                                        {"2 MB of JSON", "[" + std::string(2u << 20, ' ') + "]"},
                                        {"2 MB of a URL", "postgres://" + std::string(2u << 20, 'x')},
                                        {"truncated", R"({"leader":"a","optime":1,"mem)"},
                                        {"deep", std::string(1000, '[')}};
  return all;
}

class GarbageTest : public testing::TestWithParam<std::string> {};

TEST_P(GarbageTest, NeverStopsTheNode) {
  for (const Garbage& bad : garbage()) {
    SCOPED_TRACE(bad.kind);
    const std::string& key = GetParam();
    const bool bare_text = key == "leader" || key == "initialize";
    const bool legal = (bare_text && (bad.text.empty() || (bad.text.size() < 1024 && bad.kind != "not UTF-8"))) ||
                       (key == "failover" && bad.text.empty());
    Complaints complaints;
    const ClusterView view = read_cluster({{key, bad.text, "7", "s"}}, complaints);
    EXPECT_EQ(complaints.empty(), legal);
    for (const std::string& complaint : complaints) {
      EXPECT_TRUE(complaint.starts_with("key " + key + ": ")) << complaint.substr(0, 200);
      EXPECT_NE(complaint.find("; "), std::string::npos) << "no remedy";
      EXPECT_LT(complaint.size(), 300u) << "the garbage itself must not flood the log";
    }
    // What the specification says is left of it.
    if (key == "config") {
      EXPECT_TRUE(view.config->version.empty());  // DCS-111
      EXPECT_TRUE(view.config->data.is_map() && view.config->data.as_map().empty());
    } else if (key == "sync") {
      EXPECT_FALSE(view.sync.active());  // DCS-114
      EXPECT_EQ(view.sync.version, "7");
    } else if (key == "failover") {
      EXPECT_FALSE(view.failover->pending());
      EXPECT_EQ(view.failover->version, "7");
    } else if (key == "leader") {
      EXPECT_EQ(view.is_unlocked(), bad.text.empty());
    } else if (key == "initialize") {
      EXPECT_TRUE(view.initialize.has_value());
      EXPECT_FALSE(view.has_valid_system_id());
    } else if (key == "history") {
      EXPECT_TRUE(view.history->rows.empty());  // DCS-121
      EXPECT_EQ(view.timeline(), 0u);
    } else if (key == "failsafe") {
      EXPECT_FALSE(view.failsafe.is_map());  // DCS-122
    } else if (key == "members/n") {
      EXPECT_EQ(view.members.at(0).data.raw, Value(Value::Map()));  // DCS-106
      EXPECT_EQ(view.members.at(0).version, "7");
    } else {
      EXPECT_EQ(view.status, StatusInfo());  // DCS-112
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryKey, GarbageTest,
                         testing::Values("initialize", "config", "leader", "failover", "history", "members/n", "status",
                                         "optime/leader", "sync", "failsafe"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace matriarch
