// Options that the user gives for initdb, pg_basebackup and pg_rewind, as a map or as a list (PG-017..019).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/value.h"

namespace matriarch::postgres {

struct UserOptions {
  std::vector<std::string> arguments;  // "--key=value", "--key"
  std::vector<std::string> problems;   // what was skipped, and why
};

UserOptions user_options(const Value& options, std::span<const std::string_view> forbidden);

}  // namespace matriarch::postgres
