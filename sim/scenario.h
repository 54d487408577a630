// What one run consists of: everything that a seed decides before time begins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/settings.h"
#include "model/tags.h"
#include "sim/network.h"
#include "sim/random.h"

namespace matriarch::sim {

struct Scenario {
  std::uint64_t seed = 1;
  int nodes = 3;
  int clients = 3;
  Duration faulty = std::chrono::seconds(300);  // phase one
  Duration convergence = std::chrono::seconds(240);  // phase two must be done by then
  Settings settings;
  int postgres_version = 15;     // 12 must be restarted to follow somebody else
  std::vector<Value::Map> tags;  // of each node
  Network::Quality network;
  Duration write_pause = std::chrono::milliseconds(500);  // of each client between writes, on average
  double bulk_share = 0.02;                               // of the writes are megabytes
  Duration fault_pause = std::chrono::seconds(20);        // between faults, on average; 0: none
  double step_crash_share = 0.0;  // of the reached steps kill or freeze the agent there
  bool guardian = false;          // each node has one, and what it guards counts (CheckOptions)
  std::string mutation;           // a broken rule, see mutations.h; empty: none
};

Scenario make_scenario(std::uint64_t seed, Duration faulty);

}  // namespace matriarch::sim
