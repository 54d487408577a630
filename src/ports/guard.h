// The guardian beside this agent: a process of its own that kills the server when the lease it was told of is not renewed in
// time, whatever has become of the agent (DESIGN 3).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/scheduler.h"
#include "base/task.h"

namespace matriarch {

// A lease of the leader key as the guardian needs it. CLOCK_BOOTTIME.
struct GuardedLease {
  Instant kill_at;       // K: at this time the server is killed
  Instant end;           // E
  std::string lease_id;  // the store's name for it, for the agent that comes after this one; may be empty

  friend bool operator==(const GuardedLease&, const GuardedLease&) = default;
};

struct GuardState {
  bool enabled = true;      // false: switched off by the operator, nothing guards
  bool connected = false;   // a guardian runs and answers
  bool armed = false;
  int pid = 0;              // of the guardian
  Instant kill_at;          // if armed
  std::uint64_t epoch = 0;  // of this agent at its guardian
  Instant struck_at;        // when the guardian killed a server last; the epoch of the clock: never
  // Since the guardian was started (strikes, respawns), since the agent was started (losses).
  std::uint64_t strikes = 0;
  std::uint64_t respawns = 0;
  std::uint64_t losses = 0;  // guardians that ended or did not answer
  bool real_time = false;
  bool locked_memory = false;
  std::string problem;       // why not connected; empty if it is
  bool watchdog_wanted = false;  // not switched off
  bool watchdog_running = false;
  bool watchdog_failed = false;  // `required`, and it would not work: this node takes no part in elections (HA-176)
};

class Guard {
 public:
  virtual ~Guard() = default;

  // Ok: from now on the server of the data directory, or the one that will be started there, is killed at lease.kill_at.
  // Starts a guardian where none answers. kUnavailable: impossible, nothing is guarded; kInvalid: the guardian refused, the
  // text says why. Arming what is armed is a renewal that also names the server anew.
  virtual Task<Status> arm(GuardedLease lease, Ctx ctx) = 0;
  // Moves the time. Never waits; no effect while not armed. What does not arrive leaves the earlier time in force, which is
  // the safe side.
  virtual void renew(GuardedLease lease) = 0;
  // Ok if nothing is armed any more. Only for a server that is stopped, a standby, or one that a paused cluster leaves alone.
  virtual Task<Status> disarm(Ctx ctx) = 0;

  // The settings in force; timeouts that depend on them follow with the next renewal.
  virtual void configure(Duration /*ttl*/, Duration /*loop_wait*/) {}

  [[nodiscard]] virtual GuardState state() const = 0;
  // Called (from the scheduler's queue) when the state changed by itself: the guardian was lost, or has struck. One
  // subscriber.
  virtual void on_change(std::function<void()> changed) = 0;
  // What a former agent of this node had left armed when this one took over; once.
  virtual std::optional<GuardedLease> take_inheritance() { return std::nullopt; }
};

// The operator's `guardian: off`: nothing is guarded, and nothing waits for a guardian.
class NoGuard final : public Guard {
 public:
  Task<Status> arm(GuardedLease, Ctx) override { co_return Status(); }
  void renew(GuardedLease) override {}
  Task<Status> disarm(Ctx) override { co_return Status(); }
  [[nodiscard]] GuardState state() const override { return {.enabled = false}; }
  void on_change(std::function<void()>) override {}
};

}  // namespace matriarch
