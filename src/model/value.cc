#include "model/value.h"

#include <algorithm>
#include <limits>

namespace matriarch {

namespace {

template <class Members>
auto find_member(Members& members, std::string_view key) {
  return std::find_if(members.begin(), members.end(), [key](const auto& member) { return member.first == key; });
}

bool maps_equal(const Value::Map& a, const Value::Map& b, bool (*equal)(const Value&, const Value&)) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a) {
    const Value* other = b.find(key);
    if (other == nullptr || !equal(value, *other)) return false;
  }
  return true;
}

}  // namespace

const Value* Value::Map::find(std::string_view key) const {
  const auto found = find_member(members_, key);
  return found == members_.end() ? nullptr : &found->second;
}

Value* Value::Map::find(std::string_view key) {
  const auto found = find_member(members_, key);
  return found == members_.end() ? nullptr : &found->second;
}

Value& Value::Map::operator[](std::string_view key) {
  if (Value* found = find(key)) return *found;
  return members_.emplace_back(std::string(key), Value()).second;
}

void Value::Map::set(std::string_view key, Value value) { (*this)[key] = std::move(value); }

void Value::Map::append(std::string_view key, Value value) {
  members_.emplace_back(std::string(key), std::move(value));
}

bool Value::Map::erase(std::string_view key) {
  const auto found = find_member(members_, key);
  if (found == members_.end()) return false;
  members_.erase(found);
  return true;
}

Value::Value(std::uint64_t u) {
  if (u <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    data_ = static_cast<std::int64_t>(u);
  } else {
    data_ = static_cast<double>(u);
  }
}

double Value::as_double() const { return is_int() ? static_cast<double>(as_int()) : std::get<double>(data_); }

const Value* Value::find(std::string_view key) const { return is_map() ? as_map().find(key) : nullptr; }

bool Value::truthy() const {
  if (is_bool()) return as_bool();
  if (is_int()) return as_int() != 0;
  if (is_double()) return as_double() != 0.0;
  if (is_string()) return !as_string().empty();
  if (is_list()) return !as_list().empty();
  if (is_map()) return !as_map().empty();
  return false;
}

bool operator==(const Value& a, const Value& b) {
  if (a.data_.index() != b.data_.index()) return false;
  if (a.is_null()) return true;
  if (a.is_bool()) return a.as_bool() == b.as_bool();
  if (a.is_int()) return a.as_int() == b.as_int();
  if (a.is_double()) return a.as_double() == b.as_double();
  if (a.is_string()) return a.as_string() == b.as_string();
  if (a.is_list()) return a.as_list() == b.as_list();
  return maps_equal(a.as_map(), b.as_map(), [](const Value& x, const Value& y) { return x == y; });
}

bool deep_equal(const Value& a, const Value& b) {
  if (a.is_map() && b.is_map()) return maps_equal(a.as_map(), b.as_map(), deep_equal);
  return string_form(a) == string_form(b);
}

namespace {

bool apply_member(Value::Map& target, const std::string& key, const Value& patch) {
  Value* present = target.find(key);
  if (patch.is_null()) {
    const bool counts = present != nullptr && !present->is_null();  // CFG-269
    target.erase(key);
    return counts;
  }
  if (present == nullptr) {
    target.append(key, patch);  // as it is, nulls inside included (CFG-268)
    return true;
  }
  if (patch.is_map() && present->is_map()) return apply_patch(*present, patch);
  if (string_form(*present) == string_form(patch)) return false;  // 20 and "20" are the same, the old one stays (CFG-267)
  *present = patch;
  return true;
}

}  // namespace

bool apply_patch(Value& target, const Value& patch) {
  if (!patch.is_map()) {
    if (target == patch) return false;
    target = patch;
    return true;
  }
  bool changed = false;
  if (!target.is_map()) {
    target = Value::Map();
    changed = true;
  }
  for (const auto& [key, value] : patch.as_map()) changed |= apply_member(target.as_map(), key, value);
  return changed;
}

}  // namespace matriarch
