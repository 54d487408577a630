#include "config/schema.h"

#include <algorithm>

#include <fmt/format.h>

#include "config/text.h"

namespace matriarch::config {

namespace {

constexpr std::array<std::string_view, 7> kSecretNames = {
    "password", "keyfile_password", "key_password", "sslpassword", "token", "auth_data", "primary_conninfo"};

bool is_secret_name(std::string_view name) {
  return std::find(kSecretNames.begin(), kSecretNames.end(), name) != kSecretNames.end();
}

bool is_placeholder(std::string_view part) { return part.starts_with('<'); }

enum class Match { kNo, kExact, kPrefix };

// How `path` fits `pattern`; kPrefix: the pattern names something below it. `literal_parts` counts equal parts.
Match match(const std::vector<std::string>& path, std::string_view pattern, int& literal_parts) {
  literal_parts = 0;
  for (const std::string& part : path) {
    if (pattern.empty()) return Match::kNo;
    const std::size_t dot = pattern.find('.');
    const std::string_view expected = pattern.substr(0, dot);
    if (part == expected) {
      ++literal_parts;
    } else if (!is_placeholder(expected)) {
      return Match::kNo;
    }
    pattern = dot == pattern.npos ? std::string_view() : pattern.substr(dot + 1);
  }
  return pattern.empty() ? Match::kExact : Match::kPrefix;
}

struct Found {
  const KeySpec* exact = nullptr;  // the one with most literal parts
  bool below = false;              // some key lies below the path
};

Found look_up(KeyScope scope, const std::vector<std::string>& path) {
  Found found;
  int best = -1;
  for (const KeySpec& spec : known_keys()) {
    if (spec.scope != scope) continue;
    int literal = 0;
    const Match how = match(path, spec.path, literal);
    if (how == Match::kExact && literal > best) {
      best = literal;
      found.exact = &spec;
    }
    // A placeholder never makes a known plain key into a section: "bootstrap.method" is no <method>.
    if (how == Match::kPrefix) found.below = true;
  }
  return found;
}

bool is_listed(const Value* names, const std::string& name) {
  if (names == nullptr) return false;
  if (names->is_string()) return names->as_string() == name;
  if (!names->is_list()) return false;
  return std::any_of(names->as_list().begin(), names->as_list().end(),
                     [&name](const Value& item) { return item.is_string() && item.as_string() == name; });
}

// A free name below `bootstrap` or `postgresql` is a method only if it is used as one or looks like one. Otherwise
// every misspelt section would pass.
bool is_method(const Value::Map& section, const std::string& name, const Value& value) {
  if (!value.is_map()) return false;
  for (const std::string_view list : {"method", "create_replica_methods", "create_replica_method"}) {
    if (is_listed(section.find(list), name)) return true;
  }
  return value.find("command") != nullptr || value.find("no_params") != nullptr || value.find("no_leader") != nullptr;
}

class UnknownFinder {
 public:
  explicit UnknownFinder(KeyScope scope) : scope_(scope) {}

  void walk(const Value::Map& map) {
    for (const auto& [key, value] : map) {
      path_.push_back(key);
      visit(map, key, value);
      path_.pop_back();
    }
  }

  std::vector<std::string> take() { return std::move(unknown_); }

 private:
  void visit(const Value::Map& parent, const std::string& key, const Value& value) {
    if (scope_ == KeyScope::kLocal && path_.size() == 2 && path_[0] == "bootstrap" && key == "dcs") {
      if (!value.is_map()) return;
      for (const std::string& inner : unknown_keys(KeyScope::kDynamic, value))
        unknown_.push_back("bootstrap.dcs." + inner);
      return;
    }
    Found found = look_up(scope_, path_);
    // Everything of the local postgresql section is accepted from the dynamic configuration (CFG-250).
    if (scope_ == KeyScope::kDynamic && path_[0] == "postgresql" && found.exact == nullptr && !found.below) {
      found = look_up(KeyScope::kLocal, path_);
    }
    const bool placeholder_only = found.exact == nullptr && path_.size() == 2 &&
                                  (path_[0] == "bootstrap" || path_[0] == "postgresql") && !has_literal(found);
    const bool known = found.exact != nullptr || (found.below && (!placeholder_only || is_method(parent, key, value)));
    if (!known) {
      unknown_.push_back(joined(path_, "."));
    } else if (found.below && value.is_map()) {
      walk(value.as_map());
    }
  }

  // Does the path name a section literally ("postgresql.authentication"), not only by a placeholder?
  [[nodiscard]] bool has_literal(const Found& found) const {
    if (!found.below) return false;
    const auto keys = known_keys();
    return std::any_of(keys.begin(), keys.end(), [this](const KeySpec& spec) {
      int literal = 0;
      return match(path_, spec.path, literal) == Match::kPrefix && literal == static_cast<int>(path_.size());
    });
  }

  KeyScope scope_;
  std::vector<std::string> path_;
  std::vector<std::string> unknown_;
};

// "http://user:password@host" without what stands before the @.
std::string without_credentials(const std::string& text) {
  const std::size_t scheme = text.find("://");
  if (scheme == text.npos) return text;
  const std::size_t start = scheme + 3;
  const std::size_t end = text.find_first_of("/?# ", start);
  const std::size_t at = text.rfind('@', end == text.npos ? text.npos : end);
  if (at == text.npos || at < start) return text;
  return text.substr(0, start) + "***" + text.substr(at);
}

bool is_present(const Value& tree, std::string_view path) {
  const Value* at = &tree;
  for (const std::string& part : split(path, '.')) {
    at = at->find(part);
    if (at == nullptr || at->is_null()) return false;
  }
  return true;
}

}  // namespace

const KeySpec* find_key(KeyScope scope, std::string_view path) { return look_up(scope, split(path, '.')).exact; }

bool is_secret_path(std::string_view path) {
  const auto parts = split(path, '.');
  return std::any_of(parts.begin(), parts.end(), is_secret_name);
}

std::vector<std::string> unknown_keys(KeyScope scope, const Value& tree) {
  if (!tree.is_map()) return {};
  UnknownFinder finder(scope);
  finder.walk(tree.as_map());
  return finder.take();
}

std::optional<std::string> unimplemented_warning(KeyScope scope, const Value& tree) {
  std::vector<std::string> present;
  for (const std::string_view path : unimplemented_keys()) {
    if (is_present(tree, path)) present.emplace_back(path);
    const bool in_bootstrap = scope == KeyScope::kLocal && is_present(tree, "bootstrap.dcs." + std::string(path));
    if (in_bootstrap) present.push_back("bootstrap.dcs." + std::string(path));
  }
  if (present.empty()) return std::nullopt;
  return fmt::format("These settings are read but not acted upon by this version yet: {}", joined(present, ", "));
}

Value masked(const Value& tree) {
  if (tree.is_string()) return without_credentials(tree.as_string());
  if (tree.is_list()) {
    Value::List list;
    for (const Value& item : tree.as_list()) list.push_back(masked(item));
    return list;
  }
  if (!tree.is_map()) return tree;
  Value::Map map;
  for (const auto& [key, value] : tree.as_map()) {
    map.append(key, is_secret_name(key) && value.truthy() ? Value("***") : masked(value));
  }
  return map;
}

}  // namespace matriarch::config
