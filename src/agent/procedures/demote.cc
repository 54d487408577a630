#include "agent/procedures/handover.h"
#include "agent/procedures/procedures.h"
#include "agent/procedures/sync_duty.h"
#include "base/log.h"

namespace matriarch::agent {

Task<Outcome> demote_gracefully(Node& node, policy::Decision decision, Ctx ctx) {
  node.step("demote.begin");
  const policy::CandidateQuery candidates{.only = decision.candidate, .manual_failover = decision.manual_failover};
  const auto stopped = co_await stop_and_hand_over(node, {.checkpoint = true, .candidates = candidates, .step = "demote"}, ctx);
  if (!stopped) co_return Outcome::failure(stopped.error().text());
  co_await wait_for_new_leader(node, ctx);
  co_return Outcome::success();
}

Task<Outcome> demote_at_once(Node& node, policy::Decision decision, StopMode mode, bool release, Ctx ctx) {
  node.step("demote.begin");
  const auto stopped = co_await node.ports.server.stop(
      StopOptions{.mode = mode, .kill_at = decision.kill_at, .at_safepoint = [&node] { node.step("demote.safepoint"); }},
      ctx);
  if (!stopped) co_return Outcome::failure(stopped.error().text());
  node.step("demote.stopped");
  co_await node.disarm_guard();
  co_await node.look_at_server();
  if (release) {
    const auto released = co_await node.lease.release(std::nullopt, node.store_ctx(ctx.stop));
    if (!released) log::warning("could not release the leader key: {}", released.error().text());
    node.step("demote.released");
  } else {
    node.lease.forget();
  }
  co_await node.touch();
  if (release) co_await wait_for_new_leader(node, ctx);
  co_return Outcome::success();
}

Task<Outcome> shut_down(Node& node, Ctx ctx) {
  node.step("shutdown.begin");
  if (node.settings.paused) co_return Outcome::success("paused: PostgreSQL and the leader key stay as they are");  // HA-309
  SyncAbstention abstention(node);
  co_await abstention.take_effect(ctx);
  const auto stopped = co_await stop_and_hand_over(node, {.checkpoint = false, .candidates = {}, .step = "shutdown"}, ctx);
  if (!stopped) co_return Outcome::failure(stopped.error().text());  // HA-313: the key stays
  co_return Outcome::success();
}

}  // namespace matriarch::agent
