// What the fuzz targets share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace matriarch::fuzz {

// Ends the run, so that the fuzzer keeps the input, when a property does not hold.
inline void require(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "property violated: %s\n", property);
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Takes the first byte off: which of several readers is meant.
inline unsigned take_choice(std::string_view& text, unsigned choices) {
  if (text.empty()) return 0;
  const auto first = static_cast<unsigned char>(text.front());
  text.remove_prefix(1);
  return first % choices;
}

// Takes what stands before the first 0xFF (no text has that byte), or everything.
inline std::string_view take_part(std::string_view& text) {
  const std::size_t end = text.find('\xff');
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  return part;
}

}  // namespace matriarch::fuzz
