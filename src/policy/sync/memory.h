// What synchronous replication must remember from one look to the next; nothing of it is needed for safety (SYNC-029).
#pragma once

#include <optional>
#include <set>
#include <string>

#include "base/time.h"
#include "model/lsn.h"

namespace matriarch::policy::sync {

// How far the server has come with a changed synchronous_standby_names (SYNC-013). A reload reaches each walsender by itself:
// one that has not read it yet still acknowledges commits by the former names.
enum class InForce {
  kChanged,  // not every walsender was seen to have read it
  kAgreed,   // all have; what they acknowledged before lies before the server's position at any later look
  kKnown,    // and that position, the barrier, is known
};

struct Memory {
  std::optional<std::string> names;  // as last seen
  InForce in_force = InForce::kChanged;
  Instant changed_at;
  Lsn barrier;                       // kKnown: commits beyond it wait for these names
  std::set<std::string> ready;       // names that have all that was acknowledged before the barrier (SYNC-012)
  bool imposed = false;              // names were written while the mode was on, and not taken back since
  bool strict_warned = false;        // SYNC-030
};

}  // namespace matriarch::policy::sync
