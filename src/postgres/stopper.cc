#include "postgres/stopper.h"

#include <csignal>

#include <fmt/format.h>

#include "base/log.h"
#include "base/wait.h"
#include "postgres/paths.h"
#include "postgres/wal_reader.h"

namespace matriarch::postgres {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

int signal_of(StopMode mode) {
  switch (mode) {
    case StopMode::kSmart: return SIGTERM;
    case StopMode::kFast: return SIGINT;
    case StopMode::kImmediate: return SIGQUIT;
  }
  return SIGINT;
}

// Every look reads two small files; the outage waits for what they say.
Duration look_interval(Duration waited) {
  if (waited < seconds(5)) return milliseconds(2);
  if (waited < seconds(60)) return milliseconds(10);
  return milliseconds(100);
}

}  // namespace

Task<Status> Stopper::stop(StopOptions options, Ctx ctx) {
  if (!job_) {
    job_ = std::make_shared<Job>();
    job_->mode = options.mode;
    job_->kill_at = options.kill_at;
    job_->checkpoint = options.checkpoint;
    core_.background.spawn(run(this, job_));
  }
  const auto job = job_;
  if (options.mode > job->mode || options.kill_at < job->kill_at) job->hurry.request_stop();
  job->mode = std::max(job->mode, options.mode);
  job->kill_at = std::min(job->kill_at, options.kill_at);
  const auto caller = std::make_shared<Caller>();
  caller->at_safepoint = std::move(options.at_safepoint);
  caller->at_shutdown_checkpoint = std::move(options.at_shutdown_checkpoint);
  job->callers.push_back(caller);
  if (job->safe) tell_safepoint(*caller);
  const auto waited =
      co_await complete<std::monostate>(core_.reactor, std::move(ctx), [caller](Completion<std::monostate> done) {
        caller->finished = std::move(done);
        return Callback();
      });
  std::erase(job->callers, caller);
  if (!job->finished) co_return waited.error();
  co_return job->result;
}

Task<void> Stopper::run(Stopper* self, std::shared_ptr<Job> job) {
  job->result = co_await self->carry_out(job);
  if (job->result) reach_safepoint(*job);
  job->finished = true;
  self->job_.reset();
  for (const auto& caller : job->callers) {
    if (caller->finished) (*caller->finished)(std::monostate{});
  }
}

void Stopper::tell_safepoint(Caller& caller) {
  if (const auto hook = std::exchange(caller.at_safepoint, nullptr)) hook();
}

void Stopper::reach_safepoint(Job& job) {
  if (std::exchange(job.safe, true)) return;
  for (const auto& caller : std::vector(job.callers)) tell_safepoint(*caller);
}

Task<Status> Stopper::carry_out(std::shared_ptr<Job> job) {
  auto& supervisor = core_.supervisor;
  const Ctx ctx{.stop = core_.background.stop_token()};
  auto postmaster = supervisor.postmaster();
  if (!postmaster) {
    const auto found = supervisor.processes().find_postmaster();
    if (!found && found.error().code() == Errc::kConflict) co_return found.error();  // HA-245: a single-user server
    co_return co_await supervisor.end_orphans(ctx);  // HA-240. What a dead postmaster left may still be writing
  }
  co_await checkpoint_first(job);
  // A server that has only just been started may not have touched pg_control yet.
  const auto before = co_await core_.control_file(ctx);
  job->stale_control = before && before->data.state == ControlState::kShutDown;

  const Instant began = core_.reactor.now();
  while (postmaster->alive()) {
    if (auto sent = signal(*job, *postmaster); !sent) co_return sent;
    if (core_.reactor.now() >= job->kill_at) {
      log::warning("the server has not stopped in time, killing it");
      if (auto killed = co_await kill(postmaster); !killed) co_return killed;
      break;
    }
    co_await look_for_shutdown_checkpoint(job);
    look_for_safepoint(*job, *postmaster);
    const auto next = core_.reactor.now() + look_interval(core_.reactor.now() - began);
    // Readable when it has ended: no look is waited for then.
    const auto ended = co_await core_.reactor.readable(postmaster->pidfd(), ctx.until(std::min(next, job->kill_at)));
    if (!ended && ended.error().code() == Errc::kCancelled) co_return ended;
  }
  co_await look_for_shutdown_checkpoint(job);
  // The supervisor reaps it; until then a zombie keeps the pid.
  while (supervisor.known() == postmaster) co_await yield_now(core_.reactor);
  co_return co_await supervisor.end_orphans(ctx);
}

