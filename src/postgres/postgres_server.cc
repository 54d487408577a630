#include "postgres/postgres_server.h"

#include <csignal>

#include "base/log.h"
#include "postgres/bootstrap.h"
#include "postgres/cloner.h"
#include "postgres/config_files.h"
#include "postgres/core.h"
#include "postgres/data_directory.h"
#include "postgres/fencer.h"
#include "postgres/follower.h"
#include "postgres/observer.h"
#include "postgres/promoter.h"
#include "postgres/recovery_tools.h"
#include "postgres/reloader.h"
#include "postgres/rewinder.h"
#include "postgres/scripts.h"
#include "postgres/slots.h"
#include "postgres/starter.h"
#include "postgres/stopper.h"
#include "postgres/timelines.h"

namespace matriarch::postgres {

struct PostgresServer::Impl {
  Impl(Reactor& reactor, PostgresOptions options, OptionsSource options_source)
      : core(reactor, std::move(options)), source(std::move(options_source)) {}

  Core core;
  OptionsSource source;
  ConfigFiles files{core};
  Observer observer{core};
  Scripts scripts{core};
  Starter starter{core, files};
  Stopper stopper{core};
  Promoter promoter{core};
  Fencer fencer{core};
  Follower follower{core, files, starter, stopper, promoter};
  Timelines timelines{core};
  RecoveryTools tools{core, files};
  Rewinder rewinder{core, files, stopper, timelines, tools};
  Bootstrap bootstrap{core, files, scripts, starter, stopper};
  Cloner cloner{core, files, scripts};
  Slots slots{core, observer};
  Reloader reloader{core, files, starter, follower, scripts};
};

PostgresServer::PostgresServer(Reactor& reactor, PostgresOptions options, OptionsSource source)
    : impl_(std::make_unique<Impl>(reactor, std::move(options), std::move(source))) {}

PostgresServer::~PostgresServer() = default;

Task<void> PostgresServer::close() { co_await impl_->core.close(); }

Task<Status> PostgresServer::reconfigure(PostgresOptions options, bool forced, Ctx ctx) {
  co_return co_await impl_->reloader.apply(std::move(options), forced, std::move(ctx));
}

std::optional<PostgresServer::PostmasterHandle> PostgresServer::postmaster() const {
  const auto known = impl_->core.supervisor.known();
  if (!known || !known->alive()) return std::nullopt;
  auto pidfd = open_pidfd(known->pid());
  if (!pidfd || !known->alive()) return std::nullopt;  // alive after the opening: so it is the same process
  return PostmasterHandle{.pid = known->pid(), .start_ticks = known->start_ticks(), .pidfd = std::move(*pidfd)};
}

Task<ServerView> PostgresServer::observe(Ctx ctx) { co_return co_await impl_->observer.observe(std::move(ctx)); }

void PostgresServer::on_change(std::function<void()> changed) { impl_->core.on_change(std::move(changed)); }

Task<Result<Timeline>> PostgresServer::current_timeline(Ctx ctx) {
  co_return co_await impl_->timelines.current(std::move(ctx));
}

Task<Result<std::vector<HistoryRow>>> PostgresServer::timeline_history(Timeline timeline, Ctx /*ctx*/) {
  co_return impl_->timelines.history(timeline);
}

Task<Status> PostgresServer::start(std::optional<StandbyTarget> target, Ctx ctx) {
  const bool streams = target && target->upstream;
  // Somebody stopped waiting for it, but it goes on.
  if (impl_->stopper.stopping()) (void)co_await impl_->stopper.stop({.mode = StopMode::kSmart}, ctx);
  const auto started = co_await impl_->starter.start(std::move(target), std::move(ctx));
  if (streams && started) impl_->promoter.hurry_streaming();
  co_return started;
}

Task<Status> PostgresServer::stop(StopOptions options, Ctx ctx) {
  // HA-241, HA-243: the script parks the clients, so it comes after what takes time and does not need that. A server that
  // must be gone by a certain time does not wait for it.
  const bool hurried = options.mode == StopMode::kImmediate || options.kill_at != Instant::max();
  const bool first = !impl_->stopper.stopping() && impl_->core.supervisor.postmaster();
  if (first && !hurried && !impl_->core.options.before_stop.empty()) {
    if (std::exchange(options.checkpoint, false)) {
      const auto done = co_await checkpoint(ctx);
      if (!done) log::warning("the checkpoint before the stop failed: {}", done.error().text());
    }
    co_await impl_->scripts.before_stop(ctx);
  }
  co_return co_await impl_->stopper.stop(std::move(options), std::move(ctx));
}

Task<Status> PostgresServer::promote(Ctx ctx) {
  const auto promoted = co_await impl_->promoter.promote(ctx);
  if (promoted) impl_->reloader.role_changed();
  co_return promoted;
}

Task<Status> PostgresServer::reload(Ctx /*ctx*/) {
  const auto postmaster = impl_->core.supervisor.postmaster();
  if (!postmaster) co_return Error(Errc::kUnavailable, "the server does not run");
  co_return postmaster->signal(SIGHUP);
}

Task<Status> PostgresServer::checkpoint(Ctx ctx) {
  auto session = co_await impl_->core.open_local("checkpoint", ctx);
  if (!session) co_return session.error();
  const auto done = co_await (*session)->query("CHECKPOINT", std::move(ctx));
  if (!done) co_return done.error();
  co_return Status();
}

void PostgresServer::prepare_fence(const Upstream& suspect) { impl_->fencer.prepare(suspect); }

Task<FenceResult> PostgresServer::fence(Upstream suspect, Instant answer_by, Ctx ctx) {
  co_return co_await impl_->fencer.fence(std::move(suspect), answer_by, std::move(ctx));
}

Task<FollowChange> PostgresServer::follow_change(StandbyTarget target, Ctx ctx) {
  co_return co_await impl_->follower.change(std::move(target), std::move(ctx));
}

Task<Status> PostgresServer::follow(StandbyTarget target, Ctx ctx) {
  co_return co_await impl_->follower.follow(std::move(target), std::move(ctx));
}

Task<Status> PostgresServer::resume_replay(Ctx ctx) {
  const auto done =
      co_await impl_->core.supervisor.monitor().query("SELECT pg_catalog.pg_wal_replay_resume()", std::move(ctx));
  if (!done) co_return done.error();
  co_return Status();
}

Task<Status> PostgresServer::initdb(Ctx ctx) { co_return co_await impl_->bootstrap.create(std::move(ctx)); }

Task<Status> PostgresServer::post_bootstrap(Ctx ctx) { co_return co_await impl_->bootstrap.finish(std::move(ctx)); }

Task<void> PostgresServer::bootstrap_announced() { co_await impl_->core.end_work(); }

Task<Status> PostgresServer::clone(CloneSource source, Ctx ctx) {
  if (impl_->core.supervisor.postmaster())
    co_return Error(Errc::kConflict, "the server runs: it must be stopped before cloning");
  co_return co_await impl_->cloner.clone(std::move(source), std::move(ctx));
}

Task<Status> PostgresServer::remove_data_directory(Ctx ctx) {
  if (impl_->core.supervisor.postmaster()) co_return Error(Errc::kConflict, "the server runs: its data is not removed");
  impl_->core.role = Role::kUninitialized;
  const auto dir = impl_->core.data_dir();
  log::info("removing data directory {}", dir.string());
  const auto removed = co_await impl_->core.remove_data(ctx);
  if (removed || removed.error().code() == Errc::kTimeout || removed.error().code() == Errc::kCancelled)
    co_return removed;
  log::error("{}", removed.error().text());
  co_return co_await move_data_directory_away(std::move(ctx));  // PG-237
}

Task<Status> PostgresServer::move_data_directory_away(Ctx ctx) {
  if (impl_->core.supervisor.postmaster()) co_return Error(Errc::kConflict, "the server runs: its data is not moved");
  const auto dir = impl_->core.data_dir();
  const auto moved =
      co_await impl_->core.reactor.run_blocking(std::move(ctx), [dir] { return move_directory_away(dir); });
  if (!moved) co_return moved.error();
  if (*moved) co_await impl_->core.end_work();
  co_return *moved;
}

Task<Status> PostgresServer::crash_recovery(Ctx ctx) { co_return co_await impl_->tools.crash_recovery(std::move(ctx)); }

bool PostgresServer::can_rewind(const ServerView& view) const {
  return impl_->core.options.use_pg_rewind && impl_->rewinder.program_works() &&
         (view.control.wal_log_hints || view.control.data_checksums);  // PG-308
}

Task<Result<LocalPosition>> PostgresServer::local_position(Ctx ctx) {
  co_return co_await impl_->timelines.local_position(std::move(ctx));
}

Task<Result<Server::UpstreamTimeline>> PostgresServer::upstream_timeline(Upstream upstream, Ctx ctx) {
  co_return co_await impl_->timelines.of_upstream(std::move(upstream), std::move(ctx));
}

Task<RewindOutcome> PostgresServer::rewind(Upstream upstream, Ctx ctx) {
  co_return co_await impl_->rewinder.rewind(std::move(upstream), std::move(ctx));
}

Task<Status> PostgresServer::sync_slots(SlotPlan plan, Ctx ctx) {
  co_return co_await impl_->slots.sync(std::move(plan), std::move(ctx));
}

Task<Status> PostgresServer::set_synchronous_standbys(std::vector<std::string> names, int count, SyncMode mode,
                                                      Ctx ctx) {
  co_return co_await impl_->reloader.set_synchronous_standbys(std::move(names), count, mode, std::move(ctx));
}

Task<Status> PostgresServer::write_transaction(Ctx ctx) { co_return co_await impl_->reloader.write_transaction(std::move(ctx)); }

Task<bool> PostgresServer::pre_promote(Ctx ctx) { co_return co_await impl_->scripts.pre_promote(std::move(ctx)); }

void PostgresServer::callback(CallbackAction action, Role role) { impl_->scripts.callback(action, role); }

Task<Status> PostgresServer::apply_settings(Value dynamic_config, Ctx ctx) {
  if (!impl_->source) co_return Error(Errc::kUnsupported, "no source of options was given");
  auto options = impl_->source(dynamic_config);
  if (!options) co_return options.error();
  co_return co_await impl_->reloader.apply(std::move(*options), false, std::move(ctx));
}

Value PostgresServer::pending_restart_reason() const { return impl_->reloader.pending_restart_reason(); }

}  // namespace matriarch::postgres
