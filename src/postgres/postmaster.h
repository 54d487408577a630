// The process that is the server, and the processes it has. Numbers are never trusted: a pid read somewhere becomes a
// postmaster only when a pidfd of it is held and its executable and working directory prove it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/process.h"
#include "base/unique_fd.h"
#include "postgres/pid_file.h"

namespace matriarch::postgres {

class Postmaster {
 public:
  Postmaster(pid_t pid, std::uint64_t start_ticks, UniqueFd pidfd)
      : pid_(pid), start_ticks_(start_ticks), pidfd_(std::move(pidfd)) {}

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::uint64_t start_ticks() const { return start_ticks_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] bool alive() const;
  [[nodiscard]] Status signal(int number) const { return signal_pidfd(pidfd_.get(), number); }
  // After its end: takes its exit status if it was our child, so that no zombie keeps the pid.
  std::optional<ExitStatus> reap() const;

 private:
  pid_t pid_;
  std::uint64_t start_ticks_;
  UniqueFd pidfd_;
};

// What a process looks like in /proc.
struct ProcessLook {
  std::string program;  // base name of the executable; empty: unreadable
  std::string cwd;      // empty: unreadable
  std::string title;    // command line, arguments separated by blanks
};
ProcessLook look_at(pid_t pid);

// Which processes belong to one data directory.
class ServerProcesses {
 public:
  // `program` is the configured name of the postgres program.
  ServerProcesses(std::filesystem::path data_dir, std::string program)
      : data_dir_(std::move(data_dir)), program_(std::move(program)) {}

  // The running postmaster by postmaster.pid (PG-029..034). kNotFound: nothing runs. kConflict: a single-user server runs.
  [[nodiscard]] Result<Postmaster> find_postmaster() const;
  // A pid that is a live process but not this directory's postmaster: a reused number (PG-056).
  [[nodiscard]] std::optional<pid_t> foreign_pid_in_pid_file() const;
  // Processes of a server whose postmaster is gone: they hold its shared memory and may still be writing.
  [[nodiscard]] std::vector<pid_t> orphans() const;
  // A live process of this data directory, postmaster or other.
  [[nodiscard]] bool owns(pid_t pid) const;

 private:
  [[nodiscard]] bool same_directory(const std::string& cwd) const;
  [[nodiscard]] bool right_program(const std::string& name) const;

  std::filesystem::path data_dir_;
  std::string program_;
};

// PG-082: a title of an auxiliary process, a walsender or a worker; everything else serves a client.
bool is_auxiliary_title(std::string_view title);

// Direct children, cheaply where the kernel offers it. Complete if the parent is stopped or forks no more.
std::vector<pid_t> child_pids(pid_t parent);
// Not ended: neither gone nor a zombie.
bool is_live(pid_t pid, std::uint64_t start_ticks);

struct Child {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
};
// The children that serve clients, as of now (HA-247).
std::vector<Child> client_backends(pid_t postmaster);

// HA-249: SIGSTOP, then SIGKILL of every descendant until none is left, then of the root itself. One pass is not enough:
// backends make sessions of their own, and a fork may have been under way. Signals only; the caller awaits the ends.
// Returns the processes that were still there; call again until empty.
std::vector<pid_t> kill_family(pid_t root, int root_pidfd);

}  // namespace matriarch::postgres
