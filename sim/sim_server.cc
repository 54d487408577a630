#include "sim/sim_server.h"

#include <algorithm>
#include <utility>

#include "base/wait.h"

namespace matriarch::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string_view to_string(ServerCommand command) {
  switch (command) {
    case ServerCommand::kStart: return "start";
    case ServerCommand::kStop: return "stop";
    case ServerCommand::kPromote: return "promote";
    case ServerCommand::kFollow: return "follow";
    case ServerCommand::kInitdb: return "initdb";
    case ServerCommand::kClone: return "clone";
    case ServerCommand::kRewind: return "rewind";
    case ServerCommand::kCrashRecovery: return "crash recovery";
    case ServerCommand::kRemove: return "remove";
    case ServerCommand::kFence: return "fence";
  }
  return "";
}

SimServer::SimServer(Process& process, PostgresWorld& world, Postgres& postgres, Random random, Told told)
    : process_(process),
      world_(world),
      postgres_(postgres),
      random_(random),
      told_(std::move(told)),
      listener_(std::make_shared<Process*>(&process)) {}

SimServer::~SimServer() {
  *listener_ = nullptr;
  postgres_.unsubscribe(subscription_);
}

Task<Status> SimServer::short_while(Ctx ctx) {
  const Duration takes = random_.between(microseconds(300), milliseconds(4));
  auto outcome = co_await call<std::monostate>(process_, ctx, [&](const Completion<std::monostate>& done) {
    process_.call_at(process_.now() + takes, [done] { done(std::monostate{}); });
    return Callback();
  });
  if (!outcome) co_return outcome.error();
  co_return Status();
}

template <class Begin>
Task<Status> SimServer::operate(Ctx ctx, Begin begin) {
  auto outcome = co_await call<Status>(process_, ctx, [&](const Completion<Status>& done) {
    begin([done](const Status& status) { done(status); });
    return Callback();
  });
  if (!outcome) co_return outcome.error();
  co_return std::move(*outcome);
}

// --- observing

Task<ServerView> SimServer::observe(Ctx ctx) {
  while (postgres_.faults().agent_hangs && !process_.dead()) {
    (void)co_await pause_for(process_, milliseconds(500), Ctx{});  // a system call that does not come back
  }
  const Ctx limit = ctx.until(process_.now() + seconds(3));
  const bool hangs = postgres_.faults().queries_hang && postgres_.accepting();
  if (hangs) {
    (void)co_await sleep_until(process_, limit.deadline, limit);  // the answer never comes; how the wait ends does not matter
  } else {
    (void)co_await short_while(limit);  // nothing is asked of a server that is gone: the view is taken anyway
  }
  co_return process_.dead() ? ServerView() : postgres_.view();
}

void SimServer::on_change(std::function<void()> changed) {
  postgres_.unsubscribe(subscription_);
  if (!changed) return;
  subscription_ = postgres_.subscribe([this, changed = std::move(changed)] {
    if (!process_.dead()) process_.post(changed);
  });
}

Task<Result<Timeline>> SimServer::current_timeline(Ctx ctx) {
  const Status asked = co_await short_while(ctx);
  if (!asked) co_return asked.error();
  if (!postgres_.accepting() || postgres_.faults().queries_hang) co_return Error(Errc::kUnavailable, "no answer");
  co_return postgres_.wal().timeline();
}

std::vector<HistoryRow> SimServer::rows(const Wal& wal) const {
  std::vector<HistoryRow> result;
  for (const Wal::Branch& branch : wal.history()) {
    result.push_back({.timeline = branch.timeline, .switch_lsn = branch.at, .reason = "no recovery target specified", .fields = 3});
  }
  if (!result.empty()) result.back().timestamp = to_iso8601(wal.history().back().when);
  return result;
}

Task<Result<std::vector<HistoryRow>>> SimServer::timeline_history(Timeline timeline, Ctx ctx) {
  const Status read = co_await short_while(ctx);
  if (!read) co_return read.error();
  if (postgres_.wal().timeline() != timeline) co_return Error(Errc::kNotFound, "no such history file");
  co_return rows(postgres_.wal());
}

// --- running

