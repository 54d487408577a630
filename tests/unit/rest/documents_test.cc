// rest.md sections 8 and 9.
#include "rest/documents.h"

#include "rest/json_text.h"
#include "tests/unit/rest/support.h"

namespace matriarch::rest::testing {
namespace {

// The composed example of the contract.
ClusterView example_view() {
  ClusterView view;
  view.leader = Leader{"pg1", "1", ""};
  view.status.optime = Lsn{0x7000148};
  view.sync = {"pg1", {"pg2"}, 0, "9"};
  for (int i = 3; i >= 1; --i) {  // the document sorts them
    Member member;
    member.name = fmt::format("pg{}", i);
    member.data.conn_url = fmt::format("postgres://10.1.0.{}:5432/postgres", i);
    member.data.api_url = fmt::format("https://10.1.0.{}:8008/patroni", i);
    member.data.state = i == 3 ? PgState::kStopped : PgState::kRunning;
    if (i != 3) member.data.timeline = 4;
    view.members.push_back(member);
  }
  MemberData& pg2 = view.members[1].data;
  pg2.replication_state = "streaming";
  pg2.tags.raw = json(R"({"clonefrom": true})").as_map();
  pg2.receive_lsn = pg2.xlog_location = Lsn{0x7000148};
  pg2.replay_lsn = Lsn{0x7000060};
  view.failover = FailoverRequest{"pg1", "pg2", "2030-01-01T02:00:00+00:00", std::nullopt, "3"};
  return view;
}

TEST(ClusterDocument, TheComposedExample) {  // API-178 to API-196
  Settings settings;
  settings.paused = true;
  settings.synchronous_mode = SyncMode::kPriority;
  EXPECT_EQ(to_spaced_json(cluster_document(example_view(), settings, "shop")),
            R"({"members": [)"
            R"({"name": "pg1", "role": "leader", "state": "running", "api_url": "https://10.1.0.1:8008/patroni", )"
            R"("host": "10.1.0.1", "port": 5432, "timeline": 4}, )"
            R"({"name": "pg2", "role": "sync_standby", "state": "streaming", "api_url": "https://10.1.0.2:8008/patroni", )"
            R"("host": "10.1.0.2", "port": 5432, "timeline": 4, "tags": {"clonefrom": true}, "receive_lsn": "0/7000148", )"
            R"("receive_lag": 0, "replay_lsn": "0/7000060", "replay_lag": 232, "lsn": "0/7000148", "lag": 0}, )"
            R"({"name": "pg3", "role": "replica", "state": "stopped", "api_url": "https://10.1.0.3:8008/patroni", )"
            R"("host": "10.1.0.3", "port": 5432, "receive_lsn": "unknown", "receive_lag": "unknown", )"
            R"("replay_lsn": "unknown", "replay_lag": "unknown", "lsn": "unknown", "lag": "unknown"}], )"
            R"("pause": true, "scheduled_switchover": {"at": "2030-01-01T02:00:00+00:00", "from": "pg1", "to": "pg2"}, )"
            R"("scope": "shop"})");
}

Value role(const ClusterView& view, const Settings& settings, std::size_t member) {
  return *Value(cluster_document(view, settings, "s")).find("members")->as_list()[member].find("role");
}

TEST(ClusterDocument, Roles) {  // API-182
  ClusterView view = example_view();
  Settings settings;
  EXPECT_EQ(role(view, settings, 1), Value("replica"));  // the key counts in sync mode only
  settings.synchronous_mode = SyncMode::kQuorum;
  EXPECT_EQ(role(view, settings, 1), Value("quorum_standby"));
  settings.standby_cluster = true;
  EXPECT_EQ(role(view, settings, 0), Value("standby_leader"));
  EXPECT_EQ(role(view, settings, 1), Value("replica"));
  view.leader.reset();
  EXPECT_EQ(role(view, settings, 0), Value("replica"));
}

TEST(ClusterDocument, AStandbyLeaderShowsItsReplicationState) {  // API-183
  ClusterView view = example_view();
  view.members[2].data.replication_state = "streaming";
  Settings settings;
  const auto state = [&] {
    return Value(cluster_document(view, settings, "s")).find("members")->as_list()[0].find("state")->as_string();
  };
  EXPECT_EQ(state(), "running");
  settings.standby_cluster = true;
  EXPECT_EQ(state(), "streaming");
  view.members[2].data.replication_state.clear();
  view.members[2].data.state.reset();
  EXPECT_EQ(state(), "");
}

TEST(ClusterDocument, WithoutLeaderEveryMemberHasPositions) {  // API-194
  ClusterView view = example_view();
  view.leader.reset();
  const Value document = cluster_document(view, {}, "s");
  for (const Value& member : document.find("members")->as_list()) {
    for (const auto* key : {"receive_lsn", "receive_lag", "replay_lsn", "replay_lag", "lsn", "lag"}) {
      EXPECT_NE(member.find(key), nullptr) << key;
    }
  }
}

TEST(ClusterDocument, OddMembers) {  // API-180, API-184, API-188 to API-190
  EXPECT_EQ(to_spaced_json(cluster_document({}, {}, "s")), R"({"members": [], "scope": "s"})");
  ClusterView view;
  Member bare;
  bare.name = "bare";
  view.members.push_back(bare);
  Member busy;
  busy.name = "busy";
  busy.data.conn_url = "postgres://[fd00::1]/postgres";
  busy.data.timeline = 3;
  busy.data.pending_restart = true;
  busy.data.pending_restart_reason = json(R"({"a": {"old_value": "1", "new_value": "2"}})");
  busy.data.scheduled_restart = json(R"({"schedule": "2030-01-01T00:00:00+00:00", "postmaster_start_time": "t"})");
  busy.data.xlog_location = Lsn{5};  // ahead of what the store knows
  view.members.push_back(busy);
  EXPECT_EQ(to_spaced_json(cluster_document(view, {}, "s")),
            R"({"members": [{"name": "bare", "role": "replica", "state": "", "api_url": null, "receive_lsn": "unknown", )"
            R"("receive_lag": "unknown", "replay_lsn": "unknown", "replay_lag": "unknown", "lsn": "unknown", )"
            R"("lag": "unknown"}, {"name": "busy", "role": "replica", "state": "", "api_url": null, "host": "fd00::1", )"
            R"("port": 5432, "timeline": 3, "pending_restart": true, )"
            R"("pending_restart_reason": {"a": {"old_value": "1", "new_value": "2"}}, )"
            R"("scheduled_restart": {"schedule": "2030-01-01T00:00:00+00:00", "postmaster_start_time": "t"}, )"
            R"("receive_lsn": "unknown", "receive_lag": "unknown", "replay_lsn": "unknown", "replay_lag": "unknown", )"
            R"("lsn": "0/5", "lag": 0}], "scope": "s"})");
}

TEST(ClusterDocument, ScheduledSwitchoverIsNormalised) {  // API-196, API-336
  ClusterView view;
  view.failover = FailoverRequest{"", "pg2", "2030-01-01 02:00+03", std::nullopt, "3"};
  EXPECT_EQ(*Value(cluster_document(view, {}, "s")).find("scheduled_switchover"),
            json(R"({"at": "2030-01-01T02:00:00+03:00", "to": "pg2"})"));
  view.failover->scheduled_at_text.clear();
  EXPECT_EQ(Value(cluster_document(view, {}, "s")).find("scheduled_switchover"), nullptr);
}

TEST(HistoryDocument, IsWhatIsStored) {  // API-197, API-198
  ClusterView view;
  EXPECT_EQ(to_json(history_document(view)), "[]");
  const std::string rows = R"([[1,50331648,"a"],[2,60,"b","2031-02-03T04:05:06.000007+00:00"],[3,70,"c","2031","pg-b"]])";
  view.history = History{{}, false, rows};
  EXPECT_EQ(to_json(history_document(view)), rows);
  view.history = History{{}, false, "{broken"};
  EXPECT_EQ(to_json(history_document(view)), "[]");
  view.history = History{{}, false, R"({"a": 1})"};
  EXPECT_EQ(to_json(history_document(view)), "[]");
  view.history = History{{{1, Lsn{5}, "x", "", "", 3}, {2, Lsn{6}, "y", "t", "pg1", 5}}, false, ""};
  EXPECT_EQ(to_json(history_document(view)), R"([[1,5,"x"],[2,6,"y","t","pg1"]])");
}

TEST(ExplainDocument, ShowsTheDecisions) {
  AgentSnapshot s = primary_snapshot(Instant(1s));
  s.running_action = "restart";
  s.decisions = {{7, WallTime(std::chrono::sys_days(std::chrono::year(2031) / 5 / 6)), "wait", "no action", "lock=mine"}};
  EXPECT_EQ(to_spaced_json(explain_document(s)),
            R"({"name": "pg1", "scope": "shop", "running_action": "restart", "decisions": [{"number": 7, )"
            R"("at": "2031-05-06T00:00:00+00:00", "action": "wait", "reason": "no action", "inputs": "lock=mine"}]})");
}

}  // namespace
}  // namespace matriarch::rest::testing
