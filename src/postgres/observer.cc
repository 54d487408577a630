#include "postgres/observer.h"

#include <charconv>

#include "base/log.h"
#include "model/cluster.h"
#include "postgres/data_directory.h"
#include "postgres/probe.h"

namespace matriarch::postgres {

namespace {

// Functions, not views: no catalog is joined, so nothing waits for a lock (PG-133). pg_is_in_recovery() is evaluated once.
constexpr std::string_view kQuery = R"(
WITH state AS MATERIALIZED (SELECT pg_catalog.pg_is_in_recovery() AS r)
SELECT state.r,
  CASE WHEN r THEN 0 ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::bigint END,
  CASE WHEN r THEN NULL ELSE pg_catalog.pg_current_wal_flush_lsn() END,
  pg_catalog.pg_last_wal_replay_lsn(),
  pg_catalog.pg_last_wal_receive_lsn(),
  CASE WHEN r THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END,
  CASE WHEN w.latest_end_lsn IS NULL THEN NULL ELSE w.received_tli END,
  w.written_lsn, w.status, w.slot_name, w.conninfo,
  pg_catalog.current_setting('restore_command'),
  pg_catalog.current_setting('synchronous_commit'),
  pg_catalog.current_setting('synchronous_standby_names'),
  pg_catalog.pg_postmaster_start_time()::text,
  pg_catalog.pg_last_xact_replay_timestamp()::text, w.latest_end_lsn,
  (SELECT pg_catalog.json_agg(pg_catalog.to_json(s)) FROM pg_catalog.pg_get_replication_slots() s),
  (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(s.pid, pg_catalog.pg_get_userbyid(a.usesysid), a.application_name,
      a.client_addr, s.state, s.sync_state, s.sync_priority, s.write_lsn, s.flush_lsn, s.replay_lsn)
      ORDER BY a.application_name, s.pid)
     FROM pg_catalog.pg_stat_get_wal_senders() s, pg_catalog.pg_stat_get_activity(s.pid) a)
FROM state LEFT JOIN pg_catalog.pg_stat_get_wal_receiver() w ON true
)";

enum Column : std::size_t {
  kInRecovery,
  kTimeline,
  kFlushLsn,
  kReplayLsn,
  kReceiveLsn,
  kPaused,
  kReceivedTimeline,
  kWrittenLsn,
  kReceiverStatus,
  kReceiverSlot,
  kReceiverConninfo,
  kRestoreCommand,
  kSynchronousCommit,
  kSynchronousStandbyNames,
  kStartTime,
  kReplayTimestamp,
  kLatestEndLsn,
  kSlots,
  kWalSenders
};

Lsn lsn_of(const std::string& text) { return parse_lsn(text).value_or(Lsn{}); }

Lsn lsn_of(const Value& value) { return value.is_string() ? lsn_of(value.as_string()) : Lsn{}; }

std::string text_of(const Value& value) { return value.is_string() ? value.as_string() : std::string(); }

Timeline timeline_of(const std::string& text) {
  Timeline timeline = 0;
  std::from_chars(text.data(), text.data() + text.size(), timeline);
  return timeline;
}

const Value::List& list_of(const Result<Value>& json) {
  static const Value::List kNone;
  return json && json->is_list() ? json->as_list() : kNone;
}

}  // namespace

std::vector<WalSender> parse_walsenders(std::string_view json) {
  constexpr std::size_t kFields = 10;
  const auto parsed = parse_json(json);
  std::vector<WalSender> result;
  for (const auto& row : list_of(parsed)) {
    if (!row.is_list() || row.as_list().size() != kFields) continue;
    const auto& field = row.as_list();
    result.push_back({.pid = static_cast<int>(parse_int(field[0]).value_or(0)),
                      .usename = text_of(field[1]),
                      .application_name = text_of(field[2]),
                      .client_addr = text_of(field[3]),
                      .state = text_of(field[4]),
                      .sync_state = text_of(field[5]),
                      .sync_priority = static_cast<int>(parse_int(field[6]).value_or(0)),
                      .write_lsn = lsn_of(field[7]),
                      .flush_lsn = lsn_of(field[8]),
                      .replay_lsn = lsn_of(field[9])});
  }
  return result;
}

