#include "config/environment.h"

#include <cstdlib>
#include <functional>

#include <fmt/format.h>

#include "config/schema.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

constexpr std::string_view kPrefix = "PATRONI_";
constexpr std::string_view kDocument = "PATRONI_CONFIGURATION";
constexpr std::string_view kGuardian = "MATRIARCH_GUARDIAN";

struct Variable {
  std::string name;
  std::string path;
  KeyType type;
};

// Obsolete and documented-only names (CFG-203, CFG-458); used only when the name proper is not set.
struct Alias {
  std::string_view name;
  std::string_view proper;
};
constexpr Alias kAliases[] = {
    {"PATRONI_LOGLEVEL", "PATRONI_LOG_LEVEL"},
    {"PATRONI_LOGFORMAT", "PATRONI_LOG_FORMAT"},
    {"PATRONI_LOG_DATEFMT", "PATRONI_LOG_DATEFORMAT"},
    {"PATRONI_POSTGRESQL_BIN_IS_READY", "PATRONI_POSTGRESQL_BIN_PG_ISREADY"},
    {"PATRONI_RETRIABLE_HTTP_CODES", "PATRONI_KUBERNETES_RETRIABLE_HTTP_CODES"},
};

std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string out(text);
  if (const auto at = out.find(what); at != std::string::npos) out.replace(at, what.size(), by);
  return out;
}

void expand(const KeySpec& spec, std::string_view placeholder, std::span<const std::string_view> names,
            std::vector<Variable>& all) {
  for (const std::string_view name : names) {
    all.push_back({std::string(kPrefix) + replaced(spec.env, upper_case(placeholder), upper_case(name)),
                   replaced(spec.path, placeholder, name), spec.type});
  }
}

// Every variable with the path it sets.
std::vector<Variable> make_variables() {
  constexpr std::string_view kUsers[] = {"superuser", "replication", "rewind"};
  constexpr std::string_view kPrograms[] = {"pg_ctl",   "initdb",     "pg_controldata", "pg_basebackup",
                                            "postgres", "pg_isready", "pg_rewind"};
  std::vector<Variable> all;
  for (const KeySpec& spec : known_keys()) {
    if (spec.env.empty()) continue;
    if (spec.env.starts_with("<U>")) {
      expand(spec, "<u>", kUsers, all);
    } else if (spec.env.find("<B>") != spec.env.npos) {
      expand(spec, "<b>", kPrograms, all);
    } else {
      all.push_back({std::string(kPrefix) + std::string(spec.env), std::string(spec.path), spec.type});
    }
  }
  return all;
}

const std::vector<Variable>& variables() {
  static const std::vector<Variable> all = make_variables();
  return all;
}

void set_path(Value& tree, std::string_view path, Value value) {
  Value* at = &tree;
  for (const std::string& part : split(path, '.')) {
    if (!at->is_map()) *at = Value::Map();
    at = &at->as_map()[part];
  }
  *at = std::move(value);
}

std::optional<Value> parsed(const std::string& text, std::string_view source) {
  Warnings ignored;
  auto value = parse_yaml(text, source, ignored);
  return value ? std::optional(std::move(*value)) : std::nullopt;
}

// CFG-198. What is no YAML list may still be a comma list ("[::1]:2379,[::2]:2379").
std::optional<Value> parse_list(const std::string& text, std::string_view source) {
  const bool as_is = text.starts_with('-') || text.find('[') != std::string::npos;
  if (auto value = parsed(as_is ? text : "[" + text + "]", source); value && value->is_list()) return value;
  Value::List items;
  for (const std::string& part : split(text, ',')) {
    const auto item = trimmed(part);
    if (item.empty() || item.find_first_of("{}\"' ") != item.npos) return std::nullopt;
    items.emplace_back(item);
  }
  return items;
}

// CFG-199. Several lines of "a: b" are taken as well.
std::optional<Value> parse_map(const std::string& text, std::string_view source) {
  const bool as_is = trimmed(text).starts_with('{');
  if (auto value = parsed(as_is ? text : "{" + text + "}", source); value && value->is_map()) return value;
  if (auto value = parsed(text, source); value && value->is_map()) return value;
  return std::nullopt;
}

std::optional<Value> typed(const std::optional<bool>& value) {
  return value ? std::optional<Value>(*value) : std::nullopt;
}

std::optional<Value> parse_variable(const Variable& variable, const std::string& text) {
  switch (variable.type) {
    case KeyType::kBool: return typed(parse_bool(std::string_view(text)));
    case KeyType::kInt: {
      const auto number = parse_int(std::string_view(text));
      return number ? std::optional<Value>(*number) : std::nullopt;
    }
    case KeyType::kNumber: {
      Value number = resolve_plain_scalar(trimmed(text));
      return number.is_number() ? std::optional<Value>(std::move(number)) : std::nullopt;
    }
    case KeyType::kUnits: {
      const auto number = parse_int(std::string_view(text));
      return number ? Value(*number) : Value(text);
    }
    case KeyType::kMap: return parse_map(text, variable.name);
    case KeyType::kTextList:
    case KeyType::kMapList:
    case KeyType::kIntOrList: return parse_list(text, variable.name);
    case KeyType::kTextOrList:
      if (variable.path == "log.format" && text.find("%(") != std::string::npos) return text;
      return parse_list(text, variable.name);
    default: return text;
  }
}

std::string_view expectation(KeyType type) {
  switch (type) {
    case KeyType::kBool: return "true or false";
    case KeyType::kInt: return "an integer";
    case KeyType::kNumber: return "a number";
    case KeyType::kMap: return "a YAML mapping";
    default: return "a YAML list";
  }
}

}  // namespace

bool is_configuration_variable(std::string_view name) {
  const auto& all = variables();
  return name == kDocument || name == kGuardian ||
         std::any_of(all.begin(), all.end(), [name](const Variable& variable) { return variable.name == name; }) ||
         std::any_of(std::begin(kAliases), std::end(kAliases),
                     [name](const Alias& alias) { return alias.name == name; });
}

EnvironmentValues take_environment() {
  EnvironmentValues taken;
  std::vector<std::string> names;
  for (const Variable& variable : variables()) names.push_back(variable.name);
  for (const Alias& alias : kAliases) names.emplace_back(alias.name);
  names.emplace_back(kDocument);
  names.emplace_back(kGuardian);
  for (const std::string& name : names) {
    if (const char* value = std::getenv(name.c_str()); value != nullptr) {
      taken[name] = value;
      unsetenv(name.c_str());
    }
  }
  return taken;
}

Value environment_overlay(const EnvironmentValues& environment, Warnings& warnings) {
  EnvironmentValues effective = environment;
  for (const Alias& alias : kAliases) {
    const auto found = environment.find(std::string(alias.name));
    if (found != environment.end()) effective.emplace(alias.proper, found->second);
  }
  Value tree{Value::Map()};
  for (const Variable& variable : variables()) {
    const auto found = effective.find(variable.name);
    if (found == effective.end() || found->second.empty()) continue;  // CFG-195
    if (auto value = parse_variable(variable, found->second)) {
      set_path(tree, variable.path, std::move(*value));
    } else {
      warnings.push_back(fmt::format("environment variable {} is ignored: its value is not {}", variable.name,
                                     expectation(variable.type)));
    }
  }
  if (const auto found = environment.find(std::string(kGuardian)); found != environment.end() && found->second.find('/') == std::string::npos) {
    set_path(tree, "guardian", resolve_plain_scalar(found->second));
  }
  return tree;
}

}  // namespace matriarch::config
