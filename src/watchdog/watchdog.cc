#include "watchdog/watchdog.h"

#include <fmt/format.h>

#include <unistd.h>

#include "base/log.h"

namespace matriarch::watchdog {

Watchdog::Watchdog(WatchdogOptions options) : options_(options), next_(std::move(options)) {}

Watchdog::~Watchdog() { disable(); }

void Watchdog::configure(WatchdogOptions options, Duration ttl, Duration loop_wait) {
  if (options == next_ && ttl == next_ttl_ && loop_wait == next_loop_wait_) return;
  next_ = std::move(options);
  next_ttl_ = ttl;
  next_loop_wait_ = loop_wait;
  changed_ = true;
  warned_ = false;
  if (next_.mode == WatchdogMode::kOff) disable();
  if (!running_) apply_changes();
}

void Watchdog::apply_changes() {
  const bool other_device = next_.device != options_.device || next_.driver != options_.driver;
  changed_ = false;
  ttl_ = next_ttl_;
  loop_wait_ = next_loop_wait_;
  if (running_ && other_device) disable();
  options_ = next_;
}

int Watchdog::wanted_timeout() const {
  const double ttl = seconds_of(ttl_);
  return static_cast<int>(options_.safety_margin == -1 ? ttl / 2 : ttl - options_.safety_margin);
}

Status Watchdog::activate() {
  if (options_.mode == WatchdogMode::kOff || running_) return {};
  const Status activated = try_to_activate();
  if (activated) return {};
  if (options_.mode == WatchdogMode::kRequired) return activated;
  if (!warned_) log::warning("{}: this node goes on without a watchdog", activated.error().text());
  warned_ = true;
  return {};
}

Status Watchdog::try_to_activate() {
  if (slack() < 0) {
    return Error(Errc::kInvalid,
                 fmt::format("the watchdog's timeout of {} s (ttl minus watchdog.safety_margin) is below loop_wait: raise ttl, "
                             "or lower loop_wait or the margin",
                             wanted_timeout()));
  }
  device_ = make_watchdog_device(options_);
  if (!device_) return Error(Errc::kUnsupported, "watchdog.driver '" + options_.driver + "' does not exist");
  if (auto opened = device_->open(); !opened) {
    device_.reset();
    return opened;
  }
  running_ = true;
  if (auto set = set_timeout(); !set) {
    disable();
    return set;
  }
  feed();
  return {};
}

// HA-316, HA-319: the device must fire before the leader key can expire, and not between two feedings.
Status Watchdog::set_timeout() {
  const int wanted = wanted_timeout();
  if (const auto set = device_->set_timeout(wanted); !set && set.error().code() != Errc::kUnsupported) return set;
  const auto effective = device_->timeout();
  if (!effective) return effective.error();
  if (*effective < static_cast<int>(seconds_of(loop_wait_))) {
    return Error(Errc::kUnsupported, fmt::format("the watchdog fires after {} s, which is below loop_wait", *effective));
  }
  if (*effective <= wanted) return {};
  const std::string text =
      fmt::format("the watchdog fires after {} s instead of {} s: later than the leader key may expire", *effective, wanted);
  if (options_.mode == WatchdogMode::kRequired) return Error(Errc::kUnsupported, text);
  log::warning("{}", text);
  return {};
}

void Watchdog::feed() {
  if (changed_) {
    const int before = wanted_timeout();
    const bool was_running = running_;
    apply_changes();
    if (!running_ && was_running) (void)activate();
    if (running_ && wanted_timeout() != before) {
      if (const auto set = set_timeout(); !set) log::error("{}", set.error().text());
    }
  }
  if (!running_) return;
  if (const auto fed = device_->feed(); !fed) log::error("{}", fed.error().text());
}

void Watchdog::disable() {
  if (!running_) return;
  if (!device_->can_be_disabled()) log::warning("the watchdog cannot be disabled: the machine will be reset unless it is fed");
  device_->close();
  device_.reset();
  running_ = false;
}

bool Watchdog::healthy() const {
  if (options_.mode != WatchdogMode::kRequired || running_) return true;
  const bool known = options_.driver == "default" || options_.driver == "testing";
  return known && slack() >= 0 && access(options_.device.c_str(), W_OK) == 0;
}

}  // namespace matriarch::watchdog
