#include <fmt/format.h>

#include "config/local_parts.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

std::optional<log::Level> parse_level(const std::string& word) {
  const std::string level = lower_case(word);
  if (level == "debug") return log::Level::kDebug;
  if (level == "info") return log::Level::kInfo;
  if (level == "warn" || level == "warning") return log::Level::kWarning;
  if (level == "error") return log::Level::kError;
  if (level == "fatal" || level == "critical") return log::Level::kCritical;
  return std::nullopt;
}

log::Level read_level(const Reader& reader, std::string_view key, log::Level fallback) {
  const Value* value = reader.find(key);
  if (value == nullptr) return fallback;
  if (const auto level = parse_level(string_form(*value))) return *level;
  reader.wrong(key, *value, "must be DEBUG, INFO, WARNING, ERROR or CRITICAL");
  return fallback;
}

// The fields of "%(asctime)s %(levelname)-8s": asctime, levelname.
TextPairs placeholders(std::string_view format) {
  TextPairs fields;
  while (true) {
    const std::size_t start = format.find("%(");
    const std::size_t end = start == format.npos ? format.npos : format.find(')', start);
    if (end == format.npos) return fields;
    const std::string name(format.substr(start + 2, end - start - 2));
    fields.emplace_back(name, name);
    format.remove_prefix(end + 1);
  }
}

TextPairs listed_fields(const Reader& log, const Value::List& items) {
  TextPairs fields;
  for (const Value& item : items) {
    if (item.is_string()) {
      fields.emplace_back(item.as_string(), item.as_string());
    } else if (item.is_map() && item.as_map().size() == 1 && item.as_map().begin()->second.is_string()) {
      fields.emplace_back(item.as_map().begin()->first, item.as_map().begin()->second.as_string());
    } else {
      log.warn(
          fmt::format("log.format: the item {} must be a text or a mapping of one field to its name; it is skipped",
                      shown("log.format", item)));
    }
  }
  return fields;
}

// CFG-436..438.
void read_format(const Reader& log, LogConfig& config) {
  const Value* format = log.find("format");
  if (format == nullptr) return;
  if (format->is_string()) {
    config.format = format->as_string();
    if (auto fields = placeholders(config.format); !fields.empty()) config.json_fields = std::move(fields);
  } else if (format->is_list() && config.type == LogType::kJson) {
    if (auto fields = listed_fields(log, format->as_list()); !fields.empty()) config.json_fields = std::move(fields);
  } else {
    log.wrong("format", *format,
              config.type == LogType::kJson ? "must be a text or a list" : "must be a text when log.type is plain");
  }
}

std::map<std::string, log::Level> read_loggers(const Reader& log) {
  std::map<std::string, log::Level> loggers;
  for (const auto& [name, value] : log.map("loggers")) {
    if (const auto level = parse_level(string_form(value))) {
      loggers[name] = *level;
    } else {
      log.warn(fmt::format("log.loggers.{}: {} is no log level; it is ignored", name, shown("log.loggers", value)));
    }
  }
  return loggers;
}

}  // namespace

LogConfig read_log(const Reader& log) {
  LogConfig config;
  config.type = log.choice("type", config.type, {{"plain", LogType::kPlain}, {"json", LogType::kJson}});
  config.level = read_level(log, "level", config.level);
  config.traceback_level = log.choice("traceback_level", config.traceback_level,
                                      {{"DEBUG", log::Level::kDebug}, {"ERROR", log::Level::kError}});
  read_format(log, config);
  config.dateformat = log.text("dateformat");
  config.static_fields = log.map("static_fields");
  config.max_queue_size = static_cast<int>(log.integer("max_queue_size", config.max_queue_size, 1, 1'000'000));
  config.dir = log.text("dir");
  if (log.has("mode")) {
    const std::int64_t mode = log.integer("mode", -1, 0, 0777);
    if (mode >= 0) config.mode = static_cast<mode_t>(mode);
  }
  config.file_num = static_cast<int>(log.integer("file_num", config.file_num, 0, 10'000));
  config.file_size = log.integer("file_size", config.file_size, 0);
  config.loggers = read_loggers(log);
  config.deduplicate_heartbeat_logs = log.boolean("deduplicate_heartbeat_logs", false);
  return config;
}

}  // namespace matriarch::config
