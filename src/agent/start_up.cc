// From process start to the first cycle (HA section 4).
#include <fmt/format.h>

#include "agent/agent.h"
#include "base/log.h"

namespace matriarch::agent {

namespace {

constexpr Duration kRetryFirstRead = std::chrono::seconds(1);  // HA-043 allows 5 s; a restart should not wait
constexpr Duration kNameProbePatience = std::chrono::seconds(3);  // HA-030

}  // namespace

// Nothing happens before the first successful read; a PostgreSQL that runs is left as it is (HA-043).
Task<Status> Agent::start_up() {
  co_await node_.look_at_server();
  while (true) {
    co_await load_view();
    if (node_.view) break;
    publish();
    if (node_.shutdown_requested) co_return Error(Errc::kCancelled, "stopped before the store could be read");
    const Ctx patience{.deadline = node_.ports.scheduler.now() + kRetryFirstRead};
    (void)co_await node_.wake.wait(patience);  // a change in the store is as good as the time
  }
  if (co_await name_is_taken()) {
    co_return Error(Errc::kConflict, fmt::format("Can't start; there is already a node named '{}' running", node_.config.name));
  }
  co_await adopt_dynamic_config();
  co_return Status();
}

// HA-044: two agents with one name would both believe that they own the lock.
Task<bool> Agent::name_is_taken() {
  const Member* namesake = node_.view->member(node_.config.name);
  if (namesake == nullptr || !namesake->has_api()) co_return false;
  // At our own address only we can answer: our listener is open already.
  if (namesake->data.api_url == node_.config.api_url) co_return false;
  co_return co_await node_.ports.peers.is_alive(*namesake, node_.within(kNameProbePatience));
}

}  // namespace matriarch::agent
