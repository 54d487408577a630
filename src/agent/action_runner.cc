#include "agent/action_runner.h"

#include <cassert>

#include "base/log.h"

namespace matriarch::agent {

using policy::ActionKind;

ActionRunner::ActionRunner(Scheduler& scheduler, std::function<void()> ended)
    : scheduler_(scheduler), ended_(std::move(ended)), joining_(scheduler), group_(scheduler) {}

std::uint64_t ActionRunner::start(ActionKind kind, std::string name, std::function<Task<Outcome>(Ctx)> procedure) {
  assert(!busy() && "one action at a time");
  stop_ = std::stop_source();
  running_ = {.kind = kind, .name = std::move(name), .since = scheduler_.now()};
  outcome_.reset();
  group_.spawn(run(std::move(procedure), Ctx{.stop = stop_.get_token()}));
  return ++number_;
}

Task<void> ActionRunner::run(std::function<Task<Outcome>(Ctx)> procedure, Ctx ctx) {
  Outcome outcome = ctx.stop.stop_requested() ? Outcome::failure("cancelled") : co_await procedure(ctx);
  if (!outcome.ok) log::warning("{}: {}", running_.name, outcome.text);
  finished_ = policy::FinishedAction{.kind = running_.kind,
                                     .ok = outcome.ok,
                                     .vetoed = outcome.vetoed,
                                     .cancelled = !outcome.ok && ctx.stop.stop_requested(),
                                     .text = outcome.text};
  failed_kind_ = outcome.ok || finished_->cancelled ? ActionKind::kNone : running_.kind;
  failed_at_ = scheduler_.now();
  outcome_ = std::move(outcome);
  running_ = {};
  ended_();
}

Instant ActionRunner::not_before(ActionKind kind) const {
  constexpr Duration kPause = std::chrono::seconds(1);
  const bool urgent = kind == ActionKind::kDemote || kind == ActionKind::kShutDown;
  return kind == failed_kind_ && !urgent ? failed_at_ + kPause : Instant();
}

Task<void> ActionRunner::cancel() {
  stop_.request_stop();
  const auto turn = co_await joining_.lock(Ctx{});  // the loop and a command may both have a reason
  co_await group_.join();
}

std::optional<policy::FinishedAction> ActionRunner::take_finished() { return std::exchange(finished_, std::nullopt); }

const Outcome* ActionRunner::outcome_of(std::uint64_t number) const {
  return number == number_ && outcome_ ? &*outcome_ : nullptr;
}

}  // namespace matriarch::agent
