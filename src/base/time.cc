#include "base/time.h"

#include <ctime>

#include <fmt/format.h>

namespace matriarch {

Duration from_seconds(double seconds) {
  constexpr double kMost = 9.2e9;  // what 64 bits of nanoseconds hold
  if (!(seconds > -kMost)) return Duration::min();  // also NaN
  if (seconds > kMost) return Duration::max();
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

double to_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string to_iso8601(WallTime time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time - whole).count();
  const std::time_t seconds = whole.time_since_epoch().count();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  const std::string day = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.tm_year + 1900, utc.tm_mon + 1,
                                      utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
  return micros == 0 ? day + "+00:00" : fmt::format("{}.{:06}+00:00", day, micros);
}

}  // namespace matriarch
