#include "config/reader.h"

#include <fmt/format.h>

#include "config/schema.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

constexpr std::size_t kMaxShown = 120;  // bytes of a value in a message

}  // namespace

std::string shown(std::string_view path, const Value& value) {
  if (is_secret_path(path)) return "***";
  std::string text = string_form(masked(value));
  if (text.size() > kMaxShown) text = text.substr(0, kMaxShown) + "...";
  return value.is_string() ? "'" + text + "'" : text;
}

Reader::Reader(const Value* section, std::string path, Warnings& warnings)
    : path_(std::move(path)), warnings_(&warnings) {
  if (section == nullptr || section->is_null()) return;
  if (section->is_map()) {
    map_ = &section->as_map();
  } else {
    warnings.push_back(fmt::format("{}: {} must be a mapping; it is ignored", path_, shown(path_, *section)));
  }
}

Reader::Reader(const Value::Map& section, std::string path, Warnings& warnings)
    : map_(&section), path_(std::move(path)), warnings_(&warnings) {}

Reader Reader::section(std::string_view key) const { return {find(key), path_of(key), *warnings_}; }

const Value* Reader::find_any(std::string_view key) const { return map_ == nullptr ? nullptr : map_->find(key); }

const Value* Reader::find(std::string_view key) const {
  const Value* value = find_any(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string Reader::path_of(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

void Reader::wrong(std::string_view key, const Value& value, std::string_view problem) const {
  const std::string path = path_of(key);
  warn(fmt::format("{}: {} {}; the default is used", path, shown(path, value), problem));
}

std::string Reader::text(std::string_view key, std::string_view fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return std::string(fallback);
  if (value->is_string() || value->is_number()) return string_form(*value);
  wrong(key, *value, "must be a text (put it in quotes)");
  return std::string(fallback);
}

Secret Reader::secret(std::string_view key) const { return Secret(text(key)); }

bool Reader::boolean(std::string_view key, bool fallback) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  if (const auto flag = parse_bool(*value)) return *flag;
  wrong(key, *value, "must be true or false");
  return fallback;
}

std::int64_t Reader::integer(std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max) const {
  const Value* value = find(key);
  if (value == nullptr) return fallback;
  const auto number = parse_int(*value);
  if (!number) {
    wrong(key, *value, "must be an integer");
  } else if (*number < min) {
    wrong(key, *value, fmt::format("must be at least {}", min));
  } else if (*number > max) {
    wrong(key, *value, fmt::format("must be at most {}", max));
  } else {
    return *number;
  }
  return fallback;
}

Value::Map Reader::map(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return {};
  if (value->is_map()) return value->as_map();
  wrong(key, *value, "must be a mapping");
  return {};
}

std::vector<std::string> Reader::texts(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_list()) {
    wrong(key, *value, "must be a list of texts");
    return {};
  }
  std::vector<std::string> all;
  for (const Value& item : value->as_list()) {
    if (item.is_string()) {
      all.push_back(item.as_string());
    } else {
      const std::string path = path_of(key);
      warn(fmt::format("{}: the item {} is no text and is skipped", path, shown(path, item)));
    }
  }
  return all;
}

std::vector<std::string> Reader::texts_or_commas(std::string_view key) const {
  const Value* value = find(key);
  if (value == nullptr || !value->is_string()) return texts(key);
  std::vector<std::string> all;
  for (const std::string& part : split(value->as_string(), ',')) {
    if (const auto item = trimmed(part); !item.empty()) all.emplace_back(item);
  }
  return all;
}

TextPairs Reader::pairs(std::string_view key) const {
  TextPairs all;
  for (const auto& [name, value] : map(key)) all.emplace_back(name, string_form(value));
  return all;
}

bool Reader::is_word(const Value& value, std::string_view word) {
  // `off` without quotes is false in YAML 1.1.
  if (value.is_bool()) return !value.as_bool() ? word == "off" || word == "false" : word == "on" || word == "true";
  return value.is_string() && equals_ignoring_case(value.as_string(), word);
}

std::string Reader::listed(const std::vector<std::string>& words) { return joined(words, ", "); }

}  // namespace matriarch::config
