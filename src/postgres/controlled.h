// The settings that the manager owns (PG 3.3): their defaults, what the dynamic configuration may say about them, and
// their order on the command line, where ALTER SYSTEM cannot override them.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres/control_file.h"
#include "postgres/options.h"

namespace matriarch::postgres {

bool is_controlled(std::string_view name);        // case-insensitive
std::vector<std::string_view> controlled_names();  // in the order of the command line
bool is_recovery_setting(std::string_view name);  // PG-171; case-insensitive

struct Setting {
  std::string name;
  std::string value;

  friend bool operator==(const Setting&, const Setting&) = default;
};
using Settings = std::vector<Setting>;

// The controlled settings in the order of PG-172, complete. `configured` may hold any; bad values are warned about and
// replaced by the default (PG-173). With `major_version` 0 nothing is left out.
Settings controlled_settings(const PostgresOptions& options, const Value::Map& configured, int major_version);

// PG-179: a standby refuses to start with less than its primary had. Raises, and reports what was raised:
// (name, value of the control file, configured value).
struct Raised {
  std::string name;
  std::string control_value;
  std::string configured_value;
};
std::vector<Raised> raise_to_control(Settings& settings, const ControlFile& control);

// Those that go to the command line (all but wal_keep_*).
bool on_command_line(std::string_view name);

}  // namespace matriarch::postgres
