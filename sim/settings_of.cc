#include "sim/settings_of.h"

namespace matriarch::sim {

namespace {

void read(const Value& config, const char* key, Duration& into) {
  const Value* value = config.find(key);
  if (value != nullptr && value->is_number()) into = from_seconds(value->as_double());
}

void read(const Value& config, const char* key, bool& into) {
  const Value* value = config.find(key);
  if (value != nullptr) into = parse_bool(*value).value_or(into);
}

template <class Integer>
void read_integer(const Value& config, const char* key, Integer& into) {
  const Value* value = config.find(key);
  if (value != nullptr && value->is_int()) into = static_cast<Integer>(value->as_int());
}

SyncMode sync_mode_of(const Value& config) {
  const Value* value = config.find("synchronous_mode");
  if (value == nullptr) return SyncMode::kOff;
  if (value->is_string() && value->as_string() == "quorum") return SyncMode::kQuorum;
  return parse_bool(*value).value_or(false) ? SyncMode::kPriority : SyncMode::kOff;
}

}  // namespace

Settings settings_of(const Value& config) {
  Settings s;
  read(config, "loop_wait", s.loop_wait);
  read(config, "ttl", s.ttl);
  read(config, "retry_timeout", s.retry_timeout);
  read_integer(config, "maximum_lag_on_failover", s.maximum_lag_on_failover);
  read_integer(config, "maximum_lag_on_syncnode", s.maximum_lag_on_syncnode);
  read(config, "primary_start_timeout", s.primary_start_timeout);
  read(config, "primary_stop_timeout", s.primary_stop_timeout);
  read(config, "primary_race_backoff", s.primary_race_backoff);
  read(config, "check_timeline", s.check_timeline);
  s.synchronous_mode = sync_mode_of(config);
  read(config, "synchronous_mode_strict", s.synchronous_mode_strict);
  read_integer(config, "synchronous_node_count", s.synchronous_node_count);
  read(config, "failsafe_mode", s.failsafe_mode);
  read(config, "pause", s.paused);
  if (const Value* postgresql = config.find("postgresql"); postgresql != nullptr) {
    read(*postgresql, "use_pg_rewind", s.use_pg_rewind);
    read(*postgresql, "use_slots", s.use_slots);
    read(*postgresql, "remove_data_directory_on_rewind_failure", s.remove_data_on_rewind_failure);
    read(*postgresql, "remove_data_directory_on_diverged_timelines", s.remove_data_on_diverged_timelines);
  }
  return s;
}

Value config_of(const Settings& s) {
  Value::Map postgresql;
  postgresql.set("use_pg_rewind", s.use_pg_rewind);
  postgresql.set("use_slots", s.use_slots);
  postgresql.set("remove_data_directory_on_rewind_failure", s.remove_data_on_rewind_failure);
  postgresql.set("remove_data_directory_on_diverged_timelines", s.remove_data_on_diverged_timelines);
  Value::Map config;
  config.set("loop_wait", to_seconds(s.loop_wait));
  config.set("ttl", to_seconds(s.ttl));
  config.set("retry_timeout", to_seconds(s.retry_timeout));
  config.set("maximum_lag_on_failover", s.maximum_lag_on_failover);
  config.set("primary_start_timeout", to_seconds(s.primary_start_timeout));
  config.set("primary_stop_timeout", to_seconds(s.primary_stop_timeout));
  config.set("primary_race_backoff", to_seconds(s.primary_race_backoff));
  config.set("check_timeline", s.check_timeline);
  if (s.synchronous_mode == SyncMode::kPriority) config.set("synchronous_mode", true);
  if (s.synchronous_mode == SyncMode::kQuorum) config.set("synchronous_mode", "quorum");
  config.set("synchronous_mode_strict", s.synchronous_mode_strict);
  config.set("synchronous_node_count", s.synchronous_node_count);
  config.set("failsafe_mode", s.failsafe_mode);
  if (s.paused) config.set("pause", true);
  config.set("postgresql", Value(std::move(postgresql)));
  return Value(std::move(config));
}

}  // namespace matriarch::sim
