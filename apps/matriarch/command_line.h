// The daemon's command line (CFG-372..376).
#pragma once

#include <optional>
#include <string>

namespace matriarch::app {

enum class Mode { kRun, kVersion, kHelp, kValidate, kGenerateSample, kGenerate, kWitness };

struct CommandLine {
  Mode mode = Mode::kRun;
  std::string program;  // "matriarch", or "patroni" when invoked so
  std::string
      config_path;  // file or folder; empty: environment only. Of the generators: the file to write, empty: stdout
  std::string dsn;  // of the server that --generate-config describes
  bool ignore_listen_port = false;
  bool print = false;
};

// On a wrong command line usage and error go to stderr, and the result is empty: exit 2.
std::optional<CommandLine> parse_command_line(int argc, char** argv);

std::string usage(const std::string& program);

}  // namespace matriarch::app
