// Work on the disk that holds etcd's folder, in a thread of its own. The reactor's worker threads serve the whole agent (name
// look-ups, PostgreSQL's files); they must not hang because this disk does.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "base/completion.h"
#include "base/reactor.h"

namespace matriarch::managed_etcd {

// Thread: the reactor's, which must outlive it. Its destructor does not wait for a disk that hangs.
class Disk {
 public:
  explicit Disk(Reactor& reactor);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  // As Reactor::run_blocking(): work goes on when the Ctx ends, so it must own all it touches; one after the other, in order.
  // kUnavailable: too much is waiting already.
  template <class F, class T = std::invoke_result_t<F>>
  Task<Result<T>> run(Ctx ctx, F work) {
    return complete<T>(reactor_, std::move(ctx), [this, work = std::move(work)](Completion<T> done) mutable {
      const bool taken = take([deliver = deliver_, done, work = std::move(work)]() mutable {
        deliver([done = std::move(done), result = work()]() mutable { done(std::move(result)); });
      });
      if (!taken) done(Error(Errc::kUnavailable, "the disk of etcd3.data_dir does not answer"));
      return Callback();
    });
  }

 private:
  bool take(Callback work);

  struct State;  // shared with the thread, which may outlive this object
  Reactor& reactor_;
  std::shared_ptr<State> state_;
  std::function<void(Callback)> deliver_;
};

}  // namespace matriarch::managed_etcd
