// The session by which the agent watches its server: kept open, found dead at once, opened again when needed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/reactor.h"
#include "base/task_group.h"
#include "base/wait.h"
#include "postgres/connection.h"

namespace matriarch::postgres {

class Monitor {
 public:
  // `lost` is called (from the scheduler's queue) when the open session ends by itself.
  Monitor(Reactor& reactor, std::function<void()> lost);

  // Where to connect from now on. An open session stays open unless the parameters changed.
  void set_target(ConnParams params);
  // Drops the session: its server is about to be replaced (PG-046).
  void drop();
  [[nodiscard]] bool is_open() const { return session_ != nullptr && session_->usable(); }

  // Opens the session if there is none. Connection problems are tried once more, unless the Ctx ends (PG-132).
  Task<Result<Rows>> query(std::string sql, Ctx ctx);
  Task<Status> ensure_open(Ctx ctx);
  [[nodiscard]] const std::string& sqlstate() const { return sqlstate_; }
  [[nodiscard]] int server_version() const { return server_version_; }  // of the last session; 0: none yet

  // Ends the background work; call before destruction.
  Task<void> close();

 private:
  Task<Status> open(Ctx ctx);
  static Task<void> watch(Monitor* self, std::shared_ptr<Connection> session, std::stop_token stop);
  void begin_watch();
  void end_watch();

  Reactor& reactor_;
  std::function<void()> lost_;
  ConnParams params_;
  AsyncMutex mutex_;
  TaskGroup watchers_;
  std::shared_ptr<Connection> session_;
  std::stop_source watch_stop_;
  std::string sqlstate_;
  int server_version_ = 0;
};

}  // namespace matriarch::postgres
