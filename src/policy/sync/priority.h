// `synchronous_mode: on` (SYNC section 26), as one step at a time.
#pragma once

#include <set>
#include <string>

#include "model/standby_names.h"
#include "policy/sync/sync.h"

namespace matriarch::policy::sync {

// Names are spelled as the members spell them.
struct PriorityInput {
  std::string me;
  bool published = false;            // /sync is in use
  std::string leader;                // of /sync
  std::set<std::string> voters;      // V
  StandbyNames required;             // S, R: what PostgreSQL waits for
  std::set<std::string> picked;      // P
  std::set<std::string> confirmed;   // C: of these, who has everything that was acknowledged
};

struct PriorityStep {
  Step step;
  bool inconsistent = false;  // SYNC-022: /sync named somebody who is not synchronous
};

PriorityStep priority_step(const PriorityInput& in);

}  // namespace matriarch::policy::sync
