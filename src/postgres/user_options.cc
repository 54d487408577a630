#include "postgres/user_options.h"

#include <fmt/format.h>

#include "postgres/shell_words.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

// PG-018: one quoted word loses its quotes; anything else is passed as it is.
std::string unquoted(const std::string& value) {
  const auto words = shell_words(value);
  return words && words->size() == 1 ? words->front() : value;
}

class Collector {
 public:
  explicit Collector(std::span<const std::string_view> forbidden) : forbidden_(forbidden) {}

  void flag(const std::string& name) {
    if (allowed(name)) result_.arguments.push_back("--" + name);
  }
  void pair(const std::string& name, const std::string& value) {
    if (allowed(name)) result_.arguments.push_back(fmt::format("--{}={}", name, unquoted(value)));
  }
  void problem(std::string text) { result_.problems.push_back(std::move(text)); }
  UserOptions take() { return std::move(result_); }

 private:
  bool allowed(const std::string& name) {
    if (!contains(forbidden_, std::string_view(name))) return true;
    problem(fmt::format("option {} is set by the manager and cannot be given", name));
    return false;
  }

  std::span<const std::string_view> forbidden_;
  UserOptions result_;
};

}  // namespace

UserOptions user_options(const Value& options, std::span<const std::string_view> forbidden) {
  Collector collector(forbidden);
  if (options.is_map()) {
    for (const auto& [key, value] : options.as_map()) {
      if (!key.empty() && value.truthy()) collector.pair(key, string_form(value));
    }
  } else if (options.is_list()) {
    for (const auto& item : options.as_list()) {
      const bool one_pair = item.is_map() && item.as_map().size() == 1;
      if (item.is_string()) {
        // "no-sync" and "key=value" alike; the name decides whether it may be given.
        const auto& text = item.as_string();
        const auto equals = text.find('=');
        if (equals == std::string::npos) {
          collector.flag(text);
        } else {
          collector.pair(text.substr(0, equals), text.substr(equals + 1));
        }
      } else if (one_pair && !item.as_map().begin()->second.is_map() && !item.as_map().begin()->second.is_list()) {
        collector.pair(item.as_map().begin()->first, string_form(item.as_map().begin()->second));
      } else {
        collector.problem(fmt::format("{} is neither an option nor a pair of an option and its value", to_json(item)));
      }
    }
  } else if (!options.is_null()) {
    collector.problem(fmt::format("options must be a map or a list, not {}", to_json(options)));
  }
  return collector.take();
}

}  // namespace matriarch::postgres
