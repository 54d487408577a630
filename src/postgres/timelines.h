// Where this server is in the history of timelines, and where another one is (PG 2.5, 6.3).
#pragma once

#include <vector>

#include "ports/server.h"
#include "postgres/core.h"

namespace matriarch::postgres {

// Lines with exactly three fields count (PG-154).
std::vector<HistoryRow> parse_history_file(std::string_view text);

class Timelines {
 public:
  explicit Timelines(Core& core) : core_(core) {}

  // IDENTIFY_SYSTEM on a local replication connection (PG-151).
  Task<Result<Timeline>> current(Ctx ctx);
  // pg_wal/<timeline>.history, the newest row with time and our name (PG-155).
  [[nodiscard]] Result<std::vector<HistoryRow>> history(Timeline timeline) const;
  // PG-309..311. kFailed: no decision is possible from what there is.
  Task<Result<LocalPosition>> local_position(Ctx ctx);
  // kUnavailable: cannot be asked, or is not a primary.
  Task<Result<Server::UpstreamTimeline>> of_upstream(Upstream upstream, Ctx ctx);

 private:
  Task<Result<LocalPosition>> running_position(Ctx ctx);

  Core& core_;
};

}  // namespace matriarch::postgres
