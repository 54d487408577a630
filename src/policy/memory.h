// What must be remembered from one decision to the next (HA 3.1), and nothing else: there are no flags anywhere else.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "model/cluster.h"
#include "model/names.h"
#include "policy/sync/memory.h"

namespace matriarch::policy {

// HA-330. Whether the data directory must be rewound before the server may follow the leader.
enum class RewindState { kInitial, kCheck, kNeeded, kNotNeeded, kDone, kFailed };

struct Memory {
  Role role = Role::kUninitialized;
  PgState state = PgState::kStopped;
  Instant state_since;

  std::shared_ptr<const ClusterView> led_view;  // the last view that had a leader, else the first one (HA section 1)

  std::optional<Member> former_leader;  // somebody else led last, and I do not lead as a primary: who must not write any more

  bool was_paused = false;
  bool server_started_once = false;   // a server of ours was seen running by this process (HA-065's "callback fired")
  bool start_failed = false;          // a start after a failure ended and the server is down (HA-059, HA-061)
  bool crash_recovery_tried = false;  // since the last successful start (HA-120)
  bool led = false;                   // as primary with the lock, since the last start as a standby (HA-325)

  RewindState rewind = RewindState::kInitial;
  std::string followed_leader;        // the leader, its timeline, and when: divergence was last settled (HA-159)
  Timeline followed_timeline = 0;
  Instant followed_at;

  sync::Memory sync;  // of the primary with the lock

  std::map<std::string, Instant> slots_seen;  // leader: when a member's slot was last wanted by a live member (HA-347)

  std::optional<Instant> race_backoff_since;    // HA-163
  std::optional<Instant> promotion_vetoed_at;   // HA-130, HA-168
  Lsn last_position;                            // of the cycle before
  bool position_moved = false;
};

}  // namespace matriarch::policy
