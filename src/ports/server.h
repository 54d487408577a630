// The local PostgreSQL server: what the agent can ask of it. One owner of start and stop: the agent's running procedure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/scheduler.h"
#include "base/task.h"
#include "model/cluster.h"
#include "model/codec.h"
#include "model/server_view.h"
#include "model/settings.h"
#include "model/standby.h"

namespace matriarch {

enum class StopMode { kSmart, kFast, kImmediate };

struct StopOptions {
  StopMode mode = StopMode::kFast;
  bool checkpoint = false;  // CHECKPOINT first, so that the shutdown checkpoint is short (HA-241)
  // At this time it is ended with SIGKILL, whatever it is doing (B2). A server that must be gone by the end of a lease is
  // given that; max() waits for ever.
  Instant kill_at = Instant::max();
  // Called once, when no client can be told "committed" any more (HA-247), also if the server did not run.
  std::function<void()> at_safepoint;
  // Called once, when pg_control says "shut down" while the postmaster still drains its walsenders, with the LSNs of
  // HA-237. Not called for immediate stops.
  std::function<void(Lsn checkpoint, Lsn before_checkpoint)> at_shutdown_checkpoint;
};

enum class FollowChange { kNone, kReload, kRestart };

enum class RewindOutcome {
  kDone,
  kSourceUnavailable,  // try again later
  kFailed,             // cannot be rewound: a new copy is needed
};

struct CloneSource {
  std::string member;  // empty: a method that needs no running source
  std::optional<MemberAddress> address;
  bool force_basebackup = false;
};

// What the local timeline and position say about whether the server must be rewound before it can follow (HA-331).
struct LocalPosition {
  Timeline timeline = 0;
  Lsn lsn;
  bool was_primary = false;       // a former primary: its checkpoint record counts, not its replay position
  Lsn end_of_checkpoint_record;   // of a former primary; 0 = not known
};

// What came of stopping a former primary that may still take writes.
enum class FenceOutcome {
  kNotNeeded,    // it takes no writes, or is not the server that this one followed
  kStopped,      // it took writes, and is gone; what it sent is received
  kNotPossible,  // it may still take writes
};

struct FenceResult {
  FenceOutcome outcome = FenceOutcome::kNotNeeded;
  std::string why;
};

class Server {
 public:
  virtual ~Server() = default;

  // --- observing
  // Cheap when nothing changed. Never fails: what cannot be known is absent from the view. `Ctx` bounds the query.
  virtual Task<ServerView> observe(Ctx ctx) = 0;
  // Called (from the scheduler's queue) when the postmaster starts, ends or begins to accept connections. One subscriber.
  virtual void on_change(std::function<void()> changed) = 0;
  // The timeline by IDENTIFY_SYSTEM on a replication connection (HA-181).
  virtual Task<Result<Timeline>> current_timeline(Ctx ctx) = 0;
  // Former content of pg_wal/<timeline>.history, with the time of its last change on the newest row (HA-328).
  virtual Task<Result<std::vector<HistoryRow>>> timeline_history(Timeline timeline, Ctx ctx) = 0;

  // --- running
  // Writes the configuration, removes or writes the recovery settings, starts, and completes when the server accepts
  // connections (kTimeout: still starting; kFailed: died, text has the end of its log). A server that runs already is a
  // success. No target: start as primary (no recovery configuration).
  virtual Task<Status> start(std::optional<StandbyTarget> target, Ctx ctx) = 0;
  // Completes when no process of the server is left; runs the operator's before_stop first if there is time (HA-243). Ok also
  // if it did not run. The Ctx's stop ends the waiting, not the stopping.
  virtual Task<Status> stop(StopOptions options, Ctx ctx) = 0;
  // Ok as soon as the server is out of recovery and takes writes (DESIGN 7: reloads it until then).
  virtual Task<Status> promote(Ctx ctx) = 0;
  virtual Task<Status> reload(Ctx ctx) = 0;
  virtual Task<Status> checkpoint(Ctx ctx) = 0;

