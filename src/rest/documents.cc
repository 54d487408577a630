#include "rest/documents.h"

#include <charconv>

#include "model/codec.h"
#include "rest/moments.h"

namespace matriarch::rest {

namespace {

constexpr std::string_view kUnknown = "unknown";

std::string_view role_of(const Member& member, const ClusterView& cluster, const Settings& settings) {  // API-182
  if (!cluster.is_unlocked() && cluster.leader->name == member.name) {
    return settings.standby_cluster ? "standby_leader" : "leader";
  }
  const bool sync = settings.synchronous_mode != SyncMode::kOff && !settings.standby_cluster;
  if (sync && cluster.sync.matches(member.name)) {
    return settings.synchronous_mode == SyncMode::kQuorum ? "quorum_standby" : "sync_standby";
  }
  return "replica";
}

std::string_view state_of(const MemberData& data, std::string_view role) {  // API-183
  if (!data.replication_state.empty() && role != "leader") return data.replication_state;
  return data.state ? to_string(*data.state) : std::string_view();
}

// API-191 to API-193: a position, and how far it is behind the leader's.
void add_position(Value::Map& row, std::string_view lsn_key, std::string_view lag_key, Lsn lsn, Lsn optime) {
  if (!lsn) {
    row.set(lsn_key, kUnknown);
    row.set(lag_key, kUnknown);
    return;
  }
  row.set(lsn_key, to_string(lsn));
  row.set(lag_key, optime > lsn ? Value(optime.value - lsn.value) : Value(0));
}

Value port_value(const std::string& port) {
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool whole = failure == std::errc() && end == port.data() + port.size();
  return whole ? Value(number) : Value(port);  // several hosts have a list of ports
}

Value::Map member_document(const Member& member, const ClusterView& cluster, const Settings& settings) {
  const MemberData& data = member.data;
  const std::string_view role = role_of(member, cluster, settings);
  Value::Map row;
  row.set("name", member.name);
  row.set("role", role);
  row.set("state", state_of(data, role));
  row.set("api_url", data.api_url.empty() ? Value() : Value(data.api_url));
  if (const MemberAddress address = address_of(data); !address.host.empty()) {
    row.set("host", address.host);
    row.set("port", port_value(address.port));
  }
  if (data.timeline != 0) row.set("timeline", static_cast<std::int64_t>(data.timeline));
  if (data.pending_restart) row.set("pending_restart", true);
  if (data.pending_restart_reason.truthy()) row.set("pending_restart_reason", data.pending_restart_reason);
  if (data.scheduled_restart.truthy()) row.set("scheduled_restart", data.scheduled_restart);
  if (!data.tags.raw.empty()) row.set("tags", data.tags.raw);
  if (cluster.leader_name() != member.name) {
    const Lsn optime = cluster.status.optime;
    add_position(row, "receive_lsn", "receive_lag", data.receive_lsn, optime);
    add_position(row, "replay_lsn", "replay_lag", data.replay_lsn, optime);
    add_position(row, "lsn", "lag", data.xlog_location, optime);
  }
  return row;
}

Value::Map switchover_document(const FailoverRequest& request) {  // API-196
  Value::Map document;
  const auto moment = read_timestamp(request.scheduled_at_text);
  document.set("at", moment && moment->has_offset ? iso_text(*moment) : request.scheduled_at_text);
  if (!request.leader.empty()) document.set("from", request.leader);
  if (!request.candidate.empty()) document.set("to", request.candidate);
  return document;
}

Value row_value(const HistoryRow& row) {
  Value::List fields{static_cast<std::int64_t>(row.timeline), row.switch_lsn.value, row.reason};
  if (row.fields > 3) fields.emplace_back(row.timestamp);
  if (row.fields > 4) fields.emplace_back(row.new_leader);
  return fields;
}

}  // namespace

Value::Map cluster_document(const ClusterView& cluster, const Settings& settings, std::string_view scope) {
  Value::List members;
  for (const Member& member : cluster.members) members.emplace_back(member_document(member, cluster, settings));
  std::sort(members.begin(), members.end(), [](const Value& a, const Value& b) {
    return a.find("name")->as_string() < b.find("name")->as_string();
  });
  Value::Map document;
  document.set("members", std::move(members));
  if (settings.paused) document.set("pause", true);
  if (cluster.failover && cluster.failover->scheduled()) {
    document.set("scheduled_switchover", switchover_document(*cluster.failover));
  }
  document.set("scope", scope);
  return document;
}

Value history_document(const ClusterView& cluster) {
  if (!cluster.history) return Value::List();
  if (!cluster.history->raw.empty()) {
    auto stored = parse_json(cluster.history->raw);
    return stored && stored->is_list() ? *std::move(stored) : Value(Value::List());
  }
  Value::List rows;
  for (const HistoryRow& row : cluster.history->rows) rows.push_back(row_value(row));
  return rows;
}

Value::Map explain_document(const AgentSnapshot& snapshot) {
  Value::List decisions;
  for (const DecisionRecord& record : snapshot.decisions) {
    Value::Map row;
    row.set("number", record.number);
    row.set("at", to_iso8601(record.at));
    row.set("action", record.action);
    row.set("reason", record.reason);
    row.set("inputs", record.inputs);
    decisions.emplace_back(std::move(row));
  }
  Value::Map document;
  document.set("name", snapshot.name);
  document.set("scope", snapshot.scope);
  if (!snapshot.running_action.empty()) document.set("running_action", snapshot.running_action);
  document.set("decisions", std::move(decisions));
  return document;
}

}  // namespace matriarch::rest
