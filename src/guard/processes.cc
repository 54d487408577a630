#include "guard/processes.h"

#include <cerrno>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace matriarch::guard {

namespace {

constexpr std::size_t kMaxPath = 4096;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

const char* parse(const char* text, std::uint64_t& number) {
  number = 0;
  while (is_digit(*text)) number = number * 10 + static_cast<std::uint64_t>(*text++ - '0');
  return text;
}

char* append(char* to, const char* end, const char* text) {
  while (*text != '\0' && to + 1 < end) *to++ = *text++;
  *to = '\0';
  return to;
}

// The number on the first line of postmaster.pid; 0: none. A single-user server's is negative there.
pid_t pid_in_pid_file(const char* data_dir) {
  char path[kMaxPath];
  append(append(path, path + sizeof path, data_dir), path + sizeof path, "/postmaster.pid");
  char text[64];
  if (read_text(path, text, sizeof text) <= 0) return 0;
  std::uint64_t number = 0;
  parse(text, number);
  return number <= 0x7fff'ffff ? static_cast<pid_t>(number) : 0;
}

// A child of a postmaster says so in its title: "postgres: ...".
bool has_title_of_child(pid_t pid) {
  char title[16];
  constexpr const char* kPrefix = "postgres: ";
  return read_text(ProcPath(pid, "/cmdline").text, title, sizeof title) > 0 &&
         std::strncmp(title, kPrefix, std::strlen(kPrefix)) == 0;
}

bool runs_program(pid_t pid, const char* program) {
  char target[kMaxPath];
  const ssize_t n = readlink(ProcPath(pid, "/exe").text, target, sizeof target - 1);
  if (n <= 0) return false;
  target[n] = '\0';
  constexpr const char* kDeleted = " (deleted)";  // replaced by an upgrade: still what runs
  const auto length = static_cast<std::size_t>(n);
  if (length > std::strlen(kDeleted) && std::strcmp(target + length - std::strlen(kDeleted), kDeleted) == 0) {
    target[length - std::strlen(kDeleted)] = '\0';
  }
  const char* slash = std::strrchr(target, '/');
  const char* name = slash != nullptr ? slash + 1 : target;
  return std::strcmp(name, "postgres") == 0 || std::strcmp(name, "postmaster") == 0 ||
         (program != nullptr && *program != '\0' && std::strcmp(name, program) == 0);
}

// By the directory itself, not by its name: links and renames do not matter.
bool runs_in(pid_t pid, const char* directory) {
  struct stat its {};
  struct stat ours {};
  return stat(ProcPath(pid, "/cwd").text, &its) == 0 && stat(directory, &ours) == 0 && its.st_dev == ours.st_dev &&
         its.st_ino == ours.st_ino;
}

}  // namespace

ssize_t read_text(const char* path, char* into, std::size_t size) {
  const UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return -1;
  std::size_t length = 0;
  while (length + 1 < size) {
    const ssize_t n = read(fd.get(), into + length, size - 1 - length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) break;
    length += static_cast<std::size_t>(n);
  }
  into[length] = '\0';
  return static_cast<ssize_t>(length);
}

