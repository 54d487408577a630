// A small agent in a process of its own, so that it can be killed and frozen. Driven by lines on its standard input,
// answering by lines on its standard output.
//
//   hello                    "epoch=<n> inherited=<lease id or -> postmaster=<pid or 0> guardian=<pid>"
//   arm <ms> <lease id>      "ok <K>" or "error <text>"; K in ms from now
//   renew <ms>               "ok <K>"
//   disarm                   "ok"
//   privileges               "real_time=<0|1> locked=<0|1>": what the system granted to the guardian
//   struck                   when the guardian struck last, in nanoseconds; 0: never
#pragma once

namespace matriarch::guard {

// main() of that process.
int run_agent(const char* data_dir, const char* guardian, bool respawn);

}  // namespace matriarch::guard