Task<Status> SimServer::start(std::optional<StandbyTarget> target, Ctx ctx) {
  const Status written = co_await short_while(ctx);  // the configuration
  if (!written) co_return written.error();
  if (!postgres_.running()) told_(ServerCommand::kStart);
  running_connections_ = wanted_connections_;
  co_return co_await operate(ctx, [&](auto done) { postgres_.start(std::move(target), std::move(done)); });
}

Task<Status> SimServer::stop(StopOptions options, Ctx ctx) {
  if (options.checkpoint && options.mode != StopMode::kImmediate) {
    (void)co_await checkpoint(ctx.until(options.kill_at));  // HA-241: a failure does not matter
  }
  if (!co_await process_.runs()) co_return Error(Errc::kCancelled, "the process was killed");
  if (postgres_.running()) told_(ServerCommand::kStop);
  if (options.kill_at != Instant::max()) {
    // Goes on when the caller no longer waits, but not when the agent is dead or frozen.
    process_.call_at(options.kill_at, [this, launch = postgres_.launches()] {
      if (!process_.dead() && postgres_.launches() == launch) postgres_.kill();
    });
  }
  // The server may still be stopping when the agent is gone.
  const auto tell = [this](auto hook) {
    return [listener = listener_, hook = std::move(hook)](auto... values) {
      if (hook && *listener != nullptr && !(*listener)->dead()) (*listener)->post([hook, values...] { hook(values...); });
    };
  };
  Postgres::StopHooks hooks{.at_safepoint = tell(std::move(options.at_safepoint)),
                            .at_shutdown_checkpoint = tell(std::move(options.at_shutdown_checkpoint))};
  co_return co_await operate(ctx, [&](auto done) { postgres_.stop(options.mode, std::move(hooks), std::move(done)); });
}

Task<Status> SimServer::promote(Ctx ctx) {
  const Status signalled = co_await short_while(ctx);
  if (!signalled) co_return signalled.error();
  told_(ServerCommand::kPromote);
  co_return co_await operate(ctx, [&](auto done) { postgres_.promote(std::move(done)); });
}

Task<Status> SimServer::reload(Ctx ctx) {
  const Status signalled = co_await short_while(ctx);
  if (signalled) postgres_.wake_receiver();
  co_return signalled;
}

Task<Status> SimServer::checkpoint(Ctx ctx) {
  co_return co_await operate(ctx, [&](auto done) { postgres_.checkpoint(std::move(done)); });
}

// --- the candidate's fence

void SimServer::prepare_fence(const Upstream&) {}

Task<FenceResult> SimServer::fence(Upstream suspect, Instant answer_by, Ctx ctx) {
  const auto found = world_.servers.find(suspect.member);
  if (found == world_.servers.end()) co_return FenceResult{FenceOutcome::kNotNeeded, "no such member"};
  if (!world_.fence_works) co_return FenceResult{FenceOutcome::kNotPossible, "left out"};
  Postgres& former = *found->second;
  const auto there = world_.network.transit(postgres_.endpoint(), former.endpoint());
  const Status asked = co_await pause_for(process_, there.value_or(seconds(3)) * 2, ctx.until(answer_by));
  if (process_.dead()) co_return FenceResult{FenceOutcome::kNotPossible, "the process was killed"};
  if (!asked || !there || !former.reachable_from(postgres_.endpoint())) {
    co_return FenceResult{FenceOutcome::kNotPossible, "it does not answer"};
  }
  if (!former.accepting()) co_return FenceResult{FenceOutcome::kNotNeeded, "connection refused"};
  if (former.in_recovery() || former.wal().timeline() > postgres_.wal().timeline()) {
    co_return FenceResult{FenceOutcome::kNotNeeded, "not the primary this server followed"};
  }
  told_(ServerCommand::kFence);
  const Ctx patience = ctx.until(process_.now() + milliseconds(300));
  const Status stopped = co_await operate(patience, [&](auto done) { former.stop(StopMode::kFast, {}, std::move(done)); });
  if (process_.dead()) co_return FenceResult{FenceOutcome::kNotPossible, "the process was killed"};
  if (!stopped && former.running()) former.crash("fenced by SQL: SIGQUIT");
  co_return FenceResult{FenceOutcome::kStopped, {}};
}

// --- following

