// Fields of what others wrote: what is missing or of another type reads as empty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/value.h"

namespace matriarch::managed_etcd {

inline std::string text_of(const Value& map, std::string_view key) {
  const Value* value = map.find(key);
  return value != nullptr && value->is_string() ? value->as_string() : std::string();
}

inline bool flag_of(const Value& map, std::string_view key) {
  const Value* value = map.find(key);
  return value != nullptr && value->is_bool() && value->as_bool();
}

inline std::int64_t number_of(const Value& map, std::string_view key) {
  const Value* value = map.find(key);
  return value != nullptr && value->is_int() ? value->as_int() : 0;
}

}  // namespace matriarch::managed_etcd
