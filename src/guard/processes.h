// What /proc tells about processes, without allocating. A number is never trusted: take a pidfd first, look, and believe
// what was seen only if the pidfd's process still lives afterwards, since then the number was its own all the while.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/types.h>

#include "base/unique_fd.h"
#include "guard/protocol.h"

namespace matriarch::guard {

struct ProcessStat {
  pid_t ppid = 0;
  char state = '?';  // 'T' stopped, 'Z' zombie, ...
  std::uint64_t start_ticks = 0;
};
bool read_stat(pid_t pid, ProcessStat& stat);

UniqueFd open_process(pid_t pid);  // a pidfd
// Of the process that a pidfd stands for; -1: ended and reaped, or no pidfd at all.
pid_t pid_of(int pidfd);
bool has_ended(int pidfd);
// Waits at most `milliseconds` for the end of a process.
bool wait_ended(int pidfd, int milliseconds);
// False: gone already, or not permitted.
bool send_signal(int pidfd, int number);

// A server's data directory and the program that runs it.
struct Server {
  const char* data_dir = nullptr;  // absolute
  const char* program = nullptr;   // base name of the executable; "postgres" and "postmaster" are always accepted
};

// The process runs the server's program in the server's directory.
bool belongs_to(pid_t pid, const Server& server);
// kNone: `pidfd` is the live postmaster of this directory: right program, right directory, named by postmaster.pid, and no
// child of another postmaster. `start_ticks` 0: not known.
Refusal check_postmaster(int pidfd, std::uint64_t start_ticks, const Server& server);
// By postmaster.pid, checked as above; empty: nothing runs.
UniqueFd find_postmaster(const Server& server);

// Calls `visit(pid)` for each child, as the kernel lists them; complete if the parent is stopped.
template <class Visit>
void for_each_child(pid_t parent, Visit visit);
// The same for all processes.
template <class Visit>
void for_each_process(Visit visit);

// --- details
// Reads a small file, or the beginning of it, and terminates it with a zero. -1: cannot be read.
ssize_t read_text(const char* path, char* into, std::size_t size);
// "/proc/<pid><tail>"
struct ProcPath {
  ProcPath(pid_t pid, const char* tail);
  char text[64];
};
class NumberStream {  // blank-separated numbers of a file of any length
 public:
  explicit NumberStream(const char* path);
  [[nodiscard]] bool ok() const { return static_cast<bool>(fd_); }
  bool next(pid_t& number);

 private:
  bool fill();
  UniqueFd fd_;
  char buffer_[4096];
  std::size_t at_ = 0;
  std::size_t size_ = 0;
};
class ProcessList {  // the numeric entries of /proc
 public:
  ProcessList();
  bool next(pid_t& number);

 private:
  UniqueFd fd_;
  alignas(8) char buffer_[8192];
  std::size_t at_ = 0;
  std::size_t size_ = 0;
};

template <class Visit>
void for_each_process(Visit visit) {
  ProcessList list;
  pid_t pid = 0;
  while (list.next(pid)) visit(pid);
}

template <class Visit>
void for_each_child(pid_t parent, Visit visit) {
  char tail[32] = "/task/";
  char* end = tail + 6;
  const ProcPath number(parent, "");
  for (const char* c = number.text + 6; *c != '\0'; ++c) *end++ = *c;
  for (const char* c = "/children"; *c != '\0'; ++c) *end++ = *c;
  *end = '\0';
  NumberStream children(ProcPath(parent, tail).text);
  pid_t pid = 0;
  if (children.ok()) {
    while (children.next(pid)) visit(pid);
    return;
  }
  for_each_process([&](pid_t other) {  // a kernel without that file
    ProcessStat stat;
    if (read_stat(other, stat) && stat.ppid == parent) visit(other);
  });
}

}  // namespace matriarch::guard
