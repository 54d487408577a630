#include "rest/health.h"

#include "rest/quantity.h"

namespace matriarch::rest {

namespace {

struct Roles {
  bool leader = false;          // L
  bool primary = false;         // P
  bool standby_leader = false;  // S
  bool replica = false;         // R
};

std::optional<std::string_view> param(const http::Query& query, std::string_view name) {
  for (const auto& [key, value] : query) {
    if (key == name) return value;  // the first one counts (API-019)
  }
  return std::nullopt;
}

// leader > position + allowed, for any `allowed`.
bool lags(Lsn leader, Lsn position, std::int64_t allowed) {
  if (allowed >= 0) {
    return leader > position && leader.value - position.value > static_cast<std::uint64_t>(allowed);
  }
  const std::uint64_t less = std::uint64_t{0} - static_cast<std::uint64_t>(allowed);
  return leader >= position || position.value - leader.value < less;
}

std::optional<std::int64_t> lag_param(const http::Query& query) {
  const auto text = param(query, "lag");
  return text ? parse_bytes(*text) : std::nullopt;
}

bool is_good_replica(const http::Query& query, const NodeStatus& status) {  // API-130
  if (status.noloadbalance || status.role != Role::kReplica || status.state != PgState::kRunning) return false;
  if (const auto wanted = param(query, "replication_state"); wanted && *wanted != status.replication_state) {
    return false;
  }
  const auto allowed = lag_param(query);
  return !(allowed && status.leader_position && lags(status.leader_position, status.replayed, *allowed));
}

Roles roles_of(const http::Query& query, const NodeStatus& status) {
  Roles roles;
  roles.replica = is_good_replica(query, status);
  if (!status.valid.view && status.paused) {  // API-131: paused and the store is gone
    roles.primary = status.role == Role::kPrimary;
    roles.standby_leader = status.role == Role::kStandbyLeader;
    roles.leader = roles.primary || roles.standby_leader;
  } else if (status.valid.lease && !status.standby_cluster) {  // API-132
    roles.leader = roles.primary = true;
  } else if (status.valid.lease) {  // API-133
    roles.leader = true;
    roles.replica = false;
    roles.standby_leader = status.role == Role::kReplica || status.role == Role::kStandbyLeader;
  }
  return roles;
}

bool contains(std::string_view path, std::string_view part) { return path.find(part) != path.npos; }

struct Rule {
  bool ok = false;
  bool with_tags = false;
};

Rule rule_of(std::string_view path, const Roles& is, const NodeStatus& status) {
  if (contains(path, "standby_leader") || contains(path, "standby-leader")) return {is.standby_leader};
  if (contains(path, "leader")) return {is.leader};
  if (contains(path, "master") || contains(path, "primary") || contains(path, "read-write")) return {is.primary};
  if (contains(path, "replica")) return {is.replica, true};
  const bool for_writes = is.primary || is.standby_leader;
  if (contains(path, "read-only") && !contains(path, "sync") && !contains(path, "quorum")) {
    return {for_writes || is.replica, true};
  }
  if (contains(path, "health")) return {status.state == PgState::kRunning, true};
  if (!status.valid.view) return {};  // API-141
  const bool sync = status.sync_standby && is.replica;
  const bool quorum = status.quorum_standby && is.replica;
  if (path == "/sync" || path == "/synchronous") return {sync, true};
  if (path == "/quorum") return {quorum, true};
  if (path == "/async" || path == "/asynchronous") {
    return {!status.sync_standby && !status.quorum_standby && is.replica, true};
  }
  if (path == "/read-only-sync" || path == "/read-only-synchronous") return {for_writes || sync, true};
  if (path == "/read-only-quorum") return {for_writes || quorum, true};
  return {};
}

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

bool tags_match(const http::Query& query, const Value::Map& tags) {  // API-155 to API-157
  constexpr std::string_view kPrefix = "tag_";
  for (const auto& [name, ignored] : query) {
    if (!name.starts_with(kPrefix)) continue;
    const Value* tag = tags.find(std::string_view(name).substr(kPrefix.size()));
    if (tag == nullptr) return false;
    const std::string text = tag->is_string() ? tag->as_string() : lower(string_form(*tag));
    if (text != param(query, name)) return false;
  }
  return true;
}

}  // namespace

bool is_healthy(std::string_view path, const http::Query& query, const NodeStatus& status, const Value::Map& tags) {
  const Rule rule = rule_of(path == "/" ? "/primary" : path, roles_of(query, status), status);
  return rule.ok && (!rule.with_tags || tags_match(query, tags));
}

bool is_alive(const AgentSnapshot& snapshot, Instant started, Instant now) {
  if (snapshot.settings.paused) return true;
  const Instant next_cycle = std::max(snapshot.cycle_at + snapshot.loop_wait, started);
  const bool running_primary = snapshot.role == Role::kPrimary && snapshot.server.postmaster_alive;
  return now < next_cycle + snapshot.settings.ttl * (running_primary ? 1 : 2);
}

bool is_ready(const AgentSnapshot& snapshot, const NodeStatus& status, const http::Query& query) {
  if (status.valid.lease) return true;
  if (snapshot.state != PgState::kRunning || status.replication_state != "streaming") return false;
  if (!status.valid.view && !status.has_upstream_position) return status.failsafe_active;
  const Lsn position = param(query, "mode") == "write" ? status.received : status.replayed;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const auto by_default = static_cast<std::int64_t>(std::min(snapshot.settings.maximum_lag_on_failover, kMax));
  return !lags(status.leader_position, position, lag_param(query).value_or(by_default));
}

}  // namespace matriarch::rest
