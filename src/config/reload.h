// What a reload has to apply (CFG-306..314).
#pragma once

#include <string>
#include <vector>

#include "config/effective.h"
#include "config/local_config.h"
#include "model/value.h"

namespace matriarch::config {

struct LocalChanges {
  bool any = false;  // false: "No local configuration items changed." (CFG-312)
  bool log = false;
  bool tags = false;
  bool ctl = false;
  bool restapi = false;
  bool restapi_listener = false;  // listen or a TLS option: the listener is re-opened (API-010)
  bool watchdog = false;
  bool guardian = false;
  bool store = false;  // reloadable parts of the store section (CFG-110)
  bool postgresql = false;
  // Paths that changed but keep their old value until the program is restarted (CFG-314).
  std::vector<std::string> needs_restart;
};

LocalChanges compare(const Value& old_tree, const LocalConfig& old_config, const Value& new_tree,
                     const LocalConfig& new_config);

// The new configuration with everything that needs a restart of the program taken from the old one (CFG-314).
LocalConfig carry_over(const LocalConfig& running, LocalConfig loaded);

struct EffectiveChanges {
  bool timing = false;      // ttl, loop_wait or retry_timeout: pushed to the store driver
  bool settings = false;    // any other decision-relevant setting
  bool postgresql = false;  // parameters, files, commands
  bool slots = false;
  bool standby_cluster = false;

  [[nodiscard]] bool any() const { return timing || settings || postgresql || slots || standby_cluster; }
};

EffectiveChanges compare(const EffectiveConfig& before, const EffectiveConfig& after);

}  // namespace matriarch::config
