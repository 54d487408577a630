// The agent as the REST API, the CLI and the router see it: a snapshot to read and commands to give. Nothing else of the
// agent is visible to them.
//
// Thread: the scheduler's. A snapshot is immutable and may be kept.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/scheduler.h"
#include "base/task.h"
#include "model/cluster.h"
#include "model/server_view.h"
#include "model/settings.h"
#include "ports/guard.h"
#include "ports/peers.h"

namespace matriarch {

// One decision as it was made: kept in a ring for `explain`.
struct DecisionRecord {
  std::uint64_t number = 0;
  WallTime at;
  std::string action;   // "promote", "follow", "wait", ...
  std::string reason;   // the text that was logged
  std::string inputs;   // the predicates of the world it was made from, one line
};

// Everything health checks and read-only endpoints answer from (they never touch PostgreSQL or the store).
struct AgentSnapshot {
  std::string name;
  std::string scope;
  Role role = Role::kUninitialized;
  PgState state = PgState::kStopped;
  ServerView server;
  Instant server_seen_at;                       // when the observation of `server` was begun
  MemberData member;                            // what this node publishes
  Tags tags;                                    // effective (HA-339)
  std::optional<Tags> configured_tags;          // absent: the same as `tags` (API-156)
  Settings settings;                            // effective
  std::shared_ptr<const ClusterView> cluster;   // null: not known, or older than ttl (DCS-153)
  Instant cluster_valid_until = Instant::max();  // from then on `cluster` counts as not known
  Value failsafe_topology;                      // `/failsafe` as last seen (API-304); null: never seen
  std::int64_t store_last_seen = 0;             // unix seconds of the last successful load, 0: never (DCS-155)
  Instant cycle_at;                             // when the last decision cycle completed (for /liveness)
  Duration loop_wait = std::chrono::seconds(10);
  bool leader_by_lease = false;                 // a lease of ours has not run out at `cycle_at`
  Instant lease_end;                            // of ours; the epoch if we hold none. Readers compare it with now
  bool failsafe_active = false;
  bool watchdog_failed = false;
  GuardState guard;
  std::string running_action;                   // name of the long action (HA section 2), or empty
  Value scheduled_restart;                      // map or null
  std::vector<DecisionRecord> decisions;        // newest last
};

// Outcome of a command, in the contract's own terms: the HTTP status and text the REST API answers with (spec/rest.md).
struct CommandResult {
  int status = 200;
  std::string text;
};

struct FailoverCommand {
  bool switchover = true;    // which endpoint it came by
  std::string leader;        // may be empty
  std::string candidate;     // may be empty
  std::string scheduled_at;  // ISO 8601 with offset; empty: now
};

struct RestartCommand {
  std::optional<Role> role;           // only if we have this role
  std::string postgres_version;       // only if the server is older than this
  std::optional<Duration> timeout;    // how long it may take to come up; absent: primary_start_timeout
  bool only_if_pending = false;
  std::string schedule;               // ISO 8601 with offset; empty: now
  Value::Map filters;                 // the request, normalised: what `scheduled_restart` publishes (DCS-054)
};

// What the leader of a Citus worker group tells the coordinator (API-312).
struct MppEvent {
  std::string type;    // "before_demote", "before_promote", "after_promote"
  int group = 0;
  std::string leader;  // member of the worker group
  Duration timeout = Duration::zero();   // how long the coordinator may hold its transaction open
  Duration cooldown = std::chrono::seconds(10);
};

class AgentApi {
 public:
  virtual ~AgentApi() = default;

  [[nodiscard]] virtual std::shared_ptr<const AgentSnapshot> snapshot() const = 0;
  // The same, but freshly observed from PostgreSQL where it answers before the deadline (GET /patroni wants it). Whether it
  // did is told by `server_seen_at`, which is then not earlier than the call: elections rest on it, since a position from
  // before the old primary's end may miss commits that were acknowledged meanwhile.
  virtual Task<std::shared_ptr<const AgentSnapshot>> fresh_snapshot(Ctx ctx) = 0;

  // Immediate ones complete when the result is known (HA-219), scheduled ones when they are stored.
  virtual Task<CommandResult> failover(FailoverCommand command, Ctx ctx) = 0;
  virtual Task<CommandResult> cancel_failover(Ctx ctx) = 0;  // DELETE /switchover
  virtual Task<CommandResult> restart(RestartCommand command, Ctx ctx) = 0;
  virtual Task<CommandResult> cancel_restart(Ctx ctx) = 0;
  virtual Task<CommandResult> reinitialize(bool force, bool from_leader, Ctx ctx) = 0;
  virtual Task<CommandResult> reload(Ctx ctx) = 0;

  // `/config`: the text of the result is the new configuration.
  virtual Task<CommandResult> patch_config(Value patch, Ctx ctx) = 0;
  virtual Task<CommandResult> replace_config(Value config, Ctx ctx) = 0;

  // HA-296. `lsn` is what the answer's header carries.
  struct FailsafeReply {
    CommandResult result;
    Lsn lsn;
  };
  virtual FailsafeReply failsafe(FailsafeMessage message) = 0;

  // Completes when the sender may go on (API-314). Nodes that are no coordinator with the lock have nothing to do.
  virtual Task<void> mpp_event(MppEvent /*event*/, Ctx /*ctx*/) { co_return; }

  virtual void wake_up() = 0;
  virtual void terminate() = 0;  // as SIGTERM
};

}  // namespace matriarch
