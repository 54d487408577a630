// The CLI's own configuration: file, environment, --dcs-url (spec section 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/result.h"
#include "config/environment.h"
#include "config/local_config.h"
#include "model/value.h"

namespace matriarch::ctl {

struct GlobalOptions {
  std::optional<std::string> config_file;
  std::optional<std::string> dcs_url;
  bool insecure = false;
};

// What the process environment says besides configuration values; empty variables count as unset (CTL-012).
struct ProcessEnvironment {
  std::string config_file;   // PATRONICTL_CONFIG_FILE
  std::string dcs_url;       // DCS_URL
  std::string log_level;     // CTL-016; empty: none
  std::string default_file;  // CTL-013
  config::EnvironmentValues values;
};
// Removes the configuration variables from the environment, so that an editor or pager does not inherit secrets.
ProcessEnvironment take_process_environment();

// kInvalid: unusable file (CTL-014) or URL (CTL-039); and what config::load_tree() says.
Result<config::ClientConfig> load_settings(const GlobalOptions& options, const ProcessEnvironment& environment);

// CTL-038..044: replaces the store's section, and `namespace` when the URL has a path.
Status apply_dcs_url(Value& tree, std::string_view url);

// Unknown names: warning.
log::Level log_level_of(std::string_view name);

// CTL-037
Error no_store_error(std::string_view available);

}  // namespace matriarch::ctl
