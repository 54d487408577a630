// The consensus store, as one contract for every engine (spec/dcs.md section 3). Keys and their texts are the engine's
// business; this interface speaks of the cluster.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/scheduler.h"
#include "base/task.h"
#include "model/cluster.h"

namespace matriarch {

// What a lease of this engine is like (DESIGN 5).
struct LeaseTraits {
  Duration granted = Duration::zero();      // what the store gave for the ttl asked for; zero before the first grant
  Duration granularity = Duration::zero();  // how much later than promised the store may let the key expire
  bool needs_confirm = false;               // a renewal counts only with a majority's confirmation afterwards
};

// A lease that was obtained or renewed: valid for min(ttl, granted) from the moment the request was *sent* (HA-042, B1).
struct LeaseHeld {
  Instant sent_at;
  Duration lasts = Duration::zero();
};

enum class RenewVerdict {
  kKept,     // certainly ours: confirmed by a majority after the renewal (HA-035, B19)
  kLost,     // certainly not ours any more: demote at once
  kUnknown,  // no answer that proves either; the lease runs on to its end
};

struct RenewOutcome {
  RenewVerdict verdict = RenewVerdict::kUnknown;
  LeaseHeld lease;    // if kept
  bool vacant = false;  // if lost: nobody else holds the key either, so that it may be raced for (after an outage, say)
  std::string why;    // otherwise: for people
};

// What the leader publishes with a renewal (HA-036). Written only where changed; failures do not change the verdict.
struct LeaderReport {
  std::optional<StatusInfo> status;
  std::optional<Value::Map> failsafe;
};

class Store {
 public:
  virtual ~Store() = default;

  // --- reading
  // A complete view, or an error; never a part of one (HA-033). It is not older than the call, or, while the watch is healthy,
  // than what the watch delivered; and it always contains at least this client's own successful writes (a node that acquired
  // the lock must not be shown a view from before).
  virtual Task<Result<ClusterView>> load(Ctx ctx) = 0;
  // Calls `changed` (from the scheduler's queue) whenever something below the cluster's path that a decision depends on
  // may have changed: leader, config, failover, sync, initialize, status, members. Spurious calls are allowed, lost ones
  // are not while the store is reachable. One subscriber; an empty function unsubscribes.
  virtual void on_change(std::function<void()> changed) = 0;

  // --- the leader's key
  // Creates it, bound to our lease, if it is absent and everything that the election was decided on is still as `basis`
  // says, in one step of the store (HA-034). kConflict: one of these is not so, look again. A request may reach the store
  // long after it was sent, when another leader has come and gone: its traces in `/history`, `/status`, `/sync` and
  // `/failsafe` refuse what was right before it came (INV-3; docs/adr/0009). A request for the key as this client already
  // holds it succeeds.
  virtual Task<Result<LeaseHeld>> acquire_leader(ElectionBasis basis, Ctx ctx) = 0;
  // Writes it unconditionally, bound to our lease: only the end of bootstrap may do this (DCS-018).
  virtual Task<Result<LeaseHeld>> take_leader(Ctx ctx) = 0;
  // HA-035. Never fails: what is not known is kUnknown. The first renewal of a lease that was taken over from another process
  // also writes the key anew: what that process had under way, a release above all, does not apply to it any more.
  virtual Task<RenewOutcome> renew_leader(LeaderReport report, Ctx ctx) = 0;
  // Deletes it if still ours; writes `/status` with `optime` first when given (HA-037). kConflict: not ours.
  virtual Task<Status> release_leader(std::optional<Lsn> optime, Ctx ctx) = 0;

  // --- our member key, bound to our lease
  virtual Task<Status> touch_member(const MemberData& data, Ctx ctx) = 0;
  virtual Task<Status> delete_member(Ctx ctx) = 0;

  // --- the rest. `expected`: compare-and-set on that version, kConflict if it is another; absent: unconditional.
  // Creates `/initialize` with `text` if absent; kConflict otherwise (HA-087).
  virtual Task<Status> create_initialize(std::string text, Ctx ctx) = 0;
  virtual Task<Status> set_initialize(std::string text, Ctx ctx) = 0;
  virtual Task<Status> delete_initialize(Ctx ctx) = 0;
  virtual Task<Status> set_config(std::string text, std::optional<Version> expected, Ctx ctx) = 0;
  virtual Task<Status> set_failover(std::string text, std::optional<Version> expected, Ctx ctx) = 0;
  // Returns the new version (HA-038). An empty expected version means: the key must not exist.
  virtual Task<Result<Version>> set_sync(std::string text, std::optional<Version> expected, Ctx ctx) = 0;
  virtual Task<Status> delete_sync(std::optional<Version> expected, Ctx ctx) = 0;
  virtual Task<Status> set_history(std::string text, Ctx ctx) = 0;
  virtual Task<Status> set_status(StatusInfo status, Ctx ctx) = 0;
  // Removes everything below the cluster's path (CLI `remove`).
  virtual Task<Status> delete_cluster(Ctx ctx) = 0;

  // --- settings
  // Takes effect with the next lease operation: a changed ttl means a new lease, and our keys are re-bound to it (DCS-209).
  virtual void configure(Duration ttl, Duration retry_timeout) = 0;
  [[nodiscard]] virtual LeaseTraits traits() const = 0;
  // The store's name for the lease this process holds, for the process that comes after it; empty: none, or not of this kind.
  [[nodiscard]] virtual std::string lease_id() const { return {}; }
};

}  // namespace matriarch
