#include "daemon.h"

#include <csignal>
#include <random>

#include "base/log.h"
#include "config/reload.h"
#include "config/schema.h"
#include "log_options.h"
#include "wiring.h"

namespace matriarch::app {

namespace {

constexpr Duration kRestStart = std::chrono::seconds(5);
constexpr Duration kRestGrace = std::chrono::seconds(1);

void warn(const config::Warnings& warnings) {
  for (const auto& warning : warnings) log::warning("{}", warning);
}

}  // namespace

Daemon::Daemon(CommandLine command_line, config::EnvironmentValues environment, config::LoadedConfig loaded)
    : command_line_(std::move(command_line)),
      environment_(std::move(environment)),
      local_(std::move(loaded.config)),
      tree_(std::move(loaded.tree)) {
  set_up_log(local_.log);
  warn(loaded.warnings);
  if (const auto unimplemented = config::unimplemented_warning(config::KeyScope::kLocal, tree_)) log::warning("{}", *unimplemented);

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
}

Daemon::~Daemon() = default;

Settings Daemon::settings_of(const Value& dynamic, bool mixed) {
  floors_ = mixed ? config::Floors::kReference : config::Floors::kMatriarch;
  effective_ = config::effective_or_keep(dynamic, local_, floors_, effective_);
  warn(effective_.warnings);
  return effective_.settings;
}

Result<postgres::PostgresOptions> Daemon::server_options(const Value& dynamic) {
  auto effective = config::effective(dynamic, local_, floors_);
  if (!effective) return effective.error();
  return postgres_options(*effective, local_);
}

agent::NodeConfig Daemon::make_node_config() {
  agent::NodeConfig node = node_config(local_);
  node.initial_dynamic_config = initial_dynamic_;
  node.settings_of = [this](const Value& dynamic, bool mixed) { return settings_of(dynamic, mixed); };
  node.persist_dynamic_config = [this](const Value& dynamic) { persist(dynamic); };
  node.reload_files = [this] { background_->spawn(reload()); };
  node.check_dynamic_config = [this](const Value& dynamic) -> Status {
    for (const auto& oddity : config::check_dynamic(dynamic, floors_)) log::warning("/config: {}", oddity);
    return config::acceptable_dynamic(dynamic, floors_);
  };
  return node;
}

void Daemon::persist(const Value& dynamic) {
  constexpr auto write = [](Daemon* self, Value document) -> Task<void> {
    const auto written = co_await self->reactor_.run_blocking(
        Ctx{}, [data_dir = self->local_.postgresql.data_dir, document] { return config::write_cache(data_dir, document, 0600); });
    if (written && !*written) log::warning("could not keep the dynamic configuration: {}", written->error().text());
  };
  background_->spawn(write(this, dynamic));
}

void Daemon::handle_signals() {
  const auto stop = [this] {
    service_manager_.tell("STOPPING=1");
    agent_->terminate();
  };
  reactor_.on_signal(SIGTERM, stop);
  reactor_.on_signal(SIGINT, stop);
  reactor_.on_signal(SIGHUP, [this] { background_->spawn(reload()); });
  std::signal(SIGPIPE, SIG_IGN);  // a peer that went away is an error of that write, not the end of the agent
}

// TLS files are read here, so that a wrong one is an error at start and not at the first call.
Status Daemon::make_parts() {
  auto store = etcd3::Etcd3Store::create(reactor_, store_options(local_, effective_.settings));
  if (!store) return store.error();
  store_ = std::move(*store);
  auto peers = peers::HttpPeers::create(reactor_, peers_options(local_));
  if (!peers) return peers.error();
  peers_ = std::move(*peers);
  server_ = std::make_unique<postgres::PostgresServer>(
      reactor_, postgres_options(effective_, local_), [this](const Value& dynamic) { return server_options(dynamic); });
  background_ = std::make_unique<TaskGroup>(reactor_);
  agent::Ports ports{.scheduler = reactor_, .store = *store_, .server = *server_, .peers = *peers_, .steps = steps_};
  ports.random = [random = std::make_shared<std::mt19937_64>(std::random_device{}())] { return (*random)(); };
  agent_ = std::make_unique<agent::Agent>(std::move(ports), make_node_config());
  rest_ = std::make_unique<rest::RestApi>(reactor_, *agent_, rest_options(local_));
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
    service_manager_.tell("READY=1");
    exit_code_ = co_await agent_->run();
    co_await rest_->stop(Ctx{.deadline = reactor_.now() + kRestGrace});
  }
  background_->request_stop();
  co_await background_->join();
  co_await store_->close();
  co_await server_->close();
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
  for (const auto& path : changes.needs_restart) log::warning("{} changed: it takes effect when the agent is restarted", path);
  if (!changes.any) log::info("No local configuration items changed.");
  local_ = config::carry_over(local_, std::move(loaded->config));
  tree_ = std::move(loaded->tree);
  set_up_log(local_.log);
  const Ctx ctx{.deadline = reactor_.now() + kRestStart};
  if (const auto rest = co_await rest_->reconfigure(rest_options(local_), ctx); !rest) {
    log::error("the REST API keeps its former configuration: {}", rest.error().text());
  }
  agent_->reconfigure(make_node_config());
  if (auto options = server_options(agent_->node().dynamic_config)) {
    const auto applied = co_await server_->reconfigure(std::move(*options), true, ctx);
    if (!applied) log::error("PostgreSQL was not reconfigured: {}", applied.error().text());
  }
  service_manager_.tell("READY=1");
}

}  // namespace matriarch::app
