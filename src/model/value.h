// A JSON-like tree: what configuration files, `/config`, tags and REST bodies consist of. Keeps the order of keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace matriarch {

class Value {
 public:
  using List = std::vector<Value>;
  using Member = std::pair<std::string, Value>;
  // In insertion order; keys are unique.
  class Map {
   public:
    [[nodiscard]] const Value* find(std::string_view key) const;
    [[nodiscard]] Value* find(std::string_view key);
    Value& operator[](std::string_view key);  // inserts null when absent
    void set(std::string_view key, Value value);
    void append(std::string_view key, Value value);  // quicker than set(); precondition: !contains(key)
    bool erase(std::string_view key);
    [[nodiscard]] bool contains(std::string_view key) const { return find(key) != nullptr; }
    [[nodiscard]] std::size_t size() const { return members_.size(); }
    [[nodiscard]] bool empty() const { return members_.empty(); }
    [[nodiscard]] auto begin() const { return members_.begin(); }
    [[nodiscard]] auto end() const { return members_.end(); }
    [[nodiscard]] auto begin() { return members_.begin(); }
    [[nodiscard]] auto end() { return members_.end(); }

   private:
    std::vector<Member> members_;
  };

  Value() = default;
  Value(std::nullptr_t) {}                                          // NOLINT(google-explicit-constructor)
  Value(bool b) : data_(b) {}                                       // NOLINT(google-explicit-constructor)
  Value(int i) : data_(std::int64_t{i}) {}                          // NOLINT(google-explicit-constructor)
  Value(std::int64_t i) : data_(i) {}                               // NOLINT(google-explicit-constructor)
  Value(std::uint64_t u);                                           // NOLINT(google-explicit-constructor)
  Value(double d) : data_(d) {}                                     // NOLINT(google-explicit-constructor)
  Value(const char* s) : data_(std::string(s)) {}                   // NOLINT(google-explicit-constructor)
  Value(std::string s) : data_(std::move(s)) {}                     // NOLINT(google-explicit-constructor)
  Value(std::string_view s) : data_(std::string(s)) {}              // NOLINT(google-explicit-constructor)
  Value(List list) : data_(std::move(list)) {}                      // NOLINT(google-explicit-constructor)
  Value(Map map) : data_(std::move(map)) {}                         // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  [[nodiscard]] bool is_bool() const { return std::holds_alternative<bool>(data_); }
  [[nodiscard]] bool is_int() const { return std::holds_alternative<std::int64_t>(data_); }
  [[nodiscard]] bool is_double() const { return std::holds_alternative<double>(data_); }
  [[nodiscard]] bool is_number() const { return is_int() || is_double(); }
  [[nodiscard]] bool is_string() const { return std::holds_alternative<std::string>(data_); }
  [[nodiscard]] bool is_list() const { return std::holds_alternative<List>(data_); }
  [[nodiscard]] bool is_map() const { return std::holds_alternative<Map>(data_); }

  // Preconditions: the matching is_*().
  [[nodiscard]] bool as_bool() const { return std::get<bool>(data_); }
  [[nodiscard]] std::int64_t as_int() const { return std::get<std::int64_t>(data_); }
  [[nodiscard]] double as_double() const;  // also of an int
  [[nodiscard]] const std::string& as_string() const { return std::get<std::string>(data_); }
  [[nodiscard]] const List& as_list() const { return std::get<List>(data_); }
  [[nodiscard]] List& as_list() { return std::get<List>(data_); }
  [[nodiscard]] const Map& as_map() const { return std::get<Map>(data_); }
  [[nodiscard]] Map& as_map() { return std::get<Map>(data_); }

  // Member of a map by key, or null if this is no map or has no such key. `at("a", "b")` goes down two levels.
  [[nodiscard]] const Value* find(std::string_view key) const;
  template <class... Keys>
  [[nodiscard]] const Value* at(std::string_view first, Keys... rest) const {
    const Value* found = find(first);
    if constexpr (sizeof...(rest) == 0) {
      return found;
    } else {
      return found == nullptr ? nullptr : found->at(rest...);
    }
  }

  // Empty text, zero, false, null, empty list and empty map are not truthy.
  [[nodiscard]] bool truthy() const;

  // Structural equality; the order of keys does not matter, 1 and 1.0 are different.
  friend bool operator==(const Value& a, const Value& b);

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map> data_;
};

// How the store's readers compare (DCS-003): maps by key set and recursively, all else by its string form, so the number 2
// equals the text "2".
bool deep_equal(const Value& a, const Value& b);

// The string form used by deep_equal and in REST texts: strings as they are, true/false as "True"/"False", null as "None".
std::string string_form(const Value& value);

// DCS-005: on/true/yes/1 and off/false/no/0, case-insensitive; anything else: absent. Accepts bool, number and text.
std::optional<bool> parse_bool(const Value& value);
std::optional<bool> parse_bool(std::string_view text);
inline std::optional<bool> parse_bool(const std::string& text) { return parse_bool(std::string_view(text)); }
inline std::optional<bool> parse_bool(const char* text) { return parse_bool(std::string_view(text)); }

// DCS-004: integers; decimal, 0x.. and 0.. text; float-looking text is rounded half-to-even. Anything else: absent.
std::optional<std::int64_t> parse_int(const Value& value);
std::optional<std::int64_t> parse_int(std::string_view text);
inline std::optional<std::int64_t> parse_int(const std::string& text) { return parse_int(std::string_view(text)); }
inline std::optional<std::int64_t> parse_int(const char* text) { return parse_int(std::string_view(text)); }

// DCS-075, CFG-267..269: null deletes, maps merge recursively, everything else replaces unless both have the same text
// form. A key that is missing is added as it is, nulls inside included. True = something changed.
bool apply_patch(Value& target, const Value& patch);

// Compact JSON, non-ASCII as \uXXXX (DCS-001). The parser bounds depth (64) and refuses trailing garbage.
std::string to_json(const Value& value);
std::string to_pretty_json(const Value& value);  // two blanks indentation
Result<Value> parse_json(std::string_view text);

}  // namespace matriarch
