#include "model/lsn.h"

#include <charconv>

#include <fmt/format.h>

namespace matriarch {

namespace {

std::optional<std::uint32_t> parse_half(std::string_view text) {
  std::uint32_t half = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), half, 16);
  if (failure != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return half;
}

}  // namespace

std::string to_string(Lsn lsn) { return fmt::format("{:X}/{:X}", lsn.value >> 32, lsn.value & 0xFFFFFFFFu); }

std::optional<Lsn> parse_lsn(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const auto high = parse_half(text.substr(0, slash));
  const auto low = parse_half(text.substr(slash + 1));
  if (!high || !low) return std::nullopt;
  return Lsn{(std::uint64_t{*high} << 32) | *low};
}

}  // namespace matriarch
