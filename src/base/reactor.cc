#include "base/reactor.h"

#include <cerrno>
#include <map>
#include <thread>

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/task_group.h"

namespace matriarch {

namespace asio = boost::asio;

namespace {

Instant read_boottime() {
  timespec ts{};
  clock_gettime(CLOCK_BOOTTIME, &ts);
  return Instant(std::chrono::seconds(ts.tv_sec) + std::chrono::nanoseconds(ts.tv_nsec));
}

int make_timerfd() {
  const int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
  return fd;
}

constexpr std::size_t kWorkerThreads = 2;

}  // namespace

// Asio's own timers run on CLOCK_MONOTONIC, which stands still while the machine is suspended. So there is one timerfd
// on CLOCK_BOOTTIME for the earliest entry of our own queue.
struct Reactor::Impl {
  using Key = std::pair<Instant, std::uint64_t>;

  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work = asio::make_work_guard(io);
  asio::posix::stream_descriptor timer_fd{io, make_timerfd()};
  std::map<Key, Callback> timers;
  std::map<std::uint64_t, Instant> timer_times;
  std::uint64_t next_timer = 1;
  Instant armed = Instant::max();
  std::map<int, std::unique_ptr<asio::signal_set>> signals;
  std::unique_ptr<asio::thread_pool> pool;

  void arm() {
    const Instant earliest = timers.empty() ? Instant::max() : timers.begin()->first.first;
    if (earliest == armed) return;
    armed = earliest;
    itimerspec spec{};
    if (earliest != Instant::max()) {
      // A zero it_value disarms, so a time before the first nanosecond after boot becomes that nanosecond.
      const auto since_boot = std::max(earliest.time_since_epoch(), Duration(1));
      spec.it_value.tv_sec = since_boot / std::chrono::seconds(1);
      spec.it_value.tv_nsec = (since_boot % std::chrono::seconds(1)).count();
    }
    timerfd_settime(timer_fd.native_handle(), TFD_TIMER_ABSTIME, &spec, nullptr);
  }

  void wait_for_timer() {
    timer_fd.async_wait(asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
      if (error) return;
      std::uint64_t expirations = 0;
      [[maybe_unused]] const auto n = read(timer_fd.native_handle(), &expirations, sizeof expirations);
      armed = Instant::max();
      fire();
      arm();
      wait_for_timer();
    });
  }

  void fire() {
    const Instant now = read_boottime();
    while (!timers.empty() && timers.begin()->first.first <= now) {
      auto node = timers.extract(timers.begin());
      timer_times.erase(node.key().second);
      node.mapped()();
    }
  }

  void wait_for_signal(int number, std::shared_ptr<std::function<void()>> handler) {
    signals.at(number)->async_wait([this, number, handler](const boost::system::error_code& error, int) {
      if (error) return;
      (*handler)();
      wait_for_signal(number, handler);
    });
  }

  Task<Status> wait_fd(Reactor& reactor, int fd, asio::posix::stream_descriptor::wait_type what, Ctx ctx);
};

Reactor::Reactor() : impl_(std::make_unique<Impl>()) { impl_->wait_for_timer(); }

Reactor::~Reactor() {
  if (impl_->pool) impl_->pool->join();
}

Instant Reactor::now() const { return read_boottime(); }

WallTime Reactor::wall_now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

void Reactor::post(Callback fn) { asio::post(impl_->io, std::move(fn)); }

void Reactor::post_from_any_thread(Callback fn) { asio::post(impl_->io, std::move(fn)); }

TimerId Reactor::call_at(Instant when, Callback fn) {
  const std::uint64_t id = impl_->next_timer++;
  impl_->timers.emplace(Impl::Key{when, id}, std::move(fn));
  impl_->timer_times.emplace(id, when);
  impl_->arm();
  return TimerId{id};
}

void Reactor::cancel(TimerId id) {
  const auto found = impl_->timer_times.find(static_cast<std::uint64_t>(id));
  if (found == impl_->timer_times.end()) return;
  impl_->timers.erase({found->second, found->first});
  impl_->timer_times.erase(found);
  // The timerfd stays armed: a spurious wake-up is cheaper than a system call for each cancelled deadline.
}

void Reactor::run() { impl_->io.run(); }

void Reactor::stop() { impl_->io.stop(); }

void Reactor::run_until_done(Task<void> task) {
  constexpr auto then_stop = [](Task<void> work, Reactor* reactor) -> Task<void> {
    co_await std::move(work);
    reactor->stop();
  };
  TaskGroup group(*this);
  group.spawn(then_stop(std::move(task), this));
  impl_->io.restart();
  run();
  impl_->io.restart();
  while (group.running() != 0) impl_->io.run_one();
}

Task<Status> Reactor::Impl::wait_fd(Reactor& reactor, int fd, asio::posix::stream_descriptor::wait_type what, Ctx ctx) {
  // Asio owns its descriptors; a duplicate lets it, while the caller's fd stays the caller's.
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) co_return errno_error(errno, "cannot watch file descriptor");
  auto descriptor = std::make_shared<asio::posix::stream_descriptor>(reactor.native(), copy);
  auto outcome = co_await complete<std::monostate>(
      reactor, std::move(ctx), [descriptor, what](const Completion<std::monostate>& done) {
        descriptor->async_wait(what, [descriptor, done](const boost::system::error_code& error) {
          if (error) {
            done(Error(Errc::kIo, error.message()));
          } else {
            done(std::monostate{});
          }
        });
        return Callback([descriptor] { descriptor->cancel(); });
      });
  if (!outcome) co_return outcome.error();
  co_return Status();
}

Task<Status> Reactor::readable(int fd, Ctx ctx) {
  return impl_->wait_fd(*this, fd, asio::posix::stream_descriptor::wait_read, std::move(ctx));
}

Task<Status> Reactor::writable(int fd, Ctx ctx) {
  return impl_->wait_fd(*this, fd, asio::posix::stream_descriptor::wait_write, std::move(ctx));
}

void Reactor::on_signal(int signal_number, std::function<void()> handler) {
  impl_->signals[signal_number] = std::make_unique<asio::signal_set>(impl_->io, signal_number);
  impl_->wait_for_signal(signal_number, std::make_shared<std::function<void()>>(std::move(handler)));
}

void Reactor::run_in_pool(Callback work) {
  if (!impl_->pool) impl_->pool = std::make_unique<asio::thread_pool>(kWorkerThreads);
  asio::post(*impl_->pool, std::move(work));
}

asio::io_context& Reactor::native() { return impl_->io; }

}  // namespace matriarch
