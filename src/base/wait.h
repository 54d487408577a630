// Waiting: for a time, for an event.
#pragma once

#include <deque>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/completion.h"
#include "base/scheduler.h"
#include "base/task.h"

namespace matriarch {

// Ok when `when` has come; kCancelled if stopped before. The deadline of `ctx`, if earlier, gives kTimeout.
Task<Status> sleep_until(Scheduler& scheduler, Instant when, Ctx ctx);
Task<Status> pause_for(Scheduler& scheduler, Duration duration, Ctx ctx);

// Lets everything that is queued run first.
Task<void> yield_now(Scheduler& scheduler);

// A latched wake-up: set() releases the present waiter, or the next one if there is none; any number of set() before a
// wait count as one. One waiter at a time.
class WakeUp {
 public:
  explicit WakeUp(Scheduler& scheduler) : scheduler_(scheduler) {}

  void set();
  [[nodiscard]] bool is_set() const { return set_; }
  // Ok = was set (and is cleared); kTimeout at the deadline; kCancelled.
  Task<Status> wait(Ctx ctx);

 private:
  Scheduler& scheduler_;
  bool set_ = false;
  std::optional<Completion<std::monostate>> waiter_;
};

// Wakes everybody who waits at that moment, and nobody later.
class Broadcast {
 public:
  explicit Broadcast(Scheduler& scheduler) : scheduler_(scheduler) {}

  void notify();
  Task<Status> wait(Ctx ctx);

 private:
  Scheduler& scheduler_;
  std::vector<Completion<std::monostate>> waiters_;
};

// Mutual exclusion between coroutines, first come first served. Must outlive its guards and waiters.
class AsyncMutex {
 public:
  explicit AsyncMutex(Scheduler& scheduler) : scheduler_(scheduler) {}
  AsyncMutex(const AsyncMutex&) = delete;
  AsyncMutex& operator=(const AsyncMutex&) = delete;

  // Unlocks when destroyed.
  class [[nodiscard]] Guard {
   public:
    explicit Guard(AsyncMutex* mutex) : mutex_(mutex) {}
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&& other) noexcept {
      std::swap(mutex_, other.mutex_);
      return *this;
    }
    ~Guard() {
      if (mutex_ != nullptr) mutex_->unlock();
    }

   private:
    AsyncMutex* mutex_;
  };

  Task<Result<Guard>> lock(Ctx ctx);
  [[nodiscard]] bool is_locked() const { return locked_; }

 private:
  void unlock();

  Scheduler& scheduler_;
  bool locked_ = false;
  std::deque<Completion<std::monostate>> queue_;
};

}  // namespace matriarch
