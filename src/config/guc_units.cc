// Numbers with units, as PostgreSQL reads them (CFG-349..353).
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "config/guc.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

struct Unit {
  std::string_view name;
  double size;  // in the smallest unit of the family
};

// Largest first. The smallest of each family has size 1.
constexpr std::array<Unit, 5> kMemory = {
    {{"TB", 1099511627776.0}, {"GB", 1073741824.0}, {"MB", 1048576.0}, {"kB", 1024.0}, {"B", 1.0}}};
constexpr std::array<Unit, 6> kTime = {
    {{"d", 86400e6}, {"h", 3600e6}, {"min", 60e6}, {"s", 1e6}, {"ms", 1e3}, {"us", 1.0}}};

std::span<const Unit> family_of(std::string_view unit) {
  const auto has = [unit](std::span<const Unit> family) {
    return std::any_of(family.begin(), family.end(), [unit](const Unit& u) { return u.name == unit; });
  };
  if (has(kMemory)) return kMemory;
  if (has(kTime)) return kTime;
  return {};
}

// "8kB" is a multiplier of 8 and the unit kB.
struct BaseUnit {
  double multiplier = 1;
  std::string_view unit;
};

BaseUnit split_base_unit(std::string_view text) {
  double multiplier = 1;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), multiplier);
  if (failure != std::errc()) return {1, text};
  return {multiplier, text.substr(static_cast<std::size_t>(end - text.data()))};
}

double size_of(std::span<const Unit> family, std::string_view unit) {
  const auto found = std::find_if(family.begin(), family.end(), [unit](const Unit& u) { return u.name == unit; });
  return found->size;
}

// The next smaller unit's size; of the smallest: 0, for there is nothing to round to.
double next_smaller(std::span<const Unit> family, std::string_view unit) {
  for (std::size_t i = 0; i + 1 < family.size(); ++i) {
    if (family[i].name == unit) return family[i + 1].size;
  }
  return 0;
}

// A value given in `unit`, in base units. A value that is whole in `unit` is not rounded before.
std::optional<double> in_base_unit(double value, std::string_view unit, std::string_view base_unit) {
  if (unit.empty()) return value;
  const BaseUnit base = split_base_unit(base_unit);
  const auto family = family_of(base.unit);
  if (family.empty() || family_of(unit).data() != family.data()) return std::nullopt;
  double smallest = value * size_of(family, unit);
  if (const double step = next_smaller(family, unit); step > 0) smallest = std::nearbyint(smallest / step) * step;
  return smallest / (base.multiplier * size_of(family, base.unit));
}

struct Number {
  double value;
  std::string_view rest;  // after the number, trimmed
};

std::optional<Number> read_real(const std::string& text) {
  const char* start = text.c_str();
  char* end = nullptr;
  errno = 0;
  const double value = std::strtod(start, &end);
  if (end == start || errno == ERANGE || !std::isfinite(value)) return std::nullopt;
  return Number{value, trimmed(std::string_view(end))};
}

// C rules for the base; what looks like a fraction or an exponent is read as a real.
std::optional<Number> read_integer(const std::string& text) {
  const char* start = text.c_str();
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(start, &end, 0);
  const bool real_follows = *end == '.' || *end == 'e' || *end == 'E';
  if (real_follows || errno == ERANGE) return read_real(text);
  if (end == start) return std::nullopt;
  return Number{static_cast<double>(value), trimmed(std::string_view(end))};
}

bool is_hexadecimal_or_word(std::string_view text) {  // what strtod takes and PostgreSQL's reals do not
  return text.find_first_of("xXnNiIpP") != text.npos;
}

}  // namespace

std::optional<std::int64_t> parse_guc_int(std::string_view text, std::string_view base_unit) {
  const std::string copy(trimmed(text));
  const auto number = read_integer(copy);
  if (!number) return std::nullopt;
  const auto based = in_base_unit(number->value, number->rest, base_unit);
  constexpr double kLimit = 9.0e18;
  if (!based || std::fabs(*based) > kLimit) return std::nullopt;
  return static_cast<std::int64_t>(std::nearbyint(*based));  // half to even
}

std::optional<double> parse_guc_real(std::string_view text, std::string_view base_unit) {
  const std::string copy(trimmed(text));
  const auto number = read_real(copy);
  if (!number) return std::nullopt;
  if (is_hexadecimal_or_word(std::string_view(copy).substr(0, copy.size() - number->rest.size()))) return std::nullopt;
  return in_base_unit(number->value, number->rest, base_unit);
}

}  // namespace matriarch::config
