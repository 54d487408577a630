// The Server port: what one agent can do to the PostgreSQL of its machine.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ports/server.h"
#include "sim/postgres.h"
#include "sim/process.h"
#include "sim/random.h"

namespace matriarch::sim {

// What an agent did to its server, for the checks.
enum class ServerCommand { kStart, kStop, kPromote, kFollow, kInitdb, kClone, kRewind, kCrashRecovery, kRemove, kFence };
std::string_view to_string(ServerCommand command);

class SimServer final : public Server {
 public:
  using Told = std::function<void(ServerCommand)>;

  SimServer(Process& process, PostgresWorld& world, Postgres& postgres, Random random, Told told);
  ~SimServer() override;
  SimServer(const SimServer&) = delete;
  SimServer& operator=(const SimServer&) = delete;

  Task<ServerView> observe(Ctx ctx) override;
  void on_change(std::function<void()> changed) override;
  Task<Result<Timeline>> current_timeline(Ctx ctx) override;
  Task<Result<std::vector<HistoryRow>>> timeline_history(Timeline timeline, Ctx ctx) override;
  Task<Status> start(std::optional<StandbyTarget> target, Ctx ctx) override;
  Task<Status> stop(StopOptions options, Ctx ctx) override;
  Task<Status> promote(Ctx ctx) override;
  Task<Status> reload(Ctx ctx) override;
  Task<Status> checkpoint(Ctx ctx) override;
  void prepare_fence(const Upstream& suspect) override;
  Task<FenceResult> fence(Upstream suspect, Instant answer_by, Ctx ctx) override;
  Task<FollowChange> follow_change(StandbyTarget target, Ctx ctx) override;
  Task<Status> follow(StandbyTarget target, Ctx ctx) override;
  Task<Status> resume_replay(Ctx ctx) override;
  Task<Status> initdb(Ctx ctx) override;
  Task<Status> post_bootstrap(Ctx ctx) override;
  Task<void> bootstrap_announced() override;
  Task<Status> clone(CloneSource source, Ctx ctx) override;
  Task<Status> remove_data_directory(Ctx ctx) override;
  Task<Status> move_data_directory_away(Ctx ctx) override;
  Task<Status> crash_recovery(Ctx ctx) override;
  [[nodiscard]] bool can_rewind(const ServerView& view) const override;
  Task<Result<LocalPosition>> local_position(Ctx ctx) override;
  Task<Result<UpstreamTimeline>> upstream_timeline(Upstream upstream, Ctx ctx) override;
  Task<RewindOutcome> rewind(Upstream upstream, Ctx ctx) override;
  Task<Status> sync_slots(SlotPlan plan, Ctx ctx) override;
  Task<Status> set_synchronous_standbys(std::vector<std::string> names, int count, SyncMode mode, Ctx ctx) override;
  Task<Status> write_transaction(Ctx ctx) override;
  Task<bool> pre_promote(Ctx ctx) override;
  void callback(CallbackAction action, Role role) override;
  Task<Status> apply_settings(Value dynamic_config, Ctx ctx) override;
  [[nodiscard]] Value pending_restart_reason() const override;

  // Whether the operator's pre_promote script says no.
  void set_veto(bool veto) { veto_ = veto; }

 private:
  // Takes about as long as a local query or small file operation; false if the process died or the Ctx ended.
  Task<Status> short_while(Ctx ctx);
  // Runs an operation of the machine and waits for its Done.
  template <class Begin>
  Task<Status> operate(Ctx ctx, Begin begin);
  [[nodiscard]] std::vector<HistoryRow> rows(const Wal& wal) const;

  Process& process_;
  PostgresWorld& world_;
  Postgres& postgres_;
  Random random_;
  Told told_;
  std::shared_ptr<Process*> listener_;  // null when the agent is gone
  std::uint64_t subscription_ = 0;
  bool veto_ = false;
  std::string wanted_connections_;
  std::string running_connections_;
};

}  // namespace matriarch::sim
