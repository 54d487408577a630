#include "base/log_queue.h"

#include <condition_variable>
#include <mutex>

#include <csignal>

namespace matriarch::log {

namespace {

constexpr std::size_t kStackBytes = 256 * 1024;  // address space; only what is used becomes memory

// A signal must reach the reactor's thread, not interrupt this one. SIGPIPE becomes an error of write(2).
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &former_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t former_{};
};

}  // namespace

struct LogQueue::State {
  State(std::size_t room, Consumer write) : capacity(room), consumer(std::move(write)) {}

  mutable std::mutex mutex;
  std::condition_variable work;   // something for the writer to do
  std::condition_variable quiet;  // everything is written
  std::deque<Record> records;
  std::size_t capacity;
  std::uint64_t lost = 0;
  bool writing = false;    // a record is out of the queue and not yet written
  bool closing = false;    // no more records; end when all are written
  bool abandoned = false;  // write nothing more
  Consumer consumer;       // of the writer's thread

  // Hands one record to the consumer without holding the lock. False: stop.
  bool consume(std::unique_lock<std::mutex>& lock, Record record) {
    writing = true;
    lock.unlock();
    consumer(std::move(record));
    lock.lock();
    writing = false;
    return !abandoned;
  }

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      work.wait(lock, [this] { return closing || abandoned || !records.empty(); });
      if (abandoned || records.empty()) return;
      Record record = std::move(records.front());
      records.pop_front();
      if (!consume(lock, std::move(record))) return;
      if (lost > 0 && records.size() < capacity) {
        const auto text = fmt::format("QueueHandler has lost {} log records", std::exchange(lost, 0));
        if (!consume(lock, make_record(Level::kWarning, text, std::source_location::current()))) return;
      }
      if (records.empty()) quiet.notify_all();
    }
  }

  bool wait_until_quiet(std::unique_lock<std::mutex>& lock, Duration limit) {
    return quiet.wait_for(lock, limit, [this] { return records.empty() && !writing; });
  }
};

Result<std::unique_ptr<LogQueue>> LogQueue::start(std::size_t capacity, Consumer consumer) {
  auto state = std::make_shared<State>(capacity, std::move(consumer));
  std::unique_ptr<LogQueue> queue(new LogQueue(state));
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  auto shared = std::make_unique<std::shared_ptr<State>>(std::move(state));
  int failed = 0;
  {
    const AllSignalsBlocked blocked;  // inherited by the thread
    failed = pthread_create(&queue->thread_, &attributes, &LogQueue::write_records, shared.get());
  }
  pthread_attr_destroy(&attributes);
  if (failed != 0) {
    queue->state_.reset();
    return errno_error(failed, "the log's thread");
  }
  (void)shared.release();  // the thread's now
  pthread_setname_np(queue->thread_, "log");
  return queue;
}

void* LogQueue::write_records(void* state) {
  const std::unique_ptr<std::shared_ptr<State>> mine(static_cast<std::shared_ptr<State>*>(state));
  (*mine)->run();
  return nullptr;
}

LogQueue::~LogQueue() { close(Duration::zero()); }

void LogQueue::push(Record record) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->closing || state_->records.size() >= state_->capacity) {
      ++state_->lost;
      return;
    }
    state_->records.push_back(std::move(record));
  }
  state_->work.notify_one();
}

void LogQueue::set_capacity(std::size_t capacity) {
  const std::lock_guard lock(state_->mutex);
  state_->capacity = capacity;
}

std::size_t LogQueue::size() const {
  const std::lock_guard lock(state_->mutex);
  return state_->records.size();
}

std::uint64_t LogQueue::lost() const {
  const std::lock_guard lock(state_->mutex);
  return state_->lost;
}

bool LogQueue::flush(Duration limit) {
  std::unique_lock lock(state_->mutex);
  return state_->wait_until_quiet(lock, limit);
}

bool LogQueue::close(Duration limit) {
  if (!state_) return true;  // the thread was never started
  bool written = false;
  {
    std::unique_lock lock(state_->mutex);
    if (state_->closing) return !state_->abandoned;
    state_->closing = true;
    state_->work.notify_one();
    written = state_->wait_until_quiet(lock, limit);
    state_->abandoned = !written;
  }
  // A writer that hangs in its destination cannot be waited for. It owns its part of the state.
  if (written) {
    pthread_join(thread_, nullptr);
  } else {
    pthread_detach(thread_);
  }
  return written;
}

}  // namespace matriarch::log
