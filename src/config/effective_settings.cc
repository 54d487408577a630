// Cluster-wide settings, slots and the standby cluster, read from the dynamic document.
#include <cmath>

#include <fmt/format.h>

#include "config/effective_parts.h"
#include "config/guc.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

constexpr std::int64_t kMaxSeconds = 100LL * 365 * 86400;

struct Floor {
  double ttl, loop_wait, retry_timeout;
};

constexpr Floor floor_of(Floors floors) { return floors == Floors::kReference ? Floor{20, 1, 3} : Floor{2, 0.2, 0.5}; }

// Integers, texts of integers, and floats, which the reference truncates (CFG-254).
std::optional<double> timing_number(const Value& value, Floors floors) {
  std::optional<double> number;
  if (value.is_number()) number = value.as_double();
  if (value.is_string()) {
    const Value plain = resolve_plain_scalar(trimmed(value.as_string()));
    const bool usable = plain.is_int() || (plain.is_double() && floors == Floors::kMatriarch);
    if (usable && value.as_string().find(':') == std::string::npos) number = plain.as_double();
  }
  if (!number || !std::isfinite(*number) || std::fabs(*number) > static_cast<double>(kMaxSeconds)) return std::nullopt;
  return floors == Floors::kReference ? std::trunc(*number) : *number;
}

Result<double> read_timing_key(const Reader& dynamic, std::string_view key, double fallback, Floors floors) {
  const Value* value = dynamic.find_any(key);
  if (value == nullptr) return fallback;
  if (const auto number = timing_number(*value, floors)) return *number;
  return Error(Errc::kInvalid,
               fmt::format("{}: {} must be a number of seconds without a unit", key, shown(key, *value)));
}

void raise(double& value, double floor, std::string_view name, Warnings& warnings) {
  if (value >= floor) return;
  warnings.push_back(fmt::format("{}={} is too low, {} is used", name, value, floor));
  value = floor;
}

Duration seconds_of(std::int64_t seconds) { return std::chrono::seconds(seconds); }

Duration read_seconds(const Reader& dynamic, std::string_view key, std::int64_t fallback) {
  return seconds_of(dynamic.integer(key, fallback, 0, kMaxSeconds));
}

// The new name hides the old one, even when its value is wrong (CFG-215..218).
Duration read_renamed(const Reader& dynamic, std::string_view key, std::string_view old_key, std::int64_t fallback) {
  return read_seconds(dynamic, dynamic.find_any(key) != nullptr ? key : old_key, fallback);
}

SyncMode read_sync_mode(const Reader& dynamic) {
  const Value* value = dynamic.find("synchronous_mode");
  if (value == nullptr) return SyncMode::kOff;
  if (value->is_string() && equals_ignoring_case(value->as_string(), "quorum")) return SyncMode::kQuorum;
  if (const auto on = parse_bool(*value)) return *on ? SyncMode::kPriority : SyncMode::kOff;
  dynamic.wrong("synchronous_mode", *value, "must be on, off or quorum");
  return SyncMode::kOff;
}

Duration read_slots_ttl(const Reader& dynamic) {
  constexpr std::int64_t kDefault = 1800;
  const Value* value = dynamic.find("member_slots_ttl");
  if (value == nullptr) return seconds_of(kDefault);
  const auto text = value->is_bool() ? std::nullopt : guc_text(*value);
  const auto seconds = text ? parse_guc_int(*text, "s") : std::nullopt;
  if (seconds && *seconds <= kMaxSeconds) return seconds_of(std::max<std::int64_t>(*seconds, 0));
  dynamic.wrong("member_slots_ttl", *value, "must be a time like 1800 or 30min");
  return seconds_of(kDefault);
}

bool is_slot_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
}

