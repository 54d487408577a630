// Physical replication slots: exactly the wanted ones, where the plan says they should be (PG section 7).
#pragma once

#include <string>
#include <vector>

#include "ports/server.h"
#include "postgres/core.h"
#include "postgres/observer.h"

namespace matriarch::postgres {

struct SlotRow {
  std::string name;
  std::string type;  // physical, logical
  std::string database;
  std::string plugin;
  bool active = false;
  bool has_xmin = false;
  Lsn restart_lsn;
  bool lost = false;
  bool failover = false;  // 17 and newer: synchronised by the server itself
};

struct SlotSteps {
  std::vector<std::string> drop;
  std::vector<std::string> create;
  std::map<std::string, Lsn> advance;
};
// Pure. A dropped slot that is wanted is created again.
SlotSteps plan_slots(const std::vector<SlotRow>& present, const Server::SlotPlan& plan, const Value::List& ignore);
bool is_ignored(const SlotRow& slot, const Value::List& matchers);  // PG-365

class Slots {
 public:
  Slots(Core& core, Observer& observer) : core_(core), observer_(observer) {}
  Task<Status> sync(Server::SlotPlan plan, Ctx ctx);

 private:
  Task<Result<std::vector<SlotRow>>> load(Connection* session, Ctx ctx);

  Core& core_;
  Observer& observer_;
};

}  // namespace matriarch::postgres
