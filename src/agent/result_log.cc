#include "agent/result_log.h"

#include "base/log.h"

namespace matriarch::agent {

void ResultLog::write(std::string_view leader, std::string_view me, std::string line, Instant now, Duration loop_wait) {
  // No two cycles take the same time: the line of the next heartbeat may come a little early.
  const Duration heartbeat = loop_wait - loop_wait / 10;
  if (line == last_ && now - last_at_ < heartbeat) return;
  last_ = std::move(line);
  last_at_ = now;
  log::info("Lock owner: {}; I am {}", leader.empty() ? "None" : leader, me);
  log::info("{}", last_);
}

}  // namespace matriarch::agent
