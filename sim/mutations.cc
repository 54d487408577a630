#include "sim/mutations.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/task_group.h"
#include "base/wait.h"
#include "model/standby_names.h"
#include "sim/forwarding.h"

namespace matriarch::sim {

namespace {

// --- mutations of the store

class LeaseFromAnswer final : public ForwardingStore {
 public:
  LeaseFromAnswer(Store& next, Process& process) : ForwardingStore(next), process_(process) {}

  Task<Result<LeaseHeld>> acquire_leader(ElectionBasis basis, Ctx ctx) override {
    auto lease = co_await next_.acquire_leader(std::move(basis), std::move(ctx));
    if (lease) lease->sent_at = process_.now();
    co_return lease;
  }
  Task<RenewOutcome> renew_leader(LeaderReport report, Ctx ctx) override {
    auto outcome = co_await next_.renew_leader(std::move(report), std::move(ctx));
    outcome.lease.sent_at = process_.now();
    co_return outcome;
  }

 private:
  Process& process_;
};

// An agent that takes itself for the leader for a while, whatever the store says.
class BelievesToLead : public ForwardingStore {
 public:
  BelievesToLead(Store& next, Process& process, std::string me) : ForwardingStore(next), process_(process), me_(std::move(me)) {}

  Task<Result<ClusterView>> load(Ctx ctx) override {
    auto view = co_await next_.load(std::move(ctx));
    if (view && process_.now() < until_) view->leader = Leader{.name = me_, .version = "0"};
    co_return view;
  }

 protected:
  [[nodiscard]] bool believes() const { return process_.now() < until_; }
  LeaseHeld believe() {
    until_ = process_.now() + std::chrono::seconds(20);
    return {.sent_at = process_.now(), .lasts = std::chrono::seconds(30)};
  }

  Process& process_;

 private:
  std::string me_;
  Instant until_;
};

class LockNotNeeded final : public BelievesToLead {
 public:
  using BelievesToLead::BelievesToLead;

  Task<Result<LeaseHeld>> acquire_leader(ElectionBasis basis, Ctx ctx) override {
    auto lease = co_await next_.acquire_leader(std::move(basis), std::move(ctx));
    if (!lease && lease.error().code() == Errc::kConflict) co_return believe();
    co_return lease;
  }
  Task<RenewOutcome> renew_leader(LeaderReport report, Ctx ctx) override {
    auto outcome = co_await next_.renew_leader(std::move(report), std::move(ctx));
    if (outcome.verdict == RenewVerdict::kLost && believes()) {
      outcome = {.verdict = RenewVerdict::kKept, .lease = {.sent_at = process_.now(), .lasts = std::chrono::seconds(30)}};
    }
    co_return outcome;
  }
};

class TwoInitializers final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  Task<Status> create_initialize(std::string text, Ctx ctx) override {
    auto created = co_await next_.create_initialize(std::move(text), std::move(ctx));
    if (!created && created.error().code() == Errc::kConflict) co_return Status();
    co_return created;
  }
};

class LostIgnored final : public BelievesToLead {
 public:
  using BelievesToLead::BelievesToLead;

  Task<RenewOutcome> renew_leader(LeaderReport report, Ctx ctx) override {
    auto outcome = co_await next_.renew_leader(std::move(report), std::move(ctx));
    if (outcome.verdict == RenewVerdict::kLost) outcome = {.verdict = RenewVerdict::kKept, .lease = believe()};
    co_return outcome;
  }
};

class StaleTimelineLeads final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  Task<Result<ClusterView>> load(Ctx ctx) override {
    auto view = co_await next_.load(std::move(ctx));
    if (view) view->history.reset();
    co_return view;
  }
};

class SyncIgnored final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;

  Task<Result<ClusterView>> load(Ctx ctx) override {
    auto view = co_await next_.load(std::move(ctx));
    if (view && view->is_unlocked()) view->sync = {};
    co_return view;
  }
  Task<Result<Version>> set_sync(std::string text, std::optional<Version>, Ctx ctx) override {
    return next_.set_sync(std::move(text), std::nullopt, std::move(ctx));
  }
};

