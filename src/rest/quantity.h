// Numbers with units in parameters and bodies (API-333, API-334).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/value.h"

namespace matriarch::rest {

// "1048576", "1.5MB", "0x100 kB": bytes; units B kB MB GB TB, 1024-based, case counts. Absent: not understood.
std::optional<std::int64_t> parse_bytes(std::string_view text);

// A number, or a text as "90", "2min", "1h": seconds, rounded half to even; units us ms s min h d.
std::optional<std::int64_t> parse_seconds(const Value& value);

}  // namespace matriarch::rest