ProcPath::ProcPath(pid_t pid, const char* tail) {
  char digits[16];
  char* first = digits + sizeof digits - 1;
  *first = '\0';
  auto rest = static_cast<std::uint32_t>(pid);
  do {
    *--first = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  append(append(append(text, text + sizeof text, "/proc/"), text + sizeof text, first), text + sizeof text, tail);
}

bool read_stat(pid_t pid, ProcessStat& stat) {
  char text[1024];
  if (read_text(ProcPath(pid, "/stat").text, text, sizeof text) <= 0) return false;
  const char* at = std::strrchr(text, ')');  // the name before it may contain anything
  if (at == nullptr || at[1] != ' ') return false;
  at += 2;
  stat.state = *at;
  for (int field = 3; field <= 22; ++field) {
    std::uint64_t number = 0;
    if (field == 4 || field == 22) parse(at, number);
    if (field == 4) stat.ppid = static_cast<pid_t>(number);
    if (field == 22) {
      stat.start_ticks = number;
      return true;
    }
    at = std::strchr(at, ' ');
    if (at == nullptr) return false;
    ++at;
  }
  return false;
}

UniqueFd open_process(pid_t pid) {
  return UniqueFd(pid > 0 ? static_cast<int>(syscall(SYS_pidfd_open, pid, 0)) : -1);
}

pid_t pid_of(int pidfd) {
  char text[512];
  const ProcPath path(getpid(), "/fdinfo/");
  char full[96];
  char* end = append(full, full + sizeof full, path.text);
  append(end, full + sizeof full, ProcPath(pidfd, "").text + 6);  // the number alone
  if (read_text(full, text, sizeof text) <= 0) return -1;
  const char* line = std::strstr(text, "\nPid:");
  if (line == nullptr) return -1;
  line += 5;
  while (*line == '\t' || *line == ' ') ++line;
  std::uint64_t number = 0;
  if (!is_digit(*line)) return -1;
  parse(line, number);
  return number == 0 ? -1 : static_cast<pid_t>(number);
}

bool wait_ended(int pidfd, int milliseconds) {
  pollfd waiting{.fd = pidfd, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, milliseconds) > 0;
}

bool has_ended(int pidfd) { return wait_ended(pidfd, 0); }

bool send_signal(int pidfd, int number) { return syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0) == 0; }

bool belongs_to(pid_t pid, const Server& server) {
  return runs_in(pid, server.data_dir) && runs_program(pid, server.program);
}

// postmaster.pid has the start as wall clock time, which is off once somebody set the clock; the directory that the process
// runs in proves more, and the start in ticks since boot is compared with what the agent saw.
Refusal check_postmaster(int pidfd, std::uint64_t start_ticks, const Server& server) {
  const pid_t pid = pid_of(pidfd);
  ProcessStat stat;
  if (pid <= 0 || !read_stat(pid, stat) || stat.state == 'Z' || stat.state == 'X') return Refusal::kNoSuchProcess;
  const bool right = (start_ticks == 0 || start_ticks == stat.start_ticks) && belongs_to(pid, server) &&
                     !has_title_of_child(pid) && pid_in_pid_file(server.data_dir) == pid;
  if (has_ended(pidfd)) return Refusal::kNoSuchProcess;  // what was seen may have been a successor
  return right ? Refusal::kNone : Refusal::kNotPostmaster;
}

UniqueFd find_postmaster(const Server& server) {
  auto pidfd = open_process(pid_in_pid_file(server.data_dir));
  if (pidfd && check_postmaster(pidfd.get(), 0, server) != Refusal::kNone) pidfd.reset();
  return pidfd;
}

NumberStream::NumberStream(const char* path) : fd_(open(path, O_RDONLY | O_CLOEXEC)) {}

bool NumberStream::fill() {
  ssize_t n = 0;
  do {
    n = read(fd_.get(), buffer_, sizeof buffer_);
  } while (n < 0 && errno == EINTR);
  at_ = 0;
  size_ = n > 0 ? static_cast<std::size_t>(n) : 0;
  return size_ > 0;
}

bool NumberStream::next(pid_t& number) {
  bool any = false;
  number = 0;
  while (at_ < size_ || fill()) {
    const char c = buffer_[at_++];
    if (is_digit(c)) {
      number = number * 10 + (c - '0');
      any = true;
    } else if (any) {
      return true;
    }
  }
  return any;
}

ProcessList::ProcessList() : fd_(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

bool ProcessList::next(pid_t& number) {
  while (true) {
    if (at_ >= size_) {
      const long n = fd_ ? syscall(SYS_getdents64, fd_.get(), buffer_, sizeof buffer_) : -1;
      if (n <= 0) return false;
      at_ = 0;
      size_ = static_cast<std::size_t>(n);
    }
    dirent64 entry;
    std::memcpy(&entry, buffer_ + at_, offsetof(dirent64, d_name));
    const char* name = buffer_ + at_ + offsetof(dirent64, d_name);
    at_ += entry.d_reclen;
    if (!is_digit(*name)) continue;
    std::uint64_t value = 0;
    if (*parse(name, value) != '\0') continue;
    number = static_cast<pid_t>(value);
    return true;
  }
}

}  // namespace matriarch::guard
