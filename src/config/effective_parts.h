// The parts of effective(), one function each.
#pragma once

#include "base/result.h"
#include "config/effective.h"
#include "config/reader.h"

namespace matriarch::config {

// CFG-208..210 and CFG-254; kInvalid names the key that is no number.
Result<Timing> read_timing(const Reader& dynamic, Floors floors);

// The cluster-wide settings that are read straight from the document (CFG-256); timings and what comes from the
// postgresql section are left at their defaults.
Settings read_settings(const Reader& dynamic);
std::vector<PermanentSlot> read_slots(const Reader& dynamic);
std::vector<IgnoreSlot> read_ignore_slots(const Reader& dynamic);
std::optional<StandbyCluster> read_standby_cluster(const Reader& dynamic);

// The postgresql section: local over dynamic (CFG-278). kInvalid: no mapping, or parameters that are none.
Result<Value::Map> merged_postgresql(const Value& dynamic, const LocalConfig& local, Warnings& warnings);
PostgresqlConfig read_postgresql(const Reader& merged, const PostgresqlLocal& local,
                                 const std::optional<StandbyCluster>& standby_cluster);

}  // namespace matriarch::config
