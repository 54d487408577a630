// Which configured parameters may be written for a server of a given version (CFG-330..344). What the server would refuse
// must never reach its files: it would not start.
#include <algorithm>

#include <fmt/format.h>

#include "config/guc.h"
#include "config/guc_table.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

bool applies(const GucRule& rule, int server_version) {
  if (server_version == 0) return rule.version_till == 0;
  return server_version >= rule.version_from && (rule.version_till == 0 || server_version < rule.version_till);
}

const GucRule* find_in(std::span<const GucRule> rules, std::string_view name, int server_version) {
  const std::string lower = lower_case(name);
  auto at = std::lower_bound(rules.begin(), rules.end(), lower,
                             [](const GucRule& rule, const std::string& key) { return rule.name < key; });
  for (; at != rules.end() && at->name == lower; ++at) {
    if (applies(*at, server_version)) return &*at;
  }
  return nullptr;
}

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_identifier(std::string_view text) {
  return !text.empty() && is_name_start(text[0]) && std::all_of(text.begin(), text.end(), [](char c) {
    return is_name_start(c) || (c >= '0' && c <= '9') || c == '$';
  });
}

// What the lexer of postgresql.conf takes: name, or prefix.name.
bool is_writable_name(std::string_view name) {
  const std::size_t dot = name.find('.');
  if (dot == name.npos) return is_identifier(name);
  return is_identifier(name.substr(0, dot)) && is_identifier(name.substr(dot + 1));
}

std::string_view type_name(GucType type) {
  switch (type) {
    case GucType::kBool: return "bool";
    case GucType::kInteger: return "integer";
    case GucType::kReal: return "real";
    case GucType::kEnum:
    case GucType::kEnumBool: return "enum";
    case GucType::kString: return "string";
  }
  return "string";
}

bool is_listed(std::string_view values, std::string_view text) {
  const std::vector<std::string> all = split(values, '|');
  return std::find(all.begin(), all.end(), lower_case(text)) != all.end();
}

// The limit a number violates, if any.
std::optional<double> violated_limit(const GucRule& rule, double number) {
  if (number < rule.min) return rule.min;
  if (number > rule.max) return rule.max;
  return std::nullopt;
}

std::optional<std::string> checked_number(const GucRule& rule, std::string_view name, const std::string& text,
                                          std::optional<double> number, Warnings& warnings) {
  if (!number) return std::nullopt;
  const auto limit = violated_limit(rule, *number);
  if (!limit) return text;
  const std::string written = fmt::format("{}", *limit);
  warnings.push_back(fmt::format("Value={} of parameter={} is too {}, {} to {}{}", text, name,
                                 *number < *limit ? "low" : "big", *number < *limit ? "increasing" : "decreasing",
                                 written, rule.unit));
  return written;
}

// Absent: the text is no value of this type.
std::optional<std::string> checked_text(const GucRule& rule, std::string_view name, const std::string& text,
                                        Warnings& warnings) {
  switch (rule.type) {
    case GucType::kBool: return parse_bool(std::string_view(text)) ? std::optional(text) : std::nullopt;
    case GucType::kInteger: {
      const auto number = parse_guc_int(text, rule.unit);
      return checked_number(rule, name, text, number ? std::optional(static_cast<double>(*number)) : std::nullopt,
                            warnings);
    }
    case GucType::kReal: return checked_number(rule, name, text, parse_guc_real(text, rule.unit), warnings);
    case GucType::kEnum: return is_listed(rule.values, text) ? std::optional(text) : std::nullopt;
    case GucType::kEnumBool:
      return parse_bool(std::string_view(text)) || is_listed(rule.values, text) ? std::optional(text) : std::nullopt;
    case GucType::kString: return text;
  }
  return std::nullopt;
}

std::optional<std::string> checked_by_rule(const GucRule& rule, std::string_view name, const std::string& text,
                                           Warnings& warnings) {
  auto checked = checked_text(rule, name, text, warnings);
  if (!checked) {
    warnings.push_back(fmt::format("Removing {} parameter={} from the config due to the invalid value={}",
                                   type_name(rule.type), name, text));
  }
  return checked;
}

// The text of a value that can stand in a configuration file at all.
std::optional<std::string> writable_text(std::string_view name, const Value& value, Warnings& warnings) {
  if (value.is_null()) return std::nullopt;  // CFG-339
  auto text = guc_text(value);
  if (!text) {
    warnings.push_back(
        fmt::format("Removing parameter={} from the config: its value must be a text or a number, not a list or "
                    "mapping",
                    name));
    return std::nullopt;
  }
  if (text->find_first_of(std::string_view("\n\r\0", 3)) != text->npos) {
    warnings.push_back(
        fmt::format("Removing parameter={} from the config: its value has a line break, which PostgreSQL's "
                    "configuration files do not allow",
                    name));
    return std::nullopt;
  }
  return text;
}

void warn_unexpected(std::string_view name, const std::string& text, Warnings& warnings) {
  warnings.push_back(fmt::format("Removing unexpected parameter={} value={} from the config", name, text));
}

}  // namespace

std::span<const GucRule> known_gucs() { return guc_rules(); }

const GucRule* find_guc(std::string_view name, int server_version) {
  return find_in(guc_rules(), name, server_version);
}

const GucRule* find_recovery_guc(std::string_view name, int server_version) {
  return find_in(recovery_guc_rules(), name, server_version);
}

bool is_recovery_guc(std::string_view name) {
  const std::string lower = lower_case(name);
  const auto rules = recovery_guc_rules();
  return lower == "pause_at_recovery_target" ||
         std::any_of(rules.begin(), rules.end(), [&lower](const GucRule& rule) { return rule.name == lower; });
}

std::optional<std::string> checked_guc(std::string_view name, const Value& value, int server_version,
                                       const std::set<std::string>& server_names, Warnings& warnings) {
  if (is_recovery_guc(name)) return std::nullopt;  // CFG-332
  const auto text = writable_text(name, value, warnings);
  if (!text) return std::nullopt;
  if (const GucRule* rule = find_guc(name, server_version)) return checked_by_rule(*rule, name, *text, warnings);
  const bool known = name.find('.') != name.npos || server_names.contains(lower_case(name));
  if (known && is_writable_name(name)) return text;
  warn_unexpected(name, *text, warnings);
  return std::nullopt;
}

std::optional<std::string> checked_recovery_guc(std::string_view name, const Value& value, int server_version,
                                                Warnings& warnings) {
  const auto text = writable_text(name, value, warnings);
  if (!text) return std::nullopt;
  if (const GucRule* rule = find_recovery_guc(name, server_version))
    return checked_by_rule(*rule, name, *text, warnings);
  // The value may be a connection string with a password.
  warnings.push_back(fmt::format("Removing unexpected recovery parameter={} from the config", name));
  return std::nullopt;
}

}  // namespace matriarch::config
