#include "policy/judge.h"

#include <optional>

namespace matriarch::policy {

namespace {

using Answer = std::optional<Verdict>;

// The server takes writes, or will without asking again.
bool writable(const Facts& f) { return f.running == Running::kPrimary || f.running == Running::kStartingPrimary; }

// HA-308 ff.: whatever runs is cancelled first, then the server is stopped, then the process ends.
Verdict judge_shutdown(const Facts& f) {
  if (f.shut_down) return Verdict::kExit;
  if (f.busy == Busy::kStopping) return Verdict::kWait;
  if (f.busy != Busy::kNo) return Verdict::kCancelAction;
  return Verdict::kShutDown;
}

// Nothing may take writes without a lease. These rows come before everything else; pause is the operator's explicit
// waiver (HA-285).
Answer judge_guard(const Facts& f) {
  if (f.paused || f.busy == Busy::kStopping) return std::nullopt;
  const bool gone = f.lease == Lease::kLost ||
                    (f.lease == Lease::kNone && (f.lock == Lock::kFree || f.lock == Lock::kOthers));
  const bool leading = f.busy == Busy::kPromoting || f.busy == Busy::kLeading;
  if (f.busy == Busy::kPreparingPromotion && (gone || f.lease == Lease::kFenceDue)) {
    return Verdict::kCancelAction;  // HA-076
  }
  if (f.lease == Lease::kFenceDue && (writable(f) || leading)) return Verdict::kDemoteOffline;  // HA-290, HA-291
  if (gone && leading) return Verdict::kDemoteNoLock;                                           // HA-077
  if (f.lease == Lease::kLost && writable(f) && f.busy == Busy::kNo) return Verdict::kDemoteNoLock;  // HA-124, HA-292
  return std::nullopt;
}

// The store cannot be read (HA section 15). The lease is used to its end; a passed failsafe check prolongs it. A server that
// takes writes when the agent starts has no lease that anybody knows of (B13).
Verdict judge_outage(const Facts& f) {
  if (f.paused || !writable(f)) return Verdict::kWait;                    // HA-287, HA-288
  if (f.failsafe == Failsafe::kUnasked) return Verdict::kAskFailsafe;     // HA-289
  return f.lease == Lease::kHeld ? Verdict::kWait : Verdict::kDemoteOffline;
}

// The data directory is gone, or was never there (HA-062, HA section 8.1).
Answer judge_directory(const Facts& f) {
  if (f.directory == Directory::kPresent) return std::nullopt;
  if (f.directory == Directory::kUnreadable) {  // HA-063; a running server is judged by what it says itself
    return f.running == Running::kDown ? Answer(f.lock == Lock::kMine ? Verdict::kRelease : Verdict::kWait) : std::nullopt;
  }
  if (f.running != Running::kDown && !f.paused) {
    return f.lock == Lock::kMine ? Verdict::kDemoteImmediate : Verdict::kDemoteNoLock;
  }
  if (f.lock == Lock::kMine) return Verdict::kRelease;
  if (f.paused || f.directory == Directory::kInaccessible) return Verdict::kWait;
  if (f.lock == Lock::kOthers) return f.clone_source ? Verdict::kClone : Verdict::kWait;                  // HA-088
  const bool claimable = f.identity == Identity::kUnset || (f.identity == Identity::kBeingMade && f.unannounced);
  return claimable && f.may_bootstrap ? Verdict::kBootstrap : Verdict::kWait;  // HA-087
}

// Is this the cluster that the data belongs to (HA-064, HA-065, HA-107)?
Answer judge_identity(const Facts& f) {
  const bool mine = f.lock == Lock::kMine;
  switch (f.identity) {
    case Identity::kMatches:
      return std::nullopt;
    case Identity::kForeign:
      if (!f.paused) return Verdict::kExit;
      return mine ? Answer(Verdict::kRelease) : std::nullopt;
    case Identity::kUnset:
    case Identity::kBeingMade:
      if (mine) return Verdict::kWriteInitialize;  // HA-054
      if (f.lock != Lock::kFree || f.paused) return std::nullopt;
      if (f.unannounced && f.may_bootstrap) return Verdict::kBootstrap;  // the claim is ours: goes on where it was cut off
      if (f.started_once) return std::nullopt;
      if (f.identity == Identity::kBeingMade) return Verdict::kWait;  // B9: taken
      return f.running == Running::kStandby ? Verdict::kExit : Verdict::kWriteInitialize;
  }
  return std::nullopt;
}

// The server is down, and this node has the lock (HA-108 ff.).
Verdict judge_down_with_lock(const Facts& f) {
  if (f.lease != Lease::kHeld) return f.lease == Lease::kLost ? Verdict::kWait : Verdict::kResumeLease;
  if (f.fail_over_at_once) {
    if (!f.peers_known) return Verdict::kPollPeers;
    if (f.failover_possible) return Verdict::kDemoteImmediate;  // HA-109
  } else if (f.remains == Remains::kProvenPrimary) {
    return Verdict::kStartPrimary;  // HA-110
  }
  return Verdict::kStartStandby;  // HA-115: promoted in the next cycle
}

Verdict judge_down(const Facts& f) {
  const bool mine = f.lock == Lock::kMine;
  if (f.paused) return mine ? Verdict::kRelease : Verdict::kWait;        // HA-273, HA-274
  if (f.start_failed) return mine ? Verdict::kRelease : Verdict::kWait;  // HA-061
  const bool cure = f.path == Path::kRewind || f.path == Path::kReinitialize;
  if (f.half_rewound && (mine || !cure)) return mine ? Verdict::kRelease : Verdict::kWait;
  if (mine) return judge_down_with_lock(f);
  if (f.crash_recovery && !f.half_rewound) return Verdict::kCrashRecovery;  // HA-113
  const bool led = f.lock == Lock::kOthers;  // own data is given up only for a leader's
  switch (f.path) {
    case Path::kUnchecked: return Verdict::kCompare;
    case Path::kRewind: return led ? Verdict::kRewind : Verdict::kWait;
    case Path::kReinitialize: return led ? Verdict::kReinitialize : Verdict::kWait;
    case Path::kTooEarly:  // a start now would only compete with the promotion for the disk, and may have to be undone
    case Path::kHopeless: return Verdict::kWait;
    case Path::kStraight:
    case Path::kUnknown: return Verdict::kStartStandby;  // HA-116
  }
  return Verdict::kWait;
}

// HA section 7.
Answer judge_starting(const Facts& f) {
  if (f.paused) return Verdict::kWait;
  if (f.lock == Lock::kMine) {
    if (f.lease == Lease::kNone || f.lease == Lease::kFenceDue) return Verdict::kResumeLease;
    if (!f.start_overdue) return Verdict::kWait;
    if (!f.peers_known) return Verdict::kPollPeers;
    return f.failover_possible ? Verdict::kDemoteImmediate : Verdict::kWait;  // HA-083, HA-084
  }
  if (f.running == Running::kStartingPrimary) return Verdict::kDemoteNoLock;
  return f.lock == Lock::kOthers ? Verdict::kFollow : Verdict::kWait;  // HA-086
}

// HA section 11.
Verdict judge_free(const Facts& f) {
  switch (f.race) {
    case Race::kPostponed: return Verdict::kWait;
    case Race::kNeedsPeers: return Verdict::kPollPeers;
    case Race::kMayWin: return Verdict::kAcquire;
    case Race::kMayNot: break;
  }
  // B10: a standby keeps its upstream until a new one is known.
  return f.running == Running::kPrimary && !f.paused ? Verdict::kDemoteNoLock : Verdict::kWait;
}

// HA section 10.1 and 10.2.
Verdict judge_mine(const Facts& f) {
  const bool primary = f.running == Running::kPrimary;
  if (f.lease == Lease::kLost) return Verdict::kWait;  // the view is older than the verdict; a primary was judged above
  if (f.lease != Lease::kHeld) return Verdict::kResumeLease;  // HA-123
  if (f.paused && !primary && !f.promotion_awaited) return Verdict::kRelease;  // HA-122
  switch (f.paused && !primary ? Request::kNone : f.request) {                 // HA-200 ff.
    case Request::kNone:
    case Request::kNotDue: break;
    case Request::kNeedsPeers: return Verdict::kPollPeers;
    case Request::kPossible: return Verdict::kDemoteGraceful;
    case Request::kInvalid:
    case Request::kImpossible: return Verdict::kClearFailover;
  }
  if (f.vetoed) return Verdict::kRelease;  // HA-130
  if (primary) return Verdict::kLead;
  if (f.standby_cluster || !f.answering) return Verdict::kWait;
  return Verdict::kPromote;  // HA-134
}

// HA section 10.3.
Verdict judge_others(const Facts& f) {
  if (f.running == Running::kPrimary) return f.paused ? Verdict::kWait : Verdict::kDemoteNoLock;  // HA-150, HA-151
  if (f.paused) return Verdict::kFollow;                                                          // HA-276
  switch (f.path) {
    case Path::kUnchecked: return Verdict::kCompare;
    case Path::kRewind: return Verdict::kRewind;
    case Path::kReinitialize: return Verdict::kReinitialize;
    case Path::kStraight:
    case Path::kTooEarly:
    case Path::kUnknown:
    case Path::kHopeless: break;
  }
  return Verdict::kFollow;
}

}  // namespace

Verdict judge(const Facts& f) {
  if (f.bootstrap_failed) return Verdict::kExit;  // HA-099
  if (const auto v = judge_guard(f)) return *v;
  if (f.shutdown) return judge_shutdown(f);
  if (f.busy != Busy::kNo) return Verdict::kWait;  // HA section 6
  if (f.lock == Lock::kUnknown) return judge_outage(f);
  if (const auto v = judge_directory(f)) return *v;
  if (const auto v = judge_identity(f)) return *v;
  if (f.lock == Lock::kMine && f.config_missing) return Verdict::kWriteConfig;  // HA-055
  if (f.running == Running::kDown) return judge_down(f);
  if (f.running == Running::kStarting || f.running == Running::kStartingPrimary) {
    if (const auto v = judge_starting(f)) return *v;
  }
  switch (f.lock) {
    case Lock::kFree: return judge_free(f);
    case Lock::kMine: return judge_mine(f);
    case Lock::kOthers: return judge_others(f);
    case Lock::kUnknown: break;
  }
  return Verdict::kWait;
}

bool keeps_lease(const Facts& f, Verdict verdict) {
  switch (verdict) {
    case Verdict::kRelease:
    case Verdict::kDemoteNoLock:
    case Verdict::kDemoteOffline:
    case Verdict::kExit:
      return false;
    default:
      return f.lease == Lease::kHeld || f.lease == Lease::kFenceDue;
  }
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kWait: return "wait";
    case Verdict::kPollPeers: return "poll peers";
    case Verdict::kAskFailsafe: return "ask failsafe";
    case Verdict::kCompare: return "compare timelines";
    case Verdict::kAcquire: return "acquire lock";
    case Verdict::kResumeLease: return "resume lease";
    case Verdict::kRelease: return "release lock";
    case Verdict::kLead: return "lead";
    case Verdict::kPromote: return "promote";
    case Verdict::kDemoteGraceful: return "demote (graceful)";
    case Verdict::kDemoteImmediate: return "demote (immediate)";
    case Verdict::kDemoteNoLock: return "demote (lock lost)";
    case Verdict::kDemoteOffline: return "demote (lease ends)";
    case Verdict::kFollow: return "follow";
    case Verdict::kStartPrimary: return "start as primary";
    case Verdict::kStartStandby: return "start as standby";
    case Verdict::kCrashRecovery: return "crash recovery";
    case Verdict::kRewind: return "rewind";
    case Verdict::kReinitialize: return "reinitialize";
    case Verdict::kBootstrap: return "bootstrap";
    case Verdict::kClone: return "clone";
    case Verdict::kWriteInitialize: return "write /initialize";
    case Verdict::kWriteConfig: return "write /config";
    case Verdict::kClearFailover: return "clear /failover";
    case Verdict::kCancelAction: return "cancel action";
    case Verdict::kShutDown: return "shut down";
    case Verdict::kExit: return "exit";
  }
  return "?";
}

}  // namespace matriarch::policy
