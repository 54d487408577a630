#include "store/managed_etcd/process.h"

#include <charconv>
#include <csignal>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"

extern char** environ;

namespace matriarch::managed_etcd {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxProcFile = 128 << 10;

std::string boot_id() {
  std::string id = read_file("/proc/sys/kernel/random/boot_id", 128).value_or("");
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::string executable_of(pid_t pid) {
  std::error_code error;
  std::string path = fs::read_symlink(fmt::format("/proc/{}/exe", pid), error).string();
  constexpr std::string_view kReplaced = " (deleted)";  // by an upgrade of its package
  if (path.ends_with(kReplaced)) path.resize(path.size() - kReplaced.size());
  return path;
}

// Was it started with this configuration file?
bool runs_with(pid_t pid, const fs::path& config_file) {
  const auto command = read_file(fmt::format("/proc/{}/cmdline", pid), kMaxProcFile);
  if (!command) return false;
  const std::string wanted = std::string("\0--config-file\0", 15) + config_file.string() + std::string(1, '\0');
  return command->find(wanted) != std::string::npos;
}

bool is_alive(const ProcessInfo& info) { return info.state != 'Z' && info.state != 'X'; }

ProcessMark mark_of(pid_t pid, std::uint64_t start_ticks) {
  return {.pid = pid, .start_ticks = start_ticks, .boot_id = boot_id(), .executable = executable_of(pid)};
}

void write_mark(const Home& home, const ProcessMark& mark) {
  const auto written = write_file_atomically(home.pid_file(), to_json(to_value(mark)) + "\n");
  if (!written) log::warning("{}", written.error().text());  // it is found by its command line, too
}

// Opens it, and looks afterwards: what a pidfd names cannot be reused.
std::optional<UniqueFd> open_if(const ProcessMark& mark, const Home& home) {
  auto pidfd = open_pidfd(mark.pid);
  if (!pidfd) return std::nullopt;
  const auto info = process_info(mark.pid);
  const bool same = info && is_alive(*info) && info->start_ticks == mark.start_ticks && mark.boot_id == boot_id() &&
                    executable_of(mark.pid) == mark.executable && runs_with(mark.pid, home.config_file());
  if (!same) return std::nullopt;
  return std::move(*pidfd);
}

std::optional<ProcessMark> search(const Home& home) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, wrong] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (wrong != std::errc() || end != name.data() + name.size() || !runs_with(pid, home.config_file())) continue;
    const auto info = process_info(pid);
    if (info && is_alive(*info)) return mark_of(pid, info->start_ticks);
  }
  return std::nullopt;
}

// A configuration file rules alone, but etcd refuses to start over some variables, and passwords are none of its business.
std::vector<std::string> foreign_variables() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    const bool foreign = (name.starts_with("ETCD_") && name != "ETCD_UNSUPPORTED_ARCH") ||
                         name.starts_with("PATRONI") || name.starts_with("MATRIARCH") || name.starts_with("PG");
    if (foreign) names.emplace_back(name);
  }
  return names;
}

}  // namespace

Value to_value(const ProcessMark& mark) {
  Value::Map map;
  map.set("pid", static_cast<std::int64_t>(mark.pid));
  map.set("start_ticks", static_cast<std::int64_t>(mark.start_ticks));
  map.set("boot_id", mark.boot_id);
  map.set("executable", mark.executable);
  return map;
}

std::optional<ProcessMark> parse_mark(std::string_view json) {
  const auto document = parse_json(json);
  if (!document) return std::nullopt;
  const Value* pid = document->find("pid");
  const Value* start = document->find("start_ticks");
  const Value* boot = document->find("boot_id");
  const Value* executable = document->find("executable");
  if (pid == nullptr || !pid->is_int() || pid->as_int() <= 1 || pid->as_int() > std::numeric_limits<pid_t>::max() ||
      start == nullptr || !start->is_int() || boot == nullptr || !boot->is_string() || executable == nullptr ||
      !executable->is_string()) {
    return std::nullopt;
  }
  return ProcessMark{.pid = static_cast<pid_t>(pid->as_int()),
                     .start_ticks = static_cast<std::uint64_t>(start->as_int()),
                     .boot_id = boot->as_string(),
                     .executable = executable->as_string()};
}

std::optional<EtcdProcess> EtcdProcess::find(const Home& home) {
  const auto text = read_file(home.pid_file(), kMaxProcFile);
  if (const auto mark = text ? parse_mark(*text) : std::nullopt) {
    if (auto pidfd = open_if(*mark, home)) return EtcdProcess(mark->pid, std::move(*pidfd), false);
  }
  const auto found = search(home);
  if (!found) return std::nullopt;
  auto pidfd = open_if(*found, home);
  if (!pidfd) return std::nullopt;
  write_mark(home, *found);
  return EtcdProcess(found->pid, std::move(*pidfd), false);
}

Result<EtcdProcess> EtcdProcess::start(const Home& home, const std::string& bin) {
  const UniqueFd log(open(home.log_file().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log) return errno_error(errno, "cannot write " + home.log_file().string());
  SpawnOptions options{.argv = {bin, "--config-file", home.config_file().string()}, .unset_env = foreign_variables()};
  options.new_session = true;
  options.stdout_fd = log.get();
  options.stderr_fd = log.get();
  auto child = spawn(options);
  if (!child) return child.error().in("etcd3.bin: install etcd (package etcd-server), or name its path");
  auto pidfd = open_pidfd(child->pid());  // our child, not reaped: it is certainly this one
  if (!pidfd) return pidfd.error();
  const auto info = process_info(child->pid());
  if (info) write_mark(home, mark_of(child->pid(), info->start_ticks));
  return EtcdProcess(child->pid(), std::move(*pidfd), true);
}

Task<Result<std::string>> EtcdProcess::ended(Reactor& reactor, Ctx ctx) const {
  if (const auto ready = co_await reactor.readable(pidfd_.get(), std::move(ctx)); !ready) co_return ready.error();
  siginfo_t info{};
  // An adopted one is the child of a former agent, or of this one before it executed itself anew.
  if (waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0) {
    co_return std::string("it ended");
  }
  const bool exited = info.si_code == CLD_EXITED;
  co_return ExitStatus{.code = exited ? info.si_status : 0, .signal = exited ? 0 : info.si_status}.text();
}

Task<void> EtcdProcess::stop(Reactor& reactor, Duration patience) const {
  (void)signal_pidfd(pidfd_.get(), SIGTERM);  // it may have ended by itself
  const auto gone = co_await ended(reactor, Ctx{.deadline = reactor.now() + patience});
  if (gone) co_return;
  (void)signal_pidfd(pidfd_.get(), SIGKILL);  // as above
  (void)co_await ended(reactor, Ctx{});
}

}  // namespace matriarch::managed_etcd
