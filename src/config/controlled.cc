#include "config/controlled.h"

#include <fmt/format.h>

#include "config/reader.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

// In the order of the command line (PG-172).
constexpr ControlledGuc kControlled[] = {
    {"listen_addresses", "", true, 0},
    {"port", "", true, 0},
    {"cluster_name", "", true, 90500},
    {"wal_level", "hot_standby", true, 0},
    {"hot_standby", "on", true, 0},
    {"max_connections", "100", true, 0},
    {"max_wal_senders", "10", true, 0},
    {"wal_keep_segments", "8", false, 0},
    {"wal_keep_size", "128MB", false, 130000},
    {"max_prepared_transactions", "0", true, 0},
    {"max_locks_per_transaction", "64", true, 0},
    {"track_commit_timestamp", "off", true, 90500},
    {"max_replication_slots", "10", true, 90400},
    {"max_worker_processes", "8", true, 90400},
    {"wal_log_hints", "on", true, 90400},
};

struct Minimum {
  std::string_view name;
  std::int64_t min;
};
constexpr Minimum kMinima[] = {
    {"max_connections", 25},           {"max_wal_senders", 3},
    {"wal_keep_segments", 1},          {"max_prepared_transactions", 0},
    {"max_locks_per_transaction", 32}, {"max_replication_slots", 4},
    {"max_worker_processes", 2},
};
constexpr std::int64_t kMinWalKeepMb = 16;
constexpr std::int64_t kSegmentMb = 16;
constexpr std::int64_t kDefaultSegments = 8;

bool is_wal_keep(std::string_view name) { return name == "wal_keep_segments" || name == "wal_keep_size"; }

bool comes_from_local(std::string_view name) {
  return name == "listen_addresses" || name == "port" || name == "cluster_name";
}

const Minimum* minimum_of(std::string_view name) {
  const auto found =
      std::find_if(std::begin(kMinima), std::end(kMinima), [name](const Minimum& m) { return m.name == name; });
  return found == std::end(kMinima) ? nullptr : found;
}

// The value to keep, or absent if it is not accepted (CFG-285..296, CFG-298).
std::optional<Value> accepted(std::string_view name, const Value& value) {
  const auto text = guc_text(value);
  if (!text) return std::nullopt;
  if (const Minimum* minimum = minimum_of(name)) {
    const auto number = value.is_bool() ? std::nullopt : parse_guc_int(*text, "");
    return number && *number >= minimum->min ? std::optional<Value>(*number) : std::nullopt;
  }
  if (name == "wal_keep_size") {
    const auto size = value.is_bool() ? std::nullopt : parse_guc_int(*text, "MB");
    if (!size || *size < kMinWalKeepMb) return std::nullopt;
    const auto plain = parse_guc_int(*text, "");
    return plain ? Value(*plain) : value;
  }
  if (name == "wal_level") {
    const std::string word = lower_case(*text);
    return word == "hot_standby" || word == "replica" || word == "logical" ? std::optional<Value>(word) : std::nullopt;
  }
  const auto flag = parse_bool(std::string_view(*text));
  if (!flag || (name == "hot_standby" && !*flag)) return std::nullopt;
  return value;
}

Value fallback_value(const ControlledGuc& guc) {
  const auto number = parse_guc_int(guc.fallback, "");
  return number ? Value(*number) : Value(guc.fallback);
}

std::int64_t number_of(const Value& value, std::string_view unit, std::int64_t fallback) {
  const auto text = guc_text(value);
  return text ? parse_guc_int(*text, unit).value_or(fallback) : fallback;
}

// CFG-300.
void fit_wal_keep(Value::Map& parameters, int server_version) {
  const Value* segments = find_guc_value(parameters, "wal_keep_segments");
  const Value* size = find_guc_value(parameters, "wal_keep_size");
  if (server_version >= 130000) {
    if (size == nullptr) {
      const std::int64_t count = segments == nullptr ? kDefaultSegments : number_of(*segments, "", kDefaultSegments);
      set_guc(parameters, "wal_keep_size", fmt::format("{}MB", count * kSegmentMb));
    }
    parameters.erase("wal_keep_segments");
    return;
  }
  if (segments == nullptr) {
    const std::int64_t megabytes = size == nullptr ? kDefaultSegments * kSegmentMb : number_of(*size, "MB", kSegmentMb);
    set_guc(parameters, "wal_keep_segments", (megabytes + kSegmentMb / 2) / kSegmentMb);
  }
  parameters.erase("wal_keep_size");
}

}  // namespace

std::span<const ControlledGuc> controlled_gucs() { return kControlled; }

bool is_controlled_guc(std::string_view name) {
  return std::any_of(std::begin(kControlled), std::end(kControlled),
                     [name](const ControlledGuc& guc) { return equals_ignoring_case(guc.name, name); });
}

void set_guc(Value::Map& parameters, std::string_view name, Value value) {
  for (const auto& member : parameters) {
    if (!equals_ignoring_case(member.first, name)) continue;
    if (member.first != name) {
      parameters.erase(std::string(member.first));
      break;
    }
  }
  parameters.set(name, std::move(value));
}

const Value* find_guc_value(const Value::Map& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters) {
    if (equals_ignoring_case(key, name)) return value.is_null() ? nullptr : &value;
  }
  return nullptr;
}

Value::Map controlled_parameters(const Value::Map& dynamic_parameters, Warnings& warnings) {
  Value::Map result;
  for (const ControlledGuc& guc : kControlled) {
    const Value* given = find_guc_value(dynamic_parameters, guc.name);
    if (comes_from_local(guc.name)) {
      if (given != nullptr) {
        warnings.push_back(
            fmt::format("postgresql parameter {} can not be set in the dynamic configuration; it comes from {} "
                        "of the local one",
                        guc.name, guc.name == "cluster_name" ? "scope" : "postgresql.listen"));
      }
      continue;
    }
    if (given == nullptr) {
      if (!is_wal_keep(guc.name)) result.set(guc.name, fallback_value(guc));
      continue;
    }
    if (auto value = accepted(guc.name, *given)) {
      result.set(guc.name, std::move(*value));
      continue;
    }
    warnings.push_back(fmt::format("postgresql parameter {}={} failed validation, defaulting to {}", guc.name,
                                   string_form(*given), guc.fallback));
    result.set(guc.name, fallback_value(guc));
  }
  return result;
}

void fit_controlled(Value::Map& parameters, int server_version) {
  if (server_version == 0) return;  // CFG-299
  for (const ControlledGuc& guc : kControlled) {
    if (server_version < guc.version_from && !is_wal_keep(guc.name)) parameters.erase(guc.name);
  }
  fit_wal_keep(parameters, server_version);
  const Value* level = find_guc_value(parameters, "wal_level");
  if (level == nullptr || !level->is_string()) return;
  constexpr int kReplicaIsAWord = 90600;
  if (server_version >= kReplicaIsAWord && level->as_string() == "hot_standby") parameters.set("wal_level", "replica");
  if (server_version < kReplicaIsAWord && level->as_string() == "replica") parameters.set("wal_level", "hot_standby");
}

}  // namespace matriarch::config
