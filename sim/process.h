// A simulated process of a node: the scheduler that its code sees, with a clock of its own. It can be frozen (SIGSTOP, a
// paused virtual machine), delayed (no CPU) and killed.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/completion.h"
#include "base/scheduler.h"
#include "base/task.h"
#include "sim/virtual_scheduler.h"

namespace matriarch::sim {

// CLOCK_BOOTTIME and CLOCK_REALTIME of one machine.
class MachineClock {
 public:
  // Runs fast by `rate_error_ppm` (negative: slow); shows `boot_value` at the true time `boot`.
  MachineClock(Instant boot, Instant boot_value, std::int64_t rate_error_ppm)
      : boot_(boot), boot_value_(boot_value), ppm_(rate_error_ppm) {}

  [[nodiscard]] Instant local(Instant true_time) const {
    const Duration passed = true_time - boot_;
    return boot_value_ + passed + passed * ppm_ / 1'000'000;
  }
  // The first true time at which local() shows `local_time` or more.
  [[nodiscard]] Instant true_time(Instant local_time) const;

  void shift_wall(Duration by) { wall_shift_ += by; }
  [[nodiscard]] Duration wall_shift() const { return wall_shift_; }

 private:
  Instant boot_;
  Instant boot_value_;
  std::int64_t ppm_;
  Duration wall_shift_ = Duration::zero();
};

// Lifetime: kill(), then drain(), then destruction of what ran in it, then of the Process.
class Process final : public Scheduler {
 public:
  Process(VirtualScheduler& world, const MachineClock& clock) : world_(world), clock_(clock) { world_.attach(*this); }
  ~Process() override { world_.detach(*this); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // --- what the code in the process sees
  [[nodiscard]] Instant now() const override;
  [[nodiscard]] WallTime wall_now() const override;
  void post(Callback fn) override;
  TimerId call_at(Instant when, Callback fn) override;
  void cancel(TimerId id) override { lane_.cancel(id); }

  // --- what happens to it
  void freeze() { frozen_ = true; }
  void thaw() { frozen_ = false; }
  [[nodiscard]] bool frozen() const { return frozen_; }
  // Gets no CPU before that true time.
  void starve_until(Instant when) { not_before_ = when; }

  // From now on nothing that its code does has an effect: ports answer kCancelled at once.
  void kill() { dead_ = true; }
  [[nodiscard]] bool dead() const { return dead_; }
  // After kill(), not from an event of this process: runs what is left until nothing is, its time leaping from event to
  // event. False if that did not end within `limit` events (the code ignores that it was cancelled: a bug).
  bool drain(std::uint64_t limit);
  [[nodiscard]] std::stop_token death() const { return death_.get_token(); }  // told when drain() begins

  // co_await process.runs(): what every port call begins with. Waits while the process is frozen (it can be frozen in the
  // middle of an event); false if it is dead.
  auto runs() {
    struct Awaiter {
      Process& process;
      [[nodiscard]] bool await_ready() const noexcept { return process.dead_ || !process.frozen_; }
      void await_suspend(std::coroutine_handle<> handle) {
        process.post([handle] { handle.resume(); });
      }
      [[nodiscard]] bool await_resume() const noexcept { return !process.dead_; }
    };
    return Awaiter{*this};
  }

 private:
  friend class VirtualScheduler;

  // When its next event can run; nothing while frozen or dead.
  std::optional<Lane::Key> next_event();

  VirtualScheduler& world_;
  const MachineClock& clock_;
  Lane lane_;
  Instant not_before_;
  Instant drain_time_;
  std::stop_source death_;
  bool frozen_ = false;
  bool dead_ = false;
};

// What every call of a simulated port is made of: complete() of base/completion.h that waits while the process is frozen
// and ends with kCancelled when it dies. `start` is not called in a dead process.
template <class T, class Start>
Task<Result<T>> call(Process& process, Ctx ctx, Start start) {
  if (!co_await process.runs()) co_return Error(Errc::kCancelled, "the process was killed");
  std::optional<std::stop_callback<std::function<void()>>> on_death;
  auto outcome = co_await complete<T>(process, ctx, [&](const Completion<T>& done) {
    on_death.emplace(process.death(), [done] { done(Error(Errc::kCancelled, "the process was killed")); });
    return start(done);
  });
  co_return outcome;
}

}  // namespace matriarch::sim
