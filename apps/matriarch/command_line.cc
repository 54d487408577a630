#include "command_line.h"

#include <cstdlib>
#include <filesystem>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

namespace matriarch::app {

namespace {

std::optional<CommandLine> refuse(const CommandLine& line, const std::string& why) {
  fmt::print(stderr, "{}{}: error: {}\n", usage(line.program), line.program, why);
  return std::nullopt;
}

}  // namespace

std::string usage(const std::string& program) {
  return fmt::format(
      "usage: {} [-h] [--version] [--validate-config | --generate-sample-config] [--ignore-listen-port|-i] [--print|-p] "
      "[configfile]\n",
      program);
}

std::optional<CommandLine> parse_command_line(int argc, char** argv) {
  CommandLine line{.program = std::filesystem::path(argv[0]).filename().string()};
  std::vector<std::string> modes;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "-h" || argument == "--help") {
      line.mode = Mode::kHelp;
      return line;
    }
    if (argument == "--version") {
      line.mode = Mode::kVersion;
      return line;
    }
    if (argument == "--validate-config" || argument == "--generate-sample-config") {
      line.mode = argument == "--validate-config" ? Mode::kValidate : Mode::kGenerateSample;
      modes.push_back(argument);
    } else if (argument == "-i" || argument == "--ignore-listen-port") {
      line.ignore_listen_port = true;
    } else if (argument == "-p" || argument == "--print") {
      line.print = true;
    } else if (argument.starts_with("-")) {
      return refuse(line, "unrecognized arguments: " + argument);
    } else if (line.config_path.empty()) {
      line.config_path = argument;
    } else {
      return refuse(line, "unrecognized arguments: " + argument);
    }
  }
  if (modes.size() > 1) return refuse(line, fmt::format("argument {}: not allowed with argument {}", modes[1], modes[0]));
  return line;
}

}  // namespace matriarch::app
