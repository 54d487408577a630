// Which standbys could be waited for, and in which order of preference (SYNC section 24).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "policy/world.h"

namespace matriarch::policy::sync {

struct Standby {
  std::string name;        // as the member spells it
  std::string sync_state;  // "sync", "quorum", "potential", "async"
  Lsn position;            // by what synchronous_commit waits for (SYNC-006)
  bool nofailover = false;
};

// SYNC-006..SYNC-010, best first. Precondition: a view, and a primary that answered.
std::vector<Standby> standbys_in_order(const World& world);

// synchronous_node_count, and at least one in strict mode (SYNC-005).
int wanted_count(const World& world);
int strict_minimum(const Settings& settings);

// PostgreSQL compares names without regard to case: the member's own spelling of `name`, or `name`.
std::string spelled_as_member(const ClusterView& view, const std::string& name);

}  // namespace matriarch::policy::sync