Task<FollowChange> SimServer::follow_change(StandbyTarget target, Ctx ctx) {
  (void)co_await short_while(ctx);  // reading the files cannot fail in a way that matters
  if (process_.dead()) co_return FollowChange::kNone;
  if (!postgres_.recovery_configured() || !postgres_.target()) co_return FollowChange::kRestart;
  const auto& now = postgres_.target()->upstream;
  const auto& next = target.upstream;
  const bool same = now ? next && now->member == next->member && now->address.host == next->address.host : !next;
  if (same) co_return FollowChange::kNone;
  co_return postgres_.upstream_is_reloadable() ? FollowChange::kReload : FollowChange::kRestart;
}

Task<Status> SimServer::follow(StandbyTarget target, Ctx ctx) {
  if (postgres_.accepting() && postgres_.recovery_configured() && postgres_.upstream_is_reloadable()) {
    const Status reloaded = co_await short_while(ctx);
    if (reloaded) {
      told_(ServerCommand::kFollow);
      postgres_.follow(target);
    }
    co_return reloaded;
  }
  const Status stopped = co_await stop({}, ctx);
  if (!stopped) co_return stopped;
  co_return co_await start(std::move(target), std::move(ctx));
}

Task<Status> SimServer::resume_replay(Ctx ctx) { co_return co_await short_while(std::move(ctx)); }

// --- the data directory

Task<Status> SimServer::initdb(Ctx ctx) {
  if (!co_await process_.runs()) co_return Error(Errc::kCancelled, "the process was killed");
  told_(ServerCommand::kInitdb);
  running_connections_ = wanted_connections_;
  co_return co_await operate(ctx, [&](auto done) { postgres_.initdb(std::move(done)); });
}

Task<Status> SimServer::post_bootstrap(Ctx ctx) {
  const Status asked = co_await short_while(ctx);
  if (!asked) co_return asked;
  if (!postgres_.writable()) co_return Error(Errc::kFailed, "cannot connect");
  co_return Status();
}

Task<void> SimServer::bootstrap_announced() {
  if (!co_await process_.runs()) co_return;
  postgres_.set_announced();
}

Task<Status> SimServer::clone(CloneSource source, Ctx ctx) {
  if (!co_await process_.runs()) co_return Error(Errc::kCancelled, "the process was killed");
  if (source.member.empty()) co_return Error(Errc::kUnsupported, "no method that needs no source");
  told_(ServerCommand::kClone);
  auto outcome = co_await operate(ctx, [&](auto done) { postgres_.clone(source.member, std::move(done)); });
  const bool given_up = !outcome && (outcome.error().code() == Errc::kCancelled || outcome.error().code() == Errc::kTimeout);
  if (given_up && !process_.dead()) {
    postgres_.abort_job();
    postgres_.remove_directory("base backup cancelled");
  }
  co_return outcome;
}

Task<Status> SimServer::remove_data_directory(Ctx ctx) {
  const Status removed = co_await short_while(ctx);
  if (!removed) co_return removed;
  if (postgres_.running()) co_return Error(Errc::kFailed, "the server is running");
  told_(ServerCommand::kRemove);
  postgres_.remove_directory("asked by the agent");
  co_return Status();
}

Task<Status> SimServer::move_data_directory_away(Ctx ctx) { co_return co_await remove_data_directory(std::move(ctx)); }

Task<Status> SimServer::crash_recovery(Ctx ctx) {
  if (!co_await process_.runs()) co_return Error(Errc::kCancelled, "the process was killed");
  told_(ServerCommand::kCrashRecovery);
  auto outcome = co_await operate(ctx, [&](auto done) { postgres_.crash_recovery(std::move(done)); });
  if (!outcome && outcome.error().code() != Errc::kFailed && !process_.dead()) postgres_.abort_job();
  co_return outcome;
}

// --- rewinding

bool SimServer::can_rewind(const ServerView& view) const { return view.control.wal_log_hints || view.control.data_checksums; }

