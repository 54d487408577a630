#include "daemon.h"

#include <csignal>
#include <random>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wait.h"
#include "config/reload.h"
#include "config/schema.h"
#include "log_options.h"
#include "managed.h"
#include "postgres/data_directory.h"
#include "reexec.h"
#include "wiring.h"

namespace matriarch::app {

namespace {

constexpr mode_t kPrivate = 0077;
constexpr mode_t kGroupReadable = 0027;
constexpr Duration kRestStart = std::chrono::seconds(5);
constexpr Duration kRestGrace = std::chrono::seconds(1);
constexpr Duration kUpgradePatience = std::chrono::seconds(60);
constexpr Duration kUpgradeLook = std::chrono::milliseconds(50);
constexpr Duration kGuardStart = std::chrono::seconds(3);  // a former agent may take a second to die

void warn(const config::Warnings& warnings) {
  for (const auto& warning : warnings) log::warning("{}", warning);
}

}  // namespace

Daemon::Daemon(CommandLine command_line, config::EnvironmentValues environment, config::LoadedConfig loaded)
    : start_umask_(umask(kPrivate)),
      command_line_(std::move(command_line)),
      environment_(std::move(environment)),
      local_(std::move(loaded.config)),
      tree_(std::move(loaded.tree)) {
  set_up_log(local_.log, outside_file_mode());
  warn(loaded.warnings);
  if (const auto unimplemented = config::unimplemented_warning(config::KeyScope::kLocal, tree_))
    log::warning("{}", *unimplemented);

  std::optional<Value> cache;
  if (auto cached = config::read_cache(local_.postgresql.data_dir)) {
    cache = std::move(*cached);
  } else if (cached.error().code() != Errc::kNotFound) {
    log::warning("{}: ignored", cached.error().text());
  }
  initial_dynamic_ = config::initial_dynamic(cache, local_);
  auto effective = config::effective(initial_dynamic_, local_, floors_);
  if (!effective) {
    log::warning("{}: going on without it until /config is read", effective.error().text());
    initial_dynamic_ = Value::Map{};
    effective = config::effective(initial_dynamic_, local_, floors_);
  }
  effective_ = std::move(*effective);
  warn(effective_.warnings);
  follow_directory_mode();
}

Daemon::~Daemon() = default;

// CFG-329.
void Daemon::follow_directory_mode() {
  const bool group = postgres::modes_in(local_.postgresql.data_dir).directory != postgres::FileModes().directory;
  umask(group ? kGroupReadable : kPrivate);
}

Settings Daemon::settings_of(const Value& dynamic, bool mixed) {
  floors_ = mixed ? config::Floors::kReference : config::Floors::kMatriarch;
  effective_ = config::effective_or_keep(dynamic, local_, floors_, effective_);
  warn(effective_.warnings);
  return effective_.settings;
}

Result<postgres::PostgresOptions> Daemon::server_options(const Value& dynamic) {
  auto effective = config::effective(dynamic, local_, floors_);
  if (!effective) return effective.error();
  auto options = postgres_options(*effective, local_);
  options.outside_file_mode = outside_file_mode();
  return options;
}

agent::NodeConfig Daemon::make_node_config() {
  agent::NodeConfig node = node_config(effective_, local_);
  node.initial_dynamic_config = initial_dynamic_;
  node.settings_of = [this](const Value& dynamic, bool mixed) { return settings_of(dynamic, mixed); };
  node.persist_dynamic_config = [this](const Value& dynamic) { persist(dynamic); };
  node.shutting_down = [this] { shutting_down(); };
  node.reload_files = [this] { background_->spawn(reload()); };
  node.check_dynamic_config = [this](const Value& dynamic) -> Status {
    for (const auto& oddity : config::check_dynamic(dynamic, floors_)) log::warning("/config: {}", oddity);
    return config::acceptable_dynamic(dynamic, floors_);
  };
  return node;
}

void Daemon::persist(const Value& dynamic) {
  follow_directory_mode();  // the directory may be new
  constexpr auto write = [](Daemon* self, Value document) -> Task<void> {
    const auto written =
        co_await self->reactor_.run_blocking(Ctx{}, [dir = self->local_.postgresql.data_dir, document] {
          return config::write_cache(dir, document, postgres::modes_in(dir).file);
        });
    if (written && !*written) log::warning("could not keep the dynamic configuration: {}", written->error().text());
  };
  background_->spawn(write(this, dynamic));
}

void Daemon::handle_signals() {
  const auto stop = [this] { agent_->terminate(); };
  reactor_.on_signal(SIGTERM, stop);
  reactor_.on_signal(SIGINT, stop);
  reactor_.on_signal(SIGHUP, [this] { background_->spawn(reload()); });
  reactor_.on_signal(SIGUSR2, [this] {
    if (!std::exchange(upgrading_, true)) background_->spawn(upgrade());
  });
  std::signal(SIGPIPE, SIG_IGN);  // a peer that went away is an error of that write, not the end of the agent
}

// API-012: before PostgreSQL is stopped. Nobody can connect from here on; who is being answered already is answered.
void Daemon::shutting_down() {
  service_manager_.tell("STOPPING=1");
  if (std::exchange(rest_stopped_, true)) return;
  background_->spawn(rest_->stop(Ctx{.deadline = reactor_.now() + kRestGrace}));
}

std::unique_ptr<guard::Client> Daemon::make_guard() {
  guard::ClientOptions options{.data_dir = local_.postgresql.data_dir,
                               .guardian = guard::default_guardian(),
                               .respawn = local_.guardian.respawn};
  // MATRIARCH_GUARDIAN may also name the program.
  const auto named = environment_.find("MATRIARCH_GUARDIAN");
  if (named != environment_.end() && named->second.find('/') != std::string::npos) options.guardian = named->second;
  if (const auto name = effective_.postgresql.bin_name.find("postgres"); name != effective_.postgresql.bin_name.end()) {
    options.program = name->second;
  }
  options.postmaster = [this]() -> std::optional<guard::Postmaster> {
    auto handle = server_ ? server_->postmaster() : std::nullopt;
    if (!handle) return std::nullopt;
    return guard::Postmaster{.pid = handle->pid, .start_ticks = handle->start_ticks, .pidfd = std::move(handle->pidfd)};
  };
  return std::make_unique<guard::Client>(reactor_, std::move(options));
}

// Before anything else: a former agent that hangs may hold our ports, and must not act any more (DESIGN 3).
void Daemon::open_guard() {
  if (!local_.guardian.enabled) {
    log::warning("guardian: off: an agent that dies or hangs leaves a primary that nobody stops");
    watched_guard_.emplace(no_guard_, watchdog_options(local_.watchdog));
    return;
  }
  guard_ = make_guard();
  watched_guard_.emplace(*guard_, watchdog_options(local_.watchdog));
  constexpr auto open = [](guard::Client* guard, Ctx ctx) -> Task<void> {
    if (const auto opened = co_await guard->open(std::move(ctx)); !opened) {
      log::error("no guardian, so this node cannot be the primary: {}. Install matriarch-guardian beside this program, or set "
                 "guardian: off", opened.error().text());
    }
  };
  reactor_.run_until_done(open(guard_.get(), Ctx{.deadline = reactor_.now() + kGuardStart}));
}

// TLS files are read here, so that a wrong one is an error at start and not at the first call.
Status Daemon::make_parts() {
  open_guard();
  auto store_settings = store_options(local_, effective_.settings);
  if (const std::string lease = take_lease_variable(); !lease.empty()) store_settings.resume_lease = lease;
  if (guard_ && guard_->inheritance()) store_settings.resume_lease = guard_->inheritance()->lease_id;
  auto store = etcd3::Etcd3Store::create(reactor_, std::move(store_settings));
  if (!store) return store.error();
  store_ = std::move(*store);
  if (const auto managed = make_managed_etcd(); !managed) return managed;
  auto peers = peers::HttpPeers::create(reactor_, peers_options(local_));
  if (!peers) return peers.error();
  peers_ = std::move(*peers);
  auto options = server_options(initial_dynamic_);
  if (!options) return options.error();
  server_ = std::make_unique<postgres::PostgresServer>(
      reactor_, std::move(*options), [this](const Value& dynamic) { return server_options(dynamic); });
  background_ = std::make_unique<TaskGroup>(reactor_);
  agent::Ports ports{.scheduler = reactor_, .store = *store_, .server = *server_, .peers = *peers_, .steps = steps_};
  ports.guard = &*watched_guard_;
  ports.random = [random = std::make_shared<std::mt19937_64>(std::random_device{}())] { return (*random)(); };
  agent_ = std::make_unique<agent::Agent>(std::move(ports), make_node_config());
  rest_ = std::make_unique<rest::RestApi>(reactor_, *agent_, rest_options(local_.restapi));
  if (managed_etcd_) rest_->serve_store([this] { return managed_etcd_->document(); });
  return {};
}

// The etcd that this node runs itself, where it is configured to.
Status Daemon::make_managed_etcd() {
  if (!local_.store.etcd.managed || local_.store.kind != config::StoreKind::kEtcd3) return {};
  auto options = managed_options(local_.scope, local_.name, local_.restapi, local_.ctl, local_.store.etcd);
  options.holds_primary = [this] {
    const auto snapshot = agent_->snapshot();
    return snapshot != nullptr && snapshot->leader_by_lease;
  };
  options.on_endpoints = [this](const std::vector<http::HostPort>& endpoints) { store_->know(endpoints); };
  auto managed = managed_etcd::ManagedEtcd::create(reactor_, std::move(options));
  if (!managed) return managed.error();
  managed_etcd_ = std::move(*managed);
  return {};
}

int Daemon::run() {
  if (const auto made = make_parts(); !made) {
    log::critical("{}", made.error().text());
    return 1;
  }
  handle_signals();
  reactor_.run_until_done(live());
  return exit_code_;
}

Task<void> Daemon::live() {
  const auto started = co_await rest_->start(Ctx{.deadline = reactor_.now() + kRestStart});
  if (!started) {
    log::critical("{}", started.error().text());
    exit_code_ = 1;
  } else {
    rest_->serve();
    if (managed_etcd_) background_->spawn(managed_etcd_->run(background_->stop_token()));
    service_manager_.tell("READY=1");
    exit_code_ = co_await agent_->run();
    shutting_down();
  }
  background_->request_stop();
  co_await background_->join();
  co_await store_->close();
  co_await server_->close();
  if (guard_) co_await guard_->close();
}

// SIGUSR2. Between two procedures, because one that is cut off is begun anew; PostgreSQL and the lease do not notice.
Task<void> Daemon::upgrade() {
  const Ctx ctx{.deadline = reactor_.now() + kUpgradePatience, .stop = background_->stop_token()};
  Status ready = co_await check_successor(reactor_, ctx);
  while (ready && !agent_->snapshot()->running_action.empty()) ready = co_await pause_for(reactor_, kUpgradeLook, ctx);
  if (!ready) {
    log::error("SIGUSR2: this agent goes on: {}", ready.error().text());
    upgrading_ = false;
    co_return;
  }
  log::info("SIGUSR2: executing this program anew");
  co_await rest_->stop(Ctx{.deadline = reactor_.now() + kRestGrace});
  const bool leads = agent_->snapshot()->leader_by_lease;
  (void)log::flush(kUpgradeLook);
  const Error failed = execute_successor(leads ? store_->lease_id() : std::string());
  // The service manager starts an agent that ended so, and that one takes over; a stop in good order would cost the primary.
  log::critical("{}", failed.text());
  (void)log::flush(kUpgradePatience);
  _exit(1);
}

// SIGHUP (CFG-306 ff.): what is wrong in the new file leaves the old configuration in force.
Task<void> Daemon::reload() {
  service_manager_.tell_reloading();
  auto loaded = config::load(command_line_.config_path, environment_);
  if (!loaded) {
    log::error("the configuration was not reloaded: {}", loaded.error().text());
    service_manager_.tell("READY=1");
    co_return;
  }
  warn(loaded->warnings);
  const auto changes = config::compare(tree_, local_, loaded->tree, loaded->config);
  for (const auto& path : changes.needs_restart)
    log::warning("{} changed: it takes effect when the agent is restarted", path);
  if (!changes.any) log::info("No local configuration items changed.");
  local_ = config::carry_over(local_, std::move(loaded->config));
  tree_ = std::move(loaded->tree);
  set_up_log(local_.log, outside_file_mode());
  const Ctx ctx{.deadline = reactor_.now() + kRestStart};
  if (const auto rest = co_await rest_->reconfigure(rest_options(local_.restapi), ctx); !rest) {
    log::error("the REST API keeps its former configuration: {}", rest.error().text());
  }
  watched_guard_->reconfigure(watchdog_options(local_.watchdog));
  agent_->reconfigure(make_node_config());
  if (auto options = server_options(agent_->node().dynamic_config)) {
    const auto applied = co_await server_->reconfigure(std::move(*options), true, ctx);
    if (!applied) log::error("PostgreSQL was not reconfigured: {}", applied.error().text());
  }
  service_manager_.tell("READY=1");
}

}  // namespace matriarch::app
