#include "postgres/supervisor.h"

#include <csignal>

#include "base/log.h"
#include "base/wait.h"
#include "postgres/probe.h"

namespace matriarch::postgres {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How often to look whether a starting server has become ready: the pid file says it, so a look costs next to nothing.
Duration look_interval(Duration waited) {
  if (waited < seconds(2)) return milliseconds(2);
  if (waited < seconds(30)) return milliseconds(10);
  return milliseconds(50);
}

// How often to try a connection although the pid file does not say "ready", or in vain although it does. Each try costs
// the server a process.
constexpr auto kTryInterval = milliseconds(25);
constexpr auto kTryIntervalLater = milliseconds(250);
constexpr auto kProbeTimeout = seconds(1);

}  // namespace

Supervisor::Supervisor(Reactor& reactor, ServerProcesses processes, std::filesystem::path data_dir, Hooks hooks)
    : reactor_(reactor),
      processes_(std::move(processes)),
      data_dir_(std::move(data_dir)),
      hooks_(std::move(hooks)),
      monitor_(reactor, [this] { doubt(); }),
      watchers_(reactor) {}

std::shared_ptr<const Postmaster> Supervisor::postmaster() {
  if (known_ && known_->alive()) return known_;
  auto found = processes_.find_postmaster();
  if (!found) return nullptr;
  log::info("found a running postmaster: process {}", found->pid());
  adopt(std::move(*found));
  return known_;
}

void Supervisor::adopt(Postmaster postmaster) {
  monitor_.drop();
  known_ = std::make_shared<const Postmaster>(std::move(postmaster));
  accepting_ = false;
  last_exit_.clear();
  watchers_.spawn(watch_exit(this, known_));
  watching_readiness_ = true;
  watchers_.spawn(watch_readiness(this, known_));
  hooks_.changed();
}

void Supervisor::doubt() {
  if (!known_ || !known_->alive()) return;
  const bool was_accepting = std::exchange(accepting_, false);
  if (!watching_readiness_) {
    watching_readiness_ = true;
    watchers_.spawn(watch_readiness(this, known_));
  }
  if (was_accepting) hooks_.changed();
}

void Supervisor::ended(const Postmaster& postmaster) {
  const auto status = postmaster.reap();
  if (known_.get() != &postmaster) return;
  last_exit_ = status ? status->text() : "";
  log::info("postmaster (process {}) has ended{}{}", postmaster.pid(), status ? ": " : "", last_exit_);
  known_.reset();
  accepting_ = false;
  monitor_.drop();
  hooks_.changed();
}

Task<void> Supervisor::watch_exit(Supervisor* self, std::shared_ptr<const Postmaster> postmaster) {
  const Ctx ctx{.stop = self->watchers_.stop_token()};
  if (co_await self->reactor_.readable(postmaster->pidfd(), ctx)) self->ended(*postmaster);
}

Task<bool> Supervisor::try_session() {
  const auto params = hooks_.session_params();
  monitor_.set_target(params);
  const Ctx ctx{.deadline = reactor_.now() + kProbeTimeout, .stop = watchers_.stop_token()};
  if (co_await monitor_.ensure_open(ctx)) co_return true;
  // Refused for another reason than not being ready (a wrong password, say), the server does accept connections.
  co_return co_await probe(reactor_, params, ctx) == Readiness::kAccepting;
}

Task<void> Supervisor::watch_readiness(Supervisor* self, std::shared_ptr<const Postmaster> postmaster) {
  const Ctx ctx{.stop = self->watchers_.stop_token()};
  const Instant began = self->reactor_.now();
  Instant next_try = began;
  std::string seen_status;
  while (self->known_ == postmaster && postmaster->alive()) {
    const auto file = read_pid_file(self->data_dir_);
    const std::string status = file && file->pid == postmaster->pid() ? file->status : "";
    const Instant now = self->reactor_.now();
    const bool ready = status == "ready";
    const bool news = ready && seen_status != status;
    seen_status = status;
    // A server that restarts after a crash of a backend goes on saying "ready".
    if (news || (ready && now >= next_try)) {
      const bool accepts = co_await self->try_session();
      if (self->known_ != postmaster) break;
      if (accepts) {
        self->watching_readiness_ = false;
        self->accepting_ = true;
        self->hooks_.changed();
        co_return;
      }
      next_try = self->reactor_.now() + (now - began < seconds(10) ? kTryInterval : kTryIntervalLater);
    }
    if (!co_await pause_for(self->reactor_, look_interval(now - began), ctx)) break;
  }
  if (self->known_ == postmaster) self->watching_readiness_ = false;
}

Task<Status> Supervisor::end_orphans(Ctx ctx) {
  bool said = false;
  while (true) {
    if (postmaster()) co_return Error(Errc::kConflict, "a postmaster runs");
    const auto left = processes_.orphans();
    if (left.empty()) co_return Status();
    if (!std::exchange(said, true))
      log::info("ending {} processes that the former postmaster left behind", left.size());
    for (const pid_t pid : left) {
      const auto pidfd = open_pidfd(pid);
      // Looked at again now that the pid cannot go to another process unnoticed.
      if (pidfd && processes_.owns(pid)) (void)signal_pidfd(pidfd->get(), SIGKILL);
    }
    if (auto slept = co_await pause_for(reactor_, milliseconds(1), ctx); !slept) co_return slept;
  }
}

Task<void> Supervisor::close() {
  watchers_.request_stop();
  co_await watchers_.join();
  co_await monitor_.close();
}

}  // namespace matriarch::postgres
