#include "base/task_group.h"

#include <cassert>
#include <exception>
#include <utility>

namespace matriarch {

struct TaskGroup::State {
  std::size_t running = 0;
  std::coroutine_handle<> joiner;
};

namespace {

// A coroutine nobody awaits: it frees itself at its end. Only TaskGroup may make one.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

}  // namespace

TaskGroup::TaskGroup(Scheduler& scheduler) : scheduler_(scheduler), state_(std::make_shared<State>()) {}

TaskGroup::~TaskGroup() { assert(state_->running == 0 && "TaskGroup destroyed before join()"); }

void TaskGroup::spawn(Task<void> task) {
  // The lambda captures nothing; the frame owns its parameters.
  constexpr auto run = [](Task<void> work, std::shared_ptr<State> state, Scheduler* scheduler) -> Detached {
    co_await std::move(work);
    if (--state->running == 0 && state->joiner) {
      scheduler->post([joiner = std::exchange(state->joiner, nullptr)] { joiner.resume(); });
    }
  };
  ++state_->running;
  auto detached = run(std::move(task), state_, &scheduler_);
  scheduler_.post([handle = detached.handle] { handle.resume(); });
}

std::size_t TaskGroup::running() const { return state_->running; }

Task<void> TaskGroup::join() {
  struct Awaiter {
    State& state;
    [[nodiscard]] bool await_ready() const noexcept { return state.running == 0; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept {
      assert(!state.joiner && "one waiter at a time");
      state.joiner = waiting;
    }
    void await_resume() const noexcept {}
  };
  while (state_->running != 0) co_await Awaiter{*state_};
}

}  // namespace matriarch
