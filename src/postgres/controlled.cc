#include "postgres/controlled.h"

#include <array>

#include <fmt/format.h>

#include "base/log.h"
#include "postgres/guc_value.h"
#include "postgres/paths.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

enum class Rule { kNever, kWalLevel, kTrue, kBoolean, kInteger };

struct Controlled {
  std::string_view name;
  std::string_view fallback;
  Rule rule;
  std::int64_t least = 0;
  std::string_view unit;
};

// In the order of the command line.
constexpr std::array<Controlled, 14> kControlled = {{
    {"listen_addresses", "", Rule::kNever},
    {"port", "", Rule::kNever},
    {"cluster_name", "", Rule::kNever},
    {"wal_level", "replica", Rule::kWalLevel},
    {"hot_standby", "on", Rule::kTrue},
    {"max_connections", "100", Rule::kInteger, 25},
    {"max_wal_senders", "10", Rule::kInteger, 3},
    {"wal_keep_size", "128MB", Rule::kInteger, 16, "MB"},
    {"max_prepared_transactions", "0", Rule::kInteger, 0},
    {"max_locks_per_transaction", "64", Rule::kInteger, 32},
    {"track_commit_timestamp", "off", Rule::kBoolean},
    {"max_replication_slots", "10", Rule::kInteger, 4},
    {"max_worker_processes", "8", Rule::kInteger, 2},
    {"wal_log_hints", "on", Rule::kBoolean},
}};

constexpr std::array<std::string_view, 18> kRecovery = {"archive_cleanup_command",
                                                        "pause_at_recovery_target",
                                                        "primary_conninfo",
                                                        "primary_slot_name",
                                                        "promote_trigger_file",
                                                        "recovery_end_command",
                                                        "recovery_min_apply_delay",
                                                        "recovery_target",
                                                        "recovery_target_action",
                                                        "recovery_target_inclusive",
                                                        "recovery_target_lsn",
                                                        "recovery_target_name",
                                                        "recovery_target_time",
                                                        "recovery_target_timeline",
                                                        "recovery_target_xid",
                                                        "restore_command",
                                                        "standby_mode",
                                                        "trigger_file"};

const Value* find_setting(const Value::Map& map, std::string_view name) {
  const Value* found = nullptr;
  for (const auto& [key, value] : map) {
    if (lower_case(key) == name) found = &value;  // the last spelling wins
  }
  return found;
}

std::optional<std::string> accepted(const Controlled& entry, const Value& value) {
  switch (entry.rule) {
    case Rule::kNever: return std::nullopt;
    case Rule::kWalLevel: {
      const auto level = lower_case(string_form(value));
      if (level == "logical") return level;
      if (level == "replica" || level == "hot_standby") return "replica";  // PG-175
      return std::nullopt;
    }
    case Rule::kTrue: return parse_bool(value) == true ? std::optional<std::string>("on") : std::nullopt;
    case Rule::kBoolean: {
      const auto on = parse_bool(value);
      if (!on) return std::nullopt;
      return *on ? "on" : "off";
    }
    case Rule::kInteger: {
      const auto text = string_form(value);
      const auto number = parse_integer(text, entry.unit);
      if (value.is_bool() || !number || *number < entry.least) return std::nullopt;
      // Integers are stored as such, values with a unit stay text (CFG-298).
      const bool has_unit = text.find_first_of("BkMGT") != std::string::npos;
      return has_unit ? text : std::to_string(*number);
    }
  }
  return std::nullopt;
}

// PG-176: the older name, in segments of 16 MB.
std::string wal_keep_size(const Value::Map& configured, std::string_view fallback) {
  const Value* segments = find_setting(configured, "wal_keep_segments");
  if (segments == nullptr || segments->is_null()) return std::string(fallback);
  const auto number = parse_int(*segments);
  if (!number || *number < 1) {
    log::warning("postgresql parameter wal_keep_segments={} failed validation, defaulting to 8",
                 string_form(*segments));
    return std::string(fallback);
  }
  return fmt::format("{}MB", *number * 16);
}

std::string fixed_value(const PostgresOptions& options, std::string_view name) {
  const auto listen = split_listen(options.listen);
  if (name == "listen_addresses") return listen.addresses;
  if (name == "port") return listen.port;
  return options.scope;
}

}  // namespace

bool is_controlled(std::string_view name) {
  const auto lower = lower_case(name);
  return lower == "wal_keep_segments" ||
         std::ranges::any_of(kControlled, [&lower](const Controlled& entry) { return entry.name == lower; });
}

std::vector<std::string_view> controlled_names() {
  std::vector<std::string_view> names;
  for (const auto& entry : kControlled) names.push_back(entry.name);
  return names;
}

bool is_recovery_setting(std::string_view name) { return contains(kRecovery, lower_case(name)); }

bool on_command_line(std::string_view name) { return name != "wal_keep_size" && name != "wal_keep_segments"; }

Settings controlled_settings(const PostgresOptions& options, const Value::Map& configured, int major_version) {
  Settings result;
  for (const auto& entry : kControlled) {
    if (entry.name == "wal_keep_size" && major_version != 0 && major_version < 130000) continue;
    std::string value(entry.fallback);
    if (entry.rule == Rule::kNever) value = fixed_value(options, entry.name);
    const Value* const given = find_setting(configured, entry.name);
    if (given != nullptr && !given->is_null() && entry.rule != Rule::kNever) {
      if (const auto good = accepted(entry, *given)) {
        value = *good;
      } else {
        log::warning("postgresql parameter {}={} failed validation, defaulting to {}", entry.name, string_form(*given),
                     value);
      }
    } else if (entry.name == "wal_keep_size") {
      value = wal_keep_size(configured, entry.fallback);
    }
    result.push_back({.name = std::string(entry.name), .value = value});
  }
  return result;
}

std::vector<Raised> raise_to_control(Settings& settings, const ControlFile& control) {
  const std::map<std::string_view, int> least = {{"max_connections", control.max_connections},
                                                 {"max_prepared_transactions", control.max_prepared_xacts},
                                                 {"max_locks_per_transaction", control.max_locks_per_xact},
                                                 {"max_worker_processes", control.max_worker_processes},
                                                 {"max_wal_senders", control.max_wal_senders}};
  std::vector<Raised> raised;
  for (auto& setting : settings) {
    const auto found = least.find(setting.name);
    if (found == least.end()) continue;
    const auto configured = parse_integer(setting.value, "");
    if (configured && *configured >= found->second) continue;
    raised.push_back(
        {.name = setting.name, .control_value = std::to_string(found->second), .configured_value = setting.value});
    setting.value = std::to_string(found->second);
  }
  return raised;
}

}  // namespace matriarch::postgres
