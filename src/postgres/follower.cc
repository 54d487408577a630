#include "postgres/follower.h"

#include <csignal>

#include "base/files.h"
#include "base/log.h"
#include "postgres/data_directory.h"
#include "postgres/paths.h"
#include "postgres/pgpass.h"

namespace matriarch::postgres {

namespace {

constexpr std::string_view kRecoverySettings = R"(
SELECT name, setting, COALESCE(unit, ''), vartype, context, COALESCE(sourcefile, '') FROM pg_catalog.pg_settings
WHERE name IN ('archive_cleanup_command', 'primary_conninfo', 'primary_slot_name', 'promote_trigger_file',
  'recovery_end_command', 'recovery_min_apply_delay', 'recovery_target', 'recovery_target_lsn', 'recovery_target_name',
  'recovery_target_time', 'recovery_target_timeline', 'recovery_target_xid', 'restore_command'))";

constexpr std::string_view kReceiver =
    "SELECT status, COALESCE(slot_name, ''), COALESCE(conninfo, '') FROM pg_catalog.pg_stat_get_wal_receiver()";

}  // namespace

Task<Result<RunningRecovery>> Follower::running(const RecoverySettings& wanted, const StandbyTarget& target, Ctx ctx) {
  auto& monitor = core_.supervisor.monitor();
  const auto settings = co_await monitor.query(std::string(kRecoverySettings), ctx);
  if (!settings) co_return settings.error();
  const auto receiver = co_await monitor.query(std::string(kReceiver), ctx);
  if (!receiver) co_return receiver.error();

  RunningRecovery result;
  for (std::size_t i = 0; i < settings->rows.size(); ++i) {
    const auto text = [&settings, i](std::size_t column) { return settings->text(i, column); };
    result.settings[text(0)] = {
        .setting = text(1), .unit = text(2), .vartype = text(3), .context = text(4), .source_file = text(5)};
  }
  if (!receiver->rows.empty() && !receiver->text(0, 0).empty()) {
    result.receiver_alive = true;
    result.receiver_slot = receiver->text(0, 1);
    result.receiver_conninfo = receiver->text(0, 2);
  }
  result.main_conf = main_conf(core_.options).string();
  if (wanted.contains("primary_conninfo") && target.upstream) {
    result.wanted_passfile_content = pgpass_content(member_params(target.upstream->address, core_.options.replication));
    if (const auto current = parse_conninfo(result.settings["primary_conninfo"].setting)) {
      if (const auto file = current->find("passfile"); file != current->end()) {
        if (const auto content = read_file(file->second, 64 << 10)) result.passfile_content = *content;
      }
    }
  }
  co_return result;
}

Task<FollowChange> Follower::change(StandbyTarget target, Ctx ctx) {
  if (!core_.supervisor.accepting()) co_return FollowChange::kNone;
  if (!recovery_configured(core_.data_dir())) co_return FollowChange::kRestart;  // PG-205
  // The password file is not written here: only the comparison says whether it must be.
  FollowFacts facts{.major_version = core_.major_version()};
  const bool password = target.upstream && core_.options.replication.password.has_value();
  if (password) facts.passfile = pgpass_path(core_.options).string();
  const auto wanted = recovery_settings(core_.options, target, facts);
  const auto now = co_await running(wanted, target, std::move(ctx));
  if (!now) co_return FollowChange::kNone;
  auto change = compare_recovery(wanted, *now, facts.major_version);
  // The role-specific configuration is part of the same file, and that of an adopted server is to be written once (PG-215).
  if (change == FollowChange::kNone && core_.role != target.role) change = FollowChange::kReload;
  co_return change;
}

Task<Status> Follower::follow(StandbyTarget target, Ctx ctx) {
  const auto postmaster = core_.supervisor.postmaster();
  if (!postmaster) {
    const auto started = co_await starter_.start(target, ctx);
    if (target.upstream) promoter_.hurry_streaming();
    co_return started;
  }
  if (!core_.supervisor.accepting()) {
    if (auto ready = co_await starter_.wait_until_accepting(ctx); !ready) co_return ready;
  }
  if (co_await change(target, ctx) == FollowChange::kRestart)
    co_return co_await restart(std::move(target), std::move(ctx));

  auto settings = co_await files_.recovery_for(target, ctx);
  if (!settings) co_return settings.error();
  if (auto set = co_await files_.set_recovery(std::move(*settings), true, ctx); !set) co_return set;
  core_.role = target.role;
  const auto written = co_await files_.write(ctx);
  if (!written) co_return written.error();
  if (auto sent = postmaster->signal(SIGHUP); !sent) co_return sent;
  if (target.upstream) promoter_.hurry_streaming();
  co_return Status();
}

Task<Status> Follower::restart(StandbyTarget target, Ctx ctx) {
  if (auto stopped = co_await stopper_.stop({.mode = StopMode::kFast, .checkpoint = true}, ctx); !stopped)
    co_return stopped;
  const bool streams = target.upstream.has_value();
  const auto started = co_await starter_.start(std::move(target), std::move(ctx));
  if (streams) promoter_.hurry_streaming();
  co_return started;
}

Task<void> Follower::learn(Ctx ctx) {
  if (!recovery_configured(core_.data_dir())) co_return;
  const auto rows = co_await core_.supervisor.monitor().query(std::string(kRecoverySettings), std::move(ctx));
  if (!rows) co_return;
  RecoverySettings settings;
  for (std::size_t i = 0; i < rows->rows.size(); ++i) settings[rows->text(i, 0)] = rows->text(i, 1);
  files_.remember_recovery(std::move(settings));
}

}  // namespace matriarch::postgres