Task<void> Stopper::checkpoint_first(std::shared_ptr<Job> job) {
  if (!job->checkpoint || job->mode == StopMode::kImmediate || !core_.supervisor.accepting()) co_return;
  const std::stop_callback closing(core_.background.stop_token(), [&job] { job->hurry.request_stop(); });
  const Ctx ctx{.deadline = job->kill_at, .stop = job->hurry.get_token()};
  auto session = co_await core_.open_local("shutdown", ctx);
  Status done;
  if (!session) {
    done = session.error();
  } else if (const auto rows = co_await (*session)->query("CHECKPOINT", ctx); !rows) {
    done = rows.error();
  }
  if (!done) log::warning("CHECKPOINT before the shutdown failed: {}", done.error().text());
}

Status Stopper::signal(Job& job, const Postmaster& postmaster) const {
  if (job.signalled == job.mode) return {};
  const auto sent = postmaster.signal(signal_of(job.mode));
  if (!sent && sent.error().code() != Errc::kNotFound) return sent;  // ended already: just as well
  job.signalled = job.mode;
  return {};
}

// HA-247: from the moment the server says that it is stopping it makes no new client backend, so those that are there
// then are all that there will be.
void Stopper::look_for_safepoint(Job& job, const Postmaster& postmaster) const {
  if (job.safe) return;
  if (!job.backends) {
    const auto file = read_pid_file(core_.data_dir());
    if (!file || file->status != "stopping") return;
    job.backends = client_backends(postmaster.pid());
  }
  std::erase_if(*job.backends, [](const Child& child) { return !is_live(child.pid, child.start_ticks); });
  if (job.backends->empty()) reach_safepoint(job);
}

Task<void> Stopper::look_for_shutdown_checkpoint(std::shared_ptr<Job> job) {
  const bool asked =
      std::ranges::any_of(job->callers, [](const auto& caller) { return !!caller->at_shutdown_checkpoint; });
  if (job->reported || !asked || job->mode == StopMode::kImmediate) co_return;
  if (job->stale_control && core_.supervisor.known() && core_.supervisor.known()->alive()) co_return;
  const auto control = co_await core_.control_file(Ctx{.stop = core_.background.stop_token()});
  if (!control) co_return;
  if (control->data.state == ControlState::kShutDownInRecovery) job->reported = true;
  if (control->data.state != ControlState::kShutDown || !job->signalled) co_return;
  job->reported = true;
  const WalReader reader(wal_dir(core_.options), control->wal_segment_size, control->data.checkpoint_timeline);
  const auto positions = shutdown_positions(reader, control->data.checkpoint_lsn);
  for (const auto& caller : std::vector(job->callers)) {
    if (const auto hook = std::exchange(caller->at_shutdown_checkpoint, nullptr)) {
      hook(positions.checkpoint, positions.before_checkpoint);
    }
  }
  reach_safepoint(*job);
}

Task<Status> Stopper::kill(std::shared_ptr<const Postmaster> postmaster) {
  const Ctx ctx{.stop = core_.background.stop_token()};
  while (!kill_family(postmaster->pid(), postmaster->pidfd()).empty() || postmaster->alive()) {
    if (auto slept = co_await pause_for(core_.reactor, milliseconds(1), ctx); !slept) co_return slept;
  }
  co_return Status();
}

}  // namespace matriarch::postgres
