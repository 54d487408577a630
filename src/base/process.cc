#include "base/process.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/task_group.h"
#include "base/wait.h"

extern char** environ;

namespace matriarch {

namespace {

constexpr Duration kTermGrace = std::chrono::seconds(2);

std::vector<std::string> make_environment(const SpawnOptions& options) {
  std::map<std::string, std::string> merged;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals != std::string_view::npos) merged.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  for (const auto& name : options.unset_env) merged.erase(name);
  for (const auto& [name, value] : options.env) merged[name] = value;
  std::vector<std::string> result;
  result.reserve(merged.size());
  for (const auto& [name, value] : merged) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (auto& s : strings) result.push_back(s.data());
  result.push_back(nullptr);
  return result;
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) return errno_error(errno, "cannot create a pipe");
  return Pipe{.read = UniqueFd(fds[0]), .write = UniqueFd(fds[1])};
}

void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

// Reads to the end of file or until stopped; keeps at most `limit` bytes.
Task<void> drain(Reactor& reactor, int fd, std::string* into, std::size_t limit, Ctx ctx) {
  std::array<char, 16384> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  while (true) {
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n > 0) {
      const auto room = limit - std::min(limit, into->size());
      into->append(buffer.data(), std::min(static_cast<std::size_t>(n), room));
      continue;
    }
    if (n == 0) co_return;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return;
    if (!co_await reactor.readable(fd, ctx)) co_return;
  }
}

Task<void> feed(Reactor& reactor, UniqueFd fd, std::string input, Ctx ctx) {
  std::string_view rest = input;
  while (!rest.empty()) {
    const ssize_t n = ::write(fd.get(), rest.data(), rest.size());
    if (n > 0) {
      rest.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return;  // the program does not want more
    if (!co_await reactor.writable(fd.get(), ctx)) co_return;
  }
}

Result<ChildProcess> spawn_with(const SpawnOptions& options, int stdin_fd) {
  if (options.argv.empty()) return Error(Errc::kInvalid, "no program given");

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const auto redirect = [&actions](int from, int to, int mode) {
    if (from >= 0) {
      posix_spawn_file_actions_adddup2(&actions, from, to);
    } else {
      posix_spawn_file_actions_addopen(&actions, to, "/dev/null", mode, 0);
    }
  };
  redirect(stdin_fd, STDIN_FILENO, O_RDONLY);
  redirect(options.stdout_fd, STDOUT_FILENO, O_WRONLY);
  redirect(options.stderr_fd, STDERR_FILENO, O_WRONLY);
  // Not every library opens its sockets close-on-exec, and a listening socket that a long-lived child inherited would
  // keep its port taken after our own end.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  if (!options.cwd.empty()) posix_spawn_file_actions_addchdir_np(&actions, options.cwd.c_str());

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (options.new_session) flags = static_cast<short>(flags | POSIX_SPAWN_SETSID);
  posix_spawnattr_setflags(&attributes, flags);

  auto arguments = options.argv;
  auto environment = make_environment(options);
  auto argv = pointers(arguments);
  auto envp = pointers(environment);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, argv[0], &actions, &attributes, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return errno_error(error, fmt::format("cannot run {}", options.argv[0]));

  auto pidfd = open_pidfd(pid);  // a child of ours stays a zombie until we reap it, so the pid is certainly right
  if (!pidfd) return pidfd.error();
  return ChildProcess(pid, std::move(*pidfd));
}

// The program, and what it started, as far as it stayed in the program's session.
void kill_session(pid_t leader, int signal_number) { ::kill(-leader, signal_number); }

}  // namespace

std::string ExitStatus::text() const {
  return signal != 0 ? fmt::format("signal {}", signal) : fmt::format("exit code {}", code);
}

Task<Result<ExitStatus>> ChildProcess::wait(Reactor& reactor, Ctx ctx) {
  if (const auto ready = co_await reactor.readable(pidfd_.get(), std::move(ctx)); !ready) co_return ready.error();
  siginfo_t info{};
  if (waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &info, WEXITED) != 0) {
    co_return errno_error(errno, "waitid");
  }
  const bool exited = info.si_code == CLD_EXITED;
  co_return ExitStatus{.code = exited ? info.si_status : 0, .signal = exited ? 0 : info.si_status};
}

