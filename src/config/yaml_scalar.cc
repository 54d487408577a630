// The implicit types of YAML 1.1 scalars. Written as small matchers, because the order and the exact shapes matter:
// `010` is 8, `1e3` is text, `1:30` is 90, `0o17` is text.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "config/yaml.h"

namespace matriarch::config {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool only(std::string_view text, std::string_view allowed) { return text.find_first_not_of(allowed) == text.npos; }

std::string without_underscores(std::string_view text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char c) { return c != '_'; });
  return out;
}

std::optional<std::int64_t> to_int(std::string_view digits, int base, bool negative) {
  const std::string plain = (negative ? "-" : "") + without_underscores(digits);
  std::int64_t number = 0;
  const auto [end, failure] = std::from_chars(plain.data(), plain.data() + plain.size(), number, base);
  if (failure != std::errc() || end != plain.data() + plain.size()) return std::nullopt;
  return number;
}

struct Signed {
  std::string_view body;
  bool negative = false;
};

Signed split_sign(std::string_view text) {
  if (text.starts_with('-')) return {text.substr(1), true};
  if (text.starts_with('+')) return {text.substr(1), false};
  return {text, false};
}

// Parts of "a:b:c" after the first are one or two digits below 60; the first has any number of digits and underscores.
bool is_base60(std::string_view text, std::string_view first_digit) {
  const std::size_t colon = text.find(':');
  if (colon == text.npos || colon == 0 || first_digit.find(text[0]) == text.npos) return false;
  if (!only(text.substr(0, colon), "0123456789_")) return false;
  std::string_view rest = text.substr(colon + 1);
  while (true) {
    const std::size_t next = rest.find(':');
    const std::string_view part = rest.substr(0, next);
    if (part.empty() || part.size() > 2 || !only(part, "0123456789")) return false;
    if (part.size() == 2 && part[0] > '5') return false;
    if (next == rest.npos) return true;
    rest.remove_prefix(next + 1);
  }
}

std::optional<double> base60_value(std::string_view text) {
  double total = 0;
  while (true) {
    const std::size_t colon = text.find(':');
    const auto part = to_int(text.substr(0, colon), 10, false);
    if (!part) return std::nullopt;
    total = total * 60 + static_cast<double>(*part);
    if (colon == text.npos) return total;
    text.remove_prefix(colon + 1);
  }
}

std::optional<std::int64_t> as_int(std::string_view text) {
  const auto [body, negative] = split_sign(text);
  if (body.empty() || !is_digit(body[0])) return std::nullopt;
  if (body == "0") return 0;
  if (body.starts_with("0b") && body.size() > 2 && only(body.substr(2), "01_"))
    return to_int(body.substr(2), 2, negative);
  if (body.starts_with("0x") && body.size() > 2 && only(body.substr(2), "0123456789abcdefABCDEF_")) {
    return to_int(body.substr(2), 16, negative);
  }
  if (body[0] == '0') return only(body, "01234567_") ? to_int(body, 8, negative) : std::nullopt;
  if (only(body, "0123456789_")) return to_int(body, 10, negative);
  if (is_base60(body, "123456789")) {
    const auto value = base60_value(body);
    if (!value || *value > 9e15) return std::nullopt;  // beyond what a double counts exactly
    return static_cast<std::int64_t>(negative ? -*value : *value);
  }
  return std::nullopt;
}

std::optional<double> decimal_value(std::string_view body, bool negative) {
  const std::string plain = without_underscores(body);
  double number = 0;
  const auto [end, failure] = std::from_chars(plain.data(), plain.data() + plain.size(), number);
  if (failure != std::errc() || end != plain.data() + plain.size()) return std::nullopt;
  return negative ? -number : number;
}

// digits "." digits? exponent?, where the exponent must have a sign. A leading dot takes no sign.
bool is_decimal(std::string_view body, bool has_sign) {
  const std::size_t dot = body.find('.');
  if (dot == body.npos) return false;
  const std::string_view whole = body.substr(0, dot);
  std::string_view fraction = body.substr(dot + 1);
  if (const std::size_t e = fraction.find_first_of("eE"); e != fraction.npos) {
    const std::string_view exponent = fraction.substr(e + 1);
    if (exponent.size() < 2 || (exponent[0] != '+' && exponent[0] != '-')) return false;
    if (!only(exponent.substr(1), "0123456789")) return false;
    fraction = fraction.substr(0, e);
  }
  if (!only(fraction, "0123456789_")) return false;
  if (whole.empty()) return !has_sign && !fraction.empty() && is_digit(fraction[0]);
  return is_digit(whole[0]) && only(whole, "0123456789_");
}

std::optional<double> as_float(std::string_view text) {
  const auto [body, negative] = split_sign(text);
  const bool has_sign = body.size() != text.size();
  if (is_one_of(body, {".inf", ".Inf", ".INF"})) {
    return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) return std::numeric_limits<double>::quiet_NaN();
  if (is_decimal(body, has_sign)) return decimal_value(body, negative);
  const std::size_t dot = body.rfind('.');
  if (dot == body.npos || !is_base60(body.substr(0, dot), "0123456789") || !only(body.substr(dot + 1), "0123456789_")) {
    return std::nullopt;
  }
  const auto whole = base60_value(body.substr(0, dot));
  const auto fraction = decimal_value("0." + without_underscores(body.substr(dot + 1)) + "0", false);
  if (!whole || !fraction) return std::nullopt;
  return (negative ? -1 : 1) * (*whole + *fraction);
}

}  // namespace

Value resolve_plain_scalar(std::string_view text) {
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return {};
  if (is_one_of(text, {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) return true;
  if (is_one_of(text, {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) return false;
  if (const auto number = as_int(text)) return *number;
  if (const auto number = as_float(text)) return *number;
  return text;
}

}  // namespace matriarch::config
