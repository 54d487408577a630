// The tables behind find_guc() and find_recovery_guc().
#pragma once

#include <span>

#include "config/guc.h"

#include "config/guc.h"

namespace matriarch::config {

std::span<const GucRule> guc_rules();           // sorted by name (lower case), then version
std::span<const GucRule> recovery_guc_rules();  // the same for recovery settings

}  // namespace matriarch::config
