// The one long-running procedure of the node (HA-002): started by a decision or a command, cancelled by the loop, its
// outcome handed to the next decision.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/scheduler.h"
#include "base/task.h"
#include "base/task_group.h"
#include "base/wait.h"
#include "policy/world.h"

namespace matriarch::agent {

struct Outcome {
  bool ok = false;
  bool vetoed = false;  // see policy::FinishedAction
  std::string text;

  static Outcome success(std::string text = {}) { return {.ok = true, .text = std::move(text)}; }
  static Outcome failure(std::string text) { return {.ok = false, .text = std::move(text)}; }
};

class ActionRunner {
 public:
  // `ended` is called when a procedure has ended and its outcome can be taken.
  ActionRunner(Scheduler& scheduler, std::function<void()> ended);

  [[nodiscard]] const policy::RunningAction& running() const { return running_; }
  [[nodiscard]] bool busy() const { return running_.kind != policy::ActionKind::kNone; }
  // For the running procedure itself: what it has reached (RunningAction::promoting).
  [[nodiscard]] policy::RunningAction& progress() { return running_; }

  // Precondition: not busy(). `procedure` gets the Ctx that cancel() stops. Returns a number that identifies the run.
  std::uint64_t start(policy::ActionKind kind, std::string name, std::function<Task<Outcome>(Ctx)> procedure);

  // What failed is not tried again before this time: each try costs a process, a copy or a connection. Demotions are not
  // held back.
  [[nodiscard]] Instant not_before(policy::ActionKind kind) const;

  // Asks it to stop and completes when it has ended.
  Task<void> cancel();
  Task<void> join() { return group_.join(); }

  // The outcome of the last run, once.
  std::optional<policy::FinishedAction> take_finished();
  // The outcome of run `number`, if it was the last one and has ended.
  [[nodiscard]] const Outcome* outcome_of(std::uint64_t number) const;

 private:
  Task<void> run(std::function<Task<Outcome>(Ctx)> procedure, Ctx ctx);

  Scheduler& scheduler_;
  std::function<void()> ended_;
  AsyncMutex joining_;
  TaskGroup group_;
  std::stop_source stop_;
  policy::RunningAction running_;
  std::uint64_t number_ = 0;
  std::optional<Outcome> outcome_;
  std::optional<policy::FinishedAction> finished_;
  policy::ActionKind failed_kind_ = policy::ActionKind::kNone;
  Instant failed_at_;
};

}  // namespace matriarch::agent
