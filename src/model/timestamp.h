// Time stamps as people and other programs write them.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace matriarch {

struct Timestamp {
  WallTime utc;                   // without an offset: as if it were UTC
  bool has_offset = false;        // a time stamp without one names no moment (DCS-119)
  std::chrono::minutes offset{};  // as written, east of Greenwich positive
};

// ISO 8601 with T or a blank, seconds and fraction optional, then Z, UTC, GMT, +HH, +HHMM or +HH:MM, or nothing (API-335).
std::optional<Timestamp> read_timestamp(std::string_view text);

}  // namespace matriarch
