#include "rest/quantity.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <span>

namespace matriarch::rest {

namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr double kKilo = 1024;
constexpr Unit kByteUnits[] = {{"", 1},
                               {"B", 1},
                               {"kB", kKilo},
                               {"MB", kKilo * kKilo},
                               {"GB", kKilo * kKilo * kKilo},
                               {"TB", kKilo * kKilo * kKilo * kKilo}};
constexpr Unit kSecondUnits[] = {{"", 1},      {"us", 1e-6}, {"ms", 1e-3}, {"s", 1},
                                 {"min", 60}, {"h", 3600},  {"d", 86400}};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\f\v";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the number off the front of `text`. Whole numbers are exact, however long; all else is a real.
struct Number {
  bool whole = false;
  std::int64_t integer = 0;
  double real = 0;
};

std::optional<Number> take_whole(std::string_view& text, int base) {
  Number number{.whole = true};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number.integer, base);
  if (failure != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<Number> take_real(std::string_view& text) {
  Number number;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number.real);
  if (failure != std::errc() || !std::isfinite(number.real)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::optional<Number> take_number(std::string_view& text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || !(is_digit(text[0]) || (text[0] == '.' && text.size() > 1 && is_digit(text[1])))) {
    return std::nullopt;
  }
  std::optional<Number> number;
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const bool hexadecimal = text.size() > 2 && (text.starts_with("0x") || text.starts_with("0X"));
  // An exponent needs digits behind it: "1e3" has one, "5e" has the unknown unit "e".
  const auto after_e = digits + 1 + (digits + 1 < text.size() && (text[digits + 1] == '-' || text[digits + 1] == '+'));
  const bool exponent = digits < text.size() && (text[digits] == 'e' || text[digits] == 'E') &&
                        after_e < text.size() && is_digit(text[after_e]);
  if (hexadecimal) {
    text.remove_prefix(2);
    number = take_whole(text, 16);
  } else if ((digits < text.size() && text[digits] == '.') || exponent) {
    number = take_real(text);
  } else {
    number = take_whole(text, text[0] == '0' && digits > 1 ? 8 : 10);
  }
  if (number && negative) {
    number->integer = -number->integer;
    number->real = -number->real;
  }
  return number;
}

std::optional<std::int64_t> rounded(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(value > -kLimit && value < kLimit)) return std::nullopt;
  return static_cast<std::int64_t>(std::nearbyint(value));  // half to even
}

std::optional<std::int64_t> scaled(const Number& number, double factor) {
  if (!number.whole) return rounded(number.real * factor);
  if (factor < 1) return rounded(static_cast<double>(number.integer) * factor);
  std::int64_t result = 0;
  if (__builtin_mul_overflow(number.integer, static_cast<std::int64_t>(factor), &result)) return std::nullopt;
  return result;
}

std::optional<std::int64_t> parse(std::string_view text, std::span<const Unit> units) {
  text = trimmed(text);
  const auto number = take_number(text);
  if (!number) return std::nullopt;
  text = trimmed(text);
  for (const Unit& unit : units) {
    if (unit.name == text) return scaled(*number, unit.factor);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> parse_bytes(std::string_view text) { return parse(text, kByteUnits); }

std::optional<std::int64_t> parse_seconds(const Value& value) {
  if (value.is_int()) return value.as_int();
  if (value.is_double()) return rounded(value.as_double());
  if (value.is_string()) return parse(value.as_string(), kSecondUnits);
  return std::nullopt;
}

}  // namespace matriarch::rest
