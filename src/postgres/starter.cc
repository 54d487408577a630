#include "postgres/starter.h"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "base/wait.h"
#include "postgres/data_directory.h"
#include "postgres/paths.h"

namespace matriarch::postgres {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kLogTail = 2000;  // bytes of the log in an error text

Duration look_interval(Duration waited) {
  return waited < std::chrono::seconds(5) ? milliseconds(1) : milliseconds(10);
}

// Where the postmaster's own output goes, as a path that can be read again; empty if it cannot (a terminal, a journal).
std::filesystem::path log_path(const PostgresOptions& options) {
  if (!options.server_log.empty()) return options.server_log;
  struct stat info{};
  if (fstat(STDERR_FILENO, &info) == 0 && S_ISREG(info.st_mode)) return "/proc/self/fd/2";
  return {};
}

std::int64_t size_of(const std::filesystem::path& path) {
  struct stat info{};
  return !path.empty() && stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

std::map<std::string, std::string> launch_environment(const ServerProcesses& processes) {
  std::map<std::string, std::string> env;
  if (const char* arenas = std::getenv("PG_MALLOC_ARENA_MAX"); arenas != nullptr)
    env["MALLOC_ARENA_MAX"] = arenas;  // NOLINT
  // PG-056: the server passes over a lock file of this pid. Deleting the file would race with another starter.
  if (const auto pid = processes.foreign_pid_in_pid_file()) env["PG_GRANDPARENT_PID"] = std::to_string(*pid);
  return env;
}

}  // namespace

Task<Status> Starter::start(std::optional<StandbyTarget> target, Ctx ctx) {
  if (core_.supervisor.postmaster()) co_return co_await wait_until_accepting(ctx);  // PG-047
  if (core_.major_version() == 0) {
    co_return Error(Errc::kUnavailable, fmt::format("{} has no readable PG_VERSION", core_.data_dir().string()));
  }
  if (target) {
    auto settings = co_await files_.recovery_for(*target, ctx);
    if (!settings) co_return settings.error();
    if (auto set = co_await files_.set_recovery(std::move(*settings), true, ctx); !set) co_return set;
    files_.synchronous_standby_names.reset();  // SYNC-018, SYNC-019
  } else if (auto removed = co_await files_.remove_recovery(ctx); !removed) {
    co_return removed;
  }
  co_return co_await start_as_configured(target ? target->role : Role::kPrimary, std::move(ctx));
}

Task<Status> Starter::start_as_configured(Role role, Ctx ctx) {
  if (core_.supervisor.postmaster()) co_return co_await wait_until_accepting(ctx);
  core_.role = role;
  // Processes of a killed server hold its shared memory, and the next server refuses to start beside them.
  if (auto ended = co_await core_.supervisor.end_orphans(ctx); !ended) co_return ended;
  if (auto made = co_await files_.ensure_directories(ctx); !made) co_return made;
  auto written = co_await files_.write(ctx);
  if (!written) co_return written.error().in("writing the configuration");
  raised_ = written->config.raised;
  if (auto launched = co_await launch(std::move(written->config.command_line), ctx); !launched) co_return launched;
  const auto started = co_await wait_until_accepting(ctx);
  core_.background.spawn(files_.save_copies(Ctx{.stop = core_.background.stop_token()}));  // PG-232
  co_return started;
}

Task<Status> Starter::launch(Settings command_line, Ctx ctx) {
  if (ctx.stop.stop_requested()) co_return Error(Errc::kCancelled, "cancelled before the server was launched");
  remove_stale_socket_locks();
  SpawnOptions options{.argv = {program(core_.options, "postgres"), "-D", core_.data_dir().string(),
                                fmt::format("--config-file={}", main_conf(core_.options).string())},
                       .env = launch_environment(core_.supervisor.processes()),
                       .unset_env = private_variables(),
                       .new_session = true,
                       .stdout_fd = STDOUT_FILENO,
                       .stderr_fd = STDERR_FILENO};
  for (const auto& [name, value] : command_line) options.argv.push_back(fmt::format("--{}={}", name, value));
  if (std::getenv("PG_MALLOC_ARENA_MAX") != nullptr) options.unset_env.emplace_back("PG_MALLOC_ARENA_MAX");  // NOLINT

  UniqueFd log_file;
  if (!core_.options.server_log.empty()) {
    log_file = UniqueFd(open(core_.options.server_log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!log_file) co_return errno_error(errno, fmt::format("cannot write {}", core_.options.server_log.string()));
    options.stdout_fd = options.stderr_fd = log_file.get();
  }
  log_begins_at_ = size_of(log_path(core_.options));
  auto child = spawn(options);
  if (!child) co_return child.error();
  const auto info = process_info(child->pid());
  auto pidfd = open_pidfd(child->pid());
  if (!pidfd || !info) co_return Error(Errc::kIo, "the launched postmaster cannot be watched");
  log::info("postmaster pid={}", child->pid());
  core_.supervisor.adopt(Postmaster(child->pid(), info->start_ticks, std::move(*pidfd)));
  co_return Status();
}

Task<Status> Starter::wait_until_accepting(Ctx ctx) {
  const Instant began = core_.reactor.now();
  const Ctx limited = ctx.until(began + core_.options.pg_ctl_timeout);
  const auto postmaster = core_.supervisor.known();
  while (!core_.supervisor.accepting()) {
    if (core_.supervisor.known() != postmaster || !postmaster || !postmaster->alive()) {
      const auto tail = log_tail();
      co_return Error(Errc::kFailed, fmt::format("the server ended while starting{}{}{}",
                                                 core_.supervisor.last_exit().empty() ? "" : ", ",
                                                 core_.supervisor.last_exit(), tail.empty() ? "" : ": " + tail));
    }
    const auto slept = co_await pause_for(core_.reactor, look_interval(core_.reactor.now() - began), limited);
    if (!slept && slept.error().code() == Errc::kTimeout)
      co_return Error(Errc::kTimeout, "the server is still starting");
    if (!slept) co_return slept;
  }
  co_return Status();
}

// DESIGN 7: a socket's lock file whose pid was given to another process keeps the server from starting. The file names
// the data directory, so ours can be told from a stranger's.
void Starter::remove_stale_socket_locks() {
  const auto port = split_listen(core_.options.listen).port;
  std::vector<std::filesystem::path> directories{"/tmp", "/var/run/postgresql"};
  if (const Value* configured = core_.options.parameters.find("unix_socket_directories"); configured != nullptr) {
    std::string text = string_form(*configured);
    std::erase(text, ' ');
    for (std::size_t at = 0; at < text.size();) {
      const auto comma = std::min(text.find(',', at), text.size());
      directories.emplace_back(text.substr(at, comma - at));
      at = comma + 1;
    }
  }
  for (const auto& directory : directories) {
    const auto path = directory / fmt::format(".s.PGSQL.{}.lock", port);
    const auto content = read_file(path, 4096);
    if (!content) continue;
    const auto lock = parse_pid_file(*content);
    if (!lock || std::filesystem::path(lock->data_dir) != core_.data_dir()) continue;
    if (core_.supervisor.processes().owns(lock->pid)) continue;
    log::info("removing {}: its process {} is not a server of this data directory", path.string(), lock->pid);
    unlink(path.c_str());
  }
}

std::string Starter::log_tail() const {
  const auto path = log_path(core_.options);
  if (path.empty()) return {};
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  const auto end = lseek(fd.get(), 0, SEEK_END);
  const auto begin = std::max<std::int64_t>(log_begins_at_, end - static_cast<std::int64_t>(kLogTail));
  std::string text(static_cast<std::size_t>(std::max<std::int64_t>(end - begin, 0)), '\0');
  const auto n = pread(fd.get(), text.data(), text.size(), begin);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace matriarch::postgres
