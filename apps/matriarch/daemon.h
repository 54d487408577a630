// The running node: its parts, wired together, and what signals do to them.
#pragma once

#include <memory>

#include <sys/types.h>

#include "agent/agent.h"
#include "base/reactor.h"
#include "base/task_group.h"
#include "command_line.h"
#include "config/effective.h"
#include "config/load.h"
#include "guard/client.h"
#include "notify.h"
#include "peers/http_peers.h"
#include "postgres/postgres_server.h"
#include "rest/rest_api.h"
#include "store/etcd3/etcd3_store.h"
#include "store/managed_etcd/managed_etcd.h"
#include "watchdog/watched_guard.h"

namespace matriarch::app {

class Daemon {
 public:
  Daemon(CommandLine command_line, config::EnvironmentValues environment, config::LoadedConfig loaded);
  ~Daemon();

  // Until SIGTERM or SIGINT was carried out, or the node must not go on. Returns the exit code.
  int run();

 private:
  Status make_parts();
  void open_guard();
  [[nodiscard]] std::unique_ptr<guard::Client> make_guard();
  Status make_managed_etcd();
  Task<void> live();
  Task<void> reload();
  Task<void> upgrade();
  void handle_signals();
  Settings settings_of(const Value& dynamic, bool mixed);
  Result<postgres::PostgresOptions> server_options(const Value& dynamic);
  void persist(const Value& dynamic);
  [[nodiscard]] agent::NodeConfig make_node_config();
  void shutting_down();
  void follow_directory_mode();
  // Files outside the data directory are made as the umask at the start says (CFG-329).
  [[nodiscard]] mode_t outside_file_mode() const { return 0666 & ~start_umask_; }

  const mode_t start_umask_;
  CommandLine command_line_;
  config::EnvironmentValues environment_;
  config::LocalConfig local_;
  Value tree_;
  Value initial_dynamic_;
  config::EffectiveConfig effective_;
  config::Floors floors_ = config::Floors::kMatriarch;

  ServiceManager service_manager_;
  Reactor reactor_;
  agent::Steps steps_;
  std::unique_ptr<guard::Client> guard_;  // null: switched off
  NoGuard no_guard_;
  std::optional<watchdog::WatchedGuard> watched_guard_;  // what the agent sees
  std::unique_ptr<postgres::PostgresServer> server_;
  std::unique_ptr<etcd3::Etcd3Store> store_;
  std::unique_ptr<managed_etcd::ManagedEtcd> managed_etcd_;
  std::unique_ptr<peers::HttpPeers> peers_;
  std::unique_ptr<agent::Agent> agent_;
  std::unique_ptr<rest::RestApi> rest_;
  std::unique_ptr<TaskGroup> background_;
  bool rest_stopped_ = false;
  bool upgrading_ = false;
  int exit_code_ = 0;
};

}  // namespace matriarch::app
