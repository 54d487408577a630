#include "postgres/bootstrap.h"

#include <array>
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "base/wait.h"
#include "postgres/data_directory.h"
#include "postgres/guc_value.h"
#include "postgres/paths.h"
#include "postgres/text.h"
#include "postgres/user_options.h"

namespace matriarch::postgres {

namespace {

constexpr std::array<std::string_view, 5> kForbiddenInitdb = {"pgdata", "nosync", "pwfile", "sync-only", "version"};

// Keys of a method section that are not arguments of its command (PG-246).
constexpr std::array<std::string_view, 6> kNotPassed = {"command",       "no_params", "keep_existing_recovery_conf",
                                                        "recovery_conf", "scope",     "datadir"};

// A file that only we may read, removed when done with.
class PrivateFile {
 public:
  static Result<PrivateFile> make(std::string_view content) {
    const char* directory = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe)
    std::string path = fmt::format("{}/matriarch.XXXXXX", directory != nullptr ? directory : "/tmp");
    const UniqueFd fd(mkostemp(path.data(), O_CLOEXEC));  // mode 0600
    if (!fd) return errno_error(errno, "cannot create a temporary file");
    PrivateFile file(path);
    if (write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
      return errno_error(errno, "cannot write a temporary file");
    }
    return file;
  }
  PrivateFile(PrivateFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateFile& operator=(PrivateFile&&) = delete;
  ~PrivateFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit PrivateFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

bool is_custom(const BootstrapOptions& bootstrap) {
  return bootstrap.method != "initdb" && bootstrap.method_section.contains("command");
}

bool truthy(const Value::Map& section, std::string_view key) {
  const Value* value = section.find(key);
  if (value == nullptr) return false;
  return parse_bool(*value).value_or(value->truthy());
}

}  // namespace

std::string role_statement(const Credentials& user, std::string_view attributes,
                           const std::function<std::string(std::string_view)>& quote) {
  std::string options(attributes);
  if (attributes.find("NOLOGIN") == std::string_view::npos) options += " LOGIN";
  const bool with_password = user.password && !user.password->empty();
  const std::string password =
      with_password ? fmt::format(" || ' PASSWORD ' || pg_catalog.quote_literal({})", quote(*user.password)) : "";
  const std::string name = quote(user.username);
  // One anonymous block: the role's name and password are values in it, never spliced into its commands.
  const std::string body = fmt::format(
      "DECLARE verb text := 'CREATE'; BEGIN "
      "IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {0}) THEN verb := 'ALTER'; END IF; "
      "PERFORM pg_catalog.set_config('synchronous_commit', 'local', true); "
      "EXECUTE verb || ' ROLE ' || pg_catalog.quote_ident({0}) || ' WITH {1}'{2}; END",
      name, options, password);
  return fmt::format("DO {} LANGUAGE plpgsql", quote(body));
}

// To be seen from now on, also by this process: the work that goes on is the agent's.
Task<Status> Bootstrap::mark_unannounced(Ctx ctx) {
  auto begun = co_await core_.begin_work(Interrupted::kBootstrap, std::move(ctx));
  core_.marker.set_running(false);
  co_return begun;
}

Task<Status> Bootstrap::create(Ctx ctx) {
  core_.role = Role::kUninitialized;
  const Interrupted left = core_.marker.left_over();
  if (left == Interrupted::kCopy || left == Interrupted::kInitdb) {  // initdb wants an empty directory
    const auto cleared = co_await core_.remove_data(ctx);
    if (!cleared) co_return cleared;
  }
  if (auto begun = co_await core_.begin_work(Interrupted::kInitdb, ctx); !begun) co_return begun;
  const bool custom = is_custom(core_.options.bootstrap);
  auto made = custom ? run_custom(ctx) : run_initdb(ctx);
  if (auto status = co_await std::move(made); !status) {
    files_.custom_bootstrap = files_.keep_existing_recovery = files_.hot_standby_off = false;
    core_.marker.set_running(false);
    co_return status;
  }
  if (custom) {
    if (auto started = co_await start_after_custom(ctx); !started) {
      core_.marker.set_running(false);
      co_return started;
    }
    co_return co_await mark_unannounced(ctx);
  }
  if (auto marked = co_await mark_unannounced(ctx); !marked) co_return marked;
  co_return co_await starter_.start(std::nullopt, std::move(ctx));
}

Task<Status> Bootstrap::run_initdb(Ctx ctx) {
  auto options = user_options(core_.options.bootstrap.initdb, kForbiddenInitdb);
  if (!options.problems.empty()) {
    co_return Error(Errc::kInvalid, fmt::format("bootstrap.initdb: {}", fmt::join(options.problems, "; ")));
  }
  std::vector<std::string> argv{program(core_.options, "initdb")};
  argv.insert(argv.end(), options.arguments.begin(), options.arguments.end());
  const auto& superuser = core_.options.superuser;
  if (!superuser.username.empty()) argv.push_back("--username=" + superuser.username);
  std::optional<PrivateFile> password;
  if (superuser.password && !superuser.password->empty()) {
    auto file = PrivateFile::make(*superuser.password + "\n");
    if (!file) co_return file.error();
    argv.push_back("--pwfile=" + file->path());
    password.emplace(std::move(*file));
  }
  argv.push_back(core_.data_dir().string());
  const auto run = co_await run_program(core_.reactor, SpawnOptions{.argv = argv}, RunOptions{}, ctx);
  if (!run) co_return run.error();
  if (!run->status.success()) {
    log::error("initdb: {}{}", run->out, run->err);
    co_return Error(Errc::kFailed, fmt::format("initdb ended with {}: {}", run->status.text(), run->err));
  }
  co_return co_await files_.append_bootstrap_hba(ctx);
}

Task<Status> Bootstrap::run_custom(Ctx ctx) {
  const auto& bootstrap = core_.options.bootstrap;
  const auto& section = bootstrap.method_section;
  std::vector<std::string> arguments;
  if (!truthy(section, "no_params")) {
    arguments.push_back("--scope=" + core_.options.scope);
    arguments.push_back("--datadir=" + core_.data_dir().string());
  }
  for (const auto& [key, value] : section) {
    if (!contains(kNotPassed, key)) arguments.push_back(long_option(key, value));
  }
  const auto status = co_await scripts_.command(fmt::format("bootstrap method {}", bootstrap.method),
                                                string_form(*section.find("command")), std::move(arguments), {}, ctx);
  if (!status) co_return status.error();
  if (!status->success())
    co_return Error(Errc::kFailed, fmt::format("bootstrap method {} ended with {}", bootstrap.method, status->text()));

  if (auto restored = co_await files_.restore_missing(ctx); !restored) co_return restored;
  if (auto appended = co_await files_.append_bootstrap_hba(ctx); !appended) co_return appended;
  co_await files_.save_copies(ctx);  // pg_hba.conf is about to be replaced, and restored from its copy at the end
  unlink((core_.data_dir() / "promote").c_str());  // PG-248: a stale one would promote at once
  files_.custom_bootstrap = true;
  files_.keep_existing_recovery = truthy(section, "keep_existing_recovery_conf");
  const Value* recovery = section.find("recovery_conf");
  if (recovery == nullptr || !recovery->is_map()) {
    files_.hot_standby_off = files_.keep_existing_recovery;
    if (!files_.keep_existing_recovery) co_return co_await files_.remove_recovery(ctx);
    co_return Status();
  }
  PostgresOptions only;  // its settings go through the same rules as the configured ones
  only.recovery_conf = recovery->as_map();
  auto settings = configured_recovery(only, Role::kReplica, core_.major_version());
  const auto action = settings.find("recovery_target_action");
  files_.hot_standby_off =
      files_.keep_existing_recovery || (action != settings.end() && lower_case(action->second) == "promote");
  co_return co_await files_.set_recovery(std::move(settings), false, std::move(ctx));
}

Task<Status> Bootstrap::start_after_custom(Ctx ctx) {
  const auto started = co_await starter_.start_as_configured(Role::kUninitialized, ctx);
  // Without hot standby it accepts connections only at the end of recovery, and that may take hours.
  if (!started && (started.error().code() != Errc::kTimeout || !core_.supervisor.postmaster())) co_return started;
  co_return co_await wait_for_end_of_recovery(std::move(ctx));
}

Task<Status> Bootstrap::wait_for_end_of_recovery(Ctx ctx) {
  constexpr auto kLook = std::chrono::milliseconds(50);
  const auto postmaster = core_.supervisor.postmaster();
  while (postmaster && postmaster->alive()) {
    if (core_.supervisor.accepting()) {
      const auto rows = co_await core_.supervisor.monitor().query("SELECT pg_catalog.pg_is_in_recovery()", ctx);
      if (rows && rows->text(0, 0) == "f") co_return Status();
    }
    if (auto slept = co_await pause_for(core_.reactor, kLook, ctx); !slept) co_return slept;
  }
  co_return Error(Errc::kFailed, "the server ended before it left recovery");
}

Task<Status> Bootstrap::finish(Ctx ctx) {
  core_.role = Role::kPrimary;
  if (auto ready = co_await starter_.wait_until_accepting(ctx); !ready) co_return ready;
  {
    auto session = co_await core_.open_local("bootstrap", ctx);
    if (!session) co_return session.error();
    if (auto made = co_await create_roles(session->get(), true, ctx); !made) co_return made;
  }
  if (auto ran = co_await run_post_bootstrap(ctx); !ran) co_return ran;
  {
    auto session = co_await core_.open_local("bootstrap", ctx);
    if (!session) co_return session.error();
    if (auto made = co_await create_roles(session->get(), false, ctx); !made) co_return made;
  }
  if (files_.custom_bootstrap) co_return co_await leave_custom(std::move(ctx));
  co_return Status();
}

Task<Status> Bootstrap::create_roles(Connection* session, bool superuser_only, Ctx ctx) {
  // PG-260: passwords must not reach the server's log. The session ends after this, so nothing is to be set back.
  const auto quiet = co_await session->query(
      "SET log_statement TO none; SET log_min_duration_statement TO -1; SET log_min_error_statement TO log; "
      "SET \"pg_stat_statements.track_utility\" TO off; SET \"pgaudit.log\" TO none",
      ctx);
  if (!quiet) co_return quiet.error();
  const auto quote = [session](std::string_view text) { return session->literal(text); };
  std::vector<std::string> statements;
  const auto& options = core_.options;
  if (superuser_only) {
    if (!options.superuser.username.empty() && options.superuser.password) {  // PG-256
      statements.push_back(role_statement(options.superuser, "SUPERUSER", quote));
    }
  } else {
    if (!options.replication.username.empty()) {
      statements.push_back(role_statement(options.replication, "REPLICATION", quote));
    }
    const bool own_rewind =
        options.rewind && !options.rewind->username.empty() && options.rewind->username != options.superuser.username;
    if (own_rewind) {  // PG-258
      statements.push_back(role_statement(*options.rewind, "", quote));
      for (const char* function : {"pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)",
                                   "pg_read_binary_file(text)", "pg_read_binary_file(text, bigint, bigint, boolean)"}) {
        statements.push_back(
            fmt::format("SET synchronous_commit TO local; GRANT EXECUTE ON FUNCTION pg_catalog.{} TO {}", function,
                        session->identifier(options.rewind->username)));
      }
    }
  }
  for (const auto& statement : statements) {
    if (const auto done = co_await session->query(statement, ctx); !done) co_return done.error().in("creating users");
  }
  co_return Status();
}

Task<Status> Bootstrap::run_post_bootstrap(Ctx ctx) {
  const auto& script = core_.options.bootstrap.post_bootstrap;
  if (script.empty()) co_return Status();
  ConnParams params = core_.local_superuser("bootstrap");
  for (const char* key : {"options", "application_name", "fallback_application_name"}) params.erase(key);
  auto env = co_await files_.pgpass_for(params, ctx);
  if (!env) co_return env.error();
  (*env)["PGOPTIONS"] = "-c synchronous_commit=local -c statement_timeout=0";
  const auto status = co_await scripts_.command(
      "post_bootstrap", script, {print_conninfo(params, core_.major_version())}, std::move(*env), std::move(ctx));
  if (!status) co_return status.error();
  if (!status->success()) co_return Error(Errc::kFailed, "post_bootstrap ended with " + status->text());
  co_return Status();
}

Task<Status> Bootstrap::leave_custom(Ctx ctx) {  // PG-261
  files_.custom_bootstrap = files_.keep_existing_recovery = files_.hot_standby_off = false;
  if (auto removed = co_await files_.remove_recovery(ctx); !removed) co_return removed;
  if (core_.options.pg_hba.empty()) {
    unlink((config_dir(core_.options) / "pg_hba.conf").c_str());
    if (auto restored = co_await files_.restore_missing(ctx); !restored) co_return restored;
  }
  // Settings of the recovery's time (hot_standby, hba_file) are on the command line or need a restart to leave.
  if (auto stopped = co_await stopper_.stop({.mode = StopMode::kFast}, ctx); !stopped) co_return stopped;
  co_return co_await starter_.start(std::nullopt, std::move(ctx));
}

}  // namespace matriarch::postgres
