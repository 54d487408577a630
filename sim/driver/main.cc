// matriarch-sim: runs seeds of the simulator.
//
//   matriarch-sim --seeds 1..500            many seeds; stops at the first that fails
//   matriarch-sim --seed 17 --trace         one seed, with everything that happens
//   matriarch-sim --seeds 1..200 --mutation lag-ignored
//   matriarch-sim --seeds 1..200 --guardian         with guardians, and stricter about two primaries
#include <chrono>
#include <cstdio>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "sim/world.h"

namespace {

using namespace matriarch;
using namespace matriarch::sim;

struct Options {
  std::uint64_t first = 1;
  std::uint64_t last = 100;
  double seconds = 300;
  std::string mutation;
  bool trace = false;
  bool coverage = false;
  bool keep_going = false;
  bool guardian = false;
};

void log_to_stdout(log::Level, std::string_view text) { fmt::print("             log      {}\n", text); }

bool read_range(const std::string& text, Options& options) {
  const auto dots = text.find("..");
  try {
    options.first = std::stoull(text.substr(0, dots));
    options.last = dots == std::string::npos ? options.first : std::stoull(text.substr(dots + 2));
  } catch (const std::exception&) {
    return false;
  }
  return options.first <= options.last;
}

// Number of failed seeds.
int run(const Options& options) {
  int failed = 0;
  double simulated = 0;
  std::uint64_t events = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t lost = 0;
  Coverage coverage;
  expect_everything(coverage, options.guardian);
  for (std::uint64_t seed = options.first; seed <= options.last; ++seed) {
    const Outcome outcome = run_seed(seed, from_seconds(options.seconds), options.mutation, options.trace ? stdout : nullptr,
                                     options.guardian);
    coverage.add(outcome.coverage);
    simulated += outcome.seconds;
    events += outcome.events;
    acknowledged += outcome.acknowledged;
    lost += outcome.lost;
    if (outcome.ok()) continue;
    ++failed;
    for (const std::string& what : outcome.violations) fmt::print("seed {}: {}\n", seed, what);
    if (!options.keep_going) break;
  }
  if (options.coverage) {
    for (const auto& [name, count] : coverage.counts()) fmt::print("{:>10}  {}\n", count, name);
  }
  fmt::print("{} seeds failed; {:.0f} s simulated, {} events, {} writes acknowledged, {} of them lost by asynchronous failover\n",
             failed, simulated, events, acknowledged, lost);
  return failed;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  std::string seeds;
  bool list = false;
  CLI::App app("Runs the cluster simulator.");
  app.add_option("--seed,--seeds", seeds, "one seed, or a range A..B (default 1..100)");
  app.add_option("--seconds", options.seconds, "simulated time with faults, per seed")->check(CLI::Range(1.0, 1e6));
  app.add_option("--mutation", options.mutation, "break this rule on purpose");
  app.add_flag("--list-mutations", list, "names of the rules that can be broken");
  app.add_flag("--trace", options.trace, "print everything that happens");
  app.add_flag("--coverage", options.coverage, "print how often what happened");
  app.add_flag("--guardian", options.guardian, "each node has a guardian, and an agent's death or freeze is no excuse");
  app.add_flag("--keep-going", options.keep_going, "do not stop at the first seed that fails");
  CLI11_PARSE(app, argc, argv);

  if (list) {
    for (const MutationInfo& info : all_mutations()) fmt::print("{:<28}{}\n", info.name, info.breaks);
    return 0;
  }
  if (!seeds.empty() && !read_range(seeds, options)) {
    fmt::print(stderr, "--seeds {}: not a number or a range A..B\n", seeds);
    return 2;
  }
  if (!find_mutation(options.mutation)) {
    fmt::print(stderr, "--mutation {}: unknown; see --list-mutations\n", options.mutation);
    return 2;
  }
  log::set_level(options.trace ? log::Level::kDebug : log::Level::kCritical);
  log::set_sink(options.trace ? &log_to_stdout : [](log::Level, std::string_view) {});
  return run(options) == 0 ? 0 : 1;
}
