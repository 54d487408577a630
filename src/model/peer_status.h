// Another member as it described itself.
#pragma once

#include <string>

#include "model/lsn.h"
#include "model/value.h"

namespace matriarch {

// What a member's `GET /patroni` said, as far as elections need it (HA-192, HA-193).
struct PeerStatus {
  std::string name;
  bool reachable = false;        // an answer with a position came: its PostgreSQL is up
  bool refused = false;          // no connection could be made: nothing listens there, or nobody is there
  bool nofailover = false;       // by the tags in the answer
  bool watchdog_failed = false;
  bool in_recovery = false;
  Lsn position;                  // max(received, replayed); 0 for a primary
  Timeline timeline = 0;
  int failover_priority = 1;
  Value body;                    // the whole answer, for /cluster-like readers

  // HA-192: peers with a limitation neither win an election nor hinder one.
  [[nodiscard]] bool limited() const { return !reachable || nofailover || watchdog_failed; }

  friend bool operator==(const PeerStatus&, const PeerStatus&) = default;
};

}  // namespace matriarch
