// Everything a decision may depend on. Gathered by the agent's loop, given to decide() by value semantics; decide() reads no
// clock, no file, no socket.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "model/cluster.h"
#include "model/peer_status.h"
#include "model/server_view.h"
#include "model/settings.h"
#include "model/tags.h"
#include "policy/lease.h"


namespace matriarch::policy {

// The one long-running procedure (HA-002).
enum class ActionKind {
  kNone,
  kBootstrap,
  kClone,
  kReinitialize,
  kPromote,
  kDemote,
  kStartPrimary,    // "starting primary after failure"
  kStartStandby,    // "restarting after failure", "starting after demotion"
  kCrashRecovery,
  kRewind,
  kRestart,
  kFollow,
  kShutDown,
};

std::string_view to_string(ActionKind kind);

struct RunningAction {
  ActionKind kind = ActionKind::kNone;
  std::string name;       // as shown by REST and logs (HA section 2)
  Instant since;
  bool promoting = false; // of kPromote: the server was told to promote; before that it can still be cancelled (HA-076)
  bool leading = false;   // of kRestart: a primary is restarted, it will take writes again
};

// The procedure that ended since the last decision.
struct FinishedAction {
  ActionKind kind = ActionKind::kNone;
  bool ok = false;
  bool vetoed = false;         // kPromote: the operator's pre_promote script said no (HA-138); kRewind: it can never succeed
  bool cancelled = false;
  std::string text;
};

// Whether the server's timeline leads into the leader's, as measured by the probe that kCompare asks for (HA-331).
struct Divergence {
  Timeline local_timeline = 0;
  Lsn local_lsn;
  bool was_primary = false;
  Lsn end_of_checkpoint_record;
  std::vector<HistoryRow> local_history;  // the way to local_timeline; empty on timeline 1, or if it cannot be read
  Timeline leader_timeline = 0;
  std::vector<HistoryRow> leader_history;
  bool leader_checkpoint_done = true;
};

struct World {
  Instant now;
  WallTime wall_now;

  // Who I am.
  std::string me;
  Tags tags;
  bool has_bootstrap_section = false;

  // What everybody agreed on. No view: the store could not be read in this cycle.
  Settings settings;
  std::shared_ptr<const ClusterView> view;
  Instant view_asked_at;  // when the read of `view` began
  bool view_ever_loaded = false;
  Value known_failsafe;   // /failsafe as last read: it must be known when the store is not

  LeaseState lease;
  ServerView server;
  std::string system_id;    // of the data directory; empty: unreadable
  bool can_rewind = false;  // pg_rewind is configured and usable on this data directory (HA-330)

  RunningAction action;
  std::optional<FinishedAction> finished;

  // Gathered only when a decision asked for it.
  std::optional<std::vector<PeerStatus>> peers;
  std::optional<Divergence> divergence;
  bool divergence_unknown = false;  // asked for, but the leader or the server did not say

  bool watchdog_failed = false;     // one is required, and it would not work (HA-176)
  bool failsafe_asked = false;      // in this cycle; if all accepted, `lease` was prolonged (HA-289)

  bool shutdown_requested = false;

  [[nodiscard]] bool lock_mine() const { return view && !view->is_unlocked() && view->leader->name == me; }
};

}  // namespace matriarch::policy
