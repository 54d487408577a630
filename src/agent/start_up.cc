// From process start to the first cycle (HA section 4).
#include <fmt/format.h>

#include "agent/agent.h"
#include "base/log.h"
#include "policy/decide.h"

namespace matriarch::agent {

namespace {

constexpr Duration kRetryFirstRead = std::chrono::seconds(1);  // HA-043 allows 5 s; a restart should not wait
constexpr Duration kNameProbePatience = std::chrono::seconds(3);  // HA-030

}  // namespace

// Before the first successful read a running PostgreSQL is left as it is (HA-043), unless it takes writes (B13).
Task<Status> Agent::start_up() {
  co_await node_.look_at_server();
  if (node_.taking_over) node_.step("takeover.server_found");
  while (true) {
    co_await load_view();
    if (node_.view && co_await settle_lease()) break;
    publish();
    co_await fence_unsupervised();
    if (node_.shutdown_requested) co_return Error(Errc::kCancelled, "stopped before the store could be read");
    Ctx patience{.deadline = node_.ports.scheduler.now() + kRetryFirstRead};
    // A lease that was taken over from a former agent ends like any other.
    if (node_.lease.held()) patience = patience.until(node_.lease.state().times.fence_at);
    (void)co_await node_.wake.wait(patience);  // a change in the store is as good as the time
  }
  if (co_await name_is_taken()) {
    co_return Error(Errc::kConflict, fmt::format("Can't start; there is already a node named '{}' running", node_.config.name));
  }
  co_await adopt_dynamic_config();
  co_return Status();
}

// B13: the store could not be read for as long as we try, and nobody knows how long this server has been without an agent.
// Its lease may have ended, and another node may lead by now.
Task<void> Agent::fence_unsupervised() {
  co_await node_.look_at_server();
  node_.world.now = node_.ports.scheduler.now();
  node_.world.settings = node_.settings;
  node_.world.lease = node_.lease.state();
  auto decided = policy::decide(node_.world, node_.memory);
  node_.memory = decided.memory;
  if (decided.decision.verdict != policy::Verdict::kDemoteOffline) co_return;
  record(decided.decision);
  (void)co_await act(std::move(decided.decision));  // there is nothing else to look at
  co_await node_.actions.join();
  (void)node_.actions.take_finished();
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
