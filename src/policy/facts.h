// The world reduced to named predicates: what the decision table (judge.h) is written over. Few enough that a test
// enumerates all combinations. Equal facts give equal verdicts.
#pragma once

#include <cstdint>
#include <string>

#include "policy/memory.h"
#include "policy/world.h"

namespace matriarch::policy {

// Who has the leader key, by the store's view. kUnknown: the store could not be read.
enum class Lock : std::uint8_t { kUnknown, kFree, kMine, kOthers };
// What may be relied on: kHeld until F; kFenceDue from F on, without a renewal; kLost: certainly not ours.
enum class Lease : std::uint8_t { kNone, kHeld, kFenceDue, kLost };
// The server. kStartingPrimary: not accepting yet, and without recovery settings, so it will take writes.
enum class Running : std::uint8_t { kDown, kStarting, kStartingPrimary, kStandby, kPrimary };
enum class Directory : std::uint8_t { kInaccessible, kEmpty, kUnreadable, kPresent };
// /initialize against our system identifier. kBeingMade: the empty text, somebody bootstraps (HA-091).
enum class Identity : std::uint8_t { kMatches, kForeign, kUnset, kBeingMade };
// The long action. kPreparingPromotion: before the server was told. kLeading: restart, or start as primary.
enum class Busy : std::uint8_t { kNo, kPreparingPromotion, kPromoting, kLeading, kStopping, kOther };
// /failover as the leader must see it (HA-200 ff.).
enum class Request : std::uint8_t { kNone, kNotDue, kInvalid, kNeedsPeers, kPossible, kImpossible };
// No leader: may I take the lock (HA-162 ff.)?
enum class Race : std::uint8_t { kPostponed, kNeedsPeers, kMayWin, kMayNot };
// Server down: what it left behind (HA section 9).
enum class Remains : std::uint8_t { kProvenPrimary, kDirty, kClean };
// Does my timeline lead into the leader's (HA-330 ff.)?
// kTooEarly: the leader has the lock but is not promoted yet, nobody can tell.
enum class Path : std::uint8_t { kStraight, kUnchecked, kTooEarly, kUnknown, kRewind, kReinitialize, kHopeless };
// Failsafe mode (HA-294 ff.): asked = in this cycle.
enum class Failsafe : std::uint8_t { kOff, kUnasked, kAsked };

struct Facts {
  Lock lock = Lock::kUnknown;
  Lease lease = Lease::kNone;
  Running running = Running::kDown;
  Directory directory = Directory::kPresent;
  Identity identity = Identity::kMatches;
  Busy busy = Busy::kNo;
  Request request = Request::kNone;
  Race race = Race::kMayNot;
  Remains remains = Remains::kClean;
  Path path = Path::kStraight;
  Failsafe failsafe = Failsafe::kOff;
  bool ever_loaded = true;         // the store was read at least once by this process
  bool paused = false;
  bool shutdown = false;           // the agent was asked to end
  bool shut_down = false;          // and its shutdown procedure has ended
  bool answering = true;           // the server answered the monitoring query
  bool start_failed = false;       // a start after a failure ended and the server is down
  bool start_overdue = false;      // starting for longer than primary_start_timeout
  bool fail_over_at_once = false;  // primary_start_timeout is 0
  bool peers_known = false;        // they were asked in this cycle
  bool failover_possible = false;  // and one of them is a healthy candidate (HA-199)
  bool crash_recovery = false;     // single-user recovery is due (HA-113)
  bool may_bootstrap = false;      // a bootstrap section, and not nofailover (HA-087)
  bool clone_source = false;
  bool half_rewound = false;       // pg_rewind was cut off: not to be started
  bool config_missing = false;
  bool vetoed = false;             // pre_promote said no just now (HA-130)
  bool unannounced = false;        // a bootstrap of this node was cut off: the claim on /initialize may be its own
  bool bootstrap_failed = false;
  bool started_once = false;       // a server of ours was seen running by this process
  bool promotion_awaited = false;  // paused, and /failover names me as the candidate (HA-121)
  bool standby_cluster = false;
};

Facts facts_of(const World& world, const Memory& memory);

// One line for people: "lock=mine lease=held server=standby ...". Only what differs from the ordinary is named.
std::string describe(const Facts& facts);

}  // namespace matriarch::policy
