// UTF-8, as far as names and JSON texts need it.
#pragma once

#include <cstddef>
#include <string_view>

namespace matriarch {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// Decodes the character that starts at `at` and moves `at` behind it. A byte that starts no valid character (overlong
// forms, surrogates and values over U+10FFFF included) is skipped alone and gives kReplacementCharacter.
// Precondition: at < text.size().
char32_t next_character(std::string_view text, std::size_t& at);

bool is_valid_utf8(std::string_view text);

}  // namespace matriarch
