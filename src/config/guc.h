// PostgreSQL's parameters, as far as configuration is read and checked without a server: values with units, what is a
// parameter at all, which values it takes. What a running server says about its own parameters is src/postgres'
// business.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/value.h"

namespace matriarch::config {

// CFG-349..353. `base_unit` is a unit of pg_settings: "", "B", "kB", "8kB", "16MB", "MB", "ms", "s", "min". Absent:
// not a number, or a unit of the wrong family.
std::optional<std::int64_t> parse_guc_int(std::string_view text, std::string_view base_unit);
std::optional<double> parse_guc_real(std::string_view text, std::string_view base_unit);

// The text of a configured value as the server reads it: booleans "on"/"off", numbers in shortest form, texts as they
// are. Null, lists and maps have none (CFG-339, CFG-340).
std::optional<std::string> guc_text(const Value& value);

enum class GucType { kBool, kInteger, kReal, kEnum, kEnumBool, kString };

struct GucRule {
  std::string_view name;  // lower case
  int version_from;       // 150000; 0: as long as supported
  int version_till;       // first major without it; 0: still there
  GucType type;
  std::string_view unit;
  double min, max;
  std::string_view values;  // of enums, separated by |, lower case; of kEnumBool besides the boolean words
};

std::span<const GucRule> known_gucs();

// The rule that a server of this version (150020) goes by; 0 = any version, then the newest rule there is. Recovery
// settings included. nullptr: not known. Names are case-insensitive.
const GucRule* find_guc(std::string_view name, int server_version);

// Is this one of the recovery settings of CFG-345, of whatever version?
bool is_recovery_guc(std::string_view name);

// Why a server of this version (0: any) would leave a configured parameter out or take another value (CFG-331..335),
// for the person who writes it. Absent: it is fine. Never repeats the value: it may hold a password.
std::optional<std::string> guc_problem(std::string_view name, const Value& value, int server_version);

// Sets `name`, replacing another spelling of it (CFG-341); the value of `name` in any spelling, nullptr if absent or
// null.
void set_guc(Value::Map& parameters, std::string_view name, Value value);
const Value* find_guc_value(const Value::Map& parameters, std::string_view name);

}  // namespace matriarch::config
