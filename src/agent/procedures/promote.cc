#include "agent/procedures/procedures.h"
#include "base/log.h"

namespace matriarch::agent {

Task<Outcome> promote(Node& node, Ctx ctx) {
  node.step("promote.begin");
  if (!co_await node.ports.server.pre_promote(ctx)) {
    co_return Outcome{.ok = false, .vetoed = !ctx.stop.stop_requested(), .text = "pre_promote failed"};
  }
  node.step("promote.pre_promote_done");
  // Last look before the point of no return: the script may have taken longer than the lease (HA-137).
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
