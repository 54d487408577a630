// Does a configured text mean what the server already has (CFG-354..356)?
#include "config/guc.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

// An enum that the server shows as on or off was set by a boolean word (CFG-355).
bool same_enum(std::string_view setting, std::string_view configured) {
  if (equals_ignoring_case(setting, configured)) return true;
  const bool is_switch = equals_ignoring_case(setting, "on") || equals_ignoring_case(setting, "off");
  return is_switch && parse_bool(setting) == parse_bool(configured);
}

}  // namespace

std::optional<std::string> guc_text(const Value& value) {
  if (value.is_bool()) return value.as_bool() ? "on" : "off";
  if (value.is_string() || value.is_number()) return string_form(value);
  return std::nullopt;
}

bool same_guc_value(std::string_view vartype, std::string_view unit, std::string_view setting,
                    std::string_view configured) {
  if (vartype == "bool") {
    const auto a = parse_bool(setting);
    const auto b = parse_bool(configured);
    return a && b && *a == *b;
  }
  if (vartype == "integer") {
    const auto a = parse_guc_int(setting, "");
    const auto b = parse_guc_int(configured, unit);
    return a && b && *a == *b;
  }
  if (vartype == "real") {
    const auto a = parse_guc_real(setting, "");
    const auto b = parse_guc_real(configured, unit);
    return a && b && *a == *b;
  }
  if (vartype == "enum") return same_enum(setting, configured);
  return setting == configured;
}

}  // namespace matriarch::config
