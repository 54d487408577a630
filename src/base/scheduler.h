// Who runs code, and when. One thread, one queue ordered by (time, sequence): the reactor in production, virtual time in
// the simulator. Everything in this program that waits, waits through this interface.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "base/time.h"

namespace matriarch {

using Callback = std::move_only_function<void()>;

enum class TimerId : std::uint64_t { kNone = 0 };

// Thread: all calls from the scheduler's own thread, unless said otherwise.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  [[nodiscard]] virtual Instant now() const = 0;       // CLOCK_BOOTTIME
  [[nodiscard]] virtual WallTime wall_now() const = 0;

  // Runs `fn` after everything queued before it; never from inside this call.
  virtual void post(Callback fn) = 0;
  // Runs `fn` once at or after `when` (at once if past, but never from inside this call).
  virtual TimerId call_at(Instant when, Callback fn) = 0;
  // The callback will not run any more. Unknown and spent ids are ignored.
  virtual void cancel(TimerId id) = 0;
};

// What every port call is given: when to give up, and a way to be told to stop earlier. A call always completes: with
// kTimeout at the deadline, with kCancelled when stopped.
struct Ctx {
  Instant deadline = Instant::max();
  std::stop_token stop;

  [[nodiscard]] Ctx until(Instant when) const { return {.deadline = std::min(deadline, when), .stop = stop}; }
};

}  // namespace matriarch
