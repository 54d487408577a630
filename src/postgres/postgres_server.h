// The port `Server` for a real PostgreSQL 13 to 18 on this machine.
//
// Everything happens on the reactor's thread: programs by posix_spawn, connections by libpq's non-blocking interface,
// process ends by pidfd. The object may outlive or precede the server: a running postmaster of the data directory is
// found and adopted, and nothing here ever ends PostgreSQL by being destroyed.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <sys/types.h>

#include "base/reactor.h"
#include "base/unique_fd.h"
#include "ports/server.h"
#include "postgres/options.h"

namespace matriarch::postgres {

// Makes the effective options of a dynamic configuration: the local file over it, over the defaults.
using OptionsSource = std::function<Result<PostgresOptions>(const Value& dynamic_config)>;

class PostgresServer final : public Server {
 public:
  // `source` is asked by apply_settings(); without one that call fails with kUnsupported.
  PostgresServer(Reactor& reactor, PostgresOptions options, OptionsSource source = nullptr);
  // Precondition: close() has completed.
  ~PostgresServer() override;
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // Ends all work of this object (not PostgreSQL). No other call may be pending or follow.
  Task<void> close();

  // The local configuration changed. `forced` (a SIGHUP) rewrites and reloads although nothing differs (PG-230).
  Task<Status> reconfigure(PostgresOptions options, bool forced, Ctx ctx);

  // The postmaster, for the guardian: a descriptor of its own, or none if nothing runs.
  struct PostmasterHandle {
    pid_t pid = 0;
    std::uint64_t start_ticks = 0;
    UniqueFd pidfd;
  };
  [[nodiscard]] std::optional<PostmasterHandle> postmaster() const;

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
  // Fires the configured command; one at a time (PG-389), on_reload on a track of its own (PG-390).
  void callback(CallbackAction action, Role role) override;

  // Fires on_reload by itself when the server was reloaded.
  Task<Status> apply_settings(Value dynamic_config, Ctx ctx) override;
  [[nodiscard]] Value pending_restart_reason() const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace matriarch::postgres
