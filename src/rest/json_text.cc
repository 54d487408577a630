#include "rest/json_text.h"

namespace matriarch::rest {

namespace {

void append(std::string& out, const Value& value) {
  if (value.is_map()) {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : value.as_map()) {
      if (!std::exchange(first, false)) out += ", ";
      out += to_json(Value(key));
      out += ": ";
      append(out, item);
    }
    out += '}';
  } else if (value.is_list()) {
    out += '[';
    bool first = true;
    for (const Value& item : value.as_list()) {
      if (!std::exchange(first, false)) out += ", ";
      append(out, item);
    }
    out += ']';
  } else {
    out += to_json(value);
  }
}

}  // namespace

std::string to_spaced_json(const Value& value) {
  std::string out;
  append(out, value);
  return out;
}

}  // namespace matriarch::rest