  // --- the candidate's fence (DESIGN 3)
  // The suspect may have to be stopped soon: get ready for it in the background. Costs nothing if it is never needed.
  virtual void prepare_fence(const Upstream& suspect) = 0;
  // Stops `suspect` if it is a primary of this cluster, on no later timeline than this standby. One that has not answered
  // at all by `answer_by` is given up.
  virtual Task<FenceResult> fence(Upstream suspect, Instant answer_by, Ctx ctx) = 0;

  // --- following
  // What it takes to make a running standby follow `target` (HA-157..159); and doing it without a restart where possible.
  virtual Task<FollowChange> follow_change(StandbyTarget target, Ctx ctx) = 0;
  virtual Task<Status> follow(StandbyTarget target, Ctx ctx) = 0;
  virtual Task<Status> resume_replay(Ctx ctx) = 0;

  // --- the data directory
  virtual Task<Status> initdb(Ctx ctx) = 0;          // by the configured bootstrap method; ends with a running server
  virtual Task<Status> post_bootstrap(Ctx ctx) = 0;  // users, post_bootstrap script (HA-097)
  // Until this is called, initdb() leaves Interrupted::kBootstrap to be seen by whoever comes after this process.
  virtual Task<void> bootstrap_announced() = 0;
  virtual Task<Status> clone(CloneSource source, Ctx ctx) = 0;  // leaves a stopped data directory, or none
  virtual Task<Status> remove_data_directory(Ctx ctx) = 0;
  virtual Task<Status> move_data_directory_away(Ctx ctx) = 0;   // suffix .failed (HA-099)
  virtual Task<Status> crash_recovery(Ctx ctx) = 0;             // single-user mode (HA-118)

  // --- rewinding
  [[nodiscard]] virtual bool can_rewind(const ServerView& view) const = 0;
  virtual Task<Result<LocalPosition>> local_position(Ctx ctx) = 0;
  // The upstream's own word: is it a primary, and which way did its timelines go (HA-331, HA-332)?
  struct UpstreamTimeline {
    Timeline timeline = 0;
    std::vector<HistoryRow> history;
    bool checkpoint_done = false;  // pg_control is on the new timeline already (HA-334)
  };
  virtual Task<Result<UpstreamTimeline>> upstream_timeline(Upstream upstream, Ctx ctx) = 0;
  virtual Task<RewindOutcome> rewind(Upstream upstream, Ctx ctx) = 0;

  // --- upkeep
  // Creates, advances and drops replication slots so that exactly the wanted ones exist (HA-344 ff.).
  struct SlotPlan {
    std::map<std::string, Lsn> physical;    // name -> advance to at least (0: do not advance)
    std::map<std::string, bool> keep_inactive;  // slot not expected to be active here
    bool drop_unknown = true;
  };
  virtual Task<Status> sync_slots(SlotPlan plan, Ctx ctx) = 0;
  // Empty list and count 0 removes the setting; so does mode kOff, which leaves it to the user's configuration. Names are
  // quoted by the implementation (SYNC-015 ff.). Of a running server: completes when our own session sees it in force. Of
  // one that is not: in force from its start as a primary on.
  virtual Task<Status> set_synchronous_standbys(std::vector<std::string> names, int count, SyncMode mode, Ctx ctx) = 0;
  // A transaction that changes nothing, and waits for no standby: there is WAL for them to confirm (SYNC-013).
  virtual Task<Status> write_transaction(Ctx ctx) = 0;

  // --- hooks of the operator
  virtual Task<bool> pre_promote(Ctx ctx) = 0;                      // HA-136; true if not configured
  virtual void callback(CallbackAction action, Role role) = 0;      // HA-322..323; never waits

  // --- settings, in force from the next operation on (reloads the server where that suffices)
  virtual Task<Status> apply_settings(Value dynamic_config, Ctx ctx) = 0;
  // GUCs that wait for a restart: {"name": {"old_value": .., "new_value": ..}}; null if none (DCS-048).
  [[nodiscard]] virtual Value pending_restart_reason() const = 0;
};

}  // namespace matriarch
