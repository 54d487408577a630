// What the parts of the PostgreSQL module share: the options, the reactor, the server's processes, its files and its
// sessions. One per PostgresServer; outlives every part.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/process.h"
#include "base/reactor.h"
#include "base/task_group.h"
#include "postgres/connection.h"
#include "postgres/control_file.h"
#include "postgres/options.h"
#include "postgres/supervisor.h"
#include "postgres/work_marker.h"

namespace matriarch::postgres {

class Core {
 public:
  Core(Reactor& reactor, PostgresOptions options);

  Reactor& reactor;
  PostgresOptions options;
  TaskGroup background;  // everything detached; joined by close()
  Supervisor supervisor;

  // The subscriber of the port; called from the scheduler's queue.
  void on_change(std::function<void()> changed);
  void notify();

  // What the server's configuration is written for. Follows what the server really is (PG-182).
  Role role = Role::kUninitialized;

  [[nodiscard]] std::filesystem::path data_dir() const { return options.data_dir; }
  [[nodiscard]] int major_version() const;  // of the data directory; 0: unknown

  // pg_control, by itself or by the tool (PG-006). Failure is an error, never an exception.
  Task<Result<ControlFile>> control_file(Ctx ctx);

  // The local superuser session's parameters (PG-125) and those of a local replication connection (PG-153).
  [[nodiscard]] ConnParams local_superuser(std::string_view purpose) const;
  [[nodiscard]] ConnParams local_replication() const;
  [[nodiscard]] const Credentials& rewind_user() const;  // PG-122

  // A local superuser session of its own without statement timeout, for what takes long.
  Task<Result<std::unique_ptr<Connection>>> open_local(std::string_view purpose, Ctx ctx);

  // Around work that makes or rewinds the data directory. begin: what a former agent left running is ended first.
  Task<Status> begin_work(Interrupted work, Ctx ctx);
  Task<void> end_work();
  // The directory with all that its links lead to (PG-237), and the mark of interrupted work.
  Task<Status> remove_data(Ctx ctx);
  WorkMarker marker;

  // Runs a program in the C locale. Not found or not startable: an error; any exit status is a result.
  Task<Result<RunResult>> run(std::vector<std::string> argv, std::map<std::string, std::string> env, Ctx ctx);

  // Writes the whole file, on a worker thread, if it differs. Follows a symlink. true = written.
  Task<Result<bool>> write(std::filesystem::path path, std::string content, Ctx ctx);
  [[nodiscard]] mode_t mode_for(const std::filesystem::path& path) const;  // PG-234

  Task<void> close();

 private:
  [[nodiscard]] ConnParams local(const Credentials& user, bool use_socket) const;

  std::shared_ptr<std::function<void()>> subscriber_ = std::make_shared<std::function<void()>>();
  mode_t outside_mode_;
};

// The environment variables of ours that no server and no program of it may see (PG-054, PG-110).
std::vector<std::string> private_variables();

}  // namespace matriarch::postgres
