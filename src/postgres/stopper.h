// Stopping the server. One stop at a time: it runs to its end whoever waits for it, and a second request joins the first
// and may only sharpen it (a stronger mode, an earlier end).
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ports/server.h"
#include "postgres/core.h"

namespace matriarch::postgres {

class Stopper {
 public:
  explicit Stopper(Core& core) : core_(core) {}

  // Completes when no process of the server is left. The Ctx bounds the waiting only.
  Task<Status> stop(StopOptions options, Ctx ctx);
  [[nodiscard]] bool stopping() const { return job_ != nullptr; }

 private:
  // What one caller wants to be told. Dropped when it stops waiting: what its hooks refer to may be gone then.
  struct Caller {
    std::function<void()> at_safepoint;
    std::function<void(Lsn, Lsn)> at_shutdown_checkpoint;
    std::optional<Completion<std::monostate>> finished;
  };
  struct Job {
    StopMode mode = StopMode::kSmart;
    bool checkpoint = false;
    Instant kill_at = Instant::max();
    std::vector<std::shared_ptr<Caller>> callers;
    bool safe = false;           // the safepoint was reached
    bool stale_control = false;  // pg_control said "shut down" before the stop began
    bool reported = false;       // at_shutdown_checkpoint was called, or will not be
    std::optional<StopMode> signalled;
    std::optional<std::vector<Child>> backends;  // those that were there when the shutdown had begun
    std::stop_source hurry;                      // ends what only shortens the shutdown
    bool finished = false;
    Status result;
  };

  static Task<void> run(Stopper* self, std::shared_ptr<Job> job);
  Task<Status> carry_out(std::shared_ptr<Job> job);
  Task<void> checkpoint_first(std::shared_ptr<Job> job);
  Status signal(Job& job, const Postmaster& postmaster) const;
  void look_for_safepoint(Job& job, const Postmaster& postmaster) const;
  Task<void> look_for_shutdown_checkpoint(std::shared_ptr<Job> job);
  Task<Status> kill(std::shared_ptr<const Postmaster> postmaster);
  static void tell_safepoint(Caller& caller);
  static void reach_safepoint(Job& job);

  Core& core_;
  std::shared_ptr<Job> job_;
};

}  // namespace matriarch::postgres
