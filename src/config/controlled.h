// Checking and defaults of the parameters that only `/config` may set (CFG-282..300).
#pragma once

#include "config/server_parameters.h"

namespace matriarch::config {

// The defaults (without wal_keep_*), overlaid with what `/config` says about them, with CFG-297's warnings.
Value::Map controlled_parameters(const Value::Map& dynamic_parameters, Warnings& warnings);

// Removes those that the version does not have, converts wal_keep_* and wal_level to its words (CFG-285, CFG-299, CFG-300).
void fit_controlled(Value::Map& parameters, int server_version);

// Sets `name`, replacing a different spelling of it (CFG-341).
void set_guc(Value::Map& parameters, std::string_view name, Value value);
const Value* find_guc_value(const Value::Map& parameters, std::string_view name);

}  // namespace matriarch::config
