// A scheduler whose clock moves only when a test says so, and runs everything that is due.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "base/scheduler.h"
#include "base/task.h"

namespace matriarch {

class VirtualTime final : public Scheduler {
 public:
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override { return WallTime(std::chrono::seconds(1'900'000'000)); }
  void post(Callback fn) override { call_at(now_, std::move(fn)); }
  TimerId call_at(Instant when, Callback fn) override {
    const auto id = static_cast<TimerId>(++last_id_);
    queue_.emplace(Key{std::max(when, now_), last_id_}, std::move(fn));
    return id;
  }
  void cancel(TimerId id) override {
    std::erase_if(queue_, [&](const auto& entry) { return entry.first.second == static_cast<std::uint64_t>(id); });
  }

  // Runs what is due now; time stands still.
  void settle() { run_until(now_); }
  void advance(Duration by) { run_until(now_ + by); }

  // Starts `task` and keeps it alive with its result, which is there when the task has ended.
  template <class T>
  std::shared_ptr<std::optional<T>> start(Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    keep(into(std::move(task), result));
    settle();
    return result;
  }
  void keep(Task<void> task) {
    struct Detached {
      struct promise_type {
        Detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
      };
    };
    [](Task<void> owned, int* running) -> Detached {
      ++*running;
      co_await std::move(owned);
      --*running;
    }(std::move(task), &running_);
    settle();
  }
  [[nodiscard]] int running() const { return running_; }

 private:
  using Key = std::pair<Instant, std::uint64_t>;

  template <class T>
  static Task<void> into(Task<T> task, std::shared_ptr<std::optional<T>> result) {
    result->emplace(co_await std::move(task));
  }

  void run_until(Instant until) {
    while (!queue_.empty() && queue_.begin()->first.first <= until) {
      auto next = queue_.extract(queue_.begin());
      now_ = next.key().first;
      next.mapped()();
    }
    now_ = until;
  }

  Instant now_{std::chrono::hours(1)};
  std::uint64_t last_id_ = 0;
  std::map<Key, Callback> queue_;
  int running_ = 0;
};

}  // namespace matriarch
