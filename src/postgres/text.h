// Small things about texts and lists that the standard library of today lacks.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace matriarch::postgres {

template <class Range, class T>
bool contains(const Range& range, const T& value) {
  return std::ranges::find(range, value) != std::ranges::end(range);
}

// "a,,b" gives three items, "" gives one.
inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> items;
  while (true) {
    const auto at = std::min(text.find(separator), text.size());
    items.push_back(text.substr(0, at));
    if (at == text.size()) return items;
    text.remove_prefix(at + 1);
  }
}

// The last one need not end in a newline; an empty text has none.
inline std::vector<std::string_view> lines_of(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty()) return {};
  return split(text, '\n');
}

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace matriarch::postgres
