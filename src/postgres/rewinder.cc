#include "postgres/rewinder.h"

#include <array>

#include <unistd.h>

#include <fmt/format.h>

#include "base/log.h"
#include "postgres/data_directory.h"
#include "postgres/paths.h"
#include "postgres/shell_words.h"
#include "postgres/text.h"
#include "postgres/user_options.h"

namespace matriarch::postgres {

namespace {

constexpr std::array<std::string_view, 10> kForbidden = {"target-pgdata", "source-pgdata",
                                                         "source-server", "write-recovery-conf",
                                                         "dry-run",       "restore-target-wal",
                                                         "config-file",   "no-ensure-shutdown",
                                                         "version",       "help"};

constexpr std::size_t kSegmentName = 24;
// It says so before it begins to change the target.
bool may_have_written(const RunResult& run) {
  constexpr std::string_view kBegins = "rewinding from last common checkpoint";
  return run.status.signal != 0 || run.out.find(kBegins) != std::string::npos ||
         run.err.find(kBegins) != std::string::npos;
}

constexpr int kMostFetches = 10000;  // segments: more than any sane distance to the last common checkpoint

}  // namespace

std::string missing_segment(std::string_view output) {
  constexpr std::string_view kText = "could not open file \"";
  for (const auto line : lines_of(output)) {
    const auto begin = line.find(kText);
    if (begin == std::string_view::npos) continue;
    const auto path = line.substr(begin + kText.size());
    const auto close = path.find('"');
    if (close == std::string_view::npos) continue;
    const std::filesystem::path file(path.substr(0, close));
    const auto name = file.filename().string();
    const bool segment = name.size() == kSegmentName && name.find_first_not_of("0123456789ABCDEF") == std::string::npos;
    if (segment && file.parent_path().filename() == "pg_wal") return name;
  }
  return {};
}

bool Rewinder::program_works() const {
  const auto path = program(core_.options, "pg_rewind");
  // Without a folder it is searched in PATH when run; a failure to find it is a failed rewind then.
  return path.find('/') == std::string::npos || access(path.c_str(), X_OK) == 0;
}

Task<bool> Rewinder::source_ready(Upstream upstream, Ctx ctx) {
  const auto source = co_await timelines_.of_upstream(upstream, ctx);
  if (!source) {
    log::info("the source of pg_rewind is not ready: {}", source.error().text());
    co_return false;
  }
  if (source->checkpoint_done) co_return true;
  // PG-324: of a remote primary nobody else would make the checkpoint.
  const bool same_user = !core_.options.rewind || core_.options.rewind->username == core_.options.superuser.username;
  if (!upstream.member.empty() || !same_user) co_return false;
  ConnParams params = member_params(upstream.address, core_.options.superuser);
  if (upstream.address.dbname.empty()) params["dbname"] = core_.options.database;
  params["target_session_attrs"] = "read-write";
  add_session_options(params, 0);
  auto session = co_await Connection::open(core_.reactor, std::move(params), ctx);
  if (!session) co_return false;
  const auto done = co_await (*session)->query("CHECKPOINT", std::move(ctx));
  co_return done.ok();
}

Task<RewindOutcome> Rewinder::rewind(Upstream upstream, Ctx ctx) {
  if (core_.supervisor.postmaster()) {
    if (const auto stopped = co_await stopper_.stop({.mode = StopMode::kFast}, ctx); !stopped) {
      co_return RewindOutcome::kSourceUnavailable;  // nothing has been tried: later
    }
  }
  if (!co_await source_ready(upstream, ctx)) co_return RewindOutcome::kSourceUnavailable;
  co_await tools_.archive_ready_segments(ctx);

  ConnParams params = member_params(upstream.address, core_.rewind_user());
  if (upstream.address.dbname.empty()) params["dbname"] = core_.options.database;
  params["target_session_attrs"] = "read-write";
  auto env = co_await files_.pgpass_for(params, ctx);
  if (!env) co_return RewindOutcome::kSourceUnavailable;
  (*env)["PGOPTIONS"] = "-c statement_timeout=0";

  const int major = core_.major_version();
  const bool config_elsewhere = config_dir(core_.options) != core_.data_dir();
  const std::string restore_command = (co_await tools_.setting("restore_command", ctx)).value_or("");
  std::vector<std::string> argv{program(core_.options, "pg_rewind")};
  const bool tool_restores = !restore_command.empty() && (major >= 150000 || !config_elsewhere);
  if (tool_restores) {
    argv.emplace_back("--restore-target-wal");
    if (major >= 150000 && config_elsewhere) argv.push_back("--config-file=" + main_conf(core_.options).string());
  }
  argv.insert(argv.end(), {"-D", core_.data_dir().string(), "--source-server", print_conninfo(params, 0)});
  auto options = user_options(core_.options.rewind_options, kForbidden);
  for (const auto& problem : options.problems) log::error("postgresql.rewind: {}", problem);
  for (auto& argument : options.arguments) argv.push_back(std::move(argument));

  if (auto begun = co_await core_.begin_work(Interrupted::kRewind, ctx); !begun)
    co_return RewindOutcome::kSourceUnavailable;
  const auto ran = co_await run(std::move(argv), std::move(*env), tool_restores ? "" : restore_command, ctx);
  core_.marker.set_running(false);
  if (ran) {
    co_await core_.end_work();
    co_return RewindOutcome::kDone;
  }
  log::error("pg_rewind: {}", ran.error().text());
  if (ctx.stop.stop_requested() || ran.error().code() == Errc::kTimeout) co_return RewindOutcome::kSourceUnavailable;
  // PG-332: a failure because the source went away is not the target's fault, unless the target is damaged by now.
  const auto control = co_await core_.control_file(ctx);
  const bool rewindable = control && (control->data.wal_log_hints || control->data.data_checksums);
  const bool source_lost = rewindable && !(co_await timelines_.of_upstream(std::move(upstream), std::move(ctx))).ok();
  co_return source_lost ? RewindOutcome::kSourceUnavailable : RewindOutcome::kFailed;
}

Task<Status> Rewinder::run(std::vector<std::string> argv, std::map<std::string, std::string> env,
                           std::string restore_command, Ctx ctx) {
  for (int fetches = 0;; ++fetches) {
    const auto ran = co_await core_.run(argv, env, ctx);
    if (!ran) co_return ran.error();
    if (!ran->out.empty()) log::info("pg_rewind: {}", ran->out);
    if (!ran->err.empty()) log::info("pg_rewind: {}", ran->err);
    if (ran->status.success()) co_return Status();
    auto segment = restore_command.empty() ? std::string() : missing_segment(ran->err);
    if (segment.empty() && !restore_command.empty()) segment = missing_segment(ran->out);
    const Error failed(Errc::kFailed, fmt::format("it ended with {}: {}", ran->status.text(), ran->err));
    if (segment.empty() && !may_have_written(*ran)) co_await core_.end_work();  // it refused, the data is as it was
    if (segment.empty() || fetches == kMostFetches) co_return failed;
    if (const auto fetched = co_await fetch(restore_command, segment, ctx); !fetched) co_return failed;
  }
}

Task<Status> Rewinder::fetch(std::string restore_command, std::string segment, Ctx ctx) {
  const auto path = (wal_dir(core_.options) / segment).string();
  auto words = shell_words(fill_placeholders(restore_command, path, segment));
  if (!words) co_return words.error();
  const auto run =
      co_await run_program(core_.reactor, SpawnOptions{.argv = std::move(*words), .cwd = core_.data_dir().string()},
                           RunOptions{}, std::move(ctx));
  if (!run) co_return run.error();
  if (!run->status.success()) co_return Error(Errc::kFailed, "restore_command ended with " + run->status.text());
  co_return Status();
}

}  // namespace matriarch::postgres
