// Keeping the guardian in line with what this node does (DESIGN 3): no server takes writes unguarded, and none is killed
// that does not.
#include "agent/agent.h"
#include "base/log.h"

namespace matriarch::agent {

namespace {

constexpr Duration kGuardPatience = std::chrono::seconds(2);

// The server takes writes, or nobody can say that it does not.
bool may_write(const ServerView& server) {
  if (server.queried) return !server.in_recovery;
  return server.postmaster_alive && !server.recovery_configured;
}

// What the cache file says about a pause may be old, and so may what was read before this node lifted one: only a /config
// that was read since permits to go unguarded.
bool knows_of_pause(const Node& node) {
  if (!node.settings.paused || !node.view_ever_loaded || node.dynamic_version.empty() || node.lifting_pause > 0) return false;
  return !node.pause_lifted_at || (node.view && node.view_asked_at > *node.pause_lifted_at);
}

}  // namespace

GuardedLease Node::guarded_lease() const {
  const auto& times = lease.state().times;
  return {.kill_at = times.kill_at, .end = times.end, .lease_id = ports.store.lease_id()};
}

Task<Status> Node::arm_guard(Ctx ctx) {
  if (lease.state().status != policy::LeaseState::Status::kHeld) co_return Error(Errc::kFailed, "no lease to guard");
  const auto armed = co_await guard->arm(guarded_lease(), ctx.until(ports.scheduler.now() + kGuardPatience));
  if (armed) {
    lease.guarded();
    // It may have been renewed while the guardian was told.
    guard->renew(guarded_lease());
  }
  co_return armed;
}

Task<void> Node::disarm_guard() {
  if (!guard->state().armed) co_return;
  const auto disarmed = co_await guard->disarm(within(kGuardPatience));
  if (!disarmed) log::warning("the guardian could not be disarmed: {}", disarmed.error().text());
}

// What a former agent of this node left armed is led on with the same lease; the store was given its name already. That
// agent is dead since the guardian was said hello to.
void Agent::take_over_lease() {
  const auto inherited = node_.guard->take_inheritance();
  if (!inherited || inherited->kill_at <= node_.ports.scheduler.now()) return;
  node_.taking_over = true;
  node_.step("takeover.begin");
  log::info("took over from a former agent: PostgreSQL and the lease of the leader key go on");
  node_.lease.adopt(inherited->kill_at, inherited->end);
  node_.step("takeover.lease_adopted");
}

// Requests of the former agent may still be on their way, one that gives the key back among them. The first renewal makes the
// key ours in a way that they do not know of (ports/store.h); before that nothing is decided on the strength of the lease.
// False: not known yet whether it is ours.
Task<bool> Agent::settle_lease() {
  if (!node_.taking_over) co_return true;
  node_.step("takeover.view_read");
  if (node_.view->leader_name() == node_.config.name) {
    const auto outcome = co_await node_.lease.renew(node_.store_in_time());
    if (outcome.verdict == RenewVerdict::kUnknown) co_return false;
    if (outcome.verdict == RenewVerdict::kKept) node_.step("takeover.lease_renewed");
  }
  node_.taking_over = false;
  co_return true;
}

Task<void> Agent::keep_guard() {
  const ServerView& server = node_.world.server;
  const GuardState guard = node_.guard->state();
  const bool paused = knows_of_pause(node_);
  if (paused) node_.pause_lifted_at.reset();
  const bool held = node_.lease.state().status == policy::LeaseState::Status::kHeld &&
                    node_.ports.scheduler.now() < node_.lease.state().times.kill_at;
  const bool wanted = guard.enabled || guard.watchdog_wanted;
  if (wanted && !guard.armed && held && !paused && may_write(server)) {
    const auto armed = co_await node_.arm_guard(node_.in_time(kGuardPatience));
    if (armed) {
      if (guard.enabled) log::info("the guardian is armed");
    } else if (node_.lease.unguarded()) {
      log::critical("nothing guards this primary, so it is demoted: {}", armed.error().text());
    }
  } else if (guard.armed && !node_.actions.busy() && (paused || certainly_takes_no_writes(server))) {
    co_await node_.disarm_guard();
  }
  node_.world.lease = node_.lease.state();
}

}  // namespace matriarch::agent
