// Values of server settings: numbers with units, comparing what is configured with what the server says (PG-010..013,
// CFG-349..356).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/value.h"

namespace matriarch::postgres {

// As the server reads it: booleans as on/off, everything else in its string form. Null gives nothing.
std::optional<std::string> guc_text(const Value& value);

// `text` converted to `base_unit` ("kB", "8kB", "16MB", "s", "ms", ...; empty: a plain number). Absent: malformed, or a
// unit of another family.
std::optional<double> parse_number(std::string_view text, std::string_view base_unit);
// The same, rounded half-to-even to a whole number.
std::optional<std::int64_t> parse_integer(std::string_view text, std::string_view base_unit);

// A row of pg_settings, as far as comparing needs it.
struct GucRow {
  std::string setting;
  std::string unit;
  std::string vartype;  // bool, integer, real, enum, string
  std::string context;  // internal, postmaster, sighup, ...
  std::string source_file;
};

bool guc_equal(const GucRow& row, std::string_view configured);

// A value of the server in the largest unit that divides it exactly (PG-226): "16384" in 8kB is "128MB".
std::string pretty_value(std::string_view setting, std::string_view unit, std::string_view vartype);

// GUC names are compared without regard to case (PG-014).
std::string lower_case(std::string_view text);

}  // namespace matriarch::postgres
