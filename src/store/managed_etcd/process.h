// The process etcd: started in a session of its own, so that it outlives the agent, and found again by the next one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/process.h"
#include "store/managed_etcd/home.h"

namespace matriarch::managed_etcd {

// What identifies a process for ever; the pid file.
struct ProcessMark {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // since boot
  std::string boot_id;
  std::string executable;  // of /proc/<pid>/exe
};
Value to_value(const ProcessMark& mark);
std::optional<ProcessMark> parse_mark(std::string_view json);

class EtcdProcess {
 public:
  // The one that runs with this home's configuration file: that of the pid file, or, where there is none, one that /proc
  // shows (an agent may be killed before it could write the file). A number alone is never believed.
  static std::optional<EtcdProcess> find(const Home& home);

  // kNotFound and the like name the program and the key. Precondition: find() is empty.
  static Result<EtcdProcess> start(const Home& home, const std::string& bin);

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool adopted() const { return !child_; }
  // Completes when it has ended, with how (as far as that can be known of what is no child). kTimeout, kCancelled.
  Task<Result<std::string>> ended(Reactor& reactor, Ctx ctx) const;
  // SIGTERM (etcd hands its leadership away), after `patience` SIGKILL; completes when it is gone.
  Task<void> stop(Reactor& reactor, Duration patience) const;

 private:
  EtcdProcess(pid_t pid, UniqueFd pidfd, bool child) : pid_(pid), pidfd_(std::move(pidfd)), child_(child) {}

  pid_t pid_;
  UniqueFd pidfd_;
  bool child_;
};

}  // namespace matriarch::managed_etcd
