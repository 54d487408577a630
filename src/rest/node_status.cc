#include "rest/node_status.h"

#include "rest/moments.h"

namespace matriarch::rest {

namespace {

// An observation older than a cycle and the time a cycle may take is none.
bool server_is_fresh(const AgentSnapshot& snapshot, Instant now) {
  return snapshot.server.queried &&
         now - snapshot.server_seen_at <= snapshot.loop_wait + snapshot.settings.retry_timeout;
}

Value or_null(Value value, bool present) { return present ? std::move(value) : Value(); }

Value lsn_value(Lsn lsn) { return Value(lsn.value); }

Value::Map xlog_document(const AgentSnapshot& snapshot, const NodeStatus& status) {
  const ServerView& server = snapshot.server;
  Value::Map xlog;
  if (!server.in_recovery) {
    xlog.set("location", lsn_value(server.wal_lsn));
    return xlog;
  }
  xlog.set("received_location", lsn_value(status.received));
  xlog.set("replayed_location", lsn_value(status.replayed));
  xlog.set("replayed_timestamp", or_null(document_time(server.replay_timestamp), !server.replay_timestamp.empty()));
  xlog.set("paused", server.replay_paused);
  return xlog;
}

Value::List replication_document(const std::vector<WalSender>& walsenders) {
  Value::List senders;
  for (const WalSender& sender : walsenders) {
    Value::Map row;
    row.set("usename", sender.usename);
    row.set("application_name", sender.application_name);
    row.set("client_addr", or_null(sender.client_addr, !sender.client_addr.empty()));
    row.set("state", sender.state);
    row.set("sync_state", sender.sync_state);
    row.set("sync_priority", sender.sync_priority);
    senders.emplace_back(std::move(row));
  }
  return senders;
}

// API-124, CFG-432.
void add_log_part(Value::Map& document, LogBacklog log) {
  constexpr std::size_t kOrdinary = 2;  // records on their way
  if (log.queued <= kOrdinary) return;
  document.set("logger_queue_size", static_cast<std::uint64_t>(log.queued));
  if (log.lost > 0) document.set("logger_records_lost", log.lost);
}

void add_server_part(Value::Map& document, const AgentSnapshot& snapshot, const NodeStatus& status) {
  const ServerView& server = snapshot.server;
  document.set("server_version", server.server_version);
  document.set("xlog", xlog_document(snapshot, status));
  if (status.sync_standby) document.set("sync_standby", true);
  if (status.quorum_standby) document.set("quorum_standby", true);
  document.set("timeline", or_null(static_cast<std::int64_t>(status.timeline), status.timeline != 0));
  if (!status.replication_state.empty()) document.set("replication_state", status.replication_state);
  if (!server.walsenders.empty()) document.set("replication", replication_document(server.walsenders));
}

void add_restart_part(Value::Map& document, const AgentSnapshot& snapshot) {
  if (!snapshot.member.pending_restart) return;
  document.set("pending_restart", true);
  const Value& reason = snapshot.member.pending_restart_reason;
  document.set("pending_restart_reason", reason.is_map() ? reason : Value(Value::Map()));
}

void add_cluster_part(Value::Map& document, const AgentSnapshot& snapshot, const NodeStatus& status) {
  if (status.paused) document.set("pause", true);
  if (!status.valid.view || snapshot.cluster->is_unlocked()) document.set("cluster_unlocked", true);
  if (status.failsafe_active) document.set("failsafe_mode_is_active", true);
  document.set("dcs_last_seen", snapshot.store_last_seen);
  if (Value::Map tags = published_tags(snapshot.tags); !tags.empty()) document.set("tags", std::move(tags));
  const std::string& system_id = snapshot.server.control.system_id;
  if (!system_id.empty()) document.set("database_system_identifier", system_id);
}

// Ours: what protects against an agent that dies or hangs.
void add_guard_part(Value::Map& document, const AgentSnapshot& snapshot) {
  const GuardState& guard = snapshot.guard;
  Value::Map part;
  part.set("state", !guard.enabled ? "off" : guard.armed ? "armed" : guard.connected ? "ready" : "lost");
  if (guard.connected) {
    part.set("pid", guard.pid);
    part.set("epoch", guard.epoch);
    part.set("real_time", guard.real_time);
    part.set("locked_memory", guard.locked_memory);
  } else if (guard.enabled && !guard.problem.empty()) {
    part.set("problem", guard.problem);
  }
  document.set("guardian", std::move(part));
}

}  // namespace

Validity validity_at(const AgentSnapshot& snapshot, Instant now) {
  return {.view = snapshot.cluster != nullptr && now < snapshot.cluster_valid_until,
          .server = server_is_fresh(snapshot, now),
          .lease = now < snapshot.lease_end};
}

bool may_be_queried(PgState state) {
  return state == PgState::kRunning || state == PgState::kRestarting || state == PgState::kStarting;
}

NodeStatus status_of(const AgentSnapshot& snapshot, Validity valid) {
  const ServerView& server = snapshot.server;
  NodeStatus status{.valid = valid,
                    .queried = valid.server && may_be_queried(snapshot.state),
                    .state = snapshot.state,
                    .role = snapshot.role,
                    .standby_cluster = snapshot.settings.standby_cluster,
                    .paused = snapshot.settings.paused,
                    .noloadbalance = snapshot.tags.noloadbalance(),
                    .failsafe_active = snapshot.failsafe_active};
  if (valid.view) status.leader_position = snapshot.cluster->status.optime;
  if (!status.queried) {
    if (snapshot.state == PgState::kRunning) status.state.reset();
    return status;
  }
  status.has_upstream_position = static_cast<bool>(server.latest_end_lsn);
  status.leader_position = std::max(status.leader_position, server.latest_end_lsn);
  if (!server.in_recovery) {
    status.role = Role::kPrimary;
    status.timeline = server.timeline;
    return status;
  }
  if (!status.standby_cluster) status.role = Role::kReplica;
  status.timeline = server.received_timeline != 0 ? server.received_timeline : snapshot.member.timeline;
  status.received = server.receive_lsn ? server.receive_lsn : server.replay_lsn;
  status.replayed = server.replay_lsn;
  status.replication_state = server.replication_state;
  const SyncMode mode = status.standby_cluster ? SyncMode::kOff : snapshot.settings.synchronous_mode;
  if (status.role == Role::kReplica && mode != SyncMode::kOff && valid.view &&
      snapshot.cluster->sync.matches(snapshot.name)) {
    (mode == SyncMode::kQuorum ? status.quorum_standby : status.sync_standby) = true;
  }
  return status;
}

Value::Map status_document(const AgentSnapshot& snapshot, const NodeStatus& status, std::string_view version,
                           LogBacklog log) {
  Value::Map document;
  document.set("state", status.state_text());
  if (status.queried) document.set("postmaster_start_time", document_time(snapshot.server.postmaster_start_time));
  document.set("role", to_string(status.role));
  if (status.queried) add_server_part(document, snapshot, status);
  add_cluster_part(document, snapshot, status);
  add_restart_part(document, snapshot);
  Value::Map about;
  about.set("version", version);
  about.set("scope", snapshot.scope);
  about.set("name", snapshot.name);
  document.set("patroni", std::move(about));
  if (snapshot.scheduled_restart.is_map() && !snapshot.scheduled_restart.as_map().empty()) {
    Value::Map restart = snapshot.scheduled_restart.as_map();
    restart.erase("postmaster_start_time");  // API-122: only the member key has it
    document.set("scheduled_restart", std::move(restart));
  }
  if (snapshot.watchdog_failed) document.set("watchdog_failed", true);
  add_guard_part(document, snapshot);
  add_log_part(document, log);
  return document;
}

}  // namespace matriarch::rest
