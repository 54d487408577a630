// Changes to the dynamic configuration as they are given on the command line (CTL-216..220).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/value.h"

namespace matriarch::ctl {

// One "path=value"; an empty value or null removes.
struct Setting {
  std::vector<std::string> path;
  Value value;
};

// "ttl=20", "postgresql.parameters.pg_stat_statements.max=100". kInvalid: no "=".
Result<Setting> parse_setting(std::string_view text);
// "max_connections=150", below postgresql.parameters.
Result<Setting> parse_parameter(std::string_view text);

void apply_setting(Value& document, const Setting& setting);

}  // namespace matriarch::ctl
