// JSON as REST answers carry it: one line, ASCII only, ", " and ": " between things (API-027).
#pragma once

#include <string>

#include "model/value.h"

namespace matriarch::rest {

std::string to_spaced_json(const Value& value);

}  // namespace matriarch::rest
