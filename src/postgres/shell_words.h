// Splitting commands of the configuration into words, by the rules of a POSIX shell without running one (PG-015).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace matriarch::postgres {

// Quotes, backslashes and blanks mean what they mean in a shell; nothing else does. kInvalid: unbalanced quotes.
Result<std::vector<std::string>> shell_words(std::string_view text);

}  // namespace matriarch::postgres
