// From callbacks to coroutines, with the deadline and the stop of a Ctx built in.
//
//   Result<std::string> r = co_await complete<std::string>(scheduler, ctx, [&](Completion<std::string> done) {
//     start_something([done](std::string text) { done(std::move(text)); });
//     return Callback([&] { abort_something(); });     // called when the deadline passes or the Ctx is stopped
//   });
//
// Exactly one of result, kTimeout, kCancelled is delivered, always through the scheduler's queue; whatever comes later
// is dropped. The abort callback must tolerate an operation that has just ended.
#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/result.h"
#include "base/scheduler.h"
#include "base/task.h"

namespace matriarch {

namespace detail {

template <class T>
struct CompletionState {
  explicit CompletionState(Scheduler& s) : scheduler(s) {}

  bool finish(Result<T> outcome) {
    if (result) return false;
    result.emplace(std::move(outcome));
    scheduler.cancel(timer);
    if (waiting) scheduler.post([handle = std::exchange(waiting, nullptr)] { handle.resume(); });
    return true;
  }

  void give_up(Errc code, const char* text) {
    if (result) return;
    auto abort_now = std::move(abort);
    finish(Error(code, text));
    if (abort_now) abort_now();
  }

  Scheduler& scheduler;
  std::optional<Result<T>> result;
  std::coroutine_handle<> waiting;
  TimerId timer = TimerId::kNone;
  Callback abort;
};

}  // namespace detail

// Copyable handle to deliver the result; calling it twice, or after the awaiter gave up, does nothing and returns false.
template <class T>
class Completion {
 public:
  explicit Completion(std::shared_ptr<detail::CompletionState<T>> state) : state_(std::move(state)) {}
  bool operator()(Result<T> result) const { return state_->finish(std::move(result)); }

 private:
  std::shared_ptr<detail::CompletionState<T>> state_;
};

// `start(Completion<T>)` begins the operation and returns the Callback that aborts it (may be empty).
template <class T, class Start>
Task<Result<T>> complete(Scheduler& scheduler, Ctx ctx, Start start) {
  if (ctx.stop.stop_requested()) co_return Error(Errc::kCancelled, "cancelled");
  if (ctx.deadline <= scheduler.now()) co_return Error(Errc::kTimeout, "deadline passed");

  auto state = std::make_shared<detail::CompletionState<T>>(scheduler);
  state->abort = start(Completion<T>(state));
  if (!state->result && ctx.deadline != Instant::max()) {
    state->timer = scheduler.call_at(ctx.deadline, [state] { state->give_up(Errc::kTimeout, "timed out"); });
  }
  const std::stop_callback on_stop(ctx.stop, [state] { state->give_up(Errc::kCancelled, "cancelled"); });

  struct Awaiter {
    detail::CompletionState<T>& state;
    [[nodiscard]] bool await_ready() const noexcept { return state.result.has_value(); }
    void await_suspend(std::coroutine_handle<> handle) noexcept { state.waiting = handle; }
    void await_resume() const noexcept {}
  };
  co_await Awaiter{*state};
  state->abort = nullptr;
  co_return std::move(*state->result);
}

}  // namespace matriarch
