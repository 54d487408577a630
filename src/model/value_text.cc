// The text forms of single values, and what texts are understood as.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "model/value.h"

namespace matriarch {

namespace {

std::string form_of_double(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  // The shortest digits that give the same number; always recognisable as no integer.
  const double magnitude = std::fabs(number);
  const bool scientific = magnitude != 0 && (magnitude >= 1e16 || magnitude < 1e-4);
  std::array<char, 64> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number,
                                 scientific ? std::chars_format::scientific : std::chars_format::fixed);
  std::string text(digits.data(), end.ptr);
  if (!scientific && text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string in_quotes(std::string_view text) {
  const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') out += '\\';
    out += c;
  }
  return out + quote;
}

std::string form_inside(const Value& value) {
  return value.is_string() ? in_quotes(value.as_string()) : string_form(value);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

std::optional<std::int64_t> round_half_to_even(double number) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(number >= -kLimit && number < kLimit)) return std::nullopt;
  return static_cast<std::int64_t>(std::nearbyint(number));
}

std::optional<std::int64_t> parse_real(std::string_view text, bool negative) {
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return round_half_to_even(negative ? -number : number);
}

std::optional<std::int64_t> parse_digits(std::string_view text, int base, bool negative) {
  std::uint64_t magnitude = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (failure != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (magnitude > kMax) return std::nullopt;
  const auto value = static_cast<std::int64_t>(magnitude);
  return negative ? -value : value;
}

}  // namespace

std::string string_form(const Value& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_bool()) return value.as_bool() ? "True" : "False";
  if (value.is_int()) return fmt::format("{}", value.as_int());
  if (value.is_double()) return form_of_double(value.as_double());
  if (value.is_null()) return "None";
  std::string out;
  if (value.is_list()) {
    for (const Value& item : value.as_list()) out += (out.empty() ? "" : ", ") + form_inside(item);
    return "[" + out + "]";
  }
  for (const auto& [key, item] : value.as_map()) {
    out += (out.empty() ? "" : ", ") + in_quotes(key) + ": " + form_inside(item);
  }
  return "{" + out + "}";
}

std::optional<bool> parse_bool(std::string_view text) {
  for (const std::string_view yes : {"on", "true", "yes", "1"}) {
    if (equals_ignoring_case(text, yes)) return true;
  }
  for (const std::string_view no : {"off", "false", "no", "0"}) {
    if (equals_ignoring_case(text, no)) return false;
  }
  return std::nullopt;
}

std::optional<bool> parse_bool(const Value& value) {
  if (value.is_bool()) return value.as_bool();
  if (value.is_int() || value.is_string()) return parse_bool(std::string_view(string_form(value)));
  return std::nullopt;
}

std::optional<std::int64_t> parse_int(std::string_view text) {
  text = trimmed(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || !((text[0] >= '0' && text[0] <= '9') || text[0] == '.')) return std::nullopt;
  if (text.starts_with("0x") || text.starts_with("0X")) return parse_digits(text.substr(2), 16, negative);
  if (text.find_first_of(".eE") != text.npos) return parse_real(text, negative);
  if (text.size() > 1 && text[0] == '0') return parse_digits(text.substr(1), 8, negative);
  return parse_digits(text, 10, negative);
}

std::optional<std::int64_t> parse_int(const Value& value) {
  if (value.is_int()) return value.as_int();
  if (value.is_double()) return round_half_to_even(value.as_double());
  if (value.is_string()) return parse_int(std::string_view(value.as_string()));
  return std::nullopt;
}

}  // namespace matriarch
