// The production Scheduler: one thread, epoll through Asio (hidden here), timers on CLOCK_BOOTTIME.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <type_traits>

#include "base/completion.h"
#include "base/scheduler.h"

namespace boost::asio {
class io_context;
}

namespace matriarch {

class Reactor final : public Scheduler {
 public:
  Reactor();
  ~Reactor() override;
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  [[nodiscard]] Instant now() const override;
  [[nodiscard]] WallTime wall_now() const override;
  void post(Callback fn) override;
  TimerId call_at(Instant when, Callback fn) override;
  void cancel(TimerId id) override;

  // Runs until stop(); call from the thread that owns the reactor.
  void run();
  void stop();
  // Runs `task` to its end on this thread (for main() and tests).
  void run_until_done(Task<void> task);

  // Waits until `fd` is readable / writable. The fd stays the caller's and must be open until the call completes.
  // At most one waiter per fd and direction.
  Task<Status> readable(int fd, Ctx ctx);
  Task<Status> writable(int fd, Ctx ctx);

  // `handler` runs on the reactor for each delivery of `signal_number`. One handler a signal.
  void on_signal(int signal_number, std::function<void()> handler);

  // Runs `work` on a worker thread (small pool) and delivers its result on the reactor. For file system work that may
  // block. When the Ctx ends first the work goes on in the background and its result is dropped, so `work` must own all
  // it touches.
  template <class F, class T = std::invoke_result_t<F>>
  Task<Result<T>> run_blocking(Ctx ctx, F work) {
    return complete<T>(*this, std::move(ctx), [this, work = std::move(work)](Completion<T> done) mutable {
      run_in_pool([this, done = std::move(done), work = std::move(work)]() mutable {
        post_from_any_thread([done = std::move(done), result = work()]() mutable { done(std::move(result)); });
      });
      return Callback();
    });
  }

  // Thread: any.
  void post_from_any_thread(Callback fn);

  // For src/http only.
  [[nodiscard]] boost::asio::io_context& native();

 private:
  void run_in_pool(Callback work);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace matriarch
