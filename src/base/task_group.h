// Detached work that is not lost: tasks spawned into a group run beside their parent and are joined before it ends.
#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <stop_token>

#include "base/scheduler.h"
#include "base/task.h"

namespace matriarch {

// Owner: a coroutine or object that calls join() before the group is destroyed (asserted). An exception that leaves a
// spawned task is a bug and ends the program.
class TaskGroup {
 public:
  explicit TaskGroup(Scheduler& scheduler);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // The task starts from the scheduler's queue, not inside this call.
  void spawn(Task<void> task);

  // Asks all tasks that were given stop_token() to stop. They are still to be joined.
  void request_stop() { stop_.request_stop(); }
  [[nodiscard]] std::stop_token stop_token() const { return stop_.get_token(); }

  [[nodiscard]] std::size_t running() const;

  // Completes when no task runs any more. At most one waiter at a time.
  Task<void> join();

 private:
  struct State;
  Scheduler& scheduler_;
  std::stop_source stop_;
  std::shared_ptr<State> state_;
};

}  // namespace matriarch
