// What is to be done, why, and with what parameters.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/standby.h"
#include "policy/judge.h"
#include "policy/memory.h"

namespace matriarch::policy {

struct Decision {
  Verdict verdict = Verdict::kWait;
  std::string reason;       // for the log, `explain` and the ring of decisions (HA-011)
  std::string inputs;       // describe(facts)
  bool keep_lease = false;  // the renewer may go on (DESIGN 3)

  std::vector<Member> ask;              // kPollPeers
  std::optional<StandbyTarget> target;  // kFollow, kStartStandby, and where a demoted server turns
  std::optional<Member> source;         // kClone, kCompare, kRewind: the member to take it from
  std::optional<Upstream> suspect;      // kPollPeers, kPromote: the former primary, which the winner stops if it still writes
  std::string text;                     // kWriteInitialize, kClearFailover: what to write
  bool if_absent = false;               // kWriteInitialize: create only
  std::optional<Version> expected;      // kClearFailover: compare-and-set
  std::string candidate;                // kDemoteGraceful: the one asked for, or empty
  bool manual_failover = false;         // kDemoteGraceful: no leader was named in the request
  Instant kill_at = Instant::max();     // kDemote*: the server must be gone by then
  Instant revisit_at = Instant::max();  // decide again not later than this
};

struct Decided {
  Decision decision;
  Memory memory;  // to be given to the next decide()
};

}  // namespace matriarch::policy
