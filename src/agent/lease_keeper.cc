#include "agent/lease_keeper.h"

#include <algorithm>

#include "base/log.h"

namespace matriarch::agent {

using policy::LeaseState;

LeaseKeeper::LeaseKeeper(Scheduler& scheduler, Store& store, std::function<LeaderReport()> report,
                         std::function<void()> changed)
    : scheduler_(scheduler),
      store_(store),
      report_(std::move(report)),
      changed_(std::move(changed)),
      mutex_(scheduler),
      permitted_(scheduler),
      due_(scheduler) {}

bool LeaseKeeper::held() const {
  return state_.status == LeaseState::Status::kHeld && scheduler_.now() < state_.times.fence_at;
}

void LeaseKeeper::configure(const Settings& settings) {
  const bool shorter = settings.ttl < ttl_;
  ttl_ = settings.ttl;
  loop_wait_ = settings.loop_wait;
  retry_timeout_ = settings.retry_timeout;
  store_.configure(ttl_, retry_timeout_);
  if (shorter) shorten();
}

// The next renewal binds the key to a new lease, which lasts for the new ttl only, and its answer may never come. A lease that
// is asked for from now on ends after this end; so the key lives that long in any case.
void LeaseKeeper::shorten() {
  if (state_.status != LeaseState::Status::kHeld) return;
  const auto times = policy::lease_times(scheduler_.now(), ttl_, ttl_);
  if (times.end >= state_.times.end) return;
  move_to(times);
  due_.set();
}

void LeaseKeeper::permit() {
  permitted_at_ = scheduler_.now();
  permitted_.set();
}

void LeaseKeeper::forbid() { permitted_at_.reset(); }

bool LeaseKeeper::may_renew() const {
  return state_.status == LeaseState::Status::kHeld && permitted_at_ &&
         scheduler_.now() - *permitted_at_ <= loop_wait_ + retry_timeout_;
}

void LeaseKeeper::hold(const LeaseHeld& lease, bool newly) {
  const Duration lasts = std::min(lease.lasts, ttl_);
  const auto times = policy::lease_times(lease.sent_at, lasts, ttl_);
  // Answers may overtake each other; the lease never shrinks by an older one.
  const bool moves = newly || times.end > state_.times.end;
  state_.status = LeaseState::Status::kHeld;
  state_.by_members = false;
  if (newly) {
    state_.obtained_at = scheduler_.now();
    unguarded_since_.reset();  // nothing takes writes yet; whoever is about to must be guarded first
  }
  last_renewed_ = lease.sent_at;
  if (moves) move_to(times);
}

void LeaseKeeper::move_to(policy::LeaseTimes times) {
  if (unguarded_since_) times.fence_at = std::min(times.fence_at, *unguarded_since_);
  state_.times = times;
  if (moved_) moved_();
}

void LeaseKeeper::adopt(Instant kill_at, Instant end) {
  if (state_.status != LeaseState::Status::kNone) return;
  state_ = {.status = LeaseState::Status::kHeld, .times = {}, .obtained_at = {}};
  last_renewed_ = {};
  move_to({.end = end, .kill_at = kill_at, .fence_at = policy::fence_before(kill_at, ttl_)});
}

bool LeaseKeeper::unguarded() {
  if (unguarded_since_) return false;
  unguarded_since_ = scheduler_.now();
  state_.times.fence_at = std::min(state_.times.fence_at, *unguarded_since_);
  return true;
}

void LeaseKeeper::guarded() {
  if (!unguarded_since_) return;
  unguarded_since_.reset();
  state_.times.fence_at = policy::fence_before(state_.times.kill_at, ttl_);
}

Task<Status> LeaseKeeper::obtain(std::optional<ElectionBasis> basis, Ctx ctx) {
  auto guard = co_await mutex_.lock(ctx);
  if (!guard) co_return guard.error();
  auto lease = basis ? co_await store_.acquire_leader(std::move(*basis), ctx) : co_await store_.take_leader(ctx);
  if (!lease) co_return lease.error();
  hold(*lease, true);
  permit();
  co_return Status();
}

Task<Status> LeaseKeeper::acquire(ElectionBasis basis, Ctx ctx) { return obtain(std::move(basis), std::move(ctx)); }

Task<Status> LeaseKeeper::take(Ctx ctx) { return obtain(std::nullopt, std::move(ctx)); }

Task<RenewOutcome> LeaseKeeper::renew(Ctx ctx) {
  auto guard = co_await mutex_.lock(ctx);
  if (!guard) co_return RenewOutcome{.why = guard.error().text()};
  const bool had = state_.status == LeaseState::Status::kHeld;
  auto outcome = co_await store_.renew_leader(report_(), ctx);
  switch (outcome.verdict) {
    case RenewVerdict::kKept:
      hold(outcome.lease, !had);
      break;
    case RenewVerdict::kLost:
      log::warning("the leader lock is not ours any more: {}", outcome.why);
      // What the members promised stands, unless the next look at the store shows another leader.
      if (!state_.by_members || !held()) {
        state_.status = LeaseState::Status::kLost;
        state_.lost_at = scheduler_.now();
      }
      changed_();
      break;
    case RenewVerdict::kUnknown:
      log::warning("could not renew the leader lock: {}", outcome.why);
      break;
  }
  co_return outcome;
}

Task<Status> LeaseKeeper::release(std::optional<Lsn> optime, Ctx ctx) {
  forbid();
  auto guard = co_await mutex_.lock(ctx);
  state_.status = LeaseState::Status::kNone;
  if (!guard) co_return guard.error();
  co_return co_await store_.release_leader(optime, ctx);
}

void LeaseKeeper::prolong(Instant sent_at) {
  if (state_.status != LeaseState::Status::kHeld) return;
  const auto times = policy::lease_times(sent_at, ttl_, ttl_);
  if (times.end <= state_.times.end) return;
  state_.by_members = true;
  move_to(times);
}

void LeaseKeeper::forget() {
  forbid();
  state_.status = LeaseState::Status::kNone;
}

Instant LeaseKeeper::next_attempt(bool last_failed) const {
  const Duration interval = policy::renew_interval(ttl_, loop_wait_);
  if (!last_failed) return last_renewed_ + interval;
  // An outage of the store is often short: look again soon, without hammering it.
  return scheduler_.now() + std::clamp<Duration>(ttl_ / 20, std::chrono::milliseconds(100), std::chrono::seconds(1));
}

Task<void> LeaseKeeper::run(Ctx ctx) {
  bool last_failed = false;
  while (!ctx.stop.stop_requested()) {
    if (!may_renew()) {
      last_failed = false;
      if (const auto woken = co_await permitted_.wait(Ctx{.stop = ctx.stop}); !woken) co_return;
      continue;
    }
    (void)co_await due_.wait(Ctx{.deadline = next_attempt(last_failed), .stop = ctx.stop});
    if (ctx.stop.stop_requested()) co_return;
    if (!may_renew()) continue;
    const auto outcome = co_await renew(Ctx{.deadline = scheduler_.now() + retry_timeout_, .stop = ctx.stop});
    const bool failed = outcome.verdict == RenewVerdict::kUnknown;
    if (failed && !last_failed) changed_();  // the loop asks the members (failsafe mode) and watches F
    last_failed = failed;
  }
}

}  // namespace matriarch::agent
