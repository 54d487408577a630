// Configuration from PATRONI_* variables (CFG-193..207).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/yaml.h"
#include "model/value.h"

namespace matriarch::config {

// The recognised variables as they were at the start of the process, by full name ("PATRONI_SCOPE"). May hold secrets.
using EnvironmentValues = std::map<std::string, std::string>;

// Reads the recognised variables and removes them from the process environment, so that no child inherits them
// (CFG-193, CFG-194, CFG-444). Thread: call it before a second thread exists.
EnvironmentValues take_environment();

// Is this a variable that configures this program?
[[nodiscard]] bool is_configuration_variable(std::string_view name);

// The tree that is laid over the file (CFG-195..203). What cannot be parsed is left out with a warning that names the
// variable but not its value.
Value environment_overlay(const EnvironmentValues& environment, Warnings& warnings);

}  // namespace matriarch::config
