// GET /metrics in Prometheus' text format (rest.md section 11), and metrics of our own with the prefix matriarch_.
#pragma once

#include <string>

#include "rest/node_status.h"
#include "rest/options.h"

namespace matriarch::rest {

struct ApiCounters {
  std::uint64_t requests = 0;  // all
  std::uint64_t refused = 0;   // 401 and 403
};

std::string metrics_text(const AgentSnapshot& snapshot, const NodeStatus& status, const RestOptions& options,
                         const ApiCounters& counters, Instant now);

}  // namespace matriarch::rest
