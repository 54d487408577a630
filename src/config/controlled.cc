#include "config/controlled.h"

#include <fmt/format.h>

#include "config/guc.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

struct ControlledGuc {
  std::string_view name;
  std::string_view fallback;
};
constexpr ControlledGuc kControlled[] = {
    {"listen_addresses", ""},
    {"port", ""},
    {"cluster_name", ""},
    {"wal_level", "hot_standby"},
    {"hot_standby", "on"},
    {"max_connections", "100"},
    {"max_wal_senders", "10"},
    {"wal_keep_segments", "8"},
    {"wal_keep_size", "128MB"},
    {"max_prepared_transactions", "0"},
    {"max_locks_per_transaction", "64"},
    {"track_commit_timestamp", "off"},
    {"max_replication_slots", "10"},
    {"max_worker_processes", "8"},
    {"wal_log_hints", "on"},
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

}  // namespace

bool is_controlled_guc(std::string_view name) {
  return std::any_of(std::begin(kControlled), std::end(kControlled),
                     [name](const ControlledGuc& guc) { return equals_ignoring_case(guc.name, name); });
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

}  // namespace matriarch::config
