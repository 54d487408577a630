#include "postgres/postmaster.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"

namespace matriarch::postgres {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kStartTimeTolerance = 3;  // seconds (PG-031)

std::string link_target(const std::string& path) {
  std::error_code error;
  const auto target = fs::read_symlink(path, error);
  if (error) return {};
  // A replaced binary or removed directory still is what the process runs and where.
  constexpr std::string_view kDeleted = " (deleted)";
  auto text = target.string();
  if (text.ends_with(kDeleted)) text.resize(text.size() - kDeleted.size());
  return text;
}

std::int64_t boot_time() {
  const auto stat = read_file("/proc/stat", 4 << 20);
  if (!stat) return 0;
  const auto at = stat->find("\nbtime ");
  if (at == std::string::npos) return 0;
  std::int64_t seconds = 0;
  std::from_chars(stat->data() + at + 7, stat->data() + stat->size(), seconds);
  return seconds;
}

bool has_not_ended(int pidfd) {
  pollfd waiting{.fd = pidfd, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 0) == 0;
}

bool starts_with_word(std::string_view text, std::string_view word) {
  return text.starts_with(word) && (text.size() == word.size() || text[word.size()] == ' ');
}

}  // namespace

bool Postmaster::alive() const { return has_not_ended(pidfd_.get()); }

std::optional<ExitStatus> Postmaster::reap() const {
  siginfo_t info{};
  if (waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0) {
    return std::nullopt;  // not our child, or not ended
  }
  const bool exited = info.si_code == CLD_EXITED;
  return ExitStatus{.code = exited ? info.si_status : 0, .signal = exited ? 0 : info.si_status};
}

ProcessLook look_at(pid_t pid) {
  ProcessLook look;
  const auto exe = link_target(fmt::format("/proc/{}/exe", pid));
  look.program = fs::path(exe).filename().string();
  look.cwd = link_target(fmt::format("/proc/{}/cwd", pid));
  if (const auto title = read_file(fmt::format("/proc/{}/cmdline", pid), 64 << 10)) {
    look.title = *title;
    while (!look.title.empty() && look.title.back() == '\0') look.title.pop_back();
    std::ranges::replace(look.title, '\0', ' ');
  }
  return look;
}

bool ServerProcesses::same_directory(const std::string& cwd) const {
  std::error_code error;
  return fs::weakly_canonical(data_dir_, error) == fs::path(cwd);
}

bool ServerProcesses::right_program(const std::string& name) const {
  return name == fs::path(program_).filename() || name == "postgres" || name == "postmaster";
}

Result<Postmaster> ServerProcesses::find_postmaster() const {
  const Error none(Errc::kNotFound, "no postmaster");
  const auto file = read_pid_file(data_dir_);
  if (!file || file->pid == getpid() || file->pid == getppid()) return none;  // PG-030
  auto pidfd = open_pidfd(file->pid);
  if (!pidfd) return none;
  const auto info = process_info(file->pid);
  const auto look = look_at(file->pid);
  if (!info || info->state == 'Z' || info->state == 'X') return none;
  if (!right_program(look.program)) return none;  // PG-032
  if (!look.cwd.empty()) {
    // The directory proves more than the time stamp, which is off when the wall clock was set since the start.
    if (!same_directory(look.cwd) || look.title.starts_with("postgres: ")) return none;  // PG-033
  } else if (file->start_time != 0) {
    const auto created = boot_time() + static_cast<std::int64_t>(info->start_ticks) / sysconf(_SC_CLK_TCK);
    if (std::abs(created - file->start_time) >= kStartTimeTolerance) return none;  // PG-031
    log::warning("cannot read the working directory of process {}, taking it for the postmaster", file->pid);
  }
  Postmaster found(file->pid, info->start_ticks, std::move(*pidfd));
  if (!found.alive()) return none;  // what was read may have been about a successor of the pid
  if (file->single_user)
    return Error(Errc::kConflict, fmt::format("a single-user server runs (process {})", file->pid));
  return found;
}

std::optional<pid_t> ServerProcesses::foreign_pid_in_pid_file() const {
  const auto file = read_pid_file(data_dir_);
  if (!file || owns(file->pid)) return std::nullopt;
  if (::kill(file->pid, 0) != 0 && errno == ESRCH) return std::nullopt;
  return file->pid;
}

bool ServerProcesses::owns(pid_t pid) const {
  const auto look = look_at(pid);
  return right_program(look.program) && !look.cwd.empty() && same_directory(look.cwd);
}

