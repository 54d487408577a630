// Asking the person at the terminal.
#pragma once

#include <optional>
#include <string>

namespace matriarch::app {

// What is typed does not show. Absent: there is no terminal, or nothing was typed.
std::optional<std::string> ask_password(const std::string& prompt);

}  // namespace matriarch::app
