#include "config/effective.h"

#include <cmath>

#include <fmt/format.h>

#include "config/controlled.h"
#include "config/effective_parts.h"
#include "config/guc.h"
#include "config/schema.h"

namespace matriarch::config {

namespace {

Value number_value(double number) {
  return number == std::floor(number) ? Value(static_cast<std::int64_t>(number)) : Value(number);
}

void set_timing(const Timing& timing, Settings& settings) {
  settings.ttl = from_seconds(timing.ttl);
  settings.loop_wait = from_seconds(timing.loop_wait);
  settings.retry_timeout = from_seconds(timing.retry_timeout);
}

// CFG-253: what was adjusted is kept adjusted; what was not is kept as received.
void keep_adjusted(const Timing& read, const Timing& adjusted, Value::Map& dynamic) {
  if (read.ttl != adjusted.ttl) dynamic.set("ttl", number_value(adjusted.ttl));
  if (read.loop_wait != adjusted.loop_wait) dynamic.set("loop_wait", number_value(adjusted.loop_wait));
  if (read.retry_timeout != adjusted.retry_timeout) dynamic.set("retry_timeout", number_value(adjusted.retry_timeout));
}

// What is read straight from the document.
EffectiveConfig read_flags(const Reader& document, const LocalConfig& local) {
  EffectiveConfig config;
  config.settings = read_settings(document);
  config.slots = read_slots(document);
  config.ignore_slots = read_ignore_slots(document);
  config.standby_cluster = read_standby_cluster(document);
  config.cluster_name = local.scope;
  config.citus = local.citus.has_value();
  return config;
}

void apply_postgresql_settings(const Reader& merged, Settings& settings) {
  // Unlike other booleans an unknown word here means "no" (CFG-226).
  const Value* use_slots = merged.find("use_slots");
  settings.use_slots = use_slots == nullptr || parse_bool(*use_slots).value_or(false);
  settings.use_pg_rewind = merged.boolean("use_pg_rewind", false);
  settings.remove_data_on_rewind_failure = merged.boolean("remove_data_directory_on_rewind_failure", false);
  settings.remove_data_on_diverged_timelines = merged.boolean("remove_data_directory_on_diverged_timelines", false);
}

}  // namespace

Result<EffectiveConfig> effective(const Value& dynamic, const LocalConfig& local, Floors floors) {
  if (!dynamic.is_map()) return Error(Errc::kInvalid, "the dynamic configuration must be a JSON object");
  Warnings warnings;
  const Reader document(&dynamic, "", warnings);
  const auto timing = read_timing(document, floors);
  if (!timing) return timing.error();
  auto merged = merged_postgresql(dynamic, local, warnings);
  if (!merged) return merged.error();
  EffectiveConfig config = read_flags(document, local);
  const Timing adjusted = adjust_timing(*timing, floors, warnings);
  set_timing(adjusted, config.settings);
  config.dynamic = dynamic.as_map();
  keep_adjusted(*timing, adjusted, config.dynamic);
  const Reader postgresql(*merged, "postgresql", warnings);
  apply_postgresql_settings(postgresql, config.settings);
  config.postgresql = read_postgresql(postgresql, local.postgresql, config.standby_cluster);
  config.warnings = std::move(warnings);
  return config;
}

EffectiveConfig effective_or_keep(const Value& dynamic, const LocalConfig& local, Floors floors,
                                  const EffectiveConfig& previous) {
  auto fresh = effective(dynamic, local, floors);
  if (fresh) return std::move(*fresh);
  if (!dynamic.is_map()) {  // CFG-307: no configuration at all, the last one stays
    EffectiveConfig kept = previous;
    kept.warnings = {fresh.error().text()};
    return kept;
  }
  Warnings warnings = {
      fmt::format("The dynamic configuration can not be applied, timings and PostgreSQL settings stay as "
                  "they are: {}",
                  fresh.error().text())};
  const Reader document(&dynamic, "", warnings);
  EffectiveConfig config = read_flags(document, local);
  Settings& settings = config.settings;
  const Settings& before = previous.settings;
  settings.ttl = before.ttl;
  settings.loop_wait = before.loop_wait;
  settings.retry_timeout = before.retry_timeout;
  settings.use_slots = before.use_slots;
  settings.use_pg_rewind = before.use_pg_rewind;
  settings.remove_data_on_rewind_failure = before.remove_data_on_rewind_failure;
  settings.remove_data_on_diverged_timelines = before.remove_data_on_diverged_timelines;
  config.postgresql = previous.postgresql;
  config.dynamic = previous.dynamic;
  config.warnings = std::move(warnings);
  return config;
}

Value initial_dynamic(const std::optional<Value>& cache, const LocalConfig& local) {
  if (cache && cache->is_map()) return *cache;
  return local.bootstrap ? Value(local.bootstrap->dcs) : Value(Value::Map());
}

Status acceptable_dynamic(const Value& dynamic, Floors floors) {
  const auto config = effective(dynamic, LocalConfig(), floors);
  return config ? Status() : Status(config.error());
}

std::vector<std::string> check_dynamic(const Value& dynamic, Floors floors, int server_version) {
  const auto config = effective(dynamic, LocalConfig(), floors);
  std::vector<std::string> problems = config ? config->warnings : Warnings{config.error().text()};
  for (const std::string& path : unknown_keys(KeyScope::kDynamic, dynamic)) {
    problems.push_back(fmt::format("{}: unknown key; check its spelling", path));
  }
  for (const std::string_view section :
       {"parameters", "parameters_primary", "parameters_replica", "parameters_standby_leader"}) {
    const Value* parameters = dynamic.at("postgresql", section);
    if (parameters == nullptr || !parameters->is_map()) continue;
    for (const auto& [name, value] : parameters->as_map()) {
      if (is_controlled_guc(name)) continue;  // checked above
      const auto problem = guc_problem(name, value, server_version);
      if (problem) problems.push_back(fmt::format("postgresql.{}.{}: {}", section, name, *problem));
    }
  }
  return problems;
}

}  // namespace matriarch::config
