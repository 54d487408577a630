// rest.md section 4.
#include "rest/json_text.h"
#include "tests/unit/rest/support.h"

namespace matriarch::rest::testing {
namespace {

constexpr Instant kNow{1000s};

Value document(const AgentSnapshot& snapshot, Instant now = kNow) {
  return status_document(snapshot, status_of(snapshot, validity_at(snapshot, now)), "4.1.4");
}

std::string text(const AgentSnapshot& snapshot) { return to_spaced_json(document(snapshot)); }

TEST(StatusDocument, OfAStandby) {  // the composed example, and the order of keys (API-027, API-098 to API-121)
  EXPECT_EQ(text(replica_snapshot(kNow)),
            R"({"state": "running", "postmaster_start_time": "2026-03-01 10:00:00.123456+00:00", "role": "replica", )"
            R"("server_version": 160004, "xlog": {"received_location": 83886432, "replayed_location": 83886432, )"
            R"("replayed_timestamp": null, "paused": false}, "timeline": 2, "replication_state": "streaming", )"
            R"("dcs_last_seen": 1772359205, "database_system_identifier": "7300000000000000001", )"
            R"("patroni": {"version": "4.1.4", "scope": "shop", "name": "pg2"}, "guardian": {"state": "lost"}})");
}

TEST(StatusDocument, OfAPrimaryWithStandbys) {  // API-103, API-112
  AgentSnapshot s = primary_snapshot(kNow);
  s.server.walsenders = {{11, "replicator", "pg2", "10.1.0.2", "streaming", "sync", 1, {}, {}, {}},
                         {12, "replicator", "local", "", "startup", "async", 0, {}, {}, {}}};
  EXPECT_EQ(text(s),
            R"({"state": "running", "postmaster_start_time": "2026-03-01 10:00:00.123456+00:00", "role": "primary", )"
            R"("server_version": 160004, "xlog": {"location": 83886432}, "timeline": 2, "replication": [)"
            R"({"usename": "replicator", "application_name": "pg2", "client_addr": "10.1.0.2", "state": "streaming", )"
            R"("sync_state": "sync", "sync_priority": 1}, )"
            R"({"usename": "replicator", "application_name": "local", "client_addr": null, "state": "startup", )"
            R"("sync_state": "async", "sync_priority": 0}], )"
            R"("dcs_last_seen": 1772359205, "database_system_identifier": "7300000000000000001", )"
            R"("patroni": {"version": "4.1.4", "scope": "shop", "name": "pg1"}, "guardian": {"state": "lost"}})");
}

TEST(StatusDocument, EverythingElseInItsOrder) {  // API-108 to API-123
  AgentSnapshot s = replica_snapshot(kNow);
  s.settings.synchronous_mode = SyncMode::kPriority;
  s.settings.paused = true;
  s.failsafe_active = true;
  s.watchdog_failed = true;
  s.tags.raw = json(R"({"nosync": true, "sync_priority": 0, "clonefrom": false, "nofailover": false})").as_map();
  s.member.pending_restart = true;
  s.member.pending_restart_reason = json(R"({"max_connections": {"old_value": "100", "new_value": "150"}})");
  s.scheduled_restart = json(R"({"schedule": "2030-01-01T00:00:00+00:00", "role": "replica", "postmaster_start_time": "x"})");
  change_view(s, [](ClusterView& view) {
    view.sync = {"pg1", {"pg2"}, 0, "5"};
    view.leader.reset();
  });
  const std::string tail =
      R"("sync_standby": true, "timeline": 2, "replication_state": "streaming", "pause": true, "cluster_unlocked": true, )"
      R"("failsafe_mode_is_active": true, "dcs_last_seen": 1772359205, "tags": {"nosync": true, "sync_priority": 0}, )"
      R"("database_system_identifier": "7300000000000000001", "pending_restart": true, )"
      R"("pending_restart_reason": {"max_connections": {"old_value": "100", "new_value": "150"}}, )"
      R"("patroni": {"version": "4.1.4", "scope": "shop", "name": "pg2"}, )"
      R"("scheduled_restart": {"schedule": "2030-01-01T00:00:00+00:00", "role": "replica"}, "watchdog_failed": true, "guardian": {"state": "lost"}})";
  EXPECT_TRUE(text(s).ends_with(tail)) << text(s);
}

TEST(StatusDocument, ABackedUpLogShows) {  // API-124, CFG-432
  const AgentSnapshot s = replica_snapshot(kNow);
  const auto tail = [&s](LogBacklog log) {
    const auto all = status_document(s, status_of(s, validity_at(s, kNow)), "4.1.4", log);
    Value::Map logger;
    for (const auto& [key, value] : all) {
      if (key.starts_with("logger_")) logger.set(key, value);
    }
    return to_json(Value(logger));
  };
  EXPECT_EQ(tail({}), "{}");
  EXPECT_EQ(tail({.queued = 2, .lost = 5}), "{}");
  EXPECT_EQ(tail({.queued = 3}), R"({"logger_queue_size":3})");
  EXPECT_EQ(tail({.queued = 1000, .lost = 5}), R"({"logger_queue_size":1000,"logger_records_lost":5})");
}

TEST(StatusDocument, QuorumStandby) {  // API-109
  AgentSnapshot s = replica_snapshot(kNow);
  s.settings.synchronous_mode = SyncMode::kQuorum;
  change_view(s, [](ClusterView& view) { view.sync = {"pg1", {"pg2"}, 1, "5"}; });
  EXPECT_EQ(document(s).find("quorum_standby")->as_bool(), true);
  EXPECT_EQ(document(s).find("sync_standby"), nullptr);
  s.cluster_valid_until = kNow;  // without a view nobody knows
  EXPECT_EQ(document(s).find("quorum_standby"), nullptr);
}

TEST(StatusDocument, WithoutAnAnswerOfTheServerItIsShort) {  // API-096, API-097
  AgentSnapshot s = primary_snapshot(kNow);
  s.server.queried = false;
  EXPECT_EQ(text(s),
            R"({"state": "unknown", "role": "primary", "dcs_last_seen": 1772359205, )"
            R"("database_system_identifier": "7300000000000000001", )"
            R"("patroni": {"version": "4.1.4", "scope": "shop", "name": "pg1"}, "guardian": {"state": "lost"}})");
  s.server.queried = true;  // of an earlier time
  s.state = PgState::kStopped;
  s.role = Role::kDemoted;
  s.server.control.system_id.clear();
  EXPECT_EQ(text(s), R"({"state": "stopped", "role": "demoted", "dcs_last_seen": 1772359205, )"
                     R"("patroni": {"version": "4.1.4", "scope": "shop", "name": "pg1"}, "guardian": {"state": "lost"}})");
}

TEST(StatusDocument, EveryStateIsSpelledAsTheContractDoes) {  // table 4.1, API-127
  const std::vector<std::string> names{"initializing new cluster", "initdb failed", "running custom bootstrap script",
                                       "custom bootstrap failed", "creating replica", "unknown", "starting",
                                       "starting after custom bootstrap", "start failed", "restarting", "restart failed",
                                       "stopping", "stopped", "stop failed", "crashed"};
  AgentSnapshot s = replica_snapshot(kNow);
  s.server.queried = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    s.state = static_cast<PgState>(i);
    EXPECT_EQ(document(s).find("state")->as_string(), names[i]);
  }
}

TEST(StatusDocument, RoleInAStandbyCluster) {  // API-100
  AgentSnapshot s = replica_snapshot(kNow);
  s.settings.standby_cluster = true;
  s.role = Role::kStandbyLeader;
  EXPECT_EQ(document(s).find("role")->as_string(), "standby_leader");
  s.role = Role::kReplica;
  EXPECT_EQ(document(s).find("role")->as_string(), "replica");
  s.settings.standby_cluster = false;
  s.role = Role::kPromoted;  // still in recovery
  EXPECT_EQ(document(s).find("role")->as_string(), "replica");
  s.server.in_recovery = false;
  EXPECT_EQ(document(s).find("role")->as_string(), "primary");
}

TEST(StatusDocument, WalOfAStandby) {  // API-104 to API-107, API-110
  AgentSnapshot s = replica_snapshot(kNow);
  s.server.receive_lsn = {};
  s.server.replay_lsn = Lsn{77};
  s.server.replay_timestamp = "2026-03-01 11:00:00.5+05:30";
  s.server.replay_paused = true;
  s.server.received_timeline = 0;
  EXPECT_EQ(*document(s).find("xlog"),
            json(R"({"received_location": 77, "replayed_location": 77,
                     "replayed_timestamp": "2026-03-01 11:00:00.500000+05:30", "paused": true})"));
  EXPECT_TRUE(document(s).find("timeline")->is_null());
  s.member.timeline = 6;
  EXPECT_EQ(document(s).find("timeline")->as_int(), 6);
}

TEST(StatusDocument, TheLatestEndOfTheWalReceiverIsNotShown) {  // API-126
  AgentSnapshot s = replica_snapshot(kNow);
  s.server.latest_end_lsn = Lsn{123456789};
  EXPECT_EQ(text(s).find("123456789"), std::string::npos);
}

TEST(StatusDocument, TagsAreFiltered) {  // API-125
  AgentSnapshot s = replica_snapshot(kNow);
  s.tags.raw = json(R"({"clonefrom": false, "nofailover": false, "failover_priority": 2, "nosync": 0, "sync_priority": 1,
                        "noloadbalance": true, "rack": "r7", "x": false})").as_map();
  EXPECT_EQ(*document(s).find("tags"), json(R"({"nofailover": false, "failover_priority": 2, "nosync": 0,
                                                "sync_priority": 1, "noloadbalance": true, "rack": "r7", "x": false})"));
}

}  // namespace
}  // namespace matriarch::rest::testing