Task<ServerView> Observer::observe(Ctx ctx) {
  ServerView view;
  co_await look_at_files(&view, ctx);
  const auto postmaster = core_.supervisor.postmaster();
  view.postmaster_alive = postmaster != nullptr;
  if (!postmaster) co_return view;
  const bool known_to_accept = core_.supervisor.accepting();
  if (known_to_accept && co_await query(&view, ctx)) {
    view.readiness = Readiness::kAccepting;
  } else if (postmaster->alive()) {
    constexpr auto kProbeTimeout = std::chrono::seconds(1);
    view.readiness = co_await probe(core_.reactor, core_.local_superuser("heartbeat"),
                                    ctx.until(core_.reactor.now() + kProbeTimeout));
    if (view.readiness != Readiness::kAccepting) {
      core_.supervisor.doubt();
    } else if (!known_to_accept) {  // only just adopted, it may have been ready for long
      (void)co_await query(&view, ctx);
    }
  }
  view.postmaster_alive = postmaster->alive();
  if (!view.postmaster_alive) view.readiness = Readiness::kNoResponse;
  co_return view;
}

Task<void> Observer::look_at_files(ServerView* view, Ctx ctx) {
  const auto data_dir = core_.data_dir();
  auto look = look_at_directory(data_dir);
  view->directory = look.state;
  view->directory_problem = std::move(look.problem);
  if (view->directory != DataDirectory::kPresent) co_return;
  view->interrupted = core_.marker.left_over();
  view->major_version = read_major_version(data_dir);
  view->recovery_configured = recovery_configured(data_dir);
  view->backup_label = is_restored_backup(data_dir);
  if (view->major_version == 0) co_return;  // PG-007
  if (const auto control = co_await core_.control_file(std::move(ctx))) view->control = control->data;
}

Task<bool> Observer::query(ServerView* view, Ctx ctx) {
  auto& monitor = core_.supervisor.monitor();
  monitor.set_target(core_.local_superuser("heartbeat"));
  const auto rows = co_await monitor.query(std::string(kQuery), std::move(ctx));
  if (!rows || rows->rows.size() != 1) {
    receiver_ = {};
    forget_slots();
    complain(rows ? "the monitoring query gave no row" : rows.error().text());
    co_return false;
  }
  problem_.clear();
  view->server_version = monitor.server_version();
  read_row(*rows, *view);
  co_return true;
}

// Once for each kind of trouble, not in every cycle.
void Observer::complain(std::string problem) {
  if (problem == problem_) return;
  problem_ = std::move(problem);
  log::warning("cannot query the local PostgreSQL: {}", problem_);
}

void Observer::read_row(const Rows& rows, ServerView& view) {
  const auto text = [&rows](Column column) { return rows.text(0, column); };
  view.queried = true;
  view.in_recovery = text(kInRecovery) == "t";
  view.timeline = timeline_of(text(kTimeline));
  view.wal_lsn = lsn_of(text(kFlushLsn));
  view.replay_lsn = lsn_of(text(kReplayLsn));
  view.receive_lsn = std::max(lsn_of(text(kReceiveLsn)), lsn_of(text(kWrittenLsn)));  // PG-144
  view.replay_paused = text(kPaused) == "t";
  view.received_timeline = timeline_of(text(kReceivedTimeline));
  receiver_ = {.alive = !text(kReceiverStatus).empty(),
               .streaming = text(kReceiverStatus) == "streaming",
               .conninfo = text(kReceiverConninfo),
               .slot = text(kReceiverSlot)};
  if (view.in_recovery) {  // PG-148
    if (receiver_.streaming) {
      view.replication_state = "streaming";
    } else if (!text(kRestoreCommand).empty()) {
      view.replication_state = "in archive recovery";
    }
  }
  view.synchronous_commit = text(kSynchronousCommit);
  view.synchronous_standby_names = text(kSynchronousStandbyNames);
  view.postmaster_start_time = text(kStartTime);
  view.replay_timestamp = text(kReplayTimestamp);
  view.latest_end_lsn = lsn_of(text(kLatestEndLsn));
  read_slots(text(kSlots), view);
  view.walsenders = parse_walsenders(text(kWalSenders));
}

void Observer::read_slots(const std::string& json, ServerView& view) {
  slots_ = parse_slots(json);
  for (const auto& slot : *slots_) {
    if (tracked_ && !tracked_->contains(slot.name)) continue;
    const Lsn position = slot.type == "logical" ? slot.confirmed_flush_lsn : slot.restart_lsn;
    if (position) view.slots[slot.name] = position;
  }
  // PG-384: after a failover the next leader can hold WAL for this node.
  if (!view.in_recovery) view.slots[slot_name_of_member(core_.options.name)] = view.wal_lsn;
}

}  // namespace matriarch::postgres
