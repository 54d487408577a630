// The agent: reads its configuration, wires the parts together and runs until it is told to stop.
#include <fmt/format.h>

#include "base/files.h"
#include "base/log_setup.h"
#include "command_line.h"
#include "config/generate.h"
#include "config/load.h"
#include "config/validate.h"
#include "daemon.h"

namespace {

using namespace matriarch;

constexpr const char* kContractVersion = "4.1.4";
constexpr Duration kLogGrace = std::chrono::seconds(3);  // for a slow destination to take the last records

int validate(const app::CommandLine& line, const config::EnvironmentValues& environment) {
  const auto loaded = config::load_tree(line.config_path, environment);
  if (!loaded) {
    fmt::print(stderr, "{}\n", loaded.error().text());
    return 1;
  }
  const auto problems = config::validate(loaded->tree, {.ignore_listen_port = line.ignore_listen_port}, config::system_probes());
  for (const auto& problem : problems) fmt::print(stderr, "{}\n", problem);
  if (!problems.empty()) return 1;
  if (line.print) fmt::print("{}", config::print_config(loaded->tree));
  return 0;
}

int generate_sample(const app::CommandLine& line, const config::EnvironmentValues& environment) {
  config::Warnings warnings;
  const std::string text = config::to_config_file(config::sample_tree(config::machine_facts(), environment, warnings));
  for (const auto& warning : warnings) log::warning("{}", warning);
  if (line.config_path.empty()) {
    fmt::print("{}", text);
    return 0;
  }
  const auto written = write_file_atomically(line.config_path, text, 0600);
  if (!written) fmt::print(stderr, "{}\n", written.error().text());
  return written ? 0 : 1;
}

int run(const app::CommandLine& line, config::EnvironmentValues environment) {
  if (line.config_path.empty() && environment.empty()) {
    fmt::print(stderr, "{}{}: error: no configuration: give a file, or set PATRONI_CONFIGURATION or PATRONI_* variables\n",
               app::usage(line.program), line.program);
    return 1;
  }
  auto loaded = config::load(line.config_path, environment);
  if (!loaded) {
    fmt::print(stderr, "{}\n", loaded.error().text());
    return 1;
  }
  const int code = app::Daemon(line, std::move(environment), std::move(*loaded)).run();
  return log::shut_down(kLogGrace) ? code : log::kExitRecordsLeft;  // CFG-432
}

}  // namespace

int main(int argc, char** argv) {
  const auto line = app::parse_command_line(argc, argv);
  if (!line) return 2;
  switch (line->mode) {
    case app::Mode::kHelp:
      fmt::print("{}\nThe environment variable PATRONI_CONFIGURATION may hold the whole configuration.\n", app::usage(line->program));
      return 0;
    case app::Mode::kVersion:
      // As `patroni` the version that is emulated counts: tools compare it.
      fmt::print("{} {}\n", line->program, line->program == "patroni" ? kContractVersion : MATRIARCH_VERSION);
      return 0;
    default:
      break;
  }
  auto environment = config::take_environment();
  if (line->mode == app::Mode::kValidate) return validate(*line, environment);
  if (line->mode == app::Mode::kGenerateSample) return generate_sample(*line, environment);
  return run(*line, std::move(environment));
}
