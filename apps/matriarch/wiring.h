// From the configuration to what each part must be told. Pure mapping; nothing is decided here.
#pragma once

#include <optional>

#include "agent/node_config.h"
#include "config/effective.h"
#include "config/local_config.h"
#include "peers/options.h"
#include "postgres/options.h"
#include "rest/options.h"
#include "store/etcd3/options.h"
#include "watchdog/watchdog.h"

namespace matriarch::app {

postgres::PostgresOptions postgres_options(const config::EffectiveConfig& effective, const config::LocalConfig& local);
watchdog::WatchdogOptions watchdog_options(const config::WatchdogConfig& from);
rest::RestOptions rest_options(const config::RestApiConfig& from);
etcd3::Etcd3Options store_options(const config::LocalConfig& local, const Settings& settings);
peers::PeersOptions peers_options(const config::LocalConfig& local);
// Without settings_of and check_dynamic_config: those depend on what is in force, and are the daemon's.
agent::NodeConfig node_config(const config::EffectiveConfig& effective, const config::LocalConfig& local);

}  // namespace matriarch::app
