#include "log_options.h"

namespace matriarch::app {

log::Options log_options(const config::LogConfig& config, mode_t file_mode) {
  log::Options options{.level = config.level,
                       .components = config.loggers,
                       .shape = config.type == config::LogType::kJson ? log::Shape::kJson : log::Shape::kPlain,
                       .format = config.format,
                       .json_fields = config.json_fields,
                       .json_constants = {},
                       .dateformat = config.dateformat,
                       .queue_capacity = static_cast<std::size_t>(config.max_queue_size),
                       .dir = config.dir,
                       .mode = config.mode.value_or(file_mode),
                       .file_num = config.file_num,
                       .file_size = config.file_size,
                       .deduplicate_heartbeats = config.deduplicate_heartbeat_logs};
  for (const auto& [key, value] : config.static_fields) options.json_constants.emplace_back(key, to_json(value));
  return options;
}

void set_up_log(const config::LogConfig& config, mode_t file_mode) {
  for (const auto& problem : log::configure(log_options(config, file_mode))) log::warning("{}", problem);
}

}  // namespace matriarch::app
