#include "rest/metrics.h"

#include <charconv>

#include <fmt/format.h>

#include "rest/moments.h"

namespace matriarch::rest {

namespace {

std::string escaped(std::string_view label) {  // API-364
  std::string out;
  for (const char c : label) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out;
}

class Writer {
 public:
  Writer(std::string_view scope, std::string_view name)
      : labels_(fmt::format("scope=\"{}\",name=\"{}\"", escaped(scope), escaped(name))) {}

  template <class T>
  void gauge(std::string_view name, std::string_view help, T value, std::string_view comment = {}) {
    sample(name, "gauge", help, value, comment);
  }
  template <class T>
  void counter(std::string_view name, std::string_view help, T value) {
    sample(name, "counter", help, value, {});
  }
  void info(std::string_view name, std::string_view help, std::string_view version) {
    head(name, "gauge", help, {});
    text_ += fmt::format("{}{{{},version=\"{}\"}} 1\n", name, labels_, escaped(version));
  }
  std::string take() { return std::move(text_); }

 private:
  void head(std::string_view name, std::string_view type, std::string_view help, std::string_view comment) {
    text_ += fmt::format("# HELP {} {}\n", name, help);
    if (!comment.empty()) text_ += fmt::format("# {}\n", comment);
    text_ += fmt::format("# TYPE {} {}\n", name, type);
  }
  template <class T>
  void sample(std::string_view name, std::string_view type, std::string_view help, T value, std::string_view comment) {
    head(name, type, help, comment);
    if constexpr (std::is_same_v<T, bool>) {
      text_ += fmt::format("{}{{{}}} {}\n", name, labels_, value ? 1 : 0);
    } else {
      text_ += fmt::format("{}{{{}}} {}\n", name, labels_, value);
    }
  }

