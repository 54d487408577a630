// What a record can tell about itself, by the names that `log.format` uses (CFG-433).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/log_record.h"

namespace matriarch::log {

using FieldValue = std::variant<std::string, std::int64_t, double>;

// "asctime", "levelname", ...; none if there is no such field. `dateformat`: of asctime, for strftime; empty: ISO date,
// comma, milliseconds (CFG-434), local time.
std::optional<FieldValue> field_value(std::string_view name, const Record& record, const std::string& dateformat);

// All names, "asctime, created, ...", for error texts.
std::string field_names();

}  // namespace matriarch::log
