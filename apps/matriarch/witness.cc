#include "witness.h"

#include <csignal>

#include <sys/stat.h>

#include <fmt/format.h>

#include "base/log.h"
#include "base/reactor.h"
#include "base/task_group.h"
#include "base/wait.h"
#include "config/load.h"
#include "log_options.h"
#include "managed.h"
#include "notify.h"
#include "rest/witness_api.h"
#include "store/managed_etcd/managed_etcd.h"
#include "wiring.h"

namespace matriarch::app {

namespace {

constexpr Duration kRestStart = std::chrono::seconds(5);
constexpr Duration kRestGrace = std::chrono::seconds(1);
constexpr mode_t kPrivate = 0077;

struct Witness {
  Reactor reactor;
  ServiceManager service_manager;
  WakeUp stop{reactor};
  std::unique_ptr<managed_etcd::ManagedEtcd> etcd;
  std::unique_ptr<rest::WitnessApi> rest;
  int exit_code = 0;
};

Task<void> live(Witness* witness) {
  const auto started = co_await witness->rest->start(Ctx{.deadline = witness->reactor.now() + kRestStart});
  if (!started) {
    log::critical("{}", started.error().text());
    witness->exit_code = 1;
    co_return;
  }
  TaskGroup background(witness->reactor);
  background.spawn(witness->etcd->run(background.stop_token()));
  witness->service_manager.tell("READY=1");
  (void)co_await witness->stop.wait(Ctx{});  // nothing else ends it
  witness->service_manager.tell("STOPPING=1");
  background.request_stop();
  co_await background.join();
  co_await witness->rest->stop(Ctx{.deadline = witness->reactor.now() + kRestGrace});
}

}  // namespace

int run_witness(const CommandLine& line, const config::EnvironmentValues& environment) {
  auto loaded = config::load_tree(line.config_path, environment);
  if (!loaded) {
    fmt::print(stderr, "{}\n", loaded.error().text());
    return 1;
  }
  auto config = config::make_witness_config(loaded->tree, loaded->warnings);
  if (!config) {
    fmt::print(stderr, "{}\n", config.error().text());
    return 1;
  }
  const mode_t start_umask = umask(kPrivate);
  set_up_log(config->log, 0666 & ~start_umask);
  for (const auto& warning : loaded->warnings) log::warning("{}", warning);
  Witness witness;
  auto etcd = managed_etcd::ManagedEtcd::create(
      witness.reactor, managed_options(config->scope, config->name, config->restapi, config->ctl, config->etcd));
  if (!etcd) {
    log::critical("{}", etcd.error().text());
    return 1;
  }
  witness.etcd = std::move(*etcd);
  witness.rest = std::make_unique<rest::WitnessApi>(witness.reactor, rest_options(config->restapi),
                                                    [&witness] { return witness.etcd->document(); });
  witness.reactor.on_signal(SIGTERM, [&witness] { witness.stop.set(); });
  witness.reactor.on_signal(SIGINT, [&witness] { witness.stop.set(); });
  std::signal(SIGPIPE, SIG_IGN);
  witness.reactor.run_until_done(live(&witness));
  return witness.exit_code;
}

}  // namespace matriarch::app
