#include "store/managed_etcd/disk.h"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>

namespace matriarch::managed_etcd {

namespace {

constexpr std::size_t kMostWaiting = 8;  // a disk that hangs has no use for more

}  // namespace

struct Disk::State {
  explicit State(Reactor& its) : reactor(its) {}

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Callback> waiting;
  bool started = false;
  bool closed = false;  // from now on nobody is there to hear of results
  Reactor& reactor;

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return closed || !waiting.empty(); });
      if (closed) return;
      Callback next = std::move(waiting.front());
      waiting.pop_front();
      lock.unlock();
      next();
      next = nullptr;
      lock.lock();
    }
  }

  void deliver(Callback result) {
    const std::lock_guard lock(mutex);
    if (!closed) reactor.post_from_any_thread(std::move(result));
  }
};

Disk::Disk(Reactor& reactor)
    : reactor_(reactor),
      state_(std::make_shared<State>(reactor)),
      deliver_([state = state_](Callback result) { state->deliver(std::move(result)); }) {}

Disk::~Disk() {
  std::deque<Callback> dropped;  // each of them holds the state, which holds them
  const std::lock_guard lock(state_->mutex);
  dropped.swap(state_->waiting);
  state_->closed = true;
  state_->changed.notify_one();
}

bool Disk::take(Callback work) {
  const std::lock_guard lock(state_->mutex);
  if (state_->waiting.size() >= kMostWaiting) return false;
  state_->waiting.push_back(std::move(work));
  state_->changed.notify_one();
  if (state_->started) return true;
  state_->started = true;
  // Signals are for the reactor's thread: the new one inherits that all are blocked.
  sigset_t all;
  sigset_t former;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &former);
  std::thread([state = state_] { state->work(); }).detach();
  pthread_sigmask(SIG_SETMASK, &former, nullptr);
  return true;
}

}  // namespace matriarch::managed_etcd
