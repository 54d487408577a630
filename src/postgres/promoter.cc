#include "postgres/promoter.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>

#include "base/wait.h"
#include "postgres/data_directory.h"

namespace matriarch::postgres {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kRecoveryLook = milliseconds(4);
constexpr auto kNudgeInterval = milliseconds(30);

constexpr auto kFirstStreamLook = milliseconds(40);
constexpr auto kLastStreamLook = seconds(1);
constexpr auto kHurryFor = seconds(15);

}  // namespace

bool nudge_startup_process(const Postmaster& postmaster) {
  for (const pid_t pid : child_pids(postmaster.pid())) {
    const auto pidfd = open_pidfd(pid);
    if (!pidfd) continue;
    std::string_view title;
    const auto look = look_at(pid);
    title = look.title;
    // "postgres: startup ..." or "postgres: <cluster_name>: startup ...". A client backend never has this word first.
    const auto at = title.rfind(": startup");
    if (!title.starts_with("postgres: ") || at == std::string_view::npos) continue;
    return signal_pidfd(pidfd->get(), SIGHUP).ok();
  }
  return false;
}

Task<Result<bool>> Promoter::in_recovery(Ctx ctx) {
  const auto rows = co_await core_.supervisor.monitor().query("SELECT pg_catalog.pg_is_in_recovery()", std::move(ctx));
  if (!rows) co_return rows.error();
  co_return rows->text(0, 0) == "t";
}

Task<Status> Promoter::promote(Ctx ctx) {
  const auto postmaster = core_.supervisor.postmaster();
  if (!postmaster) co_return Error(Errc::kUnavailable, "the server does not run");
  ++round_;  // hurrying the stream is over
  if (const auto recovering = co_await in_recovery(ctx); recovering && !*recovering) co_return Status();
  // What `pg_ctl promote` does, without running a program.
  const auto trigger = core_.data_dir() / "promote";
  const UniqueFd made(open(trigger.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, modes_in(core_.data_dir()).file));
  if (!made) co_return errno_error(errno, "cannot create " + trigger.string());
  if (auto sent = postmaster->signal(SIGUSR1); !sent) co_return sent.error().in("promoting");

  Instant next_nudge = core_.reactor.now() + kNudgeInterval;
  while (true) {
    const auto recovering = co_await in_recovery(ctx);
    if (recovering && !*recovering) break;
    if (!postmaster->alive()) co_return Error(Errc::kFailed, "the server ended while being promoted");
    if (core_.reactor.now() >= next_nudge) {
      // The request and the end of the walreceiver can fall into one wake-up of the startup process, which then sleeps
      // its whole retry interval before it looks for the request.
      if (!nudge_startup_process(*postmaster)) (void)postmaster->signal(SIGHUP);
      next_nudge = core_.reactor.now() + kNudgeInterval;
    }
    if (auto slept = co_await pause_for(core_.reactor, kRecoveryLook, ctx); !slept) co_return slept;
  }
  core_.role = Role::kPrimary;
  co_return Status();
}

void Promoter::hurry_streaming() { core_.background.spawn(nudge_until_streaming(this, ++round_)); }

Task<void> Promoter::nudge_until_streaming(Promoter* self, std::uint64_t round) {
  Core& core = self->core_;
  const Ctx ctx{.deadline = core.reactor.now() + kHurryFor, .stop = core.background.stop_token()};
  Duration interval = kFirstStreamLook;
  while (co_await pause_for(core.reactor, interval, ctx)) {
    if (self->round_ != round) co_return;
    const auto postmaster = core.supervisor.known();
    if (!postmaster || !core.supervisor.accepting()) continue;
    const auto rows = co_await core.supervisor.monitor().query(
        "SELECT pg_catalog.pg_is_in_recovery(), (SELECT status FROM pg_catalog.pg_stat_get_wal_receiver())", ctx);
    if (self->round_ != round) co_return;
    if (rows && (rows->text(0, 0) != "t" || rows->text(0, 1) == "streaming")) co_return;
    // While a receiver is connecting there is nothing to wake.
    if (rows && rows->text(0, 1).empty()) nudge_startup_process(*postmaster);
    interval = std::min<Duration>(interval * 3 / 2, kLastStreamLook);
  }
}

}  // namespace matriarch::postgres
