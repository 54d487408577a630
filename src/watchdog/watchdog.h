// The watchdog device: a timer in the machine that resets it unless it is fed (HA-315..321). The last protection where
// neither agent nor guardian can act any more.
//
// Owner: one per agent, on its thread. Every call is one or two system calls on a character device and never waits.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace matriarch::watchdog {

enum class WatchdogMode { kOff, kAutomatic, kRequired };

struct WatchdogOptions {
  WatchdogMode mode = WatchdogMode::kAutomatic;
  std::string device = "/dev/watchdog";
  int safety_margin = 5;           // seconds; -1: half of the ttl
  std::string driver = "default";  // "testing": a file that takes what a device would be told; anything else: none

  friend bool operator==(const WatchdogOptions&, const WatchdogOptions&) = default;
};

// The device's side. Errors name the device.
class WatchdogDevice {
 public:
  virtual ~WatchdogDevice() = default;
  virtual Status open() = 0;
  virtual Status set_timeout(int seconds) = 0;   // kUnsupported: the device's timeout is fixed
  [[nodiscard]] virtual Result<int> timeout() const = 0;
  virtual Status feed() = 0;
  [[nodiscard]] virtual bool can_be_disabled() const = 0;
  virtual void close() = 0;  // disables it where that is possible
};

// Null for a driver that is not known.
std::unique_ptr<WatchdogDevice> make_watchdog_device(const WatchdogOptions& options);

class Watchdog {
 public:
  explicit Watchdog(WatchdogOptions options);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // In force from the next feeding on, so that a new timeout begins with a fresh lease; switching off at once (HA-320).
  void configure(WatchdogOptions options, Duration ttl, Duration loop_wait);

  // Before the server takes writes. An error only if the mode is `required`: then it must not take them (HA-316).
  Status activate();
  // After each renewal of the lease, never otherwise (HA-317).
  void feed();
  // After the safepoint, or where nothing is to be protected (HA-318).
  void disable();

  [[nodiscard]] bool running() const { return running_; }
  // False: `required`, and it would not work; the node must not take part in elections (HA-321, HA-176).
  [[nodiscard]] bool healthy() const;
  [[nodiscard]] WatchdogMode mode() const { return options_.mode; }

 private:
  [[nodiscard]] int wanted_timeout() const;  // seconds
  [[nodiscard]] int slack() const { return wanted_timeout() - static_cast<int>(seconds_of(loop_wait_)); }
  static double seconds_of(Duration d) { return std::chrono::duration<double>(d).count(); }
  Status try_to_activate();
  Status set_timeout();
  void apply_changes();

  WatchdogOptions options_;
  WatchdogOptions next_;
  Duration ttl_ = std::chrono::seconds(30);
  Duration loop_wait_ = std::chrono::seconds(10);
  Duration next_ttl_ = ttl_;
  Duration next_loop_wait_ = loop_wait_;
  bool changed_ = false;
  bool running_ = false;
  bool warned_ = false;  // about one and the same obstacle, once
  std::unique_ptr<WatchdogDevice> device_;
};

}  // namespace matriarch::watchdog
