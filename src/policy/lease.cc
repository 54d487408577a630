#include "policy/lease.h"

#include <algorithm>

namespace matriarch::policy {

using std::chrono::milliseconds;
using std::chrono::seconds;

LeaseTimes lease_times(Instant sent_at, Duration lasts, Duration ttl) {
  const Instant end = sent_at + lasts - lasts / 1000;
  const Instant kill_at = end - std::max<Duration>(milliseconds(150), ttl / 100);
  return {.end = end, .kill_at = kill_at, .fence_at = fence_before(kill_at, ttl)};
}

Instant fence_before(Instant kill_at, Duration ttl) {
  return kill_at - std::clamp<Duration>(ttl / 10, milliseconds(300), seconds(3));
}

bool ttl_leaves_room(Duration ttl, Duration loop_wait) {
  return lease_times(Instant{}, ttl, ttl).fence_at.time_since_epoch() >= loop_wait;
}

Duration renew_interval(Duration ttl, Duration loop_wait) { return std::min(loop_wait, ttl / 3); }

}  // namespace matriarch::policy
