// `matriarch witness`: the third vote of a cluster with two PostgreSQL nodes. No PostgreSQL, only the managed etcd.
#pragma once

#include "command_line.h"
#include "config/environment.h"

namespace matriarch::app {

// Until SIGTERM or SIGINT; the exit code.
int run_witness(const CommandLine& line, const config::EnvironmentValues& environment);

}  // namespace matriarch::app
