// Tags of a member: what its operator allows it to be used for.
#pragma once

#include <string>

#include "model/value.h"

namespace matriarch {

struct Tags {
  Value::Map raw;  // as configured or published, custom ones included

  [[nodiscard]] bool nofailover() const;          // HA-195: tag wins, else failover_priority <= 0
  [[nodiscard]] int failover_priority() const;    // 0 if nofailover, default 1
  [[nodiscard]] bool nosync() const;
  [[nodiscard]] int sync_priority() const;
  [[nodiscard]] bool clonefrom() const;
  [[nodiscard]] bool noloadbalance() const;
  [[nodiscard]] bool nostream() const;
  [[nodiscard]] std::string replicatefrom() const;  // empty if none

  friend bool operator==(const Tags& a, const Tags& b) { return Value(a.raw) == Value(b.raw); }
};

// DCS-070: which tags of the configuration are published.
Value::Map published_tags(const Tags& configured);

}  // namespace matriarch
