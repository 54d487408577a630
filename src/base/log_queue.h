// A bounded queue of records and the thread that writes them: whoever logs never waits for a slow or blocked
// destination (CFG-431). A full queue drops and counts; when there is room again the log says how many were lost
// (CFG-432).
//
// Thread: any, for every function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <pthread.h>

#include "base/log_record.h"
#include "base/result.h"
#include "base/time.h"

namespace matriarch::log {

class LogQueue {
 public:
  using Consumer = std::function<void(Record record)>;  // called on the writer's thread, one record after the other

  // kIo: there can be no thread. `capacity` >= 1 records, the one being written not counted.
  static Result<std::unique_ptr<LogQueue>> start(std::size_t capacity, Consumer consumer);
  // Does not wait: what is still queued is not written, unless close() came before.
  ~LogQueue();
  LogQueue(const LogQueue&) = delete;
  LogQueue& operator=(const LogQueue&) = delete;

  void push(Record record);
  void set_capacity(std::size_t capacity);  // what is queued beyond it stays

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::uint64_t lost() const;  // since the log last told about it

  // Waits until everything pushed before is written. False: not within `limit`.
  bool flush(Duration limit);
  // As flush(), and ends the thread; later records are lost. False: records remain that could not be written in time.
  // The thread then ends when the destination lets go of it, and writes nothing more.
  bool close(Duration limit);

 private:
  struct State;

  explicit LogQueue(std::shared_ptr<State> state) : state_(std::move(state)) {}

  static void* write_records(void* state);

  std::shared_ptr<State> state_;  // shared with the thread, which may outlive the queue
  pthread_t thread_{};
};

}  // namespace matriarch::log
