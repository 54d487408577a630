#include "agent/procedures/procedures.h"
#include "agent/synchronous.h"
#include "base/log.h"

namespace matriarch::agent {

namespace {

constexpr auto kFencePatience = std::chrono::seconds(1);
// A machine that is gone answers nothing at all: not waited for as long as one that answers.
constexpr auto kSilencePatience = std::chrono::milliseconds(150);

// The lock is ours, so its former holder must not write; the lease says that it does not, this makes sure (DESIGN 3).
Task<void> fence(Node& node, Upstream suspect, Ctx ctx) {
  const Instant now = node.ports.scheduler.now();
  const auto result = co_await node.ports.server.fence(suspect, now + kSilencePatience, ctx.until(now + kFencePatience));
  switch (result.outcome) {
    case FenceOutcome::kNotNeeded: break;
    case FenceOutcome::kStopped: log::warning("the server of {} still took writes: it was stopped by SQL", suspect.member); break;
    case FenceOutcome::kNotPossible:
      log::warning("could not make sure that {} takes no more writes: {}", suspect.member, result.why);
      break;
  }
  node.step("promote.fenced");
}

}  // namespace

Task<Outcome> promote(Node& node, std::optional<Upstream> suspect, Ctx ctx) {
  node.step("promote.begin");
  if (!co_await node.ports.server.pre_promote(ctx)) {
    co_return Outcome{.ok = false, .vetoed = !ctx.stop.stop_requested(), .text = "pre_promote failed"};
  }
  node.step("promote.pre_promote_done");
  if (suspect && node.lease.held()) co_await fence(node, std::move(*suspect), ctx);
  if (const auto armed = co_await node.arm_guard(ctx); !armed && node.lease.held()) {
    co_return Outcome{.ok = false, .vetoed = !ctx.stop.stop_requested(), .text = "no guardian: " + armed.error().text()};
  }
  node.step("promote.armed");
  // Also before the point of no return: from its first commit this node must be the one that /sync names (SYNC-033).
  if (const auto secured = co_await carry_out_all(node, policy::sync::before_promotion(node.world), ctx); !secured) {
    co_return Outcome::failure("postponing promotion: " + secured.error().text());
  }
  // Last look before the point of no return: the script and the fence may have taken longer than the lease (HA-137).
  if (ctx.stop.stop_requested() || !node.lease.held()) co_return Outcome::failure("lost leader before promote");
  node.step("promote.lease_confirmed");
  node.actions.progress().promoting = true;
  node.checkpoint_pending = true;
  if (const auto promoted = co_await node.ports.server.promote(ctx); !promoted) {
    co_return Outcome::failure(promoted.error().text());
  }
  node.step("promote.done");
  co_await node.look_at_server();
  node.ports.server.callback(CallbackAction::kOnRoleChange, Role::kPrimary);  // HA-142
  log::info("promoted on timeline {}", node.world.server.timeline);
  co_return Outcome::success();
}

}  // namespace matriarch::agent