// CFG-229..232. Absent: a bad entry, already warned about.
std::optional<PermanentSlot> read_slot(const Reader& slots, const std::string& name, const Value& value) {
  const auto bad = [&](std::string_view why) {
    slots.warn(fmt::format("{}: {}; the slot is skipped", slots.path_of(name), why));
    return std::nullopt;
  };
  if (!is_slot_name(name)) return bad("a slot's name has 1 to 63 of a-z, 0-9 and _");
  PermanentSlot slot{.name = name, .extra = value};
  if (!value.truthy()) return slot;
  if (!value.is_map()) return bad(fmt::format("{} must be a mapping", shown("", value)));
  const Reader entry(value.as_map(), slots.path_of(name), slots.warnings());
  slot.database = entry.text("database");
  slot.plugin = entry.text("plugin");
  const bool complete = !slot.database.empty() && !slot.plugin.empty();
  const std::string type = lower_case(entry.text("type", complete ? "logical" : "physical"));
  if (type != "physical" && type != "logical") return bad("its type must be physical or logical");
  slot.type = type == "logical" ? SlotType::kLogical : SlotType::kPhysical;
  if (slot.type == SlotType::kLogical && !complete) return bad("a logical slot needs database and plugin");
  if (slot.type == SlotType::kPhysical) {
    slot.clusters = entry.choice("cluster_type", SlotClusters::kBoth,
                                 {{"primary", SlotClusters::kPrimaryOnly}, {"standby", SlotClusters::kStandbyOnly}});
  }
  return slot;
}

std::string falsy_is_empty(const Value& entry, std::string_view key) {
  const Value* value = entry.find(key);
  return value != nullptr && value->truthy() ? string_form(*value) : std::string();
}

}  // namespace

Timing adjust_timing(Timing wanted, Floors floors, Warnings& warnings) {
  const Floor floor = floor_of(floors);
  raise(wanted.ttl, floor.ttl, "ttl", warnings);
  raise(wanted.loop_wait, floor.loop_wait, "loop_wait", warnings);
  raise(wanted.retry_timeout, floor.retry_timeout, "retry_timeout", warnings);
  // The reference's 1 s is too much of a short ttl.
  const double least_wait = floors == Floors::kReference ? 1.0 : std::clamp(wanted.ttl / 10, floor.loop_wait, 1.0);
  Timing fitting = wanted;
  if (least_wait + 2 * wanted.retry_timeout > wanted.ttl) {
    fitting.loop_wait = least_wait;
    fitting.retry_timeout = (wanted.ttl - least_wait) / 2;
    if (floors == Floors::kReference || wanted.ttl >= floor_of(Floors::kReference).ttl) {
      fitting.retry_timeout = std::floor(fitting.retry_timeout);
    }
  } else if (wanted.loop_wait + 2 * wanted.retry_timeout > wanted.ttl) {
    fitting.loop_wait = wanted.ttl - 2 * wanted.retry_timeout;
  }
  if (fitting != wanted) {
    warnings.push_back(
        fmt::format("ttl={} leaves no room for loop_wait={} and retry_timeout={}: loop_wait + 2*retry_timeout must not "
                    "be more than ttl. "
                    "loop_wait={} and retry_timeout={} are used; raise ttl or lower the others",
                    wanted.ttl, wanted.loop_wait, wanted.retry_timeout, fitting.loop_wait, fitting.retry_timeout));
  }
  return fitting;
}

Result<Timing> read_timing(const Reader& dynamic, Floors floors) {
  const Timing defaults;
  const auto ttl = read_timing_key(dynamic, "ttl", defaults.ttl, floors);
  if (!ttl) return ttl.error();
  const auto loop_wait = read_timing_key(dynamic, "loop_wait", defaults.loop_wait, floors);
  if (!loop_wait) return loop_wait.error();
  const auto retry_timeout = read_timing_key(dynamic, "retry_timeout", defaults.retry_timeout, floors);
  if (!retry_timeout) return retry_timeout.error();
  return Timing{*ttl, *loop_wait, *retry_timeout};
}

