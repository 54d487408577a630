// From section `log` of the configuration to what the log must be told.
#pragma once

#include "base/log_setup.h"
#include "config/local_config.h"

namespace matriarch::app {

// `file_mode`: of log files for which nothing is configured.
log::Options log_options(const config::LogConfig& config, mode_t file_mode);
// Puts it in force, at start and at each reload, and logs what of it could not be honoured.
void set_up_log(const config::LogConfig& config, mode_t file_mode);

}  // namespace matriarch::app
