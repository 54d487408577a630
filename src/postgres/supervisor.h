// Knows whether the server runs and whether it accepts connections, and says so the moment that changes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/reactor.h"
#include "base/task_group.h"
#include "postgres/monitor.h"
#include "postgres/postmaster.h"

namespace matriarch::postgres {

class Supervisor {
 public:
  struct Hooks {
    std::function<void()> changed;               // started, ended, accepts connections, stopped accepting
    std::function<ConnParams()> session_params;  // how to connect to the running server
  };
  Supervisor(Reactor& reactor, ServerProcesses processes, std::filesystem::path data_dir, Hooks hooks);

  // The running postmaster, or null. Looks for one that somebody else started (PG-034).
  std::shared_ptr<const Postmaster> postmaster();
  // The one known last, without looking for another.
  [[nodiscard]] std::shared_ptr<const Postmaster> known() const { return known_; }
  void adopt(Postmaster postmaster);

  // Since the last adoption somebody was able to connect, and nothing says that this has changed.
  [[nodiscard]] bool accepting() const { return accepting_; }
  // A query failed: find out anew whether the server accepts connections.
  void doubt();

  Monitor& monitor() { return monitor_; }
  [[nodiscard]] const ServerProcesses& processes() const { return processes_; }
  // How the last known postmaster ended, if it was our child: "exit code 1".
  [[nodiscard]] const std::string& last_exit() const { return last_exit_; }

  // Sends SIGKILL to what a dead postmaster left behind and waits until it is gone.
  Task<Status> end_orphans(Ctx ctx);

  Task<void> close();

 private:
  static Task<void> watch_exit(Supervisor* self, std::shared_ptr<const Postmaster> postmaster);
  static Task<void> watch_readiness(Supervisor* self, std::shared_ptr<const Postmaster> postmaster);
  Task<bool> try_session();
  void ended(const Postmaster& postmaster);

  Reactor& reactor_;
  ServerProcesses processes_;
  std::filesystem::path data_dir_;
  Hooks hooks_;
  Monitor monitor_;
  TaskGroup watchers_;
  std::shared_ptr<const Postmaster> known_;
  bool accepting_ = false;
  bool watching_readiness_ = false;
  std::string last_exit_;
};

}  // namespace matriarch::postgres
