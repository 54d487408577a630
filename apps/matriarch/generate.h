// --generate-sample-config and --generate-config (config.md 5.3). Return the exit code.
#pragma once

#include "command_line.h"
#include "config/environment.h"

namespace matriarch::app {

int generate_sample(const CommandLine& line, const config::EnvironmentValues& environment);
// From the server that --dsn or libpq's environment names.
int generate_from_server(const CommandLine& line, const config::EnvironmentValues& environment);

}  // namespace matriarch::app
