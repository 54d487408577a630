// Synchronous replication: who is waited for, and who may therefore lead. /sync never names a node for which PostgreSQL does
// not wait already (SYNC-002); so waiting grows before /sync, and /sync shrinks before waiting (SYNC-003). Every decision is
// one step, made anew from what is seen after the last: whoever comes after a process that died in between goes on from there.
#pragma once

#include <set>
#include <string>
#include <variant>
#include <vector>

#include "policy/sync/memory.h"
#include "policy/world.h"

namespace matriarch::policy::sync {

struct Publish {  // write /sync, if nobody changed it since
  std::string leader;
  std::set<std::string> voters;
  int quorum = 0;
};
struct Unpublish {};  // delete /sync, if nobody changed it since
struct Require {      // synchronous_standby_names; mode kOff: leave it to the configuration
  std::set<std::string> names;
  int count = 0;  // no names and a count: commits wait for a standby that does not exist yet (SYNC-016)
  SyncMode mode = SyncMode::kOff;
};
struct Nudge {};      // write a transaction, so that standbys report their position beyond the barrier (SYNC-013)
struct LookAgain {};  // what is needed next is not there yet, but will be soon
struct Nothing {};

using Step = std::variant<Nothing, LookAgain, Publish, Unpublish, Require, Nudge>;

struct Decided {
  Step step;
  Memory memory;        // to be given to the next decide()
  std::string warning;  // for the log; empty: none
};

// Of a primary with the lock, which answered (SYNC-004). `world.server` must be a new look since the last decision. Repeat
// until it says Nothing or LookAgain; a step that fails ends the round.
Decided decide(const World& world, const Memory& memory);

// What must be done, in order, before this node takes writes, if it has or gets the lock by an election (SYNC-033, QRM-038, B6).
// One that fails forbids it.
std::vector<Step> before_promotion(const World& world);
// The same before a stopped primary is started again as what it was: commits go on waiting for whom /sync names.
std::vector<Step> before_start_as_primary(const World& world);

}  // namespace matriarch::policy::sync
