// A Store and a Server that pass everything on: what mutations derive from.
#pragma once

#include "ports/server.h"
#include "ports/store.h"

namespace matriarch::sim {

class ForwardingStore : public Store {
 public:
  explicit ForwardingStore(Store& next) : next_(next) {}

  Task<Result<ClusterView>> load(Ctx ctx) override { return next_.load(std::move(ctx)); }
  void on_change(std::function<void()> changed) override { next_.on_change(std::move(changed)); }
  Task<Result<LeaseHeld>> acquire_leader(ElectionBasis basis, Ctx ctx) override {
    return next_.acquire_leader(std::move(basis), std::move(ctx));
  }
  Task<Result<LeaseHeld>> take_leader(Ctx ctx) override { return next_.take_leader(std::move(ctx)); }
  Task<RenewOutcome> renew_leader(LeaderReport report, Ctx ctx) override {
    return next_.renew_leader(std::move(report), std::move(ctx));
  }
  Task<Status> release_leader(std::optional<Lsn> optime, Ctx ctx) override { return next_.release_leader(optime, std::move(ctx)); }
  Task<Status> touch_member(const MemberData& data, Ctx ctx) override { return next_.touch_member(data, std::move(ctx)); }
  Task<Status> delete_member(Ctx ctx) override { return next_.delete_member(std::move(ctx)); }
  Task<Status> create_initialize(std::string text, Ctx ctx) override {
    return next_.create_initialize(std::move(text), std::move(ctx));
  }
  Task<Status> set_initialize(std::string text, Ctx ctx) override { return next_.set_initialize(std::move(text), std::move(ctx)); }
  Task<Status> delete_initialize(Ctx ctx) override { return next_.delete_initialize(std::move(ctx)); }
  Task<Status> set_config(std::string text, std::optional<Version> expected, Ctx ctx) override {
    return next_.set_config(std::move(text), std::move(expected), std::move(ctx));
  }
  Task<Status> set_failover(std::string text, std::optional<Version> expected, Ctx ctx) override {
    return next_.set_failover(std::move(text), std::move(expected), std::move(ctx));
  }
  Task<Result<Version>> set_sync(std::string text, std::optional<Version> expected, Ctx ctx) override {
    return next_.set_sync(std::move(text), std::move(expected), std::move(ctx));
  }
  Task<Status> delete_sync(std::optional<Version> expected, Ctx ctx) override {
    return next_.delete_sync(std::move(expected), std::move(ctx));
  }
  Task<Status> set_history(std::string text, Ctx ctx) override { return next_.set_history(std::move(text), std::move(ctx)); }
  Task<Status> set_status(StatusInfo status, Ctx ctx) override { return next_.set_status(std::move(status), std::move(ctx)); }
  Task<Status> delete_cluster(Ctx ctx) override { return next_.delete_cluster(std::move(ctx)); }
  void configure(Duration ttl, Duration retry_timeout) override { next_.configure(ttl, retry_timeout); }
  [[nodiscard]] LeaseTraits traits() const override { return next_.traits(); }
  [[nodiscard]] std::string lease_id() const override { return next_.lease_id(); }

 protected:
  Store& next_;
};

class ForwardingServer : public Server {
 public:
  explicit ForwardingServer(Server& next) : next_(next) {}

  Task<ServerView> observe(Ctx ctx) override { return next_.observe(std::move(ctx)); }
  void on_change(std::function<void()> changed) override { next_.on_change(std::move(changed)); }
  Task<Result<Timeline>> current_timeline(Ctx ctx) override { return next_.current_timeline(std::move(ctx)); }
  Task<Result<std::vector<HistoryRow>>> timeline_history(Timeline timeline, Ctx ctx) override {
    return next_.timeline_history(timeline, std::move(ctx));
  }
  Task<Status> start(std::optional<StandbyTarget> target, Ctx ctx) override { return next_.start(std::move(target), std::move(ctx)); }
  Task<Status> stop(StopOptions options, Ctx ctx) override { return next_.stop(std::move(options), std::move(ctx)); }
  Task<Status> promote(Ctx ctx) override { return next_.promote(std::move(ctx)); }
  Task<Status> reload(Ctx ctx) override { return next_.reload(std::move(ctx)); }
  Task<Status> checkpoint(Ctx ctx) override { return next_.checkpoint(std::move(ctx)); }
  void prepare_fence(const Upstream& suspect) override { next_.prepare_fence(suspect); }
  Task<FenceResult> fence(Upstream suspect, Instant answer_by, Ctx ctx) override {
    return next_.fence(std::move(suspect), answer_by, std::move(ctx));
  }
  Task<FollowChange> follow_change(StandbyTarget target, Ctx ctx) override {
    return next_.follow_change(std::move(target), std::move(ctx));
  }
  Task<Status> follow(StandbyTarget target, Ctx ctx) override { return next_.follow(std::move(target), std::move(ctx)); }
  Task<Status> resume_replay(Ctx ctx) override { return next_.resume_replay(std::move(ctx)); }
  Task<Status> initdb(Ctx ctx) override { return next_.initdb(std::move(ctx)); }
  Task<Status> post_bootstrap(Ctx ctx) override { return next_.post_bootstrap(std::move(ctx)); }
  Task<void> bootstrap_announced() override { return next_.bootstrap_announced(); }
  Task<Status> clone(CloneSource source, Ctx ctx) override { return next_.clone(std::move(source), std::move(ctx)); }
  Task<Status> remove_data_directory(Ctx ctx) override { return next_.remove_data_directory(std::move(ctx)); }
  Task<Status> move_data_directory_away(Ctx ctx) override { return next_.move_data_directory_away(std::move(ctx)); }
  Task<Status> crash_recovery(Ctx ctx) override { return next_.crash_recovery(std::move(ctx)); }
  [[nodiscard]] bool can_rewind(const ServerView& view) const override { return next_.can_rewind(view); }
  Task<Result<LocalPosition>> local_position(Ctx ctx) override { return next_.local_position(std::move(ctx)); }
  Task<Result<UpstreamTimeline>> upstream_timeline(Upstream upstream, Ctx ctx) override {
    return next_.upstream_timeline(std::move(upstream), std::move(ctx));
  }
  Task<RewindOutcome> rewind(Upstream upstream, Ctx ctx) override { return next_.rewind(std::move(upstream), std::move(ctx)); }
  Task<Status> sync_slots(SlotPlan plan, Ctx ctx) override { return next_.sync_slots(std::move(plan), std::move(ctx)); }
  Task<Status> set_synchronous_standbys(std::vector<std::string> names, int count, SyncMode mode, Ctx ctx) override {
    return next_.set_synchronous_standbys(std::move(names), count, mode, std::move(ctx));
  }
  Task<Status> write_transaction(Ctx ctx) override { return next_.write_transaction(std::move(ctx)); }
  Task<bool> pre_promote(Ctx ctx) override { return next_.pre_promote(std::move(ctx)); }
  void callback(CallbackAction action, Role role) override { next_.callback(action, role); }
  Task<Status> apply_settings(Value dynamic_config, Ctx ctx) override {
    return next_.apply_settings(std::move(dynamic_config), std::move(ctx));
  }
  [[nodiscard]] Value pending_restart_reason() const override { return next_.pending_restart_reason(); }

 protected:
  Server& next_;
};

}  // namespace matriarch::sim
