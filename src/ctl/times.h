// Points in time as people type and read them (CTL-066, CTL-155..158).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace matriarch::ctl {

// A wall-clock time with the offset it was given in.
struct ZonedTime {
  WallTime utc;
  std::chrono::minutes offset{0};

  [[nodiscard]] std::string iso() const { return text('T'); }     // "2030-01-01T02:00:00+00:00", API-336
  [[nodiscard]] std::string readable() const { return text(' '); }

 private:
  [[nodiscard]] std::string text(char separator) const;
};

// Empty and "now": absent. ISO 8601 date and time; without a zone the local one is meant.
// kInvalid: CTL-157's text.
Result<std::optional<ZonedTime>> parse_schedule(std::string_view text);

// ISO form of a stored time stamp; what cannot be parsed, or has no zone, stays as it is.
std::string normalized_timestamp(std::string_view text);

// Local time: "2026-03-01 10:00:00".
std::string local_seconds(WallTime time);
// "2026-03-01 10:00:00.12345"
std::string local_fraction(WallTime time);
// One hour later as an example for prompts: "2026-03-01T11:00".
std::string example_schedule(WallTime now);

}  // namespace matriarch::ctl
