// Inner parts of command_line.cc: the definitions of the commands.
#pragma once

#include <memory>
#include <string>

#include "ctl/command_line.h"

namespace CLI {
class App;
}

namespace matriarch::ctl::detail {

// What a command's definition fills in when that command was named.
using Start = std::function<Result<Task<Status>>(App&)>;

// Adds all commands to `root`; the one that is parsed stores itself in `start`.
void add_commands(CLI::App& root, Start& start);

}  // namespace matriarch::ctl::detail
