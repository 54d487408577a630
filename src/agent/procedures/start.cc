#include <fmt/format.h>

#include "agent/procedures/procedures.h"
#include "agent/procedures/sync_duty.h"
#include "agent/synchronous.h"
#include "base/log.h"
#include "policy/decide.h"

namespace matriarch::agent {

namespace {

// The callback of HA-325: with a change of role only on_role_change, else on_start.
void announce(Node& node, Role former, Role now) {
  const bool changed = former == Role::kPrimary || former == Role::kPromoted || former == Role::kDemoted;
  const bool role_change = node.memory.led && changed && now == Role::kReplica;
  node.ports.server.callback(role_change ? CallbackAction::kOnRoleChange : CallbackAction::kOnStart, now);
}

}  // namespace

Task<Outcome> start_primary(Node& node, Ctx ctx) {
  node.step("start.primary");
  if (const auto armed = co_await node.arm_guard(ctx); !armed) co_return Outcome::failure("no guardian: " + armed.error().text());
  node.step("start.armed");
  if (const auto secured = co_await carry_out_all(node, policy::sync::before_start_as_primary(node.world), ctx); !secured) {
    co_return Outcome::failure("postponing the start: " + secured.error().text());
  }
  const auto timeout = node.settings.primary_start_timeout;
  const auto started =
      co_await node.ports.server.start(std::nullopt, ctx.until(node.ports.scheduler.now() + timeout));
  co_await node.look_at_server();
  if (!started) co_return Outcome::failure(started.error().text());
  node.ports.server.callback(CallbackAction::kOnStart, Role::kPrimary);
  co_return Outcome::success();
}

Task<Outcome> start_standby(Node& node, StandbyTarget target, Ctx ctx) {
  node.step("start.standby");
  const Role former = node.memory.role;
  const auto started = co_await node.ports.server.start(target, ctx);
  co_await node.look_at_server();
  if (!started) co_return Outcome::failure(started.error().text());
  announce(node, former, target.role);
  co_return Outcome::success();
}

Task<Outcome> recover_from_crash(Node& node, Ctx ctx) {
  node.step("crash_recovery.begin");
  const auto recovered = co_await node.ports.server.crash_recovery(ctx);
  node.step("crash_recovery.done");
  if (!recovered) co_return Outcome::failure(recovered.error().text());
  co_return Outcome::success();
}

Task<Outcome> follow(Node& node, StandbyTarget target, Ctx ctx) {
  node.step("follow.begin");
  const auto followed = co_await node.ports.server.follow(std::move(target), ctx);
  co_await node.look_at_server();
  if (!followed) co_return Outcome::failure(followed.error().text());
  co_return Outcome::success();
}

Task<Outcome> restart(Node& node, std::optional<Duration> timeout, Ctx ctx) {
  node.step("restart.begin");
  if (node.world.server.interrupted != Interrupted::kNone) {
    co_return Outcome::failure("the data directory is incomplete: a copy or a rewind was interrupted");
  }
  const bool leading = node.actions.running().leading;
  const auto standby = policy::target_of(node.world);
  SyncAbstention abstention(node);
  co_await abstention.take_effect(ctx);
  // A restart in good order waits for clients and checkpoint as long as it takes; the lease is renewed meanwhile, and the
  // guard of the loop cancels this procedure and demotes when that fails.
  const auto stopped = co_await node.ports.server.stop(StopOptions{.mode = StopMode::kFast, .checkpoint = true}, ctx);
  if (!stopped) co_return Outcome::failure(stopped.error().text());
  node.step("restart.stopped");
  if (leading && !node.lease.held()) co_return Outcome::failure("lost the leader lock during the restart");
  const Instant deadline = node.ports.scheduler.now() + timeout.value_or(node.settings.primary_start_timeout);
  const auto target = leading ? std::nullopt : std::optional(standby);
  const auto started = co_await node.ports.server.start(target, ctx.until(deadline));
  co_await node.look_at_server();
  if (!started && started.error().code() == Errc::kTimeout) co_return Outcome::failure("postgres is still starting");
  if (!started) co_return Outcome::failure(fmt::format("restart failed: {}", started.error().text()));
  node.ports.server.callback(CallbackAction::kOnRestart, leading ? Role::kPrimary : Role::kReplica);
  co_return Outcome::success("restarted successfully");
}

}  // namespace matriarch::agent
