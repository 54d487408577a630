#include "postgres/slot_plan.h"

#include <algorithm>
#include <set>

namespace matriarch::postgres {

namespace {

std::string text_of(const Value& row, std::string_view key) {
  const Value* value = row.find(key);
  return value == nullptr || value->is_null() ? std::string() : string_form(*value);
}

bool flag_of(const Value& row, std::string_view key) {
  const Value* value = row.find(key);
  return value != nullptr && value->is_bool() && value->as_bool();
}

Lsn lsn_of(const Value& row, std::string_view key) { return parse_lsn(text_of(row, key)).value_or(Lsn{}); }

}  // namespace

std::vector<SlotRow> parse_slots(std::string_view json) {
  std::vector<SlotRow> slots;
  const auto rows = parse_json(json);
  if (!rows || !rows->is_list()) return slots;
  for (const auto& row : rows->as_list()) {
    const bool servers_own = flag_of(row, "failover") && flag_of(row, "synced");
    if (flag_of(row, "temporary") || servers_own) continue;
    slots.push_back({.name = text_of(row, "slot_name"),
                     .type = text_of(row, "slot_type"),
                     .plugin = text_of(row, "plugin"),
                     .database_oid = text_of(row, "datoid"),
                     .active = flag_of(row, "active"),
                     .has_xmin = !text_of(row, "xmin").empty(),
                     .restart_lsn = lsn_of(row, "restart_lsn"),
                     .confirmed_flush_lsn = lsn_of(row, "confirmed_flush_lsn"),
                     .lost = text_of(row, "wal_status") == "lost",
                     .failover = flag_of(row, "failover")});
  }
  return slots;
}

bool is_slot_name(std::string_view name) {
  constexpr std::size_t kLongest = 63;
  return !name.empty() && name.size() <= kLongest &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

bool is_ignored(const SlotRow& slot, const Value::List& matchers) {
  return std::ranges::any_of(matchers, [&slot](const Value& matcher) {
    if (!matcher.is_map()) return false;
    const auto fits = [&matcher](std::string_view key, const std::string& actual) {
      const Value* wanted = matcher.find(key);
      return wanted == nullptr || wanted->is_null() || string_form(*wanted).empty() || string_form(*wanted) == actual;
    };
    return fits("name", slot.name) && fits("type", slot.type) && fits("database", slot.database) &&
           fits("plugin", slot.plugin);
  });
}

SlotSteps plan_slots(const std::vector<SlotRow>& present, const Server::SlotPlan& plan, const Value::List& ignore) {
  SlotSteps steps;
  std::set<std::string> fine;
  for (const auto& slot : present) {
    const auto wanted = plan.physical.find(slot.name);
    if (wanted == plan.physical.end()) {
      const bool servers_own = slot.type == "logical" && slot.failover;
      if (plan.drop_unknown && !servers_own && !is_ignored(slot, ignore)) steps.drop.push_back(slot.name);
      continue;
    }
    const auto inactive = plan.keep_inactive.find(slot.name);
    const bool keep_inactive = inactive != plan.keep_inactive.end() && inactive->second;
    const bool wrong_type = slot.type != "physical";                   // PG-363
    const bool lost = slot.lost && plan.drop_unknown;                  // PG-362
    const bool holds_vacuum = keep_inactive && slot.has_xmin;          // PG-369
    const bool reserves_nothing = keep_inactive && !slot.restart_lsn;  // PG-368
    if (wrong_type || lost || holds_vacuum || reserves_nothing) {
      steps.drop.push_back(slot.name);
      continue;
    }
    fine.insert(slot.name);
    if (keep_inactive && wanted->second > slot.restart_lsn) steps.advance[slot.name] = wanted->second;
  }
  for (const auto& [name, position] : plan.physical) {
    if (!fine.contains(name)) steps.create.push_back(name);
  }
  return steps;
}

}  // namespace matriarch::postgres
