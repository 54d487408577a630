// Commands other than failover and restart: reinitialize, reload, /config, failsafe.
#include <fmt/format.h>

#include "agent/agent.h"
#include "agent/procedures/procedures.h"
#include "agent/resume.h"
#include "base/log.h"
#include "model/codec.h"
#include "policy/decide.h"

namespace matriarch::agent {

using policy::ActionKind;

// HA-266..268.
Task<CommandResult> Agent::reinitialize(bool force, bool from_leader, Ctx) {
  if (!node_.view || node_.view->is_unlocked()) {
    co_return CommandResult{.status = 503, .text = "Cluster has no leader, can not reinitialize"};
  }
  if (node_.view->leader_name() == node_.config.name) {
    co_return CommandResult{.status = 503, .text = "I am the leader, can not reinitialize"};
  }
  // INV-4: until the new leader is promoted, this copy may be the one that knows most.
  const Member* leader = node_.view->leader_member();
  if (leader == nullptr || !is_leader_role(leader->data.role.value_or(Role::kPrimary))) {
    co_return CommandResult{.status = 503, .text = "the leader is not promoted yet, can not reinitialize now: try again"};
  }
  if (node_.actions.busy()) {
    if (!force) {
      co_return CommandResult{.status = 503, .text = fmt::format("{} already in progress", node_.actions.running().name)};
    }
    co_await node_.actions.cancel();
  }
  policy::World world = node_.world;
  world.view = node_.view;
  auto from = policy::clone_source(world, node_.ports.random());
  if (from_leader && node_.view->leader_member() != nullptr) from = *node_.view->leader_member();
  if (!from || node_.actions.busy()) co_return CommandResult{.status = 503, .text = "no member to clone from"};
  CloneSource source{.member = from->name, .address = address_of(from->data), .force_basebackup = from_leader};
  node_.actions.start(ActionKind::kReinitialize, "reinitialize",
                      [this, source](Ctx ctx) { return matriarch::agent::reinitialize(node_, source, std::move(ctx)); });
  co_return CommandResult{.status = 200, .text = "reinitialize started"};
}

// API-296: the same as SIGHUP; what is wrong shows in the log.
Task<CommandResult> Agent::reload(Ctx) {
  if (node_.config.reload_files) node_.config.reload_files();
  co_return CommandResult{.status = 202, .text = "reload scheduled"};
}

namespace {

bool lifts_pause(const ClusterView& view, const Value& config) {
  return view.config && is_paused(view.config->data) && !is_paused(config);
}

}  // namespace

Task<CommandResult> Agent::store_config(Value config, std::optional<Version> expected, Ctx ctx) {
  if (const auto checked = node_.config.check_dynamic_config(config); !checked) {
    co_return CommandResult{.status = 400, .text = checked.error().text()};
  }
  std::string text = to_json(config);
  const auto written = co_await node_.ports.store.set_config(text, std::move(expected), ctx);
  if (!written) {
    co_return CommandResult{.status = written.error().code() == Errc::kConflict ? 409 : 502, .text = written.error().text()};
  }
  node_.wake.set();
  co_return CommandResult{.status = 200, .text = std::move(text)};
}

Task<CommandResult> Agent::patch_config(Value patch, Ctx ctx) {
  const auto view = co_await node_.ports.store.load(ctx);
  if (!view) co_return CommandResult{.status = 503, .text = view.error().text()};
  if (!view->config || !view->config->data.is_map()) co_return CommandResult{.status = 503, .text = "there is no usable /config"};  // API-202
  Value config = view->config->data;
  if (!apply_patch(config, patch)) co_return CommandResult{.status = 200, .text = to_json(config)};
  const bool resumes = lifts_pause(*view, config);
  const auto write = [this, ctx, config = std::move(config), expected = view->config->version] {
    return store_config(config, expected, ctx);
  };
  if (!resumes) co_return co_await write();
  co_return co_await lift_pause(node_, *view, {.method = "PATCH", .body = std::move(patch), .write = write}, ctx);
}

Task<CommandResult> Agent::replace_config(Value config, Ctx ctx) {
  const auto view = co_await node_.ports.store.load(ctx);
  if (!view) co_return CommandResult{.status = 503, .text = view.error().text()};
  if (view->config && deep_equal(view->config->data, config)) co_return CommandResult{.status = 200, .text = to_json(config)};
  const auto write = [this, ctx, config] { return store_config(config, std::nullopt, ctx); };
  if (!lifts_pause(*view, config)) co_return co_await write();
  co_return co_await lift_pause(node_, *view, {.method = "PUT", .body = std::move(config), .write = write}, ctx);
}

// HA-296, B5: a node that leads, or is about to, accepts nobody else.
AgentApi::FailsafeReply Agent::failsafe(FailsafeMessage message) {
  const Lsn lsn = node_.world.server.position();
  if (!node_.settings.failsafe_mode) return {.result = {.status = 502, .text = "failsafe_mode is not enabled"}, .lsn = lsn};
  const bool leading = node_.lease.held() || node_.actions.running().kind == ActionKind::kPromote;
  if (leading || (node_.role() == Role::kPrimary && node_.state() == PgState::kRunning)) {
    return {.result = {.status = 500, .text = "Running as a leader"}, .lsn = lsn};
  }
  Member sender{.name = message.name, .data = {.conn_url = message.conn_url, .api_url = message.api_url}};
  sender.data.role = Role::kPrimary;
  sender.data.state = PgState::kRunning;
  failsafe_leader_ = FailsafeLeader{.member = std::move(sender),
                                    .slots = std::move(message.slots),
                                    .heard_at = node_.ports.scheduler.now()};
  return {.result = {.status = 200, .text = "Accepted"}, .lsn = lsn};
}

}  // namespace matriarch::agent
