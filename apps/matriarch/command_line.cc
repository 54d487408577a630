#include "command_line.h"

#include <algorithm>
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

// The mode that an option asks for.
std::optional<Mode> mode_of(const std::string& option) {
  if (option == "--validate-config") return Mode::kValidate;
  if (option == "--generate-sample-config") return Mode::kGenerateSample;
  if (option == "--generate-config") return Mode::kGenerate;
  return std::nullopt;
}

}  // namespace

std::string usage(const std::string& program) {
  return fmt::format(
      "usage: {} [-h] [--version] [--validate-config | --generate-sample-config | --generate-config] [--dsn DSN] "
      "[--ignore-listen-port|-i] [--print|-p] [configfile]\n"
      "       {} witness configfile\n",
      program, program);
}

std::optional<CommandLine> parse_command_line(int argc, char** argv) {
  CommandLine line{.program = std::filesystem::path(argv[0]).filename().string()};
  std::vector<std::string> modes;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (i == 1 && argument == "witness") {
      line.mode = Mode::kWitness;
      continue;
    }
    if (argument == "-h" || argument == "--help") {
      line.mode = Mode::kHelp;
      return line;
    }
    if (argument == "--version") {
      line.mode = Mode::kVersion;
      return line;
    }
    if (const auto mode = mode_of(argument)) {
      line.mode = *mode;
      if (std::ranges::find(modes, argument) == modes.end()) modes.push_back(argument);
    } else if (argument == "--dsn") {
      if (++i == argc) return refuse(line, "argument --dsn: expected one argument");
      line.dsn = argv[i];
    } else if (argument.starts_with("--dsn=")) {
      line.dsn = argument.substr(argument.find('=') + 1);
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
  if (modes.size() > 1)
    return refuse(line, fmt::format("argument {}: not allowed with argument {}", modes[1], modes[0]));
  return line;
}

}  // namespace matriarch::app
