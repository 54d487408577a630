// The parameters that only `/config` may set (CFG-282..298).
#pragma once

#include <string_view>

#include "config/yaml.h"
#include "model/value.h"

namespace matriarch::config {

bool is_controlled_guc(std::string_view name);  // case-insensitive

// Their defaults (without wal_keep_*, CFG-275), overlaid with what `/config` says, with the warnings of CFG-297. What a
// server's version makes of them is decided where it is known.
Value::Map controlled_parameters(const Value::Map& dynamic_parameters, Warnings& warnings);

}  // namespace matriarch::config
