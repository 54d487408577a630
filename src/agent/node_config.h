// What the agent must know of its own node; made by the application from src/config, by the simulator from its scenario.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "model/settings.h"
#include "model/tags.h"
#include "model/value.h"

namespace matriarch::agent {

struct NodeConfig {
  std::string name;
  std::string scope;
  std::string conn_url;   // postgres://host:port/database, without credentials (DCS-039)
  std::string api_url;    // DCS-040
  std::string proxy_url;  // empty if none
  std::string version = "4.1.4";  // the reference release we are compatible with (spec/README decision 3)
  std::string release;              // our own, published beside it
  Tags tags;
  bool has_bootstrap_section = false;
  Value initial_dynamic_config;  // cache file or bootstrap.dcs: in force until /config is read

  // Effective settings of a `/config` document. Total: what is wrong in it keeps its default, with a warning in the log.
  // `mixed`: a member of the cluster is not one of ours, so the reference's floors for the timings apply (DESIGN 3).
  std::function<Settings(const Value& dynamic_config, bool mixed)> settings_of;
  // Keeps the dynamic configuration for a start without the store (HA-009). Called when it changed; may be empty.
  std::function<void(const Value& dynamic_config)> persist_dynamic_config;
  // Reads the local configuration again, as SIGHUP does. Does not wait; may be empty.
  std::function<void()> reload_files;
  // The shutdown was asked for, and begins after this call. Called once; may be empty.
  std::function<void()> shutting_down;
  // Refuses a `/config` document that a person is about to store; the text names key, value and remedy.
  std::function<Status(const Value& dynamic_config)> check_dynamic_config;
};

}  // namespace matriarch::agent
