// Worlds to start from: a healthy cluster of three (a, b, c), seen by node a.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/codec.h"
#include "policy/memory.h"
#include "policy/world.h"

namespace matriarch::policy {

using namespace std::chrono_literals;

inline constexpr Instant kNow{10'000s};
inline constexpr WallTime kWallNow{std::chrono::seconds(1'900'000'000)};
inline constexpr Lsn kEnd{0x3000060};  // where everybody's WAL ends, unless said otherwise
inline constexpr const char* kSystemId = "7301234567890123456";

inline Member member(std::string name, Role role = Role::kReplica) {
  Member m{.name = name};
  m.data.conn_url = "postgres://" + name + ":5432/postgres";
  m.data.api_url = "http://" + name + ":8008/patroni";
  m.data.state = PgState::kRunning;
  m.data.role = role;
  m.data.version = "4.1.0";
  m.data.timeline = 1;
  m.data.xlog_location = kEnd;
  return m;
}

inline Member& member_of(ClusterView& view, std::string_view name) {
  for (auto& m : view.members) {
    if (m.name == name) return m;
  }
  view.members.push_back(member(std::string(name)));
  return view.members.back();
}

// The view is shared and constant: it is edited as a copy.
template <class Edit>
void edit(World& world, Edit change) {
  auto view = world.view ? *world.view : ClusterView();
  change(view);
  world.view = std::make_shared<const ClusterView>(std::move(view));
}

inline void set_leader(World& world, std::string name) {
  edit(world, [&](ClusterView& v) {
    v.leader = name.empty() ? std::optional<Leader>() : Leader{.name = name, .version = "5", .session = "77"};
    for (auto& m : v.members) m.data.role = m.name == name ? Role::kPrimary : Role::kReplica;
  });
}

inline void hold_lease(World& world) {
  world.lease.status = LeaseState::Status::kHeld;
  world.lease.times = lease_times(world.now, 30s, 30s);
  world.lease.obtained_at = world.now - 100s;
}

// Node a is a running standby, there is no leader.
inline World standby() {
  World w;
  w.now = kNow;
  w.wall_now = kWallNow;
  w.me = "a";
  w.view_ever_loaded = true;
  w.view_asked_at = kNow - 10ms;
  edit(w, [](ClusterView& v) {
    v.initialize = kSystemId;
    v.config = StoredConfig{.data = Value(Value::Map()), .version = "1"};
    v.config->data.as_map().set("ttl", 30);
    v.status.optime = kEnd;
    v.members = {member("a"), member("b"), member("c")};
  });
  w.system_id = kSystemId;
  w.server.directory = DataDirectory::kPresent;
  w.server.major_version = 150000;
  w.server.control = {.state = ControlState::kInArchiveRecovery, .system_id = kSystemId, .checkpoint_timeline = 1};
  w.server.recovery_configured = true;
  w.server.postmaster_alive = true;
  w.server.readiness = Readiness::kAccepting;
  w.server.queried = true;
  w.server.in_recovery = true;
  w.server.received_timeline = 1;
  w.server.receive_lsn = kEnd;
  w.server.replay_lsn = kEnd;
  return w;
}

inline void make_primary(World& w) {
  w.server.control.state = ControlState::kInProduction;
  w.server.recovery_configured = false;
  w.server.in_recovery = false;
  w.server.received_timeline = 0;
  w.server.timeline = 1;
  w.server.wal_lsn = kEnd;
  w.server.receive_lsn = Lsn{};
  w.server.replay_lsn = Lsn{};
}

// Node a leads.
inline World leading() {
  World w = standby();
  set_leader(w, "a");
  make_primary(w);
  hold_lease(w);
  return w;
}

// Node a follows b.
inline World following() {
  World w = standby();
  set_leader(w, "b");
  w.server.replication_state = "streaming";
  return w;
}

inline void stop_server(World& w) {
  w.server.postmaster_alive = false;
  w.server.readiness = Readiness::kNoResponse;
  w.server.queried = false;
}

inline PeerStatus peer(std::string name, Lsn position = kEnd) {
  return {.name = std::move(name), .reachable = true, .in_recovery = true, .position = position, .timeline = 1};
}

inline PeerStatus dead_peer(std::string name) { return {.name = std::move(name), .refused = true}; }

inline Tags tags(std::initializer_list<std::pair<const char*, Value>> set) {
  Tags result;
  for (const auto& [key, value] : set) result.raw.set(key, value);
  return result;
}

// Synchronous replication with the leader and the voters of /sync.
inline void sync_with(World& w, SyncMode mode, std::string leader, std::vector<std::string> voters, int quorum = 0) {
  w.settings.synchronous_mode = mode;
  edit(w, [&](ClusterView& v) { v.sync = {.leader = leader, .voters = voters, .quorum = quorum, .version = "9"}; });
}

inline void request(World& w, std::string leader, std::string candidate, std::string at = {}) {
  edit(w, [&](ClusterView& v) {
    v.failover = FailoverRequest{.leader = leader, .candidate = candidate, .scheduled_at_text = at, .version = "12"};
    v.failover->scheduled_at = parse_timestamp(at);
  });
}

inline void history_up_to(World& w, Timeline last_row) {
  edit(w, [&](ClusterView& v) {
    v.history = History{};
    for (Timeline t = 1; t <= last_row; ++t) {
      v.history->rows.push_back({.timeline = t,
                                 .switch_lsn = Lsn{t * 0x1000},
                                 .reason = "no recovery target specified",
                                 .timestamp = "2031-01-01T00:00:00+00:00",
                                 .new_leader = "a",
                                 .fields = 5});
    }
    v.history->is_empty_list = last_row == 0;
  });
}

}  // namespace matriarch::policy
