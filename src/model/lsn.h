// Positions in the write-ahead log.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace matriarch {

// Absolute byte position in the WAL. 0 = unknown or none.
struct Lsn {
  std::uint64_t value = 0;

  auto operator<=>(const Lsn&) const = default;
  explicit operator bool() const { return value != 0; }
};

std::string to_string(Lsn lsn);                      // "16/B374D848"
std::optional<Lsn> parse_lsn(std::string_view text); // the same form; absent if malformed

// Timeline of the WAL. 0 = unknown.
using Timeline = std::uint32_t;

}  // namespace matriarch
