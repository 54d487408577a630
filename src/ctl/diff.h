// Unified differences between two texts, for `edit-config` (CTL-228..230).
#pragma once

#include <string>
#include <string_view>

namespace matriarch::ctl {

// Header lines "--- " and "+++ ", hunks with three lines of context. Empty if the texts are equal.
std::string unified_diff(std::string_view before, std::string_view after);

// The same with terminal colours: header yellow, hunk lines bold blue, removed red, added green; in a removed line that is
// replaced by an added one the part that differs is shown inverse.
std::string colored(std::string_view diff);

}  // namespace matriarch::ctl
