#include "config/guc.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/guc_table.h"
#include "config/text.h"
#include "model/names.h"

namespace matriarch::config {

namespace {

bool applies(const GucRule& rule, int server_version) {
  return server_version == 0 ||
         (server_version >= rule.version_from && (rule.version_till == 0 || server_version < rule.version_till));
}

// The last row of a name is the newest.
const GucRule* find_in(std::span<const GucRule> rules, const std::string& name, int server_version) {
  const GucRule* found = nullptr;
  auto at = std::lower_bound(rules.begin(), rules.end(), name,
                             [](const GucRule& rule, const std::string& key) { return rule.name < key; });
  for (; at != rules.end() && at->name == name; ++at) {
    if (applies(*at, server_version)) found = &*at;
  }
  return found;
}

bool is_listed(std::string_view values, std::string_view text) {
  const std::vector<std::string> all = split(values, '|');
  return std::find(all.begin(), all.end(), lower_case(text)) != all.end();
}

std::string units_hint(std::string_view unit) {
  if (unit.empty()) return "without a unit";
  const bool is_time = unit == "ms" || unit == "s" || unit == "min";
  return is_time ? "with a unit of us, ms, s, min, h, d"
                 : "with a unit of B, kB, MB, GB, TB (upper and lower case matter)";
}

std::optional<std::string> number_problem(const GucRule& rule, std::optional<double> number) {
  if (!number) {
    return fmt::format("must be {} {}", rule.type == GucType::kReal ? "a number" : "an integer", units_hint(rule.unit));
  }
  if (*number < rule.min) return fmt::format("is too low, {}{} is used", rule.min, rule.unit);
  if (*number > rule.max) return fmt::format("is too big, {}{} is used", rule.max, rule.unit);
  return std::nullopt;
}

std::optional<std::string> value_problem(const GucRule& rule, const std::string& text) {
  const bool is_switch = parse_bool(std::string_view(text)).has_value();
  switch (rule.type) {
    case GucType::kBool: return is_switch ? std::nullopt : std::optional<std::string>("must be on or off");
    case GucType::kInteger: {
      const auto number = parse_guc_int(text, rule.unit);
      return number_problem(rule, number ? std::optional(static_cast<double>(*number)) : std::nullopt);
    }
    case GucType::kReal: return number_problem(rule, parse_guc_real(text, rule.unit));
    case GucType::kEnum:
    case GucType::kEnumBool: {
      const bool with_switch = rule.type == GucType::kEnumBool;
      if ((with_switch && is_switch) || is_listed(rule.values, text)) return std::nullopt;
      return fmt::format("must be one of {}{}", with_switch ? "on, off, " : "", joined(split(rule.values, '|'), ", "));
    }
    case GucType::kString: return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> guc_text(const Value& value) {
  if (value.is_bool()) return value.as_bool() ? "on" : "off";
  if (value.is_string() || value.is_number()) return string_form(value);
  return std::nullopt;
}

std::span<const GucRule> known_gucs() { return guc_rules(); }

const GucRule* find_guc(std::string_view name, int server_version) {
  const std::string lower = lower_case(name);
  const GucRule* rule = find_in(guc_rules(), lower, server_version);
  return rule != nullptr ? rule : find_in(recovery_guc_rules(), lower, server_version);
}

bool is_recovery_guc(std::string_view name) {
  const std::string lower = lower_case(name);
  return lower == "pause_at_recovery_target" || find_in(recovery_guc_rules(), lower, 0) != nullptr;
}

std::optional<std::string> guc_problem(std::string_view name, const Value& value, int server_version) {
  if (value.is_null()) return std::nullopt;  // CFG-339
  if (!is_setting_name(name)) return "is no name that PostgreSQL's configuration file can hold; it is left out";
  const auto text = guc_text(value);
  if (!text) return "must be a text or a number, not a list or mapping; it is left out";
  if (text->find_first_of(std::string_view("\n\r\0", 3)) != text->npos)
    return "must not have line breaks; it is left out";
  if (name.find('.') != name.npos || is_recovery_guc(name)) {
    const GucRule* rule = find_guc(name, 0);
    return rule == nullptr ? std::nullopt : value_problem(*rule, *text);
  }
  if (const GucRule* rule = find_guc(name, server_version)) return value_problem(*rule, *text);
  if (server_version != 0 && find_guc(name, 0) != nullptr) {
    return fmt::format("is no parameter of PostgreSQL {}; it is left out there", server_version / 10000);
  }
  return "is no parameter of PostgreSQL 13 to 18; it is left out unless the server knows it; check its spelling";
}

void set_guc(Value::Map& parameters, std::string_view name, Value value) {
  for (const auto& member : parameters) {
    if (member.first == name || !equals_ignoring_case(member.first, name)) continue;
    parameters.erase(std::string(member.first));
    break;
  }
  parameters.set(name, std::move(value));
}

const Value* find_guc_value(const Value::Map& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters) {
    if (equals_ignoring_case(key, name)) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

}  // namespace matriarch::config