// A thread of its own that renews whatever lease there is, as careless programs have it.
class RenewalByItself final : public ForwardingStore {
 public:
  RenewalByItself(Store& next, Process& process) : ForwardingStore(next), process_(process), group_(process) {
    group_.spawn(renew_for_ever(this));
  }
  ~RenewalByItself() override { group_.request_stop(); }

 private:
  static Task<void> renew_for_ever(RenewalByItself* self) {
    while (!self->process_.dead()) {
      (void)co_await pause_for(self->process_, std::chrono::seconds(1), Ctx{.stop = self->group_.stop_token()});
      if (self->process_.dead()) co_return;
      (void)co_await self->next_.renew_leader({}, Ctx{.deadline = self->process_.now() + std::chrono::seconds(5)});
    }
  }

  Process& process_;
  TaskGroup group_;
};

// --- mutations of the server

class StopWithoutDeadline final : public ForwardingServer {
 public:
  using ForwardingServer::ForwardingServer;

  Task<Status> stop(StopOptions options, Ctx ctx) override {
    options.mode = StopMode::kFast;
    options.kill_at = Instant::max();
    return next_.stop(std::move(options), std::move(ctx));
  }
};

class CrashedStartsAsPrimary final : public ForwardingServer {
 public:
  using ForwardingServer::ForwardingServer;

  Task<Status> start(std::optional<StandbyTarget> target, Ctx ctx) override {
    const ServerView view = co_await next_.observe(ctx);
    if (view.control.state == ControlState::kInProduction || view.control.state == ControlState::kShutDown) target.reset();
    co_return co_await next_.start(std::move(target), std::move(ctx));
  }
  Task<Status> crash_recovery(Ctx) override { co_return Error(Errc::kFailed, "left out"); }
};

class ReleasedBeforeStop final : public ForwardingServer {
 public:
  using ForwardingServer::ForwardingServer;

  Task<Status> stop(StopOptions options, Ctx ctx) override {
    // A position that every candidate has: the key goes at once.
    if (auto hook = std::exchange(options.at_shutdown_checkpoint, nullptr)) hook(Lsn{1}, Lsn{1});
    return next_.stop(std::move(options), std::move(ctx));
  }
};

class DivergenceNotSeen final : public ForwardingServer {
 public:
  using ForwardingServer::ForwardingServer;

  Task<Result<UpstreamTimeline>> upstream_timeline(Upstream upstream, Ctx ctx) override {
    auto answer = co_await next_.upstream_timeline(std::move(upstream), std::move(ctx));
    const auto local = co_await next_.local_position(Ctx{});
    if (answer && local) answer->timeline = local->timeline;
    co_return answer;
  }
};

class CommitsDoNotWait final : public ForwardingServer {
 public:
  using ForwardingServer::ForwardingServer;

  Task<Status> set_synchronous_standbys(std::vector<std::string> names, int count, SyncMode mode, Ctx) override {
    claimed_ = mode == SyncMode::kOff ? std::string() : format_standby_names(names, count, mode);
    names_ = std::move(names);
    state_ = mode == SyncMode::kQuorum ? "quorum" : "sync";
    co_return Status();
  }
  Task<ServerView> observe(Ctx ctx) override {
    auto view = co_await next_.observe(std::move(ctx));
    view.synchronous_standby_names = claimed_;
    for (auto& row : view.walsenders) {
      if (std::ranges::find(names_, row.application_name) == names_.end()) continue;
      row.sync_state = state_;
      row.flush_lsn = view.wal_lsn;
    }
    co_return view;
  }

 private:
  std::string claimed_;
  std::vector<std::string> names_;
  std::string state_;
};

}  // namespace

