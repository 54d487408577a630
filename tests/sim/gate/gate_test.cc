// The gate: seeds of the simulator with all faults, each in two phases. A failing seed is replayed with
//   matriarch-sim --seed N --seconds 120 --trace
#include <gtest/gtest.h>

#include "base/log.h"
#include "sim/world.h"

namespace matriarch::sim {
namespace {

constexpr std::uint64_t kSeeds = 60;
constexpr Duration kFaulty = std::chrono::seconds(120);
constexpr std::uint64_t kRepeatEvery = 100;  // 1 % of the seeds run twice

TEST(SimulatorGate, AllSeedsKeepTheInvariantsAndConverge) {
  log::set_level(log::Level::kCritical);
  log::set_sink([](log::Level, std::string_view) {});
  Coverage coverage;
  expect_everything(coverage);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Outcome outcome = run_seed(seed, kFaulty, "", nullptr);
    for (const std::string& what : outcome.violations) ADD_FAILURE() << "seed " << seed << ": " << what;
    coverage.add(outcome.coverage);
    if (seed % kRepeatEvery == 1) {
      EXPECT_EQ(run_seed(seed, kFaulty, "", nullptr).hash, outcome.hash) << "seed " << seed << " is not deterministic";
    }
  }
  for (const auto& [name, count] : coverage.counts()) {
    std::printf("%10llu  %s\n", static_cast<unsigned long long>(count), name.c_str());
    EXPECT_GT(count, 0u) << "never happened: " << name;
  }
}

}  // namespace
}  // namespace matriarch::sim
