#include "base/wait.h"

namespace matriarch {

Task<Status> sleep_until(Scheduler& scheduler, Instant when, Ctx ctx) {
  if (ctx.stop.stop_requested()) co_return Error(Errc::kCancelled, "cancelled");
  const bool too_far = ctx.deadline < when;
  auto outcome = co_await complete<std::monostate>(
      scheduler, Ctx{.deadline = std::min(when, ctx.deadline), .stop = ctx.stop},
      [](const Completion<std::monostate>&) { return Callback(); });
  if (!outcome && outcome.error().code() == Errc::kTimeout && !too_far) co_return Status();
  if (!outcome) co_return outcome.error();
  co_return Status();
}

Task<Status> pause_for(Scheduler& scheduler, Duration duration, Ctx ctx) {
  return sleep_until(scheduler, scheduler.now() + duration, std::move(ctx));
}

Task<void> yield_now(Scheduler& scheduler) {
  struct Awaiter {
    Scheduler& scheduler;
    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) {
      scheduler.post([handle] { handle.resume(); });
    }
    void await_resume() const noexcept {}
  };
  co_await Awaiter{scheduler};
}

void WakeUp::set() {
  if (waiter_) {
    const auto waiter = *std::exchange(waiter_, std::nullopt);
    if (waiter(std::monostate{})) return;
  }
  set_ = true;
}

Task<Status> WakeUp::wait(Ctx ctx) {
  if (std::exchange(set_, false)) co_return Status();
  auto outcome = co_await complete<std::monostate>(scheduler_, ctx, [this](const Completion<std::monostate>& done) {
    waiter_ = done;
    return Callback([this] { waiter_.reset(); });
  });
  if (!outcome) co_return outcome.error();
  co_return Status();
}

void Broadcast::notify() {
  for (const auto& waiter : std::exchange(waiters_, {})) waiter(std::monostate{});
}

Task<Status> Broadcast::wait(Ctx ctx) {
  auto outcome = co_await complete<std::monostate>(scheduler_, ctx, [this](const Completion<std::monostate>& done) {
    waiters_.push_back(done);
    return Callback();
  });
  if (!outcome) co_return outcome.error();
  co_return Status();
}

Task<Result<AsyncMutex::Guard>> AsyncMutex::lock(Ctx ctx) {
  if (!locked_) {
    locked_ = true;
    co_return Guard(this);
  }
  // unlock() hands the mutex over without unlocking it, so nobody can come in between.
  auto outcome = co_await complete<std::monostate>(scheduler_, ctx, [this](const Completion<std::monostate>& done) {
    queue_.push_back(done);
    return Callback();
  });
  if (!outcome) co_return outcome.error();
  co_return Guard(this);
}

void AsyncMutex::unlock() {
  while (!queue_.empty()) {
    const auto next = queue_.front();
    queue_.pop_front();
    if (next(std::monostate{})) return;
  }
  locked_ = false;
}

}  // namespace matriarch
