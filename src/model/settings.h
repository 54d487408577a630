// The effective dynamic settings, as far as decisions depend on them (HA 3.2). Made by src/config from `/config` and the
// local file; bounds are enforced there.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "model/value.h"

namespace matriarch {

enum class SyncMode { kOff, kPriority, kQuorum };

struct Settings {
  Duration loop_wait = std::chrono::seconds(10);      // HA-015
  Duration ttl = std::chrono::seconds(30);            // HA-016
  Duration retry_timeout = std::chrono::seconds(10);  // HA-017
  std::uint64_t maximum_lag_on_failover = 1048576;    // bytes
  std::int64_t maximum_lag_on_syncnode = -1;          // bytes; <= 0: no limit
  Duration primary_start_timeout = std::chrono::seconds(300);  // 0: fail over at once
  Duration primary_stop_timeout = Duration::zero();            // effective only if > 0 and in sync mode
  Duration primary_race_backoff = Duration::zero();
  bool check_timeline = false;
  int max_timelines_history = 0;  // 0: unlimited
  SyncMode synchronous_mode = SyncMode::kOff;
  bool synchronous_mode_strict = false;
  int synchronous_node_count = 1;
  Duration member_slots_ttl = std::chrono::seconds(1800);
  bool failsafe_mode = false;
  bool paused = false;
  bool standby_cluster = false;  // HA section 1: a map with host, port or restore_command
  bool use_slots = true;
  bool use_pg_rewind = false;
  bool remove_data_on_rewind_failure = false;
  bool remove_data_on_diverged_timelines = false;

  friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace matriarch
