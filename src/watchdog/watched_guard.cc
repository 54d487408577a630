#include "watchdog/watched_guard.h"

namespace matriarch::watchdog {

Task<Status> WatchedGuard::arm(GuardedLease lease, Ctx ctx) {
  if (auto active = watchdog_.activate(); !active) co_return active.error().in("watchdog");
  co_return co_await guard_.arm(std::move(lease), std::move(ctx));
}

void WatchedGuard::renew(GuardedLease lease) {
  guard_.renew(std::move(lease));
  watchdog_.feed();
}

Task<Status> WatchedGuard::disarm(Ctx ctx) {
  watchdog_.disable();
  co_return co_await guard_.disarm(std::move(ctx));
}

void WatchedGuard::reconfigure(WatchdogOptions options) {
  options_ = std::move(options);
  watchdog_.configure(options_, ttl_, loop_wait_);
}

void WatchedGuard::configure(Duration ttl, Duration loop_wait) {
  ttl_ = ttl;
  loop_wait_ = loop_wait;
  watchdog_.configure(options_, ttl_, loop_wait_);
  guard_.configure(ttl, loop_wait);
}

GuardState WatchedGuard::state() const {
  GuardState state = guard_.state();
  state.watchdog_wanted = watchdog_.mode() != WatchdogMode::kOff;
  state.watchdog_running = watchdog_.running();
  if (!state.enabled) state.armed = watchdog_.running();
  state.watchdog_failed = !watchdog_.healthy();
  return state;
}

}  // namespace matriarch::watchdog
