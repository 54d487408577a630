// The arithmetic of leases (DESIGN 3). Every time is CLOCK_BOOTTIME.
//
//   sent ----------------- F ------ K -- E ......... the store lets the key expire
//                          |        |    the lease is believed up to here: sent + 0.999 * min(ttl, granted)
//                          |        nothing may be acknowledged to a client from here on
//                          the agent stops PostgreSQL by itself
//
// 0.999 pays for clocks that run at rates different by 0.1 % (INV assumption).
#pragma once

#include "base/time.h"

namespace matriarch::policy {

struct LeaseTimes {
  Instant end;       // E
  Instant kill_at;   // K = E - max(150 ms, 1 % of ttl)
  Instant fence_at;  // F = K - clamp(ttl / 10, 0.3 s, 3 s)

  friend bool operator==(const LeaseTimes&, const LeaseTimes&) = default;
};

// `sent_at`: when the request that obtained or renewed the lease was sent; `lasts`: min(ttl, granted).
LeaseTimes lease_times(Instant sent_at, Duration lasts, Duration ttl);

// F of a given K.
Instant fence_before(Instant kill_at, Duration ttl);

// True if a renewal leaves time for a whole loop before F; otherwise the ttl is refused with the remedy.
bool ttl_leaves_room(Duration ttl, Duration loop_wait);

// How often the renewer runs: min(loop_wait, ttl / 3).
Duration renew_interval(Duration ttl, Duration loop_wait);

// What the node believes about its own lease of the leader key.
struct LeaseState {
  enum class Status {
    kNone,  // none was obtained, or it was given back
    kHeld,  // obtained or renewed; until `times.end`
    kLost,  // the store said definitely that it is not ours (HA-035)
  };
  Status status = Status::kNone;
  LeaseTimes times;
  Instant obtained_at;  // when the key was acquired or taken; renewals do not change it
  Instant lost_at;      // kLost: when the store said so
  bool by_members = false;  // kHeld: `times` are the members' word, given while the store was silent (HA-289)

  friend bool operator==(const LeaseState&, const LeaseState&) = default;
};

}  // namespace matriarch::policy
