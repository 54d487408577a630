#include "model/utf8.h"

namespace matriarch {

namespace {

struct Lead {
  int following;     // bytes after the first; -1: not the first byte of a character
  char32_t bits;     // of the first byte
  char32_t minimum;  // smaller values would be overlong
};

Lead classify(unsigned char byte) {
  if (byte < 0x80) return {0, byte, 0};
  if ((byte & 0xE0) == 0xC0) return {1, byte & 0x1Fu, 0x80};
  if ((byte & 0xF0) == 0xE0) return {2, byte & 0x0Fu, 0x800};
  if ((byte & 0xF8) == 0xF0) return {3, byte & 0x07u, 0x10000};
  return {-1, 0, 0};
}

// False: no valid character starts at `at`; then `at` is unchanged.
bool decode(std::string_view text, std::size_t& at, char32_t& character) {
  const Lead lead = classify(static_cast<unsigned char>(text[at]));
  if (lead.following < 0 || text.size() - at <= static_cast<std::size_t>(lead.following)) return false;
  char32_t value = lead.bits;
  for (int i = 1; i <= lead.following; ++i) {
    const auto byte = static_cast<unsigned char>(text[at + static_cast<std::size_t>(i)]);
    if ((byte & 0xC0) != 0x80) return false;
    value = (value << 6) | (byte & 0x3Fu);
  }
  if (value < lead.minimum || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return false;
  at += 1 + static_cast<std::size_t>(lead.following);
  character = value;
  return true;
}

}  // namespace

char32_t next_character(std::string_view text, std::size_t& at) {
  char32_t character = kReplacementCharacter;
  if (!decode(text, at, character)) ++at;
  return character;
}

bool is_valid_utf8(std::string_view text) {
  std::size_t at = 0;
  char32_t character = 0;
  while (at < text.size()) {
    if (!decode(text, at, character)) return false;
  }
  return true;
}

}  // namespace matriarch
