// Holds back the lines that every quiet cycle of the agent repeats (CFG-441, CFG-442). At any root level but INFO all
// records pass.
//
// Thread: one at a time (the log's writer).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/log_record.h"

namespace matriarch::log {

class HeartbeatFilter {
 public:
  struct Rules {
    bool active = true;        // the root level is INFO
    bool deduplicate = false;  // log.deduplicate_heartbeat_logs
  };

  // The records to be written now, oldest first: none, `record`, or one held back before it as well.
  std::vector<Record> pass(Record record, Rules rules);

 private:
  struct Thread {
    std::optional<Record> lock_owner;  // held back: what follows decides
    std::string last_heartbeat;        // text of the last one that followed a lock owner
  };

  std::map<pid_t, Thread> threads_;  // only those that wrote a "Lock owner: " record: the one that runs the cycle
};

}  // namespace matriarch::log