std::vector<pid_t> ServerProcesses::orphans() const {
  std::vector<pid_t> result;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const auto name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    const auto cwd = link_target(fmt::format("/proc/{}/cwd", pid));
    if (cwd.empty() || !same_directory(cwd)) continue;  // zombies have none
    const auto look = look_at(pid);
    if (right_program(look.program) && look.title.starts_with("postgres: ")) result.push_back(pid);
  }
  return result;
}

bool is_auxiliary_title(std::string_view title) {
  constexpr std::string_view kPrefix = "postgres: ";
  if (!title.starts_with(kPrefix)) return false;
  title.remove_prefix(kPrefix.size());
  constexpr std::array<std::string_view, 28> kNames = {"archiver",
                                                       "startup",
                                                       "autovacuum launcher",
                                                       "autovacuum worker",
                                                       "checkpointer",
                                                       "logger",
                                                       "syslogger",
                                                       "stats collector",
                                                       "wal receiver",
                                                       "walreceiver",
                                                       "wal writer",
                                                       "walwriter",
                                                       "writer",
                                                       "background writer",
                                                       "wal sender",
                                                       "walsender",
                                                       "logical replication launcher",
                                                       "logical replication worker",
                                                       "logical replication apply worker",
                                                       "logical replication parallel apply worker",
                                                       "logical replication tablesync worker",
                                                       "slotsync worker",
                                                       "walsummarizer",
                                                       "io worker",
                                                       "datachecksum launcher",
                                                       "datachecksum worker",
                                                       "bgworker:",
                                                       "datachecksums"};
  const auto is_auxiliary = [&kNames](std::string_view text) {
    return std::ranges::any_of(kNames, [text](std::string_view name) { return starts_with_word(text, name); });
  };
  if (is_auxiliary(title)) return true;
  // With a cluster_name there is "<cluster_name>: " before, and that may contain anything.
  for (auto colon = title.find(": "); colon != std::string_view::npos; colon = title.find(": ", colon + 1)) {
    if (is_auxiliary(title.substr(colon + 2))) return true;
  }
  return false;
}

std::vector<pid_t> child_pids(pid_t parent) {
  const auto list = read_file(fmt::format("/proc/{0}/task/{0}/children", parent), 1 << 20);
  std::vector<pid_t> result;
  if (!list) {  // the kernel was built without it
    for (const auto& child : children_of(parent)) result.push_back(child.pid);
    return result;
  }
  const char* at = list->data();
  const char* const end = list->data() + list->size();
  while (at < end) {
    pid_t pid = 0;
    const auto [next, error] = std::from_chars(at, end, pid);
    if (error == std::errc()) result.push_back(pid);
    at = std::max(next, at) + 1;
  }
  return result;
}

bool is_live(pid_t pid, std::uint64_t start_ticks) {
  const auto info = process_info(pid);
  return info && info->start_ticks == start_ticks && info->state != 'Z' && info->state != 'X';
}

std::vector<Child> client_backends(pid_t postmaster) {
  std::vector<Child> result;
  for (const pid_t pid : child_pids(postmaster)) {
    const auto info = process_info(pid);
    if (!info || info->state == 'Z' || is_auxiliary_title(look_at(pid).title)) continue;
    result.push_back({.pid = pid, .start_ticks = info->start_ticks});
  }
  return result;
}

std::vector<pid_t> kill_family(pid_t root, int root_pidfd) {
  (void)signal_pidfd(root_pidfd, SIGSTOP);  // gone already: then there is nothing to hold still
  std::vector<pid_t> left;
  std::vector<UniqueFd> doomed;
  std::vector<pid_t> parents{root};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const pid_t pid : child_pids(parent)) {
      auto pidfd = open_pidfd(pid);
      const auto info = process_info(pid);
      if (!pidfd || !info || info->ppid != parent || info->state == 'Z' || info->state == 'X') continue;
      parents.push_back(pid);  // before it dies, while its own children are still to be found under it
      left.push_back(pid);
      doomed.push_back(std::move(*pidfd));
    }
  }
  for (const auto& pidfd : doomed) (void)signal_pidfd(pidfd.get(), SIGKILL);  // ended meanwhile: just as well
  if (left.empty() && has_not_ended(root_pidfd)) {
    (void)signal_pidfd(root_pidfd, SIGKILL);
    left.push_back(root);
  }
  return left;
}

}  // namespace matriarch::postgres
