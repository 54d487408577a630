// Which replication slots are to be made, moved and dropped so that exactly the planned ones exist (PG 7.4, 7.5). Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ports/server.h"

namespace matriarch::postgres {

// A slot as the server shows it; temporary ones and those that the server itself synchronises are left out (PG-342).
struct SlotRow {
  std::string name;
  std::string type;  // physical, logical
  std::string plugin;
  std::string database_oid;  // of a logical one; the server's function gives no name
  std::string database;
  bool active = false;
  bool has_xmin = false;
  Lsn restart_lsn;
  Lsn confirmed_flush_lsn;
  bool lost = false;
  bool failover = false;  // 17 and newer: synchronised to standbys by the server itself
};

// A JSON list of rows of pg_get_replication_slots(), whatever columns the version has.
std::vector<SlotRow> parse_slots(std::string_view json);

struct SlotSteps {
  std::vector<std::string> drop;
  std::vector<std::string> create;
  std::map<std::string, Lsn> advance;

  [[nodiscard]] bool empty() const { return drop.empty() && create.empty() && advance.empty(); }
};
// A dropped slot that is wanted is created again.
SlotSteps plan_slots(const std::vector<SlotRow>& present, const Server::SlotPlan& plan, const Value::List& ignore);
bool is_ignored(const SlotRow& slot, const Value::List& matchers);  // PG-365
bool is_slot_name(std::string_view name);                           // [a-z0-9_]{1,63}

}  // namespace matriarch::postgres
