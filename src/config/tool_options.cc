// Options that operators pass through to initdb, pg_basebackup and pg_rewind (PG-017..019).
#include <algorithm>

#include <fmt/format.h>

#include "config/local_config.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

constexpr std::string_view kInitdbForbidden[] = {"pgdata", "nosync", "pwfile", "sync-only", "version"};
constexpr std::string_view kBasebackupForbidden[] = {"pgdata", "format",   "wal-method", "xlog-method",
                                                     "gzip",   "version",  "dbname",     "host",
                                                     "port",   "username", "password"};
constexpr std::string_view kRewindForbidden[] = {"target-pgdata", "source-pgdata",
                                                 "source-server", "write-recovery-conf",
                                                 "dry-run",       "restore-target-wal",
                                                 "config-file",   "no-ensure-shutdown",
                                                 "version",       "help"};

std::span<const std::string_view> forbidden_options(Tool tool) {
  switch (tool) {
    case Tool::kInitdb: return kInitdbForbidden;
    case Tool::kBasebackup: return kBasebackupForbidden;
    case Tool::kRewind: return kRewindForbidden;
  }
  return {};
}

std::string_view tool_name(Tool tool) {
  switch (tool) {
    case Tool::kInitdb: return "initdb";
    case Tool::kBasebackup: return "basebackup";
    case Tool::kRewind: return "rewind";
  }
  return "";
}

// PG-018: a value that is one fully quoted shell word loses its quotes; everything else stays as it is.
std::string unquoted(const std::string& text) {
  if (text.size() < 2 || (text[0] != '\'' && text[0] != '"') || text.back() != text[0]) return text;
  const std::string inner = text.substr(1, text.size() - 2);
  if (text[0] == '\'') return inner.find('\'') == std::string::npos ? inner : text;
  std::string out;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == '"') return text;
    const bool escaped = inner[i] == '\\' && i + 1 < inner.size() && (inner[i + 1] == '"' || inner[i + 1] == '\\');
    if (inner[i] == '\\' && i + 1 == inner.size()) return text;  // it escapes the closing quote
    out += escaped ? inner[++i] : inner[i];
  }
  return out;
}

class Collector {
 public:
  Collector(Tool tool, int major_version) : tool_(tool), major_version_(major_version) {}

  void flag(const std::string& name) {
    if (allowed(name, "")) result_.arguments.push_back("--" + name);
  }

  void option(const std::string& name, const Value& value) {
    const std::string text = unquoted(string_form(value));
    if (allowed(name, text)) result_.arguments.push_back("--" + name + "=" + text);
  }

  void error(std::string text) { result_.errors.push_back(fmt::format("{}: {}", tool_name(tool_), text)); }

  ToolOptions take() { return std::move(result_); }

 private:
  bool allowed(const std::string& name, const std::string& value) {
    const auto forbidden = forbidden_options(tool_);
    // "gzip=9" and "gzip" are the same option.
    const std::string bare = name.substr(0, name.find('='));
    bool refused = std::find(forbidden.begin(), forbidden.end(), bare) != forbidden.end();
    if (tool_ == Tool::kBasebackup && bare == "compress") {
      const std::string given = value.empty() && bare != name ? name.substr(bare.size() + 1) : value;
      refused = major_version_ < 150000 || !given.starts_with("server");  // CFG-062
    }
    if (refused) error(fmt::format("option '{}' is not allowed; remove it", bare));
    return !refused;
  }

  Tool tool_;
  int major_version_;
  ToolOptions result_;
};

void collect_item(Collector& collector, const Value& item) {
  if (item.is_string() && !item.as_string().empty()) {
    collector.flag(item.as_string());
  } else if (item.is_map() && item.as_map().size() == 1 &&
             (item.as_map().begin()->second.is_string() || item.as_map().begin()->second.is_number())) {
    const auto& [name, value] = *item.as_map().begin();
    collector.option(name, value);
  } else {
    collector.error(
        fmt::format("the item {} must be an option's name or a mapping of one name to a text", string_form(item)));
  }
}

}  // namespace

ToolOptions tool_options(Tool tool, const Value& configured, int major_version) {
  Collector collector(tool, major_version);
  if (configured.is_map()) {
    for (const auto& [name, value] : configured.as_map()) {
      if (!name.empty() && value.truthy()) collector.option(name, value);
    }
  } else if (configured.is_list()) {
    for (const Value& item : configured.as_list()) collect_item(collector, item);
  } else if (!configured.is_null()) {
    collector.error("options must be a list or a mapping");
  }
  return collector.take();
}

}  // namespace matriarch::config
