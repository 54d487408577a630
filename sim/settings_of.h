// The settings a simulated agent derives from `/config`. (src/config does this in production; the simulator must not depend
// on it, and writes only valid documents.)
#pragma once

#include "model/settings.h"
#include "model/value.h"

namespace matriarch::sim {

Settings settings_of(const Value& dynamic_config);
Value config_of(const Settings& settings);

}  // namespace matriarch::sim
