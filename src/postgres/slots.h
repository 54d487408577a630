// Keeps the physical replication slots as planned (PG section 7).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "postgres/core.h"
#include "postgres/observer.h"
#include "postgres/slot_plan.h"

namespace matriarch::postgres {

class Slots {
 public:
  Slots(Core& core, Observer& observer) : core_(core), observer_(observer) {}

  // Costs nothing when the last observation shows that nothing is to be done.
  Task<Status> sync(Server::SlotPlan plan, Ctx ctx);

 private:
  Task<Result<std::vector<SlotRow>>> load(Ctx ctx);

  Core& core_;
  Observer& observer_;
  std::map<std::string, std::string> databases_;  // oid -> name, of the databases that had a slot
};

}  // namespace matriarch::postgres
