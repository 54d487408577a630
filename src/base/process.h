// Child processes, by posix_spawn and pidfd: no fork() in a process with threads, and no pid that may have been reused.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/reactor.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace matriarch {

struct SpawnOptions {
  std::vector<std::string> argv;             // argv[0] is looked up in PATH unless it contains a slash
  std::map<std::string, std::string> env;    // added to (and overriding) this process's environment
  std::vector<std::string> unset_env;        // removed from it
  std::string cwd;                           // empty: as is
  bool new_session = false;                  // setsid(): survives the agent and its terminal
  int stdout_fd = -1;                        // -1: /dev/null. stdin is always /dev/null
  int stderr_fd = -1;                        // -1: /dev/null
};

struct ExitStatus {
  int code = 0;    // exit code, if signal == 0
  int signal = 0;  // number of the signal that ended it, or 0

  [[nodiscard]] bool success() const { return code == 0 && signal == 0; }
  [[nodiscard]] std::string text() const;  // "exit code 3", "signal 9"
};

// A child of ours. Destroying it neither waits for nor kills the process.
class ChildProcess {
 public:
  ChildProcess(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }

  // Completes when the process has ended, and reaps it. Call once.
  Task<Result<ExitStatus>> wait(Reactor& reactor, Ctx ctx);
  // By pidfd, so never to another process. kNotFound: ended already.
  [[nodiscard]] Status kill(int signal_number) const;

 private:
  pid_t pid_;
  UniqueFd pidfd_;
};

Result<ChildProcess> spawn(const SpawnOptions& options);

struct RunResult {
  ExitStatus status;
  std::string out;  // at most `max_output` bytes of each; the rest is read and dropped
  std::string err;
};

struct RunOptions {
  std::size_t max_output = 1 << 20;
  std::string input;  // written to the program's standard input
};

// Runs a program to its end. When the Ctx ends first, the program's session is ended: SIGTERM, SIGKILL 2 s later, and
// the call completes only when the program itself is gone (so that nothing acts behind the caller's back).
Task<Result<RunResult>> run_program(Reactor& reactor, SpawnOptions spawn_options, RunOptions run_options, Ctx ctx);

// pidfd of any process (not only children). kNotFound if there is none.
Result<UniqueFd> open_pidfd(pid_t pid);
Status signal_pidfd(int pidfd, int signal_number);

// What /proc tells about a process; empty if it is gone.
struct ProcessInfo {
  pid_t pid = 0;
  pid_t ppid = 0;
  std::uint64_t start_ticks = 0;  // since boot, in clock ticks: with the pid it identifies a process for ever
  char state = '?';
};
std::optional<ProcessInfo> process_info(pid_t pid);
std::vector<ProcessInfo> children_of(pid_t parent);

}  // namespace matriarch
