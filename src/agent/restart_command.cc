// Restarts asked for by people: at once or by schedule (HA-256..264).
#include <fmt/format.h>

#include "agent/agent.h"
#include "agent/procedures/procedures.h"
#include "model/codec.h"

namespace matriarch::agent {

namespace {

using policy::ActionKind;

// "15.2" -> 150002, "9.6.1" -> 90601 (PG-001); 0 if it is none.
int version_number(std::string_view text) {
  std::vector<int> parts(1, 0);
  for (const char c : text) {
    if (c == '.') {
      parts.push_back(0);
    } else if (c >= '0' && c <= '9') {
      parts.back() = parts.back() * 10 + (c - '0');
    } else {
      return 0;
    }
  }
  if (parts[0] >= 10) return parts[0] * 10000 + (parts.size() > 1 ? parts[1] : 0);
  return parts[0] * 10000 + (parts.size() > 1 ? parts[1] * 100 : 0) + (parts.size() > 2 ? parts[2] : 0);
}

}  // namespace

RestartCommand restart_command_of(const Value& stored) {
  RestartCommand command;
  if (const Value* role = stored.find("role"); role != nullptr && role->is_string()) command.role = parse_role(role->as_string());
  if (const Value* v = stored.find("postgres_version"); v != nullptr && v->is_string()) command.postgres_version = v->as_string();
  if (const Value* t = stored.find("timeout"); t != nullptr && t->is_number()) command.timeout = from_seconds(t->as_double());
  command.only_if_pending = stored.find("restart_pending") != nullptr;  // HA-256
  return command;
}

bool Agent::restart_conditions_hold(const RestartCommand& command) const {
  if (command.role && *command.role != node_.role()) return false;
  if (!command.postgres_version.empty() && node_.world.server.server_version >= version_number(command.postgres_version)) {
    return false;
  }
  return !command.only_if_pending || node_.ports.server.pending_restart_reason().truthy();
}

std::uint64_t Agent::begin_restart(const RestartCommand& command) {
  const bool leading = node_.world.server.is_primary() && node_.lease.held();
  const auto number = node_.actions.start(
      ActionKind::kRestart, "restart",
      [this, timeout = command.timeout](Ctx ctx) { return matriarch::agent::restart(node_, timeout, std::move(ctx)); });
  node_.actions.progress().leading = leading;
  return number;
}

CommandResult Agent::schedule_restart(const RestartCommand& command) {
  const auto at = parse_timestamp(command.schedule);
  if (!at) return {.status = 422, .text = "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"};
  if (*at < node_.ports.scheduler.wall_now()) return {.status = 422, .text = "Cannot schedule restart in the past"};
  if (node_.scheduled_restart.is_map()) return {.status = 409, .text = "Another restart is already scheduled"};
  Value::Map stored = command.filters;  // DCS-054
  stored.set("schedule", command.schedule);
  stored.set("postmaster_start_time", node_.world.server.postmaster_start_time);
  node_.scheduled_restart = std::move(stored);
  return {.status = 202, .text = "Restart scheduled"};
}

Task<CommandResult> Agent::restart(RestartCommand command, Ctx ctx) {
  if (!command.schedule.empty()) {
    auto result = schedule_restart(command);
    if (result.status == 202) co_await node_.touch();
    co_return result;
  }
  if (!restart_conditions_hold(command)) co_return CommandResult{.status = 503, .text = "restart conditions are not satisfied"};
  if (node_.actions.busy()) {
    co_return CommandResult{.status = 503, .text = fmt::format("{} already in progress", node_.actions.running().name)};
  }
  const auto number = begin_restart(command);
  while (true) {
    if (const Outcome* outcome = node_.actions.outcome_of(number)) {
      co_return CommandResult{.status = outcome->ok ? 200 : 503, .text = outcome->text};
    }
    if (!co_await node_.cycle_done.wait(ctx)) co_return CommandResult{.status = 503, .text = "postgres is still starting"};
  }
}

Task<CommandResult> Agent::cancel_restart(Ctx) {
  if (!node_.scheduled_restart.is_map()) co_return CommandResult{.status = 404, .text = "no restarts are scheduled"};
  node_.scheduled_restart = nullptr;
  co_await node_.touch();
  co_return CommandResult{.status = 200, .text = "scheduled restart deleted"};
}

}  // namespace matriarch::agent
