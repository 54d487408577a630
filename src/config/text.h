// Small helpers for texts that all of config needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace matriarch::config {

std::string lower_case(std::string_view text);  // ASCII only
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string_view trimmed(std::string_view text);                        // blanks, tabs, line breaks
std::vector<std::string> split(std::string_view text, char separator);  // "a,,b" has three parts; "" has one
std::string joined(const std::vector<std::string>& parts, std::string_view separator);

}  // namespace matriarch::config