Task<Result<LocalPosition>> SimServer::local_position(Ctx ctx) {
  const Status read = co_await short_while(ctx);
  if (!read) co_return read.error();
  const ControlData& control = postgres_.control();
  LocalPosition position{.timeline = postgres_.wal().timeline(), .lsn = postgres_.wal().end()};
  if (postgres_.accepting() && postgres_.in_recovery()) co_return position;
  switch (control.state) {
    case ControlState::kShutDown:
      position.timeline = control.checkpoint_timeline;
      position.lsn = control.checkpoint_lsn;
      position.was_primary = true;
      position.end_of_checkpoint_record = postgres_.end_of_checkpoint();
      co_return position;
    case ControlState::kShutDownInRecovery:
    case ControlState::kInArchiveRecovery:
      co_return position;
    default:
      co_return Error(Errc::kUnavailable, "the position of a server that crashed is not known");
  }
}

Task<Result<Server::UpstreamTimeline>> SimServer::upstream_timeline(Upstream upstream, Ctx ctx) {
  const auto found = world_.servers.find(upstream.member);
  if (found == world_.servers.end()) co_return Error(Errc::kNotFound, "no such member");
  const auto there = world_.network.transit(postgres_.endpoint(), found->second->endpoint());
  const Status asked = co_await pause_for(process_, there.value_or(seconds(3)) * 2, ctx);
  if (!asked) co_return asked.error();
  const Postgres& source = *found->second;
  if (process_.dead()) co_return Error(Errc::kCancelled, "the process was killed");
  if (!there || !source.accepting() || !source.reachable_from(postgres_.endpoint())) {
    co_return Error(Errc::kUnavailable, "the upstream does not answer");
  }
  if (source.in_recovery()) co_return Error(Errc::kUnavailable, "the upstream is in recovery");
  co_return UpstreamTimeline{.timeline = source.wal().timeline(), .history = rows(source.wal()),
                             .checkpoint_done = source.checkpoint_done()};
}

Task<RewindOutcome> SimServer::rewind(Upstream upstream, Ctx ctx) {
  if (!co_await process_.runs()) co_return RewindOutcome::kSourceUnavailable;
  told_(ServerCommand::kRewind);
  auto outcome = co_await call<RewindOutcome>(process_, ctx, [&](const Completion<RewindOutcome>& done) {
    postgres_.rewind(upstream.member, [done](RewindOutcome result) { done(result); });
    return Callback();
  });
  if (outcome) co_return *outcome;
  if (!process_.dead()) postgres_.abort_job();
  co_return RewindOutcome::kSourceUnavailable;
}

// --- upkeep, hooks and settings

Task<Status> SimServer::sync_slots(SlotPlan, Ctx ctx) { co_return co_await short_while(std::move(ctx)); }

Task<Status> SimServer::set_synchronous_standbys(std::vector<std::string> names, int count, SyncMode mode, Ctx ctx) {
  const Status reloaded = co_await short_while(ctx);
  if (!reloaded) co_return reloaded;
  postgres_.set_synchronous(std::move(names), count, mode);
  co_return Status();
}

Task<Status> SimServer::write_transaction(Ctx ctx) {
  const Status sent = co_await short_while(ctx);
  if (!sent) co_return sent;
  constexpr std::uint64_t kBytes = 96;
  postgres_.write(kBytes, [](bool, Lsn, std::uint64_t) {});
  co_return Status();
}

Task<bool> SimServer::pre_promote(Ctx ctx) {
  const Status ran = co_await short_while(ctx);
  co_return ran.ok() && !veto_;
}

void SimServer::callback(CallbackAction action, Role role) {
  if (process_.dead()) return;
  world_.trace.line(postgres_.name(), "callback {} {}", to_string(action), callback_role(role));
}

Task<Status> SimServer::apply_settings(Value dynamic_config, Ctx ctx) {
  const Status written = co_await short_while(ctx);
  if (!written) co_return written;
  const Value* connections = dynamic_config.at("postgresql", "parameters", "max_connections");
  wanted_connections_ = connections == nullptr ? "100" : string_form(*connections);
  if (!postgres_.running()) running_connections_ = wanted_connections_;
  co_return Status();
}

Value SimServer::pending_restart_reason() const {
  if (!postgres_.running() || running_connections_.empty() || running_connections_ == wanted_connections_) return {};
  Value::Map change;
  change.set("old_value", running_connections_);
  change.set("new_value", wanted_connections_);
  Value::Map reasons;
  reasons.set("max_connections", Value(std::move(change)));
  return Value(std::move(reasons));
}

}  // namespace matriarch::sim