const std::vector<MutationInfo>& all_mutations() {
  static const std::vector<MutationInfo> all = {
      {Mutation::kLeaseFromAnswer, "lease-from-answer", "B1: the lease is counted from the sending of the request"},
      {Mutation::kKeepaliveUnconfirmed, "keepalive-unconfirmed", "B19: a renewal counts only when the majority confirmed it"},
      {Mutation::kLockNotNeeded, "lock-not-needed", "HA-164: only the winner of the leader key promotes"},
      {Mutation::kStopWithoutDeadline, "stop-without-deadline", "B2: a demotion ends with the lease"},
      {Mutation::kLagIgnored, "lag-ignored", "HA-182: nobody is promoted who lags too much"},
      {Mutation::kTwoInitializers, "two-initializers", "HA-087: one node bootstraps"},
      {Mutation::kRenewalByItself, "renewal-by-itself", "DESIGN 3: the lease is renewed only on a live decision"},
      {Mutation::kLostIgnored, "lost-ignored", "HA-292: a lost lock demotes at once"},
      {Mutation::kCrashedStartsAsPrimary, "crashed-starts-as-primary", "HA-110: only with the lock"},
      {Mutation::kStaleTimelineLeads, "stale-timeline-leads", "HA-172: a stale primary must not take the lock"},
      {Mutation::kReleasedBeforeStop, "released-before-stop", "HA-229: the key goes when the shutdown checkpoint is written"},
      {Mutation::kPauseIgnored, "pause-ignored", "HA-274: paused means nothing is started, stopped or promoted"},
      {Mutation::kDivergenceNotSeen, "divergence-not-seen", "HA-332: diverged data is rewound"},
      {Mutation::kSyncIgnored, "sync-ignored", "HA-178: only whom /sync names may lead"},
      {Mutation::kCommitsDoNotWait, "commits-do-not-wait", "SYNC-002: the server waits for whom /sync names"},
  };
  return all;
}

std::optional<Mutation> find_mutation(std::string_view name) {
  if (name.empty() || name == "none") return Mutation::kNone;
  const auto found = std::ranges::find(all_mutations(), name, &MutationInfo::name);
  if (found == all_mutations().end()) return std::nullopt;
  return found->mutation;
}

std::unique_ptr<Store> mutated_store(Mutation mutation, Process& process, Store& store, std::string me) {
  switch (mutation) {
    case Mutation::kLeaseFromAnswer: return std::make_unique<LeaseFromAnswer>(store, process);
    case Mutation::kLockNotNeeded: return std::make_unique<LockNotNeeded>(store, process, std::move(me));
    case Mutation::kTwoInitializers: return std::make_unique<TwoInitializers>(store);
    case Mutation::kRenewalByItself: return std::make_unique<RenewalByItself>(store, process);
    case Mutation::kLostIgnored: return std::make_unique<LostIgnored>(store, process, std::move(me));
    case Mutation::kStaleTimelineLeads: return std::make_unique<StaleTimelineLeads>(store);
    case Mutation::kSyncIgnored: return std::make_unique<SyncIgnored>(store);
    default: return nullptr;
  }
}

std::unique_ptr<Server> mutated_server(Mutation mutation, Server& server) {
  switch (mutation) {
    case Mutation::kStopWithoutDeadline: return std::make_unique<StopWithoutDeadline>(server);
    case Mutation::kCrashedStartsAsPrimary: return std::make_unique<CrashedStartsAsPrimary>(server);
    case Mutation::kReleasedBeforeStop: return std::make_unique<ReleasedBeforeStop>(server);
    case Mutation::kDivergenceNotSeen: return std::make_unique<DivergenceNotSeen>(server);
    case Mutation::kCommitsDoNotWait: return std::make_unique<CommitsDoNotWait>(server);
    default: return nullptr;
  }
}

Settings mutated_settings(Mutation mutation, Settings settings) {
  if (mutation == Mutation::kLagIgnored) {
    settings.maximum_lag_on_failover = std::numeric_limits<std::uint32_t>::max();
    settings.check_timeline = false;
  }
  if (mutation == Mutation::kPauseIgnored) settings.paused = false;
  return settings;
}

}  // namespace matriarch::sim
