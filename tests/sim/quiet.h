// A cluster in which nothing goes wrong by itself, for tests that tell their own story. Its agents do not log.
#pragma once

#include "base/log.h"
#include "sim/world.h"

namespace matriarch::sim {

inline Scenario quiet(std::uint64_t seed) {
  log::set_level(log::Level::kCritical);
  log::set_sink([](log::Level, std::string_view) {});
  Scenario scenario = make_scenario(seed, std::chrono::seconds(100));
  scenario.nodes = 3;
  scenario.postgres_version = 15;
  scenario.tags.assign(3, {});
  scenario.settings = Settings();
  scenario.settings.use_pg_rewind = true;
  scenario.settings.remove_data_on_diverged_timelines = true;
  scenario.network = {};
  scenario.step_crash_share = 0;
  scenario.bulk_share = 0;
  return scenario;
}

}  // namespace matriarch::sim
