#include "postgres/guc_value.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

struct Unit {
  std::string_view name;
  double factor;  // in bytes or microseconds
  std::string_view smaller;
};

constexpr std::array<Unit, 5> kMemory = {{{"B", 1, ""},
                                          {"kB", 1024.0, "B"},
                                          {"MB", 1024.0 * 1024, "kB"},
                                          {"GB", 1024.0 * 1024 * 1024, "MB"},
                                          {"TB", 1024.0 * 1024 * 1024 * 1024, "GB"}}};
constexpr std::array<Unit, 6> kTime = {
    {{"us", 1, ""}, {"ms", 1e3, "us"}, {"s", 1e6, "ms"}, {"min", 6e7, "s"}, {"h", 3.6e9, "min"}, {"d", 8.64e10, "h"}}};

std::span<const Unit> family_of(std::string_view name) {
  const auto has = [name](std::span<const Unit> units) {
    return std::ranges::any_of(units, [name](const Unit& unit) { return unit.name == name; });
  };
  if (has(kMemory)) return kMemory;
  if (has(kTime)) return kTime;
  return {};
}

const Unit* find_unit(std::span<const Unit> family, std::string_view name) {
  const auto found = std::ranges::find(family, name, &Unit::name);
  return found == family.end() ? nullptr : &*found;
}

struct BaseUnit {
  double multiplier = 1;
  std::string_view name;
};

BaseUnit split_base(std::string_view text) {
  BaseUnit base;
  double multiplier = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), multiplier);
  if (error == std::errc()) base.multiplier = multiplier;
  base.name = text.substr(static_cast<std::size_t>(end - text.data()));
  return base;
}

struct Literal {
  double value = 0;
  bool real = false;
  std::string_view rest;
};

// C base-0 integer, or a decimal with fraction or exponent (PG-011).
std::optional<Literal> leading_number(std::string_view text) {
  const std::string copy(trimmed(text));
  const char* const begin = copy.c_str();
  char* integer_end = nullptr;
  const auto integer = std::strtoll(begin, &integer_end, 0);
  char* real_end = nullptr;
  const double real = std::strtod(begin, &real_end);
  if (integer_end == begin && real_end == begin) return std::nullopt;
  const bool is_real = integer_end == begin || *integer_end == '.' || *integer_end == 'e' || *integer_end == 'E';
  const char* const end = is_real ? real_end : integer_end;
  Literal literal{.value = is_real ? real : static_cast<double>(integer), .real = is_real};
  literal.rest = trimmed(trimmed(text).substr(static_cast<std::size_t>(end - begin)));
  return literal;
}

std::string number_text(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15) return fmt::format("{:.0f}", value);
  return fmt::format("{}", value);
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

std::optional<std::string> guc_text(const Value& value) {
  if (value.is_null()) return std::nullopt;
  if (value.is_bool()) return value.as_bool() ? "on" : "off";
  return string_form(value);
}

std::optional<double> parse_number(std::string_view text, std::string_view base_unit) {
  const auto literal = leading_number(text);
  if (!literal) return std::nullopt;
  if (literal->rest.empty()) return literal->value;
  const BaseUnit base = split_base(base_unit);
  const auto family = family_of(base.name);
  const Unit* const from = find_unit(family, literal->rest);
  const Unit* const to = find_unit(family, base.name);
  if (from == nullptr || to == nullptr) return std::nullopt;
  double amount = literal->value * from->factor;
  if (const Unit* const smaller = find_unit(family, from->smaller); smaller != nullptr) {
    amount = std::nearbyint(amount / smaller->factor) * smaller->factor;  // PG-012
  }
  return amount / (to->factor * base.multiplier);
}

std::optional<std::int64_t> parse_integer(std::string_view text, std::string_view base_unit) {
  const auto number = parse_number(text, base_unit);
  constexpr double kLargest = 9e18;
  if (!number || !(std::fabs(*number) < kLargest)) return std::nullopt;
  return static_cast<std::int64_t>(std::nearbyint(*number));
}

bool guc_equal(const GucRow& row, std::string_view configured) {
  if (row.vartype == "bool") {
    const auto a = parse_bool(row.setting);
    const auto b = parse_bool(configured);
    return a && b && *a == *b;
  }
  if (row.vartype == "integer") {
    const auto a = parse_integer(row.setting, "");
    const auto b = parse_integer(configured, row.unit);
    return a && b && *a == *b;
  }
  if (row.vartype == "real") {
    const auto a = parse_number(row.setting, "");
    const auto b = parse_number(configured, row.unit);
    // The server prints six significant digits.
    return a && b && std::fabs(*a - *b) <= 1e-6 * std::max(1e-3, std::fabs(*a));
  }
  if (row.vartype == "enum") {
    const auto a = parse_bool(row.setting);
    const auto b = parse_bool(configured);
    if (a && b && *a == *b) return true;  // CFG-355
    return lower_case(row.setting) == lower_case(configured);
  }
  return row.setting == configured;
}

std::string pretty_value(std::string_view setting, std::string_view unit, std::string_view vartype) {
  const std::string as_is(setting);
  if (unit.empty() || (vartype != "integer" && vartype != "real")) return as_is;
  const auto value = parse_number(setting, "");
  const BaseUnit base = split_base(unit);
  const auto family = family_of(base.name);
  const Unit* const from = find_unit(family, base.name);
  const auto literal = leading_number(setting);
  if (!value || *value <= 0 || from == nullptr || (literal && !literal->rest.empty())) return as_is;
  const double amount = *value * base.multiplier * from->factor;
  for (std::size_t i = family.size(); i-- > 0;) {
    const double in_unit = amount / family[i].factor;
    if (in_unit == std::floor(in_unit)) return number_text(in_unit) + std::string(family[i].name);
  }
  return as_is;
}

}  // namespace matriarch::postgres