Settings read_settings(const Reader& dynamic) {
  Settings settings;
  const auto lag = static_cast<std::int64_t>(settings.maximum_lag_on_failover);
  settings.maximum_lag_on_failover = static_cast<std::uint64_t>(dynamic.integer("maximum_lag_on_failover", lag, 0));
  settings.maximum_lag_on_syncnode = dynamic.integer("maximum_lag_on_syncnode", settings.maximum_lag_on_syncnode, -1);
  settings.primary_start_timeout = read_renamed(dynamic, "primary_start_timeout", "master_start_timeout", 300);
  settings.primary_stop_timeout = read_renamed(dynamic, "primary_stop_timeout", "master_stop_timeout", 0);
  settings.primary_race_backoff = read_seconds(dynamic, "primary_race_backoff", 0);
  settings.check_timeline = dynamic.boolean("check_timeline", false);
  settings.max_timelines_history = static_cast<int>(dynamic.integer("max_timelines_history", 0, 0, 1'000'000));
  settings.standby_cluster = read_standby_cluster(dynamic).has_value();
  settings.synchronous_mode = settings.standby_cluster ? SyncMode::kOff : read_sync_mode(dynamic);
  settings.synchronous_mode_strict = dynamic.boolean("synchronous_mode_strict", false);
  const std::int64_t least_nodes = settings.synchronous_mode_strict ? 1 : 0;
  const std::int64_t nodes = dynamic.integer("synchronous_node_count", 1, std::numeric_limits<int>::min(), 10'000);
  settings.synchronous_node_count = static_cast<int>(std::max(nodes, least_nodes));
  settings.member_slots_ttl = read_slots_ttl(dynamic);
  settings.failsafe_mode = dynamic.boolean("failsafe_mode", false);
  settings.paused = dynamic.boolean("pause", false);
  return settings;
}

std::vector<PermanentSlot> read_slots(const Reader& dynamic) {
  for (const std::string_view key : {"permanent_replication_slots", "permanent_slots", "slots"}) {
    const Value* value = dynamic.find(key);
    if (value == nullptr || !value->truthy()) continue;
    const Reader slots = dynamic.section(key);
    std::vector<PermanentSlot> all;
    for (const auto& [name, entry] : dynamic.map(key)) {
      if (auto slot = read_slot(slots, name, entry)) all.push_back(std::move(*slot));
    }
    return all;
  }
  return {};
}

std::vector<IgnoreSlot> read_ignore_slots(const Reader& dynamic) {
  const Value* value = dynamic.find("ignore_slots");
  if (value == nullptr) return {};
  if (!value->is_list()) {
    dynamic.wrong("ignore_slots", *value, "must be a list of mappings");
    return {};
  }
  std::vector<IgnoreSlot> all;
  for (const Value& entry : value->as_list()) {
    if (entry.is_map()) {
      all.push_back({falsy_is_empty(entry, "name"), falsy_is_empty(entry, "type"), falsy_is_empty(entry, "database"),
                     falsy_is_empty(entry, "plugin")});
    } else {
      dynamic.warn(fmt::format("ignore_slots: the item {} must be a mapping; it is skipped", shown("", entry)));
    }
  }
  return all;
}

std::optional<StandbyCluster> read_standby_cluster(const Reader& dynamic) {
  const Value* value = dynamic.find("standby_cluster");
  if (value == nullptr) return std::nullopt;
  const Reader section = dynamic.section("standby_cluster");
  const auto truthy = [value](std::string_view key) {
    const Value* found = value->find(key);
    return found != nullptr && found->truthy();
  };
  if (!truthy("host") && !truthy("port") && !truthy("restore_command")) return std::nullopt;
  StandbyCluster cluster;
  cluster.host = section.text("host");
  cluster.port = section.text("port");
  cluster.primary_slot_name = section.text("primary_slot_name");
  if (auto methods = section.texts("create_replica_methods"); !methods.empty()) {
    cluster.create_replica_methods = std::move(methods);
  }
  cluster.restore_command = section.text("restore_command");
  cluster.archive_cleanup_command = section.text("archive_cleanup_command");
  cluster.recovery_min_apply_delay = section.text("recovery_min_apply_delay");
  return cluster;
}

}  // namespace matriarch::config
