#include "agent/resume.h"

#include <fmt/format.h>

#include "base/log.h"
#include "policy/resume.h"

namespace matriarch::agent {

namespace {

using policy::Resume;

constexpr Duration kGuardPatience = std::chrono::seconds(2);

CommandResult refusal(std::string why) {
  log::warning("the pause is not lifted: {}", why);
  return {.status = 412, .text = std::move(why)};
}

// The server is guarded before anybody can read that the pause is over. If this agent dies now, at whatever step, the
// guardian ends the server at the end of the lease.
Task<CommandResult> lift_guarded(Node& node, ConfigChange change, Ctx ctx) {
  const auto guard = node.guard->state();
  const bool wanted = guard.enabled || guard.watchdog_wanted;
  if (!wanted || certainly_takes_no_writes(node.world.server)) co_return co_await change.write();
  ++node.lifting_pause;
  const auto armed = co_await node.arm_guard(ctx.until(node.ports.scheduler.now() + kGuardPatience));
  if (!armed) {
    --node.lifting_pause;
    co_return refusal(fmt::format("{} leads, and its guardian cannot be armed ({}): see its log, or resume with --force",
                                  node.config.name, armed.error().text()));
  }
  auto result = co_await change.write();
  --node.lifting_pause;
  // A write that nobody answered for may still take effect, for as long as store operations may take.
  const bool settled = result.status < 500;
  node.pause_lifted_at = node.ports.scheduler.now() + (settled ? Duration::zero() : node.settings.retry_timeout);
  co_return result;
}

Task<CommandResult> ask_leader(Node& node, Member leader, ConfigChange change, Ctx ctx) {
  // Its own reading, arming and writing, and a little for the way.
  ctx = ctx.until(node.ports.scheduler.now() + 2 * node.settings.retry_timeout + 2 * kGuardPatience);
  auto answer = co_await node.ports.peers.change_config(leader, std::move(change.method), std::move(change.body), std::move(ctx));
  if (answer && (answer->status == 200 || answer->status == 412)) {
    co_return CommandResult{.status = answer->status, .text = std::move(answer->text)};
  }
  if (answer) {
    co_return CommandResult{.status = answer->status, .text = fmt::format("{}, which leads, answered {}: see its log",
                                                                          leader.name, answer->status)};
  }
  co_return refusal(fmt::format("{} leads, must arm its guardian before the pause ends, and does not answer at {}: {}. Start its "
                                "agent; or see to it that its PostgreSQL is stopped, and resume with --force",
                                leader.name, leader.data.api_url, answer.error().text()));
}

}  // namespace

Task<CommandResult> lift_pause(Node& node, ClusterView view, ConfigChange change, Ctx ctx) {
  policy::World world = node.world;
  world.view = std::make_shared<const ClusterView>(std::move(view));
  const auto rule = policy::resume_rule(world, node.memory);
  switch (rule.verdict) {
    case Resume::kFree: break;
    case Resume::kGuardHere: co_return co_await lift_guarded(node, std::move(change), std::move(ctx));
    case Resume::kAskLeader:
      co_return co_await ask_leader(node, *world.view->member(rule.node), std::move(change), std::move(ctx));
    case Resume::kRefused: co_return refusal(rule.why);
  }
  co_return co_await change.write();
}

}  // namespace matriarch::agent
