// PostgreSQL's parameters: how their values are read, checked and compared (config.md section 4).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "config/yaml.h"
#include "model/value.h"

namespace matriarch::config {

// --- values and units (CFG-349..353). `base_unit` is a unit of pg_settings: "", "B", "kB", "8kB", "16MB", "ms", "s", "min".
// Absent: not a number, or a unit of the wrong family.
std::optional<std::int64_t> parse_guc_int(std::string_view text, std::string_view base_unit);
std::optional<double> parse_guc_real(std::string_view text, std::string_view base_unit);

// The text of a configured value as the server reads it: booleans "on"/"off", numbers in shortest form, texts unchanged.
// Null, lists and maps have none (CFG-339, CFG-340).
std::optional<std::string> guc_text(const Value& value);

// Does the server's `setting` (pg_settings, in `unit`) mean the same as the configured text? `vartype`: bool, integer,
// real, enum or string (CFG-354..356).
bool same_guc_value(std::string_view vartype, std::string_view unit, std::string_view setting,
                    std::string_view configured);

// "16384" with unit "8kB" is "128MB", "300" with "s" is "5min" (CFG-369). Texts that are no number, have a unit of their
// own, or are 0 stay as they are.
std::string with_largest_unit(std::string_view setting, std::string_view vartype, std::string_view unit);

// --- the table of known parameters
enum class GucType { kBool, kInteger, kReal, kEnum, kEnumBool, kString };

struct GucRule {
  std::string_view name;
  int version_from;  // 150000; 0: as long as supported
  int version_till;  // first major without it; 0: still there
  GucType type;
  std::string_view unit;
  double min, max;
  std::string_view values;  // of enums, separated by |, lower case; of kEnumBool besides the boolean words
};

// The rule for a server of this version (150020); nullptr: none. Names are case-insensitive. Version 0 (unknown) takes the
// newest rule.
const GucRule* find_guc(std::string_view name, int server_version);
const GucRule* find_recovery_guc(std::string_view name, int server_version);
std::span<const GucRule> known_gucs();

// Is this one of the recovery settings of CFG-345, for whatever version?
bool is_recovery_guc(std::string_view name);

// What may be written for a configured value (CFG-331..336, CFG-343). Absent: nothing; why is in `warnings`.
// `server_names`: lower-case names that this server knows besides the table (postgres --describe-config); may be empty.
std::optional<std::string> checked_guc(std::string_view name, const Value& value, int server_version,
                                       const std::set<std::string>& server_names, Warnings& warnings);
// The same for recovery settings (CFG-346).
std::optional<std::string> checked_recovery_guc(std::string_view name, const Value& value, int server_version,
                                                Warnings& warnings);

}  // namespace matriarch::config
