// Questions to the person at the terminal (CTL-024..029). kCancelled means that standard input ended: the program says
// "Aborted!" and exits with 1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ctl/console.h"

namespace matriarch::ctl {

// "<text> [<fallback>]: "; an empty answer selects the fallback, which may be empty.
Result<std::string> ask(Console& console, std::string_view text, std::string_view fallback);
// "<text>: ", asked until the answer is not empty.
Result<std::string> ask(Console& console, std::string_view text);
Result<int> ask_int(Console& console, std::string_view text);
// "<text> [y/N]: "
Result<bool> confirm(Console& console, std::string_view text);

}  // namespace matriarch::ctl
