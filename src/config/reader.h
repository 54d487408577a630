// Reads typed values out of one section of a configuration tree. What does not fit gives the default and a warning that
// names path, value (unless secret) and what is expected; it never fails.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/local_config.h"
#include "config/secret.h"
#include "config/yaml.h"
#include "model/value.h"

namespace matriarch::config {

class Reader {
 public:
  // `section`: a map, or null / nullptr for an absent one. Anything else is warned about and counts as absent. The
  // section and the warnings must outlive the reader.
  Reader(const Value* section, std::string path, Warnings& warnings);
  Reader(const Value::Map& section, std::string path, Warnings& warnings);

  // The sub-section of that name.
  [[nodiscard]] Reader section(std::string_view key) const;

  // The raw value; nullptr if absent or null. find_any(): null is a value.
  [[nodiscard]] const Value* find(std::string_view key) const;
  [[nodiscard]] const Value* find_any(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  [[nodiscard]] bool present() const { return map_ != nullptr; }

  // Numbers count as their text.
  [[nodiscard]] std::string text(std::string_view key, std::string_view fallback = "") const;
  [[nodiscard]] Secret secret(std::string_view key) const;
  [[nodiscard]] bool boolean(std::string_view key, bool fallback) const;
  // Out of range counts as wrong.
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t fallback,
                                     std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                                     std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;
  [[nodiscard]] Value::Map map(std::string_view key) const;
  // Items that are no text are skipped.
  [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;
  // A list of texts, or one text with commas.
  [[nodiscard]] std::vector<std::string> texts_or_commas(std::string_view key) const;
  // Entries of a map as texts, in order.
  [[nodiscard]] TextPairs pairs(std::string_view key) const;

  template <class Enum>
  [[nodiscard]] Enum choice(std::string_view key, Enum fallback,
                            std::initializer_list<std::pair<std::string_view, Enum>> choices) const {
    const Value* value = find(key);
    if (value == nullptr) return fallback;
    for (const auto& [word, meaning] : choices) {
      if (is_word(*value, word)) return meaning;
    }
    std::vector<std::string> words;
    for (const auto& [word, meaning] : choices) words.emplace_back(word);
    wrong(key, *value, "must be one of " + listed(words));
    return fallback;
  }

  [[nodiscard]] std::string path_of(std::string_view key) const;
  // Adds the warning "<path>: <value> <problem>; the default is used".
  void wrong(std::string_view key, const Value& value, std::string_view problem) const;
  void warn(std::string text) const { warnings_->push_back(std::move(text)); }
  [[nodiscard]] Warnings& warnings() const { return *warnings_; }

 private:
  static bool is_word(const Value& value, std::string_view word);
  static std::string listed(const std::vector<std::string>& words);

  const Value::Map* map_ = nullptr;
  std::string path_;
  Warnings* warnings_;
};

// A value for a message: text as it is (quoted), cut when long; "***" when the path is that of a secret.
std::string shown(std::string_view path, const Value& value);

}  // namespace matriarch::config
