// From arguments to a command (spec sections 1 and 3).
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "ctl/commands.h"
#include "ctl/settings.h"

namespace matriarch::ctl {

// Wrong usage: exit code 2 (CTL-021). The text has usage line, hint and reason.
struct UsageError {
  std::string text;
};

struct Invocation {
  GlobalOptions global;
  // Fills in what the configuration gives (cluster name, group) and begins the command. Error: usage, the reason only.
  std::function<Result<Task<Status>>(App&)> start;
  std::string usage;  // of the command, for errors of `start`
};

// Asked for help: to be printed on standard output, exit code 0.
struct Help {
  std::string text;
};

// `program`: as invoked, for messages. `arguments`: without it.
using Parsed = std::variant<Invocation, Help, UsageError>;
Parsed parse_command_line(const std::string& program, const std::vector<std::string>& arguments);

// The usage line, the hint to --help and the reason.
std::string usage_text(const std::string& usage, std::string_view reason);

}  // namespace matriarch::ctl
