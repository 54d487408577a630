// The decision table: total, over facts alone. This is the one place where "what to do" is decided; everything else says
// what the facts are (facts.h) or how it is carried out (src/agent).
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/facts.h"

namespace matriarch::policy {

enum class Verdict : std::uint8_t {
  kWait,             // nothing to do now
  kPollPeers,        // ask the members of Decision::ask, then decide again
  kAskFailsafe,      // ask all of /failsafe whether we may go on without the store (HA-295)
  kCompare,          // find out whether our timeline leads into the leader's (HA-331)
  kAcquire,          // try to create the leader key
  kResumeLease,      // the key is ours, but not by a lease we can rely on: renew it now
  kRelease,          // give the key back without touching the server
  kLead,             // primary with the lock: upkeep
  kPromote,
  kDemoteGraceful,   // asked for: checkpoint, fast stop, early release (HA-221)
  kDemoteImmediate,  // unfit, with the lock (HA-222)
  kDemoteNoLock,     // the lock is certainly not ours (HA-223)
  kDemoteOffline,    // the lease runs out and cannot be renewed (HA-224)
  kFollow,           // be a standby of Decision::target
  kStartPrimary,     // in place, same timeline (HA-110)
  kStartStandby,
  kCrashRecovery,
  kRewind,
  kReinitialize,
  kBootstrap,
  kClone,
  kWriteInitialize,
  kWriteConfig,
  kClearFailover,
  kCancelAction,
  kShutDown,         // stop the server in good order and hand over
  kExit,
};

std::string_view to_string(Verdict verdict);

// HA section 5 and what it refers to; the order of rows is commented there.
Verdict judge(const Facts& facts);

// Whether the renewer may go on renewing the leader key after this verdict (DESIGN 3).
bool keeps_lease(const Facts& facts, Verdict verdict);

}  // namespace matriarch::policy
