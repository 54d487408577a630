// Each rule that is broken on purpose must be noticed within a bounded number of seeds; otherwise the checks, or the faults,
// are too weak to trust the gate.
#include <gtest/gtest.h>

#include "base/log.h"
#include "sim/world.h"

namespace matriarch::sim {
namespace {

constexpr std::uint64_t kSeedsMost = 300;
constexpr Duration kFaulty = std::chrono::seconds(120);

// Where to begin with rules that matter only when several things go wrong at once: nearer to a seed that has them.
std::uint64_t first_seed(std::string_view mutation) {
  if (mutation == "keepalive-unconfirmed") return 130;
  if (mutation == "stop-without-deadline") return 611;
  if (mutation == "commits-do-not-wait") return 36;
  if (mutation == "lease-from-answer") return 255;
  if (mutation == "pause-ignored") return 30;
  return 1;
}

class SimulatorMutation : public testing::TestWithParam<MutationInfo> {};

TEST_P(SimulatorMutation, IsNoticed) {
  log::set_level(log::Level::kCritical);
  log::set_sink([](log::Level, std::string_view) {});
  const std::string name(GetParam().name);
  for (std::uint64_t seed = first_seed(name), tried = 0; tried < kSeedsMost; ++seed, ++tried) {
    const Outcome outcome = run_seed(seed, kFaulty, name, nullptr);
    if (outcome.ok()) continue;
    EXPECT_TRUE(run_seed(seed, kFaulty, "", nullptr).ok()) << "seed " << seed << " fails without the mutation, too";
    std::printf("%s: seed %llu: %s\n", name.c_str(), static_cast<unsigned long long>(seed), outcome.violations.front().c_str());
    return;
  }
  FAIL() << name << " was not noticed in " << kSeedsMost << " seeds: " << GetParam().breaks;
}

std::string test_name(const testing::TestParamInfo<MutationInfo>& info) {
  std::string name(info.param.name);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, SimulatorMutation, testing::ValuesIn(all_mutations()), test_name);

}  // namespace
}  // namespace matriarch::sim
