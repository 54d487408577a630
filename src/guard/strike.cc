#include "guard/strike.h"

#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

namespace matriarch::guard {

namespace {

constexpr int kStopPatience = 20;    // ms until a postmaster that does not stop is killed unstopped
constexpr int kSweepPatience = 300;  // ms for orphans to be seen no more

void breathe() { poll(nullptr, 0, 1); }

class Strike {
 public:
  Strike(int postmaster, const Server& server) : server_(server), pidfd_(postmaster), pid_(pid_of(postmaster)) {}

  StrikeResult run() {
    if (pid_ > 0 && !has_ended(pidfd_)) {
      result_.postmaster_found = true;
      if (!kill_cgroup()) kill_family();
    }
    sweep();
    return result_;
  }

 private:
  bool kill_cgroup() {
    const auto cgroup = killable_cgroup(pid_, server_);
    if (!cgroup || write(cgroup.get(), "1", 1) != 1) return false;
    result_.by_cgroup = true;
    result_.last_stop_at = boot_now();
    ++result_.signals;
    result_.last_signal_at = boot_now();
    return true;
  }

  // Stopped first, killed then: what is stopped answers nobody, and stopping costs it microseconds. Dying takes a backend a
  // millisecond, which each would take from us as it wakes up, while those not yet reached go on answering.
  void kill_family() {
    send_signal(pidfd_, SIGSTOP);
    for (int waited = 0; !is_stopped() && !has_ended(pidfd_) && waited < kStopPatience; ++waited) {
      // The postmaster may have to wait for a processor to stop on; its clients are answered meanwhile.
      if (waited % 5 == 0) signal_children(SIGSTOP);
      breathe();
    }
    // A stopped postmaster makes no more children, so this list is the whole of them.
    signal_children(SIGSTOP);
    result_.last_stop_at = boot_now();
    signal_children(SIGKILL);
    signal(pidfd_, SIGKILL);
  }

  bool is_stopped() const {
    ProcessStat stat;
    return read_stat(pid_, stat) && stat.state == 'T';
  }

  // A stopped postmaster reaps nobody either, so the numbers of its children cannot become others': they need no second
  // look, which at some hundred children costs more time than all the rest.
  void signal_children(int number) {
    const bool pinned = is_stopped();
    for_each_child(pid_, [&](pid_t pid) {
      const auto pidfd = open_process(pid);
      ProcessStat stat;
      const bool ours = pinned ? !has_ended(pidfd_) : read_stat(pid, stat) && stat.ppid == pid_ && stat.state != 'Z';
      if (pidfd && ours) signal(pidfd.get(), number);
    });
  }

  void signal(int pidfd, int number) {
    if (!send_signal(pidfd, number) || number != SIGKILL) return;
    ++result_.signals;
    result_.last_signal_at = boot_now();
  }

  // Whatever is left: children of a postmaster that would not stop, or of one that had died before.
  void sweep() {
    for (int waited = 0; waited < kSweepPatience; waited += 5) {
      int seen = 0;
      for_each_process([&](pid_t pid) {
        const auto pidfd = open_process(pid);
        if (!pidfd || pid == getpid() || !belongs_to(pid, server_)) return;
        ++seen;
        const bool first = !has_ended(pidfd.get()) && send_signal(pidfd.get(), SIGKILL);
        if (first && waited == 0 && !result_.postmaster_found) {
          ++result_.signals;
          result_.last_stop_at = result_.last_signal_at = boot_now();
        }
      });
      if (seen == 0) return;
      poll(nullptr, 0, 5);
    }
  }

  const Server& server_;
  int pidfd_;
  pid_t pid_;
  StrikeResult result_;
};

// "0::/some/path" of /proc/<pid>/cgroup, below the mount point of the unified hierarchy.
bool cgroup_path(pid_t pid, const char* file, char* path, std::size_t size) {
  char text[4096];
  if (read_text(ProcPath(pid, "/cgroup").text, text, sizeof text) <= 0) return false;
  const char* line = std::strncmp(text, "0::", 3) == 0 ? text : std::strstr(text, "\n0::");
  if (line == nullptr) return false;
  line = std::strchr(line, '/');
  if (line == nullptr || line[1] == '\n') return false;  // the root group is everybody's
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    std::size_t n = std::strlen(mount);
    std::memcpy(path, mount, n);
    for (const char* c = line; *c != '\0' && *c != '\n' && n + 1 < size; ++c) path[n++] = *c;
    for (const char* c = file; *c != '\0' && n + 1 < size; ++c) path[n++] = *c;
    path[n] = '\0';
    if (access(path, F_OK) == 0) return true;
  }
  return false;
}

}  // namespace

UniqueFd killable_cgroup(pid_t postmaster, const Server& server) {
  char path[4096];
  if (!cgroup_path(postmaster, "/cgroup.kill", path, sizeof path)) return {};
  UniqueFd kill(open(path, O_WRONLY | O_CLOEXEC));
  if (!kill || !cgroup_path(postmaster, "/cgroup.procs", path, sizeof path)) return {};
  NumberStream members(path);
  // Groups below would be killed too, and their members are listed elsewhere.
  char text[256];
  if (!cgroup_path(postmaster, "/cgroup.stat", path, sizeof path) || read_text(path, text, sizeof text) <= 0 ||
      std::strncmp(text, "nr_descendants 0\n", 17) != 0) {
    return {};
  }
  pid_t pid = 0;
  bool has_postmaster = false;
  while (members.next(pid)) {
    ProcessStat stat;
    if (pid == postmaster) {
      has_postmaster = true;
    } else if (read_stat(pid, stat) && stat.ppid != postmaster && !belongs_to(pid, server) && stat.state != 'Z') {
      return {};
    }
  }
  return has_postmaster ? std::move(kill) : UniqueFd();
}

StrikeResult strike(int postmaster, const Server& server) {
  UniqueFd found;
  if (postmaster < 0 || has_ended(postmaster)) {
    found = find_postmaster(server);
    postmaster = found.get();
  }
  return Strike(postmaster, server).run();
}

Nanos boot_now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return Nanos{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace matriarch::guard
