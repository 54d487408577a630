#include "postgres/timelines.h"

#include <charconv>

#include <sys/stat.h>

#include <fmt/format.h>

#include "base/files.h"
#include "postgres/paths.h"
#include "postgres/text.h"
#include "postgres/wal_reader.h"

namespace matriarch::postgres {

namespace {

template <class T>
T number(std::string_view text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string iso_time_of(const std::filesystem::path& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return {};
  return to_iso8601(
      WallTime(std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::microseconds(info.st_mtim.tv_nsec / 1000)));
}

Task<Result<Timeline>> identify(Connection* session, Ctx ctx) {
  const auto rows = co_await session->query("IDENTIFY_SYSTEM", std::move(ctx));
  if (!rows) co_return rows.error();
  if (rows->rows.size() != 1 || rows->columns.size() < 2)
    co_return Error(Errc::kProtocol, "IDENTIFY_SYSTEM gave no row");
  co_return number<Timeline>(rows->text(0, 1));
}

}  // namespace

std::vector<HistoryRow> parse_history_file(std::string_view text) {
  std::vector<HistoryRow> result;
  for (const auto line : lines_of(text)) {
    const auto fields = split(line, '\t');
    if (fields.size() != 3) continue;
    const auto timeline = number<Timeline>(trimmed(fields[0]));
    const auto lsn = parse_lsn(fields[1]);
    if (timeline == 0 || !lsn) continue;
    result.push_back({.timeline = timeline, .switch_lsn = *lsn, .reason = std::string(fields[2]), .fields = 3});
  }
  return result;
}

Task<Result<Timeline>> Timelines::current(Ctx ctx) {
  constexpr auto kConnectTimeout = std::chrono::seconds(3);
  auto session = co_await Connection::open(core_.reactor, core_.local_replication(),
                                           ctx.until(core_.reactor.now() + kConnectTimeout));
  if (!session) co_return session.error();
  co_return co_await identify(session->get(), std::move(ctx));
}

Result<std::vector<HistoryRow>> Timelines::history(Timeline timeline) const {
  const auto path = wal_dir(core_.options) / fmt::format("{:08X}.history", timeline);
  const auto text = read_file(path);
  if (!text) return text.error();
  auto rows = parse_history_file(*text);
  if (!rows.empty() && rows.back().timeline + 1 == timeline) {
    rows.back().timestamp = iso_time_of(path);
    rows.back().new_leader = core_.options.name;
    rows.back().fields = 5;
  }
  return rows;
}

Task<Result<LocalPosition>> Timelines::running_position(Ctx ctx) {
  const auto timeline = co_await current(ctx);
  if (!timeline) co_return timeline.error();
  const auto rows = co_await core_.supervisor.monitor().query(
      "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.pg_last_wal_replay_lsn(), "
      "CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL ELSE pg_catalog.pg_current_wal_lsn() END",
      std::move(ctx));
  if (!rows) co_return rows.error();
  const bool in_recovery = rows->text(0, 0) == "t";
  co_return LocalPosition{.timeline = *timeline,
                          .lsn = parse_lsn(rows->text(0, in_recovery ? 1 : 2)).value_or(Lsn{}),
                          .was_primary = !in_recovery};
}

Task<Result<LocalPosition>> Timelines::local_position(Ctx ctx) {
  if (core_.supervisor.accepting()) co_return co_await running_position(std::move(ctx));
  const auto control = co_await core_.control_file(std::move(ctx));
  if (!control) co_return control.error();
  const auto& data = control->data;
  const bool as_standby =
      (data.state == ControlState::kShutDownInRecovery || data.state == ControlState::kInArchiveRecovery) &&
      data.min_recovery_end && data.min_recovery_timeline != 0;
  if (as_standby) co_return LocalPosition{.timeline = data.min_recovery_timeline, .lsn = data.min_recovery_end};
  if (data.state != ControlState::kShutDown && data.state != ControlState::kShutDownInRecovery &&
      data.state != ControlState::kInArchiveRecovery) {
    co_return Error(Errc::kFailed, "the server was not shut down cleanly: it needs crash recovery first");
  }
  LocalPosition position{.timeline = data.checkpoint_timeline, .lsn = data.checkpoint_lsn, .was_primary = true};
  const WalReader reader(wal_dir(core_.options), control->wal_segment_size, data.checkpoint_timeline);
  const auto record = reader.read(data.checkpoint_lsn);
  // Only if nothing valid follows is the end of the record where the server ended (PG-317).
  if (record && record->shutdown_checkpoint && !reader.read(record->end))
    position.end_of_checkpoint_record = record->end;
  co_return position;
}

Task<Result<Server::UpstreamTimeline>> Timelines::of_upstream(Upstream upstream, Ctx ctx) {
  // PG-312: it must say by itself that it is a primary.
  ConnParams params = member_params(upstream.address, core_.rewind_user());
  params["target_session_attrs"] = "read-write";
  if (upstream.address.dbname.empty()) params["dbname"] = core_.options.database;
  constexpr int kStatementTimeoutMs = 2000;
  add_session_options(params, kStatementTimeoutMs);
  constexpr auto kConnectTimeout = std::chrono::seconds(3);
  auto session =
      co_await Connection::open(core_.reactor, std::move(params), ctx.until(core_.reactor.now() + kConnectTimeout));
  if (!session) co_return session.error().in("asking the upstream");
  const auto rows = co_await (*session)->query(
      "SELECT pg_catalog.pg_is_in_recovery(), (pg_catalog.pg_control_checkpoint()).timeline_id", ctx);
  if (!rows) co_return rows.error().in("asking the upstream");
  if (rows->text(0, 0) != "f") co_return Error(Errc::kUnavailable, "the upstream is not a primary");
  const auto checkpoint_timeline = number<Timeline>(rows->text(0, 1));

  ConnParams replication = member_params(upstream.address, core_.options.replication);
  replication.erase("dbname");
  replication["replication"] = "1";
  auto walsender = co_await Connection::open(core_.reactor, std::move(replication),
                                             ctx.until(core_.reactor.now() + kConnectTimeout));
  if (!walsender) co_return walsender.error().in("asking the upstream");
  Server::UpstreamTimeline result;
  const auto timeline = co_await identify(walsender->get(), ctx);
  if (!timeline) co_return timeline.error().in("asking the upstream");
  result.timeline = *timeline;
  result.checkpoint_done = checkpoint_timeline == result.timeline;
  if (result.timeline > 1) {
    const auto history =
        co_await (*walsender)->query(fmt::format("TIMELINE_HISTORY {}", result.timeline), std::move(ctx));
    if (!history) co_return history.error().in("asking the upstream");
    if (!history->rows.empty()) result.history = parse_history_file(history->text(0, 1));
  }
  co_return result;
}

}  // namespace matriarch::postgres
