#include "postgres/core.h"

#include <sys/stat.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "base/wait.h"
#include "postgres/data_directory.h"
#include "postgres/paths.h"

extern char** environ;

namespace matriarch::postgres {

namespace {

mode_t current_umask() {
  const mode_t mask = umask(0077);
  umask(mask);
  return mask;
}

bool inside(const std::filesystem::path& path, const std::filesystem::path& directory) {
  const auto relative = path.lexically_normal().lexically_relative(directory.lexically_normal());
  return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

std::vector<std::string> private_variables() {
  std::vector<std::string> names{"NOTIFY_SOCKET"};
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto name = text.substr(0, text.find('='));
    for (const std::string_view prefix : {"PATRONI_", "MATRIARCH_", "KUBERNETES_"}) {
      if (name.starts_with(prefix)) names.emplace_back(name);
    }
  }
  return names;
}

Core::Core(Reactor& reactor_in, PostgresOptions options_in)
    : reactor(reactor_in),
      options(std::move(options_in)),
      background(reactor_in),
      supervisor(reactor_in,
                 ServerProcesses(options.data_dir, std::filesystem::path(program(options, "postgres")).filename()),
                 options.data_dir,
                 {.changed = [this] { notify(); }, .session_params = [this] { return local_superuser("heartbeat"); }}),
      marker(options.data_dir, pgpass_path(options).parent_path()),
      outside_mode_(options.outside_file_mode.value_or(0666 & ~current_umask())) {}

void Core::on_change(std::function<void()> changed) { *subscriber_ = std::move(changed); }

void Core::notify() {
  reactor.post([subscriber = subscriber_] {
    if (*subscriber) (*subscriber)();
  });
}

int Core::major_version() const { return read_major_version(options.data_dir); }

Task<Result<ControlFile>> Core::control_file(Ctx ctx) {
  auto file = read_control_file(options.data_dir);
  if (file || file.error().code() != Errc::kUnsupported || major_version() == 0) co_return file;
  const auto tool = co_await run({program(options, "pg_controldata"), options.data_dir.string()}, {}, std::move(ctx));
  if (!tool) co_return tool.error();
  if (!tool->status.success()) co_return Error(Errc::kFailed, "pg_controldata: " + tool->status.text());
  co_return parse_pg_controldata(tool->out);
}

ConnParams Core::local(const Credentials& user, bool use_socket) const {
  ConnParams params = login(user);
  const Value* directories = options.parameters.find("unix_socket_directories");
  auto address = local_address(options.listen, use_socket, directories);
  // The running server still listens where it was started (PG-119).
  if (const auto file = read_pid_file(options.data_dir)) {
    if (!file->port.empty()) address.port = file->port;
    if (use_socket && address.host.starts_with('/') && !file->socket_dir.empty()) address.host = file->socket_dir;
  }
  if (!address.host.empty()) params["host"] = address.host;
  params["port"] = address.port;
  return params;
}

ConnParams Core::local_superuser(std::string_view purpose) const {
  ConnParams params = local(options.superuser, options.use_unix_socket);
  params["dbname"] = options.database;
  params["options"] = "-c pg_stat_statements.track=none";
  params["application_name"] = fmt::format("Patroni {}", purpose);
  constexpr int kStatementTimeoutMs = 2000;
  add_session_options(params, kStatementTimeoutMs);
  return params;
}

ConnParams Core::local_replication() const {
  ConnParams params = local(options.replication, options.use_unix_socket_repl);
  params["replication"] = "1";
  return params;
}

const Credentials& Core::rewind_user() const { return options.rewind ? *options.rewind : options.superuser; }

Task<Result<std::unique_ptr<Connection>>> Core::open_local(std::string_view purpose, Ctx ctx) {
  ConnParams params = local(options.superuser, options.use_unix_socket);
  params["dbname"] = options.database;
  params["application_name"] = fmt::format("Patroni {}", purpose);
  add_session_options(params, 0);
  constexpr auto kConnectTimeout = std::chrono::seconds(3);
  co_return co_await Connection::open(reactor, std::move(params), ctx.until(reactor.now() + kConnectTimeout));
}

Task<Status> Core::begin_work(Interrupted work, Ctx ctx) {
  constexpr auto kLook = std::chrono::milliseconds(5);
  while (end_leftover_programs(options.data_dir) > 0) {
    if (auto paused = co_await pause_for(reactor, kLook, ctx); !paused) co_return paused;
  }
  marker.set_running(true);
  // Without the Ctx: what runs on the worker thread must have ended before anything else touches the mark.
  const auto begun = co_await reactor.run_blocking(Ctx{}, [this, work] { return marker.begin(work); });
  if (begun && *begun) co_return Status();
  marker.set_running(false);
  co_return begun ? begun->error() : begun.error();
}

Task<void> Core::end_work() {
  const auto ended = co_await reactor.run_blocking(Ctx{}, [this] { return marker.end(); });
  marker.set_running(false);
  if (ended && !*ended) log::error("{}", ended->error().text());
}

Task<Status> Core::remove_data(Ctx ctx) {
  if (look_at_directory(options.data_dir).state != DataDirectory::kEmpty) {
    const auto removed =
        co_await reactor.run_blocking(std::move(ctx), [dir = options.data_dir] { return remove_directory_tree(dir); });
    if (!removed) co_return removed.error();
    if (!*removed) co_return *removed;
  }
  co_await end_work();
  co_return Status();
}

Task<Result<RunResult>> Core::run(std::vector<std::string> argv, std::map<std::string, std::string> env, Ctx ctx) {
  env.try_emplace("LANG", "C");
  env.try_emplace("LC_ALL", "C");
  co_return co_await run_program(
      reactor, SpawnOptions{.argv = std::move(argv), .env = std::move(env), .unset_env = private_variables()},
      RunOptions{}, std::move(ctx));
}

mode_t Core::mode_for(const std::filesystem::path& path) const {
  return inside(path, options.data_dir) ? modes_in(options.data_dir).file : outside_mode_;
}

Task<Result<bool>> Core::write(std::filesystem::path path, std::string content, Ctx ctx) {
  const mode_t mode = mode_for(path);
  auto written = co_await reactor.run_blocking(
      std::move(ctx), [path = std::move(path), content = std::move(content), mode]() -> Result<bool> {
        std::error_code error;
        const auto target =
            std::filesystem::is_symlink(path, error) ? std::filesystem::weakly_canonical(path, error) : path;
        return update_file(target, content, mode);
      });
  if (!written) co_return written.error();
  co_return *written;
}

Task<void> Core::close() {
  *subscriber_ = nullptr;
  background.request_stop();
  co_await background.join();
  co_await supervisor.close();
}

}  // namespace matriarch::postgres
