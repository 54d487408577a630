// The lease of the leader key: obtaining, renewing, giving back, and knowing how long it lasts (DESIGN 3).
//
// The renewer runs beside the loop, also during long procedures, but only on the strength of a completed decision that is
// not older than loop_wait + retry_timeout: a long step never starves the lease, a hung loop is never renewed for ever.
#pragma once

#include <functional>
#include <optional>

#include "base/scheduler.h"
#include "base/task.h"
#include "base/wait.h"
#include "model/settings.h"
#include "policy/lease.h"
#include "ports/store.h"

namespace matriarch::agent {

class LeaseKeeper {
 public:
  // `changed` is called after every change of state() that a decision must see: a lost lease, a lease no longer renewed.
  LeaseKeeper(Scheduler& scheduler, Store& store, std::function<LeaderReport()> report, std::function<void()> changed);

  [[nodiscard]] const policy::LeaseState& state() const { return state_; }
  [[nodiscard]] bool held() const;  // now < F

  // A shorter ttl counts from now on, also for a lease that was obtained for longer.
  void configure(const Settings& settings);

  // The last completed decision says that the lease may be kept, or that it must not.
  void permit();
  void forbid();

  // `basis`: of the view that the decision to lead was made on.
  Task<Status> acquire(ElectionBasis basis, Ctx ctx);
  Task<Status> take(Ctx ctx);             // end of bootstrap only
  Task<RenewOutcome> renew(Ctx ctx);      // now, whether permitted or not: the caller has just decided so
  // Gives the key back (HA-238). The lease ends for us at once, whatever the store answers.
  Task<Status> release(std::optional<Lsn> optime, Ctx ctx);
  // All members accepted at `sent_at` that we go on without the store (HA-289). Until then a key that is merely gone is not
  // a lost lease.
  void prolong(Instant sent_at);
  // A former agent of this node held the lease up to these times (DESIGN 3); it is renewed at once.
  void adopt(Instant kill_at, Instant end);
  // Nobody will kill the server at K: F is now. False: that was known already.
  bool unguarded();
  void guarded();
  // Called whenever K has moved.
  void on_moved(std::function<void()> moved) { moved_ = std::move(moved); }
  // The server is demoted: what was left of the lease is no longer ours to use.
  void forget();

  // The renewer; ends when ctx.stop is requested.
  Task<void> run(Ctx ctx);

 private:
  void hold(const LeaseHeld& lease, bool newly);
  void move_to(policy::LeaseTimes times);
  void shorten();
  Task<Status> obtain(std::optional<ElectionBasis> basis, Ctx ctx);  // none: in any case
  [[nodiscard]] bool may_renew() const;
  [[nodiscard]] Instant next_attempt(bool last_failed) const;

  Scheduler& scheduler_;
  Store& store_;
  std::function<LeaderReport()> report_;
  std::function<void()> changed_;
  std::function<void()> moved_;
  AsyncMutex mutex_;  // one lease operation at a time: a renewal must not revive what a release deletes (HA-001)
  WakeUp permitted_;
  WakeUp due_;  // renew now
  policy::LeaseState state_;
  Duration ttl_ = std::chrono::seconds(30);
  Duration loop_wait_ = std::chrono::seconds(10);
  Duration retry_timeout_ = std::chrono::seconds(10);
  Instant last_renewed_{};
  std::optional<Instant> permitted_at_;
  std::optional<Instant> unguarded_since_;
};

}  // namespace matriarch::agent
