#include "tests/unit/policy/random_worlds.h"

#include "model/codec.h"

namespace matriarch::policy {

using namespace std::chrono_literals;

namespace {

constexpr Instant kNow{5000s};
constexpr const char* kSystemId = "7301234567890123456";

}  // namespace

// Mostly a few well-known ones, so that they meet.
std::string RandomWorlds::name() {
  static const std::vector<std::string> kNames = {"a", "b", "c", "d", "A", "B"};
  return one_in(12) ? odd_text() : one_of(kNames);
}

std::string RandomWorlds::odd_text() {
  static const std::vector<std::string> kOdd = {
      "",     std::string("\0x", 2), "{}{0}%s", "\xff\xfe", "../..", std::string(300, 'x'), "ä ö", "null", "\n", "{",
      "1e309"};
  return one_of(kOdd);
}

Lsn RandomWorlds::lsn() {
  if (one_in(10)) return Lsn{};
  if (one_in(20)) return Lsn{~std::uint64_t{0}};
  return Lsn{0x3000000 + below(4) * 8};
}

Timeline RandomWorlds::timeline() { return one_in(30) ? ~Timeline{0} : static_cast<Timeline>(below(4)); }

Instant RandomWorlds::instant() {
  if (one_in(20)) return Instant();
  return kNow - 40s + std::chrono::seconds(below(50));
}

std::vector<HistoryRow> RandomWorlds::history() {
  std::vector<HistoryRow> rows;
  for (auto n = below(4); n > 0; --n) {
    rows.push_back({.timeline = timeline(),
                    .switch_lsn = lsn(),
                    .reason = odd_text(),
                    .timestamp = odd_text(),
                    .new_leader = name(),
                    .fields = static_cast<int>(below(7))});
  }
  return rows;
}

Tags RandomWorlds::tags() {
  static const std::vector<std::string> kTags = {"nofailover", "failover_priority", "nosync",        "sync_priority",
                                                 "clonefrom",  "nostream",          "replicatefrom", "other"};
  Tags result;
  for (auto n = below(3); n > 0; --n) {
    const std::vector<Value> values = {Value(true), Value(false), Value(0),      Value(2),
                                       Value(),     Value("on"),  Value(name()), Value(Value::Map())};
    result.raw.set(one_of(kTags), one_of(values));
  }
  return result;
}

Member RandomWorlds::member() {
  Member m{.name = name()};
  m.data.conn_url = one_in(8) ? odd_text() : "postgres://h:5432/postgres";
  m.data.api_url = one_in(8) ? odd_text() : "http://h:8008/patroni";
  if (!one_in(8)) m.data.state = any<PgState>(15);
  if (!one_in(8)) m.data.role = any<Role>(6);
  m.data.version = one_in(3) ? odd_text() : one_in(2) ? "3.0.2" : "4.1.0";
  m.data.tags = tags();
  m.data.xlog_location = lsn();
  m.data.timeline = timeline();
  return m;
}

void RandomWorlds::fill_rest_of(ClusterView& v) {
  v.status.optime = lsn();
  for (auto n = below(3); n > 0; --n) v.status.slots[name()] = lsn();
  for (auto n = below(3); n > 0; --n) v.status.retain_slots.push_back(name());
  if (one_in(3)) {
    v.failover =
        FailoverRequest{.leader = one_in(2) ? name() : "", .candidate = one_in(2) ? name() : "", .version = "3"};
    if (one_in(3)) v.failover->scheduled_at_text = one_in(2) ? odd_text() : "2030-03-17T17:46:40+00:00";
    v.failover->scheduled_at = parse_timestamp(v.failover->scheduled_at_text);
  }
  if (one_in(2)) {
    v.sync = {.leader = name(), .voters = {name(), name()}, .quorum = static_cast<int>(below(4)), .version = "4"};
  }
  if (one_in(2)) v.history = History{.rows = history(), .is_empty_list = one_in(2), .raw = odd_text()};
  if (one_in(3)) {
    v.failsafe = Value::Map();
    for (auto n = below(3); n > 0; --n) v.failsafe.as_map().set(name(), one_in(4) ? Value(7) : Value("http://h:8008"));
  }
}

ClusterView RandomWorlds::view() {
  ClusterView v;
  if (!one_in(6)) v.initialize = one_in(4) ? odd_text() : kSystemId;
  if (!one_in(6)) v.config = StoredConfig{.data = one_in(4) ? Value() : Value("x"), .version = "1"};
  if (!one_in(3)) v.leader = Leader{.name = name(), .version = "2", .session = odd_text()};
  for (auto n = below(5); n > 0; --n) v.members.push_back(member());
  fill_rest_of(v);
  return v;
}

Settings RandomWorlds::settings() {
  Settings s;
  s.maximum_lag_on_failover = one_in(3) ? 0 : 1048576;
  s.primary_start_timeout = one_in(3) ? 0s : 300s;
  s.primary_race_backoff = one_in(3) ? 30s : 0s;
  s.check_timeline = one_in(2);
  s.max_timelines_history = static_cast<int>(below(4)) - 1;
  s.synchronous_mode = any<SyncMode>(3);
  s.member_slots_ttl = one_in(3) ? 0s : 1800s;
  s.failsafe_mode = one_in(3);
  s.paused = one_in(4);
  s.standby_cluster = one_in(8);
  s.use_slots = !one_in(4);
  s.remove_data_on_rewind_failure = one_in(3);
  s.remove_data_on_diverged_timelines = one_in(3);
  return s;
}

ServerView RandomWorlds::server() {
  ServerView s;
  s.directory = one_in(5) ? any<DataDirectory>(3) : DataDirectory::kPresent;
  s.directory_problem = "problem: " + odd_text();
  s.major_version = static_cast<int>(one_of(std::vector<int>{0, 100000, 140000, 150000}));
  s.control = {.state = any<ControlState>(8),
               .system_id = kSystemId,
               .checkpoint_timeline = timeline(),
               .checkpoint_lsn = lsn(),
               .min_recovery_end = lsn(),
               .min_recovery_timeline = timeline()};
  s.recovery_configured = one_in(2);
  s.backup_label = one_in(5);
  if (one_in(6)) s.interrupted = any<Interrupted>(5);
  s.postmaster_alive = !one_in(3);
  s.readiness = one_in(4) ? any<Readiness>(3) : Readiness::kAccepting;
  s.queried = s.postmaster_alive && !one_in(5);
  s.in_recovery = one_in(2);
  s.timeline = timeline();
  s.received_timeline = timeline();
  s.wal_lsn = lsn();
  s.receive_lsn = lsn();
  s.replay_lsn = lsn();
  s.replication_state = one_in(2) ? "streaming" : one_in(2) ? "" : odd_text();
  return s;
}

PeerStatus RandomWorlds::peer(std::string peer_name) {
  return {.name = std::move(peer_name),
          .reachable = !one_in(4),
          .refused = one_in(4),
          .nofailover = one_in(5),
          .watchdog_failed = one_in(8),
          .in_recovery = !one_in(5),
          .position = lsn(),
          .timeline = timeline(),
          .failover_priority = static_cast<int>(below(4))};
}

LeaseState RandomWorlds::lease() {
  LeaseState l{.status = any<LeaseState::Status>(3)};
  l.times = lease_times(instant(), 30s, 30s);
  l.obtained_at = instant();
  return l;
}

void RandomWorlds::fill_answers(World& w) {
  if (one_in(3)) {
    w.action = {.kind = any<ActionKind>(13),
                .name = odd_text(),
                .since = instant(),
                .promoting = one_in(2),
                .leading = one_in(2)};
  } else if (one_in(3)) {
    w.finished = FinishedAction{
        .kind = any<ActionKind>(13), .ok = one_in(2), .vetoed = one_in(3), .cancelled = one_in(4), .text = odd_text()};
  }
  if (one_in(2)) {
    w.peers.emplace();
    for (const char* who : {"a", "b", "c", "d"}) {
      if (!one_in(4)) w.peers->push_back(peer(who));
    }
  }
  if (one_in(4)) {
    w.divergence = Divergence{.local_timeline = timeline(),
                              .local_lsn = lsn(),
                              .was_primary = one_in(2),
                              .end_of_checkpoint_record = lsn(),
                              .local_history = history(),
                              .leader_timeline = timeline(),
                              .leader_history = history()};
  }
  w.divergence_unknown = one_in(6);
  w.failsafe_asked = one_in(3);
  w.shutdown_requested = one_in(12);
}

// What chance alone seldom brings together.
void RandomWorlds::make_leader(World& w) {
  auto v = view();
  v.initialize = kSystemId;
  v.leader = Leader{.name = w.me, .version = "2"};
  w.view = std::make_shared<const ClusterView>(std::move(v));
  w.lease = {
      .status = LeaseState::Status::kHeld, .times = lease_times(kNow - 5s, 30s, 30s), .obtained_at = kNow - 300s};
  w.system_id = kSystemId;
  w.server.directory = DataDirectory::kPresent;
  w.server.interrupted = Interrupted::kNone;
}

World RandomWorlds::world() {
  World w;
  w.now = kNow;
  w.wall_now = WallTime(std::chrono::seconds(1'900'000'000));
  w.me = one_in(20) ? name() : "a";
  w.tags = tags();
  w.has_bootstrap_section = one_in(2);
  w.settings = settings();
  if (!one_in(6)) w.view = std::make_shared<const ClusterView>(view());
  w.view_asked_at = instant();
  w.view_ever_loaded = w.view != nullptr || one_in(2);
  if (one_in(2)) w.known_failsafe = Value::Map();
  w.lease = lease();
  w.server = server();
  w.system_id = one_in(8) ? odd_text() : kSystemId;
  w.can_rewind = one_in(2);
  if (one_in(4)) make_leader(w);
  fill_answers(w);
  return w;
}

Memory RandomWorlds::memory() {
  Memory m;
  m.role = any<Role>(6);
  m.state = any<PgState>(15);
  m.state_since = instant();
  if (one_in(2)) m.led_view = std::make_shared<const ClusterView>(view());
  m.was_paused = one_in(4);
  m.server_started_once = one_in(2);
  m.start_failed = one_in(6);
  m.crash_recovery_tried = one_in(3);
  m.led = one_in(2);
  m.rewind = any<RewindState>(6);
  m.followed_timeline = timeline();
  if (one_in(2)) m.slots_seen[name()] = instant();
  if (one_in(2)) m.race_backoff_since = instant();
  if (one_in(6)) m.promotion_vetoed_at = instant();
  m.last_position = lsn();
  m.position_moved = one_in(2);
  return m;
}

}  // namespace matriarch::policy