  std::string labels_;
  std::string text_;
};

// "4.1.4" -> "040104" (API-215).
std::string padded_version(std::string_view version) {
  std::string out;
  while (!version.empty()) {
    const auto dot = version.find('.');
    out += fmt::format("{:0>2}", version.substr(0, dot));
    version = dot == version.npos ? std::string_view() : version.substr(dot + 1);
  }
  return out;
}

std::string epoch_text(std::string_view printed_by_server) {
  const double seconds = epoch_seconds(printed_by_server);
  return seconds == 0 ? "0" : fmt::format("{:.6f}", seconds);
}

constexpr std::string_view kStates =  // API-128
    "0=initdb 1=initdb_failed 2=custom_bootstrap 3=custom_bootstrap_failed 4=creating_replica 5=running 6=starting "
    "7=bootstrap_starting 8=start_failed 9=restarting 10=restart_failed 11=stopping 12=stopped 13=stop_failed 14=crashed";

void add_server_metrics(Writer& out, const AgentSnapshot& snapshot, const NodeStatus& status) {
  const ServerView& server = snapshot.server;
  const bool standby = status.queried && server.in_recovery;
  const std::string none;
  out.gauge("patroni_postgres_running", "1 while PostgreSQL runs", status.state == PgState::kRunning);
  out.gauge("patroni_postmaster_start_time", "when the postmaster was started, seconds since the epoch",
            epoch_text(status.queried ? server.postmaster_start_time : none));
  out.gauge("patroni_primary", "1 while this node runs as primary", status.role == Role::kPrimary);
  out.counter("patroni_xlog_location", "WAL position of the primary in bytes, 0 on standbys",
              status.queried && !server.in_recovery ? server.wal_lsn.value : 0);
  out.gauge("patroni_standby_leader", "1 while this node leads a standby cluster", status.role == Role::kStandbyLeader);
  out.gauge("patroni_replica", "1 while this node is a replica", status.role == Role::kReplica);
  out.gauge("patroni_sync_standby", "1 while this node is a synchronous standby", status.sync_standby);
  out.gauge("patroni_quorum_standby", "1 while this node is a quorum standby", status.quorum_standby);
  out.counter("patroni_xlog_received_location", "received WAL position in bytes, 0 on a primary", status.received.value);
  out.counter("patroni_xlog_replayed_location", "replayed WAL position in bytes, 0 on a primary", status.replayed.value);
  out.gauge("patroni_xlog_replayed_timestamp", "when the last replayed transaction was committed, seconds since the epoch",
            epoch_text(standby ? server.replay_timestamp : none));
  out.gauge("patroni_xlog_paused", "1 while the replay of WAL is paused", standby && server.replay_paused);
  if (status.queried && server.server_version >= 90600) {
    out.gauge("patroni_postgres_streaming", "1 while WAL is streamed", status.replication_state == "streaming");
    out.gauge("patroni_postgres_in_archive_recovery", "1 while WAL comes from the archive",
              status.replication_state == "in archive recovery");
  }
  out.gauge("patroni_postgres_server_version", "version number of the running PostgreSQL",
            status.queried ? server.server_version : 0);
}

void add_cluster_metrics(Writer& out, const AgentSnapshot& snapshot, const NodeStatus& status) {
  out.gauge("patroni_cluster_unlocked", "1 while nobody holds the leader key",
            !status.valid.view || snapshot.cluster->is_unlocked());
  out.gauge("patroni_failsafe_mode_is_active", "1 while failsafe mode is in use", status.failsafe_active);
  out.gauge("patroni_failsafe_mode_enabled", "1 if failsafe mode is switched on", snapshot.settings.failsafe_mode);
  out.gauge("patroni_failsafe_member", "1 if this node is part of the failsafe topology",
            snapshot.failsafe_topology.find(snapshot.name) != nullptr);
  out.gauge("patroni_postgres_timeline", "timeline of the WAL", status.timeline);
  out.gauge("patroni_dcs_last_seen", "when the store was read last, seconds since the epoch", snapshot.store_last_seen);
  out.gauge("patroni_pending_restart", "1 if settings wait for a restart", snapshot.member.pending_restart);
  out.gauge("patroni_is_paused", "1 while the cluster is paused", status.paused);
  out.gauge("patroni_postgres_state", "state of PostgreSQL as a number", status.state ? static_cast<int>(*status.state) : -1,
            kStates);
  out.gauge("patroni_failover_priority", "priority in elections, 0: never", snapshot.tags.failover_priority());
}

void add_own_metrics(Writer& out, const AgentSnapshot& snapshot, const NodeStatus& status, const ApiCounters& counters,
                     Instant now) {
  out.gauge("matriarch_lease_remaining_seconds", "how long our hold of the leader key lasts, 0 if we do not hold it",
            status.valid.lease ? to_seconds(snapshot.lease_end - now) : 0.0);
  out.gauge("matriarch_cycle_age_seconds", "time since the last decision cycle", to_seconds(now - snapshot.cycle_at));
  out.gauge("matriarch_observation_age_seconds", "time since PostgreSQL was observed",
            to_seconds(now - snapshot.server_seen_at));
  const GuardState& guard = snapshot.guard;
  out.gauge("matriarch_guardian_enabled", "1 unless the guardian is switched off", guard.enabled);
  out.gauge("matriarch_guardian_connected", "1 while a guardian runs and answers", guard.connected);
  out.gauge("matriarch_guardian_armed", "1 while the guardian will kill PostgreSQL at the end of the lease", guard.armed);
  out.gauge("matriarch_guardian_deadline_seconds", "time until it does, 0 while not armed",
            guard.armed ? to_seconds(guard.kill_at - now) : 0.0);
  out.counter("matriarch_guardian_strikes_total", "servers killed by the running guardian", guard.strikes);
  out.counter("matriarch_guardian_respawns_total", "agents started again by the running guardian", guard.respawns);
  out.counter("matriarch_guardian_losses_total", "guardians lost since the agent was started", guard.losses);
  out.gauge("matriarch_guardian_real_time", "1 if the guardian has real-time priority", guard.real_time);
  out.gauge("matriarch_guardian_locked_memory", "1 if the guardian's memory is locked", guard.locked_memory);
  out.gauge("matriarch_store_view_valid", "1 while what is known of the store's content counts", status.valid.view);
  out.gauge("matriarch_action_running", "1 while a long action runs", !snapshot.running_action.empty());
  out.counter("matriarch_decisions_total", "decisions made since the start",
              snapshot.decisions.empty() ? 0 : snapshot.decisions.back().number);
  out.counter("matriarch_api_requests_total", "requests to this interface", counters.requests);
  out.counter("matriarch_api_refused_total", "requests refused by access control", counters.refused);
}

}  // namespace

std::string metrics_text(const AgentSnapshot& snapshot, const NodeStatus& status, const RestOptions& options,
                         const ApiCounters& counters, Instant now) {
  Writer out(snapshot.scope, snapshot.name);
  out.gauge("patroni_version", "version of the interface", padded_version(options.version));
  add_server_metrics(out, snapshot, status);
  add_cluster_metrics(out, snapshot, status);
  out.info("matriarch_build_info", "version of the program", options.product_version);
  add_own_metrics(out, snapshot, status, counters, now);
  return out.take();
}

}  // namespace matriarch::rest
