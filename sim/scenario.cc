#include "sim/scenario.h"

namespace matriarch::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

void choose_timing(Random& random, Settings& settings) {
  switch (random.below(4)) {
    case 0:  // the reference's defaults
    case 1:
      break;
    case 2:
      settings.ttl = seconds(20);
      settings.loop_wait = seconds(5);
      settings.retry_timeout = seconds(5);
      break;
    default:  // quick failover (DESIGN 3 allows it)
      settings.ttl = seconds(random.between(4, 8));
      settings.loop_wait = seconds(1);
      settings.retry_timeout = seconds(1);
      break;
  }
}

Settings choose_settings(Random& random) {
  Settings settings;
  choose_timing(random, settings);
  settings.maximum_lag_on_failover = random.chance(0.3) ? 64 * 1024 : 1024 * 1024;
  settings.primary_start_timeout = seconds(random.chance(0.2) ? 0 : random.chance(0.5) ? 20 : 300);
  settings.check_timeline = random.chance(0.5);
  settings.failsafe_mode = random.chance(0.3);
  settings.use_pg_rewind = random.chance(0.8);
  settings.remove_data_on_rewind_failure = true;
  settings.remove_data_on_diverged_timelines = !settings.use_pg_rewind || random.chance(0.5);
  return settings;
}

// From a source of its own: clusters without it stay as they were when a seed was noted down.
void choose_synchronous(std::uint64_t seed, Settings& settings) {
  Random random(seed * 0xd1342543de82ef95u + 5);
  if (!random.chance(0.35)) return;
  settings.synchronous_mode = random.chance(0.4) ? SyncMode::kQuorum : SyncMode::kPriority;
  settings.synchronous_mode_strict = random.chance(0.3);
  settings.synchronous_node_count = static_cast<int>(random.between(1, 2));
  if (random.chance(0.3)) settings.primary_stop_timeout = seconds(random.between(2, 10));
}

Value::Map choose_tags(Random& random) {
  Value::Map tags;
  if (random.chance(0.08)) tags.set("failover_priority", random.between(2, 5));
  if (random.chance(0.08)) tags.set("clonefrom", true);
  return tags;
}

}  // namespace

Scenario make_scenario(std::uint64_t seed, Duration faulty) {
  Random random(seed * 0x9e3779b97f4a7c15u + 17);
  Scenario scenario;
  scenario.seed = seed;
  scenario.faulty = faulty;
  const auto size = random.below(10);
  scenario.nodes = size < 7 ? 3 : size < 8 ? 2 : size < 9 ? 4 : 5;
  scenario.settings = choose_settings(random);
  choose_synchronous(seed, scenario.settings);
  if (random.chance(0.15)) scenario.postgres_version = 12;
  for (int i = 0; i < scenario.nodes; ++i) scenario.tags.push_back(choose_tags(random));
  // The first node can always lead: a cluster in which nobody may is of no interest.
  if (random.chance(0.1)) {
    scenario.tags.back().set("nofailover", true);
    // Its copy may be the best one, and then the rules would rightly let nobody lead.
    scenario.settings.check_timeline = false;
    scenario.settings.maximum_lag_on_failover = 1'000'000'000;
  }
  scenario.tags.front() = {};
  if (random.chance(0.2)) {
    scenario.network.most = milliseconds(40);
    scenario.network.slow = milliseconds(900);
    scenario.network.slow_share = 0.05;
  }
  scenario.clients = static_cast<int>(random.between(1, 4));
  scenario.write_pause = random.between(milliseconds(100), milliseconds(1500));
  scenario.bulk_share = random.chance(0.5) ? 0.05 : 0.0;
  scenario.fault_pause = random.between(seconds(4), seconds(40));
  scenario.step_crash_share = random.chance(0.4) ? 0.03 : 0.0;
  return scenario;
}

}  // namespace matriarch::sim
