// rest.md section 11.
#include "rest/metrics.h"

#include "tests/unit/rest/support.h"

namespace matriarch::rest::testing {
namespace {

constexpr Instant kNow{1000s};

struct Metrics {
  std::vector<std::string> names;  // in order of output
  std::map<std::string, std::string> values, types;
  std::set<std::string> helped;
  std::string text;
};

// Reads the text as a scraper would; anything odd fails the test.
Metrics metrics(const AgentSnapshot& snapshot, std::string_view labels = R"({scope="shop",name="pg1"})") {
  Metrics m;
  m.text = metrics_text(snapshot, status_of(snapshot, validity_at(snapshot, kNow)), RestOptions(), {7, 2}, kNow);
  EXPECT_TRUE(m.text.ends_with('\n'));
  std::string_view rest = m.text;
  while (!rest.empty()) {
    const std::string line(rest.substr(0, rest.find('\n')));
    rest.remove_prefix(line.size() + 1);
    if (line.starts_with("# HELP ")) {
      m.helped.insert(line.substr(7, line.find(' ', 7) - 7));
    } else if (line.starts_with("# TYPE ")) {
      const auto blank = line.find(' ', 7);
      m.types[line.substr(7, blank - 7)] = line.substr(blank + 1);
    } else if (!line.starts_with("# ")) {
      const auto brace = line.find('{');
      const std::string name = line.substr(0, brace);
      EXPECT_TRUE(m.helped.contains(name) && m.types.contains(name)) << line;
      EXPECT_FALSE(m.values.contains(name)) << line;
      m.values[name] = line.substr(line.rfind(' ') + 1);
      m.names.push_back(name);
      if (name.starts_with("patroni_")) {
        EXPECT_EQ(line.substr(brace, line.rfind(' ') - brace), labels) << line;
      }
    }
  }
  return m;
}

const std::vector<std::string> kContract{  // API-215 to API-240, in order
    "patroni_version", "patroni_postgres_running", "patroni_postmaster_start_time", "patroni_primary",
    "patroni_xlog_location", "patroni_standby_leader", "patroni_replica", "patroni_sync_standby", "patroni_quorum_standby",
    "patroni_xlog_received_location", "patroni_xlog_replayed_location", "patroni_xlog_replayed_timestamp",
    "patroni_xlog_paused", "patroni_postgres_streaming", "patroni_postgres_in_archive_recovery",
    "patroni_postgres_server_version", "patroni_cluster_unlocked", "patroni_failsafe_mode_is_active",
    "patroni_failsafe_mode_enabled", "patroni_failsafe_member", "patroni_postgres_timeline", "patroni_dcs_last_seen",
    "patroni_pending_restart", "patroni_is_paused", "patroni_postgres_state", "patroni_failover_priority"};

TEST(Metrics, OfAPrimary) {
  const Metrics m = metrics(primary_snapshot(kNow));
  const std::vector<std::string> ours(m.names.begin() + static_cast<std::ptrdiff_t>(kContract.size()), m.names.end());
  EXPECT_EQ(std::vector<std::string>(m.names.begin(), m.names.begin() + static_cast<std::ptrdiff_t>(kContract.size())), kContract);
  for (const std::string& name : ours) EXPECT_TRUE(name.starts_with("matriarch_")) << name;
  const std::map<std::string, std::string> expected{
      {"patroni_version", "040104"}, {"patroni_postgres_running", "1"}, {"patroni_postmaster_start_time", "1772359200.123456"},
      {"patroni_primary", "1"}, {"patroni_xlog_location", "83886432"}, {"patroni_standby_leader", "0"},
      {"patroni_replica", "0"}, {"patroni_sync_standby", "0"}, {"patroni_quorum_standby", "0"},
      {"patroni_xlog_received_location", "0"}, {"patroni_xlog_replayed_location", "0"},
      {"patroni_xlog_replayed_timestamp", "0"}, {"patroni_xlog_paused", "0"}, {"patroni_postgres_streaming", "0"},
      {"patroni_postgres_in_archive_recovery", "0"}, {"patroni_postgres_server_version", "160004"},
      {"patroni_cluster_unlocked", "0"}, {"patroni_failsafe_mode_is_active", "0"}, {"patroni_failsafe_mode_enabled", "0"},
      {"patroni_failsafe_member", "0"}, {"patroni_postgres_timeline", "2"}, {"patroni_dcs_last_seen", "1772359205"},
      {"patroni_pending_restart", "0"}, {"patroni_is_paused", "0"}, {"patroni_postgres_state", "5"},
      {"patroni_failover_priority", "1"}};
  for (const auto& [name, value] : expected) EXPECT_EQ(m.values.at(name), value) << name;
  for (const std::string& name : kContract) {
    const bool counter = name.starts_with("patroni_xlog_") && name.ends_with("location");
    EXPECT_EQ(m.types.at(name), counter ? "counter" : "gauge") << name;
  }
}

TEST(Metrics, OfAStandbyWithEverything) {
  AgentSnapshot s = replica_snapshot(kNow);
  s.name = "pg1";
  s.settings.synchronous_mode = SyncMode::kPriority;
  s.settings.failsafe_mode = s.settings.paused = s.failsafe_active = true;
  s.failsafe_topology = json(R"({"pg1": "http://h/patroni"})");
  s.member.pending_restart = true;
  s.tags.raw.set("failover_priority", 3);
  s.server.replay_timestamp = "2026-03-01 10:00:00.5+00";
  s.server.replay_paused = true;
  change_view(s, [](ClusterView& view) {
    view.sync = {"pg2", {"pg1"}, 0, "1"};
    view.leader.reset();
  });
  const Metrics m = metrics(s);
  for (const auto* name : {"patroni_replica", "patroni_sync_standby", "patroni_xlog_paused", "patroni_postgres_streaming",
                           "patroni_cluster_unlocked", "patroni_failsafe_mode_is_active", "patroni_failsafe_mode_enabled",
                           "patroni_failsafe_member", "patroni_pending_restart", "patroni_is_paused"}) {
    EXPECT_EQ(m.values.at(name), "1") << name;
  }
  EXPECT_EQ(m.values.at("patroni_xlog_received_location"), "83886432");
  EXPECT_EQ(m.values.at("patroni_xlog_replayed_location"), "83886432");
  EXPECT_EQ(m.values.at("patroni_xlog_replayed_timestamp"), "1772359200.500000");
  EXPECT_EQ(m.values.at("patroni_xlog_location"), "0");
  EXPECT_EQ(m.values.at("patroni_failover_priority"), "3");
}

TEST(Metrics, WithPostgresDown) {  // API-214, API-228, API-239
  AgentSnapshot s = primary_snapshot(kNow);
  s.server.queried = false;
  Metrics m = metrics(s);
  EXPECT_EQ(m.values.at("patroni_postgres_state"), "-1");
  EXPECT_EQ(m.values.at("patroni_postgres_running"), "0");
  EXPECT_EQ(m.values.at("patroni_primary"), "1");
  for (const auto* name : {"patroni_postmaster_start_time", "patroni_xlog_location", "patroni_postgres_server_version",
                           "patroni_postgres_timeline"}) {
    EXPECT_EQ(m.values.at(name), "0") << name;
  }
  EXPECT_FALSE(m.values.contains("patroni_postgres_streaming"));
  EXPECT_FALSE(m.values.contains("patroni_postgres_in_archive_recovery"));
  s.state = PgState::kStopped;
  s.tags.raw.set("nofailover", true);
  m = metrics(s);
  EXPECT_EQ(m.values.at("patroni_postgres_state"), "12");
  EXPECT_EQ(m.values.at("patroni_failover_priority"), "0");
}

TEST(Metrics, StatesAreListedBetweenHelpAndType) {  // API-239, API-128
  const std::string text = metrics(primary_snapshot(kNow)).text;
  const auto help = text.find("# HELP patroni_postgres_state ");
  const auto list = text.find("# 0=initdb 1=initdb_failed 2=custom_bootstrap 3=custom_bootstrap_failed 4=creating_replica 5=running "
                              "6=starting 7=bootstrap_starting 8=start_failed 9=restarting 10=restart_failed 11=stopping "
                              "12=stopped 13=stop_failed 14=crashed\n");
  const auto type = text.find("# TYPE patroni_postgres_state gauge");
  EXPECT_LT(help, list);
  EXPECT_LT(list, type);
  EXPECT_NE(type, std::string::npos);
}

TEST(Metrics, LabelsAreEscaped) {  // API-364
  AgentSnapshot s = primary_snapshot(kNow);
  s.scope = "a\"b\\c";
  s.name = "n\nm";
  metrics(s, R"({scope="a\"b\\c",name="n\nm"})");
}

TEST(Metrics, OfOurOwn) {
  AgentSnapshot s = primary_snapshot(kNow);
  s.cycle_at = kNow - 2s;
  s.server_seen_at = kNow - 500ms;
  s.running_action = "restart";
  s.decisions = {{41, {}, "wait", "", ""}, {42, {}, "wait", "", ""}};
  const Metrics m = metrics(s);
  EXPECT_EQ(m.values.at("matriarch_lease_remaining_seconds"), "30");
  EXPECT_EQ(m.values.at("matriarch_cycle_age_seconds"), "2");
  EXPECT_EQ(m.values.at("matriarch_observation_age_seconds"), "0.5");
  EXPECT_EQ(m.values.at("matriarch_store_view_valid"), "1");
  EXPECT_EQ(m.values.at("matriarch_action_running"), "1");
  EXPECT_EQ(m.values.at("matriarch_decisions_total"), "42");
  EXPECT_EQ(m.values.at("matriarch_api_requests_total"), "7");
  EXPECT_EQ(m.values.at("matriarch_api_refused_total"), "2");
  EXPECT_NE(m.text.find("matriarch_build_info{scope=\"shop\",name=\"pg1\",version=\""), std::string::npos);
  s.lease_end = kNow - 1s;
  EXPECT_EQ(metrics(s).values.at("matriarch_lease_remaining_seconds"), "0");
}

}  // namespace
}  // namespace matriarch::rest::testing
