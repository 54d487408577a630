// The agent: reads its configuration, wires the parts together and runs until it is told to stop.
#include <unistd.h>

#include <fmt/format.h>

#include "base/log_setup.h"
#include "command_line.h"
#include "config/load.h"
#include "config/validate.h"
#include "daemon.h"
#include "generate.h"
#include "init.h"
#include "witness.h"

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
  const auto problems =
      config::validate(loaded->tree, {.ignore_listen_port = line.ignore_listen_port}, config::system_probes());
  for (const auto& problem : problems) fmt::print(stderr, "{}\n", problem);
  if (!problems.empty()) return 1;
  if (line.print) fmt::print("{}", config::print_config(loaded->tree));
  return 0;
}

int witness(const app::CommandLine& line, const config::EnvironmentValues& environment) {
  if (line.config_path.empty() && environment.empty()) {
    fmt::print(stderr, "{}{}: error: witness needs a configuration file\n", app::usage(line.program), line.program);
    return 1;
  }
  const int code = app::run_witness(line, environment);
  return log::shut_down(kLogGrace) ? code : log::kExitRecordsLeft;
}

int run(const app::CommandLine& line, config::EnvironmentValues environment) {
  if (line.config_path.empty() && environment.empty()) {
    fmt::print(stderr,
               "{}{}: error: no configuration: give a file, or set PATRONI_CONFIGURATION or PATRONI_* variables\n",
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
      fmt::print("{}\nThe environment variable PATRONI_CONFIGURATION may hold the whole configuration.\n",
                 app::usage(line->program));
      return 0;
    case app::Mode::kVersion:
      // As `patroni` the version that is emulated counts: tools compare it.
      fmt::print("{} {}\n", line->program, line->program == "patroni" ? kContractVersion : MATRIARCH_VERSION);
      return 0;
    default: break;
  }
  if (line->mode == app::Mode::kRun) {
    if (const auto code = app::become_init(argv)) return *code;
  }
  auto environment = config::take_environment();
  if (line->mode == app::Mode::kWitness) return witness(*line, environment);
  if (line->mode == app::Mode::kValidate) return validate(*line, environment);
  if (line->mode == app::Mode::kGenerateSample) return app::generate_sample(*line, environment);
  if (line->mode == app::Mode::kGenerate) return app::generate_from_server(*line, environment);
  return run(*line, std::move(environment));
}