Status ChildProcess::kill(int signal_number) const { return signal_pidfd(pidfd_.get(), signal_number); }

Result<ChildProcess> spawn(const SpawnOptions& options) { return spawn_with(options, -1); }

Task<Result<RunResult>> run_program(Reactor& reactor, SpawnOptions spawn_options, RunOptions run_options, Ctx ctx) {
  auto in = make_pipe();
  auto out = make_pipe();
  auto err = make_pipe();
  if (!in || !out || !err) co_return Error(Errc::kIo, "cannot create pipes");
  spawn_options.new_session = true;
  spawn_options.stdout_fd = out->write.get();
  spawn_options.stderr_fd = err->write.get();
  auto child = spawn_with(spawn_options, in->read.get());
  if (!child) co_return child.error();
  in->read.reset();
  out->write.reset();
  err->write.reset();
  for (const int fd : {in->write.get(), out->read.get(), err->read.get()}) set_nonblocking(fd);

  RunResult result;
  TaskGroup readers(reactor);
  const Ctx reading{.stop = readers.stop_token()};
  readers.spawn(feed(reactor, std::move(in->write), std::move(run_options.input), reading));
  readers.spawn(drain(reactor, out->read.get(), &result.out, run_options.max_output, reading));
  readers.spawn(drain(reactor, err->read.get(), &result.err, run_options.max_output, reading));

  auto status = co_await child->wait(reactor, ctx);
  std::optional<Error> gave_up;
  if (!status) {
    gave_up = status.error();
    kill_session(child->pid(), SIGTERM);
    status = co_await child->wait(reactor, Ctx{.deadline = reactor.now() + kTermGrace});
    if (!status) {
      kill_session(child->pid(), SIGKILL);
      status = co_await child->wait(reactor, Ctx{});
    }
  }
  // A daemon that the program left behind may hold the pipes open: what is there by now is enough.
  co_await yield_now(reactor);
  const Ctx brief{.deadline = reactor.now() + std::chrono::milliseconds(200)};
  while (readers.running() != 0 && reactor.now() < brief.deadline) {
    if (!co_await pause_for(reactor, std::chrono::milliseconds(1), brief)) break;
  }
  readers.request_stop();
  co_await readers.join();
  if (gave_up) co_return *gave_up;
  if (!status) co_return status.error();
  result.status = *status;
  co_return result;
}

Result<UniqueFd> open_pidfd(pid_t pid) {
  const long fd = syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) {
    if (errno == ESRCH) return Error(Errc::kNotFound, fmt::format("no process {}", pid));
    return errno_error(errno, "pidfd_open");
  }
  return UniqueFd(static_cast<int>(fd));
}

Status signal_pidfd(int pidfd, int signal_number) {
  if (syscall(SYS_pidfd_send_signal, pidfd, signal_number, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return Error(Errc::kNotFound, "the process has ended");
  return errno_error(errno, "pidfd_send_signal");
}

std::optional<ProcessInfo> process_info(pid_t pid) {
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat) return std::nullopt;
  // The command name is in parentheses and may contain anything, parentheses included.
  const auto after_name = stat->rfind(')');
  if (after_name == std::string::npos) return std::nullopt;
  ProcessInfo info{.pid = pid};
  std::size_t position = after_name + 2;
  for (int field = 3; field <= 22 && position < stat->size(); ++field) {
    auto end = stat->find(' ', position);
    if (end == std::string::npos) end = stat->size();
    const std::string_view text(stat->data() + position, end - position);
    if (field == 3 && !text.empty()) info.state = text[0];
    if (field == 4) std::from_chars(text.data(), text.data() + text.size(), info.ppid);
    if (field == 22) std::from_chars(text.data(), text.data() + text.size(), info.start_ticks);
    position = end + 1;
  }
  return info;
}

std::vector<ProcessInfo> children_of(pid_t parent) {
  std::vector<ProcessInfo> result;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const auto name = entry.path().filename().string();
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size()) continue;
    if (const auto info = process_info(pid); info && info->ppid == parent) result.push_back(*info);
  }
  return result;
}

}  // namespace matriarch
