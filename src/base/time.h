// The two kinds of time. All arithmetic of leases, deadlines and timeouts uses `Instant`: CLOCK_BOOTTIME, which goes on
// while the machine is suspended and never jumps. `WallTime` is only for what people read and schedule.
// Neither type can read a clock by itself: time comes from a Scheduler, so that the simulator can own it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace matriarch {

using Duration = std::chrono::nanoseconds;

struct BootClock {
  using duration = Duration;
  using rep = Duration::rep;
  using period = Duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};

using Instant = BootClock::time_point;
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

// Seconds as configuration and wire formats give them (fractions allowed) and back. Saturates at about +-290 years.
Duration from_seconds(double seconds);
double to_seconds(Duration duration);

// "2031-05-06T07:08:09.000010+00:00" (always UTC, as the contract's writers do) .
std::string to_iso8601(WallTime time);

}  // namespace matriarch
