// rest.md sections 5 and 6.
#include "http/url.h"
#include "rest/health.h"
#include "tests/unit/rest/support.h"

namespace matriarch::rest::testing {
namespace {

struct Node {
  AgentSnapshot snapshot;
  Instant now;

  [[nodiscard]] int get(std::string_view target) const {
    const auto mark = target.find('?');
    const http::Query query =
        mark == target.npos ? http::Query() : http::parse_query(target.substr(mark + 1));
    const NodeStatus status = status_of(snapshot, validity_at(snapshot, now));
    const Value::Map tags = published_tags(snapshot.configured_tags.value_or(snapshot.tags));
    return is_healthy(target.substr(0, mark), query, status, tags) ? 200 : 503;
  }
};

constexpr Instant kNow{1000s};

Node primary() { return {primary_snapshot(kNow), kNow}; }
Node replica() { return {replica_snapshot(kNow), kNow}; }

Node standby_leader() {
  Node node{replica_snapshot(kNow), kNow};
  node.snapshot.name = "pg1";
  node.snapshot.role = Role::kStandbyLeader;
  node.snapshot.lease_end = kNow + 30s;
  node.snapshot.settings.standby_cluster = true;
  return node;
}

Node cascading_replica() {
  Node node = replica();
  node.snapshot.settings.standby_cluster = true;
  return node;
}

struct Row {
  std::vector<std::string_view> paths;
  int a, b;
};

void check(const Node& a, const Node& b, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    for (const std::string_view path : row.paths) {
      EXPECT_EQ(a.get(path), row.a) << "A " << path;
      EXPECT_EQ(b.get(path), row.b) << "B " << path;
    }
  }
}

TEST(Health, MatrixOfAnAsynchronousCluster) {  // API-158, API-150
  check(primary(), replica(),
        {{{"/", "/primary", "/master", "/read-write", "/leader"}, 200, 503},
         {{"/standby-leader", "/standby_leader"}, 503, 503},
         {{"/replica", "/async", "/asynchronous"}, 503, 200},
         {{"/read-only", "/health"}, 200, 200},
         {{"/sync", "/synchronous", "/quorum"}, 503, 503},
         {{"/read-only-sync", "/read-only-synchronous", "/read-only-quorum"}, 200, 503},
         {{"/anything-else", "/patroni", "/cluster"}, 503, 503}});
}

TEST(Health, MatrixOfAStandbyCluster) {  // API-158, API-133
  check(standby_leader(), cascading_replica(),
        {{{"/", "/primary"}, 503, 503},
         {{"/replica", "/async"}, 503, 200},
         {{"/leader", "/standby-leader", "/standby_leader"}, 200, 503},
         {{"/read-only"}, 200, 200},
         {{"/read-only-sync", "/read-only-quorum"}, 200, 503}});
}

TEST(Health, MatrixWithTheStoreLost) {  // API-158, API-134, API-141
  Node a = replica();  // the former primary was demoted, and its lease is over
  a.snapshot.role = Role::kDemoted;
  a.snapshot.cluster = nullptr;
  Node b = replica();
  b.snapshot.cluster_valid_until = kNow;
  check(a, b,
        {{{"/primary", "/leader"}, 503, 503},
         {{"/replica", "/read-only", "/health"}, 200, 200},
         {{"/async", "/sync", "/quorum", "/read-only-sync", "/read-only-quorum"}, 503, 503}});
}

Node sync_replica(SyncMode mode) {
  Node node = replica();
  node.snapshot.settings.synchronous_mode = mode;
  change_view(node.snapshot, [](ClusterView& view) { view.sync = {"pg1", {"PG2"}, 1, "5"}; });  // case does not count
  return node;
}

TEST(Health, MatrixOfASynchronousCluster) {  // API-142, API-144, API-145
  check(primary(), sync_replica(SyncMode::kPriority),
        {{{"/sync", "/synchronous", "/replica", "/sync?lag=0"}, 503, 200},
         {{"/quorum", "/async", "/asynchronous", "/sync/", "/x/sync"}, 503, 503},
         {{"/read-only-sync", "/read-only-synchronous"}, 200, 200},
         {{"/read-only-quorum"}, 200, 503}});
}

TEST(Health, MatrixOfAQuorumCluster) {  // API-143, API-144, API-146
  check(primary(), sync_replica(SyncMode::kQuorum),
        {{{"/quorum", "/replica"}, 503, 200},
         {{"/sync", "/synchronous", "/async", "/asynchronous"}, 503, 503},
         {{"/read-only-sync", "/read-only-synchronous"}, 200, 503},
         {{"/read-only-quorum"}, 200, 200}});
}

TEST(Health, ASyncStandbyThatIsNoGoodReplicaIsNoSyncStandby) {  // API-130, API-142
  Node node = sync_replica(SyncMode::kPriority);
  node.snapshot.tags.raw.set("noloadbalance", true);
  for (const auto* path : {"/sync", "/async", "/replica", "/read-only", "/read-only-sync"}) EXPECT_EQ(node.get(path), 503);
  EXPECT_EQ(node.get("/health"), 200);
}

TEST(Health, TheSyncKeyCountsOnlyInASynchronousMode) {  // API-108
  Node node = sync_replica(SyncMode::kOff);
  EXPECT_EQ(node.get("/sync"), 503);
  EXPECT_EQ(node.get("/async"), 200);
  node = sync_replica(SyncMode::kPriority);
  node.snapshot.settings.standby_cluster = true;
  EXPECT_EQ(node.get("/sync"), 503);
}

TEST(Health, SubstringsOfThePathDecide) {  // API-148, API-354
  for (const auto* path : {"/x/leader", "/primary/x", "/the-master", "/read-write/", "/healthy"}) {
    EXPECT_EQ(primary().get(path), 200) << path;
  }
  EXPECT_EQ(replica().get("/replicas"), 200);
  EXPECT_EQ(primary().get("/standby-leader-primary"), 503);  // the first row that matches
  EXPECT_EQ(primary().get("/read-only-quorumx"), 503);
}

TEST(Health, TheLeaseAloneMakesAPrimary) {  // API-132, API-363
  Node node = primary();
  node.snapshot.state = PgState::kCrashed;
  node.snapshot.server = {};
  EXPECT_EQ(node.get("/primary"), 200);
  EXPECT_EQ(node.get("/health"), 503);
  node.now = node.snapshot.lease_end;  // it ends by itself, without a new snapshot
  for (const auto* path : {"/", "/primary", "/leader", "/read-write", "/read-only"}) EXPECT_EQ(node.get(path), 503) << path;
}

TEST(Health, PausedWithoutStoreTheServersRoleCounts) {  // API-131, API-327
  Node a = primary();
  a.snapshot.settings.paused = true;
  a.snapshot.cluster = nullptr;
  a.snapshot.lease_end = {};
  EXPECT_EQ(a.get("/primary"), 200);
  EXPECT_EQ(a.get("/leader"), 200);
  EXPECT_EQ(a.get("/standby-leader"), 503);
  Node b = standby_leader();
  b.snapshot.settings.paused = true;
  b.snapshot.cluster = nullptr;
  b.snapshot.lease_end = {};
  EXPECT_EQ(b.get("/standby-leader"), 200);
  EXPECT_EQ(b.get("/leader"), 200);
  EXPECT_EQ(b.get("/primary"), 503);
  a.snapshot.settings.paused = false;
  EXPECT_EQ(a.get("/primary"), 503);
}

TEST(Health, AnOldObservationIsNone) {  // API-096: "unknown" is not running
  Node node = replica();
  node.now = node.snapshot.server_seen_at + 20s;  // loop_wait + retry_timeout
  EXPECT_EQ(node.get("/replica"), 200);
  node.now += 1ns;
  EXPECT_EQ(node.get("/replica"), 503);
  EXPECT_EQ(node.get("/health"), 503);
}

TEST(Health, Lag) {  // API-151 to API-153
  Node node = replica();
  change_view(node.snapshot, [](ClusterView& view) { view.status.optime = Lsn{2'000'000}; });
  node.snapshot.server.latest_end_lsn = Lsn{1'500'000};
  node.snapshot.server.replay_lsn = Lsn{1'000'000};
  const std::vector<std::pair<std::string, int>> cases{
      {"1000000", 200}, {"999999", 503}, {"976kB", 503}, {"977kB", 200}, {"1MB", 200},  {"0", 503},
      {"1M", 200},      {"foo", 200},    {"", 200},      {"-1", 503},    {" 1 MB ", 200}, {"0xF4240", 200}};
  for (const auto& [lag, expected] : cases) {
    EXPECT_EQ(node.get("/replica?lag=" + http::encode_query({{"x", lag}}).substr(2)), expected) << lag;
  }
  for (const auto* path : {"/replica", "/async", "/read-only"}) {
    EXPECT_EQ(node.get(std::string(path) + "?lag=10"), 503) << path;
  }
  EXPECT_EQ(node.get("/health?lag=10"), 200);
  EXPECT_EQ(node.get("/replica?lag=10&lag=1GB"), 503);  // the first one (API-019)
  node.snapshot.server.latest_end_lsn = Lsn{2'000'001};  // more than the store knows
  EXPECT_EQ(node.get("/replica?lag=1000000"), 503);
  node.snapshot.server.latest_end_lsn = {};
  node.snapshot.cluster = nullptr;  // nobody knows where the leader is
  EXPECT_EQ(node.get("/replica?lag=0"), 200);
  EXPECT_EQ(primary().get("/primary?lag=-1"), 200);
}

TEST(Health, ANegativeLagFailsAnUpToDateReplica) {  // API-152
  EXPECT_EQ(replica().get("/replica?lag=0"), 200);
  EXPECT_EQ(replica().get("/replica?lag=-1"), 503);
  Node ahead = replica();
  ahead.snapshot.server.replay_lsn.value += 10;
  EXPECT_EQ(ahead.get("/replica?lag=-10"), 200);
  EXPECT_EQ(ahead.get("/replica?lag=-11"), 503);
}

TEST(Health, ReplicationState) {  // API-154
  Node node = replica();
  EXPECT_EQ(node.get("/replica?replication_state=streaming"), 200);
  EXPECT_EQ(node.get("/replica?replication_state=Streaming"), 503);
  EXPECT_EQ(node.get("/replica?replication_state="), 200);
  EXPECT_EQ(node.get("/replica?replication_state=in+archive%20recovery"), 503);
  node.snapshot.server.replication_state = "in archive recovery";
  EXPECT_EQ(node.get("/replica?replication_state=in+archive%20recovery"), 200);
  node.snapshot.server.replication_state.clear();
  EXPECT_EQ(node.get("/replica?replication_state=streaming"), 503);
}

TEST(Health, Tags) {  // API-155 to API-157
  Node node = replica();
  node.snapshot.tags.raw = json(R"({"clonefrom":true,"rack":"R7","ratio":1.4,"n":5,"nosync":false,"none":null})").as_map();
  const std::vector<std::pair<std::string_view, int>> cases{
      {"tag_clonefrom=true", 200}, {"tag_clonefrom=True", 503}, {"tag_rack=R7", 200},
      {"tag_rack=r7", 503},        {"tag_ratio=1.4", 200},      {"tag_n=5", 200},
      {"tag_nosync=false", 503},   {"tag_missing=x", 503},      {"tag_missing=", 200},
      {"tag_rack=R7&tag_n=5", 200}, {"tag_rack=R7&tag_n=6", 503}, {"tag_n=5&tag_n=6", 200},
      {"tag_none=none", 200}};
  for (const auto& [query, expected] : cases) {
    EXPECT_EQ(node.get(fmt::format("/replica?{}", query)), expected) << query;
  }
  EXPECT_EQ(node.get("/health?tag_rack=x"), 503);
  EXPECT_EQ(primary().get("/primary?tag_rack=x"), 200);  // not honoured there
  EXPECT_EQ(primary().get("/read-only?tag_rack=x"), 503);
}

TEST(Health, TagsAreComparedAsConfigured) {  // API-156: not with what maintenance adds
  Node node = replica();
  node.snapshot.configured_tags = Tags{json(R"({"sync_priority":3})").as_map()};
  node.snapshot.tags.raw = json(R"({"sync_priority":0,"nosync":true})").as_map();
  EXPECT_EQ(node.get("/replica?tag_sync_priority=3"), 200);
  EXPECT_EQ(node.get("/replica?tag_nosync=true"), 503);
}

// Every combination of what the rules depend on, against the tables of the contract written as letters.
struct Combination {
  bool view, lease, paused, standby_cluster, noloadbalance, in_recovery, queried;
  SyncMode mode;
  PgState state;
  Role role;
};

AgentSnapshot snapshot_of(const Combination& c) {
  AgentSnapshot s = c.in_recovery ? replica_snapshot(kNow) : primary_snapshot(kNow);
  s.name = "pg2";
  s.role = c.role;
  s.state = c.state;
  s.lease_end = c.lease ? kNow + 1s : Instant();
  s.settings.paused = c.paused;
  s.settings.standby_cluster = c.standby_cluster;
  s.settings.synchronous_mode = c.mode;
  s.server.queried = c.queried;
  if (c.noloadbalance) s.tags.raw.set("noloadbalance", "yes");
  change_view(s, [](ClusterView& view) { view.sync = {"pg1", {"pg2"}, 1, "5"}; });
  if (!c.view) s.cluster = nullptr;
  return s;
}

struct Expected {
  bool leader = false, primary = false, standby = false, replica = false, sync = false, quorum = false, running = false;
};

Expected expected_of(const Combination& c) {
  const bool answered = c.queried && (c.state == PgState::kRunning || c.state == PgState::kStarting ||
                                      c.state == PgState::kRestarting);
  Role shown = c.role;  // API-100
  if (answered && !c.in_recovery) shown = Role::kPrimary;
  if (answered && c.in_recovery && !c.standby_cluster) shown = Role::kReplica;
  Expected e;
  e.running = c.state == PgState::kRunning && answered;  // API-096
  const bool r0 = e.running && shown == Role::kReplica && !c.noloadbalance;
  e.replica = r0;
  if (!c.view && c.paused) {
    e.primary = shown == Role::kPrimary;
    e.standby = shown == Role::kStandbyLeader;
    e.leader = e.primary || e.standby;
  } else if (c.lease && c.standby_cluster) {
    e.leader = true;
    e.replica = false;
    e.standby = shown == Role::kReplica || shown == Role::kStandbyLeader;
  } else if (c.lease) {
    e.leader = e.primary = true;
  }
  const bool listed = answered && c.in_recovery && !c.standby_cluster && c.view;
  e.sync = listed && c.mode == SyncMode::kPriority;
  e.quorum = listed && c.mode == SyncMode::kQuorum;
  return e;
}

void check(const Combination& c) {
  const Node node{snapshot_of(c), kNow};
  const Expected e = expected_of(c);
  const bool writes = e.primary || e.standby;
  const std::pair<std::string_view, bool> rows[] = {
      {"/", e.primary},
      {"/primary", e.primary},
      {"/master", e.primary},
      {"/read-write", e.primary},
      {"/leader", e.leader},
      {"/standby-leader", e.standby},
      {"/standby_leader", e.standby},
      {"/replica", e.replica},
      {"/read-only", writes || e.replica},
      {"/health", e.running},
      {"/sync", c.view && e.sync && e.replica},
      {"/synchronous", c.view && e.sync && e.replica},
      {"/quorum", c.view && e.quorum && e.replica},
      {"/async", c.view && !e.sync && !e.quorum && e.replica},
      {"/asynchronous", c.view && !e.sync && !e.quorum && e.replica},
      {"/read-only-sync", c.view && (writes || (e.sync && e.replica))},
      {"/read-only-synchronous", c.view && (writes || (e.sync && e.replica))},
      {"/read-only-quorum", c.view && (writes || (e.quorum && e.replica))},
      {"/anything", false},
  };
  for (const auto& [path, ok] : rows) {
    ASSERT_EQ(node.get(path), ok ? 200 : 503)
        << path << " view=" << c.view << " lease=" << c.lease << " paused=" << c.paused
        << " standby_cluster=" << c.standby_cluster << " recovery=" << c.in_recovery << " queried=" << c.queried
        << " state=" << to_string(c.state) << " role=" << to_string(c.role);
  }
}

TEST(Health, EveryCombination) {  // API-130 to API-147
  constexpr PgState kSomeStates[] = {PgState::kRunning,         PgState::kStarting, PgState::kRestarting,
                                     PgState::kCreatingReplica, PgState::kStopped,  PgState::kCrashed};
  constexpr Role kRoles[] = {Role::kUninitialized, Role::kReplica, Role::kStandbyLeader,
                             Role::kPromoted,      Role::kPrimary, Role::kDemoted};
  for (unsigned bits = 0; bits < 128; ++bits) {
    const auto bit = [bits](unsigned n) { return (bits >> n & 1) != 0; };
    for (const SyncMode mode : {SyncMode::kOff, SyncMode::kPriority, SyncMode::kQuorum}) {
      for (const PgState state : kSomeStates) {
        for (const Role role : kRoles) {
          check({bit(0), bit(1), bit(2), bit(3), bit(4), bit(5), bit(6), mode, state, role});
        }
      }
    }
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(Liveness, CountsCycles) {  // API-160 to API-162
  AgentSnapshot s = replica_snapshot(kNow);
  s.settings.ttl = 30s;
  s.loop_wait = 10s;
  const Instant started = kNow - 100s;
  EXPECT_TRUE(is_alive(s, started, kNow + 10s + 60s - 1ns));
  EXPECT_FALSE(is_alive(s, started, kNow + 10s + 60s));
  s.role = Role::kPrimary;
  EXPECT_FALSE(is_alive(s, started, kNow + 10s + 30s));
  EXPECT_TRUE(is_alive(s, started, kNow + 10s + 30s - 1ns));
  s.server.postmaster_alive = false;
  EXPECT_TRUE(is_alive(s, started, kNow + 10s + 30s));
  s.settings.paused = true;
  EXPECT_TRUE(is_alive(s, started, kNow + 1h));  // API-328
}

TEST(Liveness, BeforeTheFirstCycleTheStartCounts) {
  AgentSnapshot s = replica_snapshot(kNow);
  s.cycle_at = {};
  EXPECT_TRUE(is_alive(s, kNow, kNow + 59s));
  EXPECT_FALSE(is_alive(s, kNow, kNow + 60s));
}

bool ready(const AgentSnapshot& s, std::string_view query = {}) {
  return is_ready(s, status_of(s, validity_at(s, kNow)), http::parse_query(query));
}

TEST(Readiness, FirstMatchingRowDecides) {  // API-163 to API-170
  AgentSnapshot leader = primary_snapshot(kNow);
  leader.state = PgState::kStopped;
  EXPECT_TRUE(ready(leader));
  AgentSnapshot s = replica_snapshot(kNow);
  EXPECT_TRUE(ready(s));
  s.state = PgState::kStarting;
  EXPECT_FALSE(ready(s));
  s = replica_snapshot(kNow);
  s.server.replication_state = "in archive recovery";
  EXPECT_FALSE(ready(s));
  s = replica_snapshot(kNow);
  s.server.queried = false;
  EXPECT_FALSE(ready(s));
  s = replica_snapshot(kNow);
  s.cluster = nullptr;
  EXPECT_TRUE(ready(s));  // the walreceiver knows how far the leader is
  s.server.latest_end_lsn = {};
  EXPECT_FALSE(ready(s));
  s.failsafe_active = true;
  EXPECT_TRUE(ready(s));
}

TEST(Readiness, Lag) {  // API-171 to API-174
  AgentSnapshot s = replica_snapshot(kNow);
  s.server.latest_end_lsn = Lsn{3'000'000};
  change_view(s, [](ClusterView& view) { view.status.optime = Lsn{2'000'000}; });
  s.server.replay_lsn = Lsn{3'000'000 - 1048576};
  s.server.receive_lsn = Lsn{3'000'000};
  EXPECT_TRUE(ready(s));  // maximum_lag_on_failover
  s.server.replay_lsn.value -= 1;
  EXPECT_FALSE(ready(s));
  EXPECT_TRUE(ready(s, "lag=2MB"));
  EXPECT_FALSE(ready(s, "lag=1kB"));
  EXPECT_FALSE(ready(s, "lag=foo"));
  EXPECT_TRUE(ready(s, "mode=write"));
  EXPECT_FALSE(ready(s, "mode=Write"));
  EXPECT_FALSE(ready(s, "lag=-1&mode=write"));
  EXPECT_TRUE(ready(s, "lag=2MB&tag_x=y&replication_state=z"));  // API-174
}

}  // namespace
}  // namespace matriarch::rest::testing
