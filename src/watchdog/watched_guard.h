// A guardian with the watchdog device before it: activated with arming, fed with each renewal, disabled with disarming.
#pragma once

#include "ports/guard.h"
#include "watchdog/watchdog.h"

namespace matriarch::watchdog {

class WatchedGuard final : public Guard {
 public:
  // `guard` must outlive this object.
  WatchedGuard(Guard& guard, WatchdogOptions options) : guard_(guard), options_(options), watchdog_(std::move(options)) {}

  // The configuration changed (HA-320).
  void reconfigure(WatchdogOptions options);

  // Also fails if the watchdog is `required` and cannot be activated (HA-129, HA-316).
  Task<Status> arm(GuardedLease lease, Ctx ctx) override;
  void renew(GuardedLease lease) override;
  Task<Status> disarm(Ctx ctx) override;
  void configure(Duration ttl, Duration loop_wait) override;
  [[nodiscard]] GuardState state() const override;
  void on_change(std::function<void()> changed) override { guard_.on_change(std::move(changed)); }
  std::optional<GuardedLease> take_inheritance() override { return guard_.take_inheritance(); }

 private:
  Guard& guard_;
  WatchdogOptions options_;
  Duration ttl_ = std::chrono::seconds(30);
  Duration loop_wait_ = std::chrono::seconds(10);
  Watchdog watchdog_;
};

}  // namespace matriarch::watchdog
