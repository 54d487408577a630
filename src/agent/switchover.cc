// Switchover and failover by command (HA-217..219, API of /switchover and /failover).
#include <algorithm>

#include <fmt/format.h>

#include "agent/agent.h"
#include "base/log.h"
#include "model/codec.h"
#include "policy/election.h"

namespace matriarch::agent {

namespace {

CommandResult refused(int status, std::string text) { return {.status = status, .text = std::move(text)}; }

// HA-217: what can be said without asking anybody.
std::optional<CommandResult> check_form(const FailoverCommand& command, const Settings& settings, WallTime now) {
  const bool scheduled = !command.scheduled_at.empty();
  if (command.switchover && command.leader.empty()) {
    return refused(400, "Switchover could be performed only from a specific leader");
  }
  if (!command.switchover && command.candidate.empty()) {
    return refused(400, "Failover could be performed only to a specific candidate");
  }
  if (!command.candidate.empty() && command.candidate == command.leader) {
    return refused(400, "Switchover target and source are the same");
  }
  if (!command.switchover && scheduled) return refused(400, "Failover can't be scheduled");
  if (scheduled && settings.paused) return refused(400, "Can't schedule switchover in the paused state");
  if (command.switchover && settings.paused && command.candidate.empty()) {
    return refused(400, "Switchover is possible only to a specific candidate in a paused state");
  }
  if (!scheduled) return std::nullopt;
  const auto at = parse_timestamp(command.scheduled_at);
  if (!at) return refused(422, "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601");
  if (*at < now) return refused(422, "Cannot schedule switchover in the past");
  return std::nullopt;
}

}  // namespace

// HA-218.
Task<CommandResult> Agent::check_failover(const FailoverCommand& command, const ClusterView& view, Ctx ctx) {
  const std::string action = command.switchover ? "switchover" : "failover";
  if (!command.leader.empty() && view.leader_name() != command.leader) {
    co_return refused(412, "leader name does not match");
  }
  const bool sync = node_.settings.synchronous_mode == SyncMode::kPriority && view.sync.active();
  std::vector<Member> others;
  for (const auto& member : view.members) {
    if (member.name == view.leader_name() || member.name == command.leader || !member.has_api()) continue;
    if (!command.candidate.empty() && member.name != command.candidate) continue;
    others.push_back(member);
  }
  if (!command.candidate.empty()) {
    if (sync && command.switchover && !view.sync.matches(command.candidate)) {
      co_return refused(412, "candidate name does not match with sync_standby");
    }
    if (others.empty()) co_return refused(412, "candidate does not exists");
  } else if (sync) {
    std::erase_if(others, [&](const Member& member) { return !view.sync.matches(member.name); });
    if (others.empty()) co_return refused(412, action + " is not possible: can not find sync_standby");
  } else if (others.empty()) {
    co_return refused(412, action + " is not possible: cluster does not have members except leader");
  }
  const auto answers = co_await node_.ports.peers.poll(std::move(others), ctx.until(node_.ports.scheduler.now() + kPeerPatience));
  // A member does not ask itself over the network whether it is well.
  if (std::ranges::none_of(answers, [](const PeerStatus& peer) { return !peer.limited(); })) {
    co_return refused(412, action + " is not possible: no good candidates have been found");
  }
  co_return CommandResult{};
}

Task<CommandResult> Agent::failover(FailoverCommand command, Ctx ctx) {
  if (!command.switchover && !command.leader.empty()) {
    log::warning("a failover with a leader is a switchover; use /switchover");
    command.switchover = true;
  }
  if (auto wrong = check_form(command, node_.settings, node_.ports.scheduler.wall_now())) co_return *wrong;
  const auto view = co_await node_.ports.store.load(ctx.until(node_.store_ctx().deadline));
  if (!view) co_return refused(503, view.error().text());
  const std::string former = view->leader_name();
  if (command.scheduled_at.empty()) {
    if (auto checked = co_await check_failover(command, *view, ctx); checked.status != 200) co_return checked;
  }
  const auto text = write_failover(command.leader, command.candidate, command.scheduled_at);
  const auto written = co_await node_.ports.store.set_failover(text, std::nullopt, node_.store_ctx(ctx.stop));
  if (!written) co_return refused(503, "failed to write failover key into DCS");
  node_.wake.set();
  if (!command.scheduled_at.empty()) co_return CommandResult{.status = 202, .text = "Switchover scheduled"};
  co_return co_await wait_for_failover(std::move(command), former, std::move(ctx));
}

// HA-219, without its polling: the loop looks at every change, and so do we.
Task<CommandResult> Agent::wait_for_failover(FailoverCommand command, std::string former_leader, Ctx ctx) {
  const Duration patience = 2 * std::max<Duration>(std::chrono::seconds(10), node_.settings.loop_wait);
  ctx = ctx.until(node_.ports.scheduler.now() + patience);
  bool seen_request = false;
  while (true) {
    if (node_.view) {
      const std::string leader = node_.view->leader_name();
      if (!leader.empty() && leader != former_leader) {
        if (!command.candidate.empty() && leader != command.candidate) {
          co_return CommandResult{.status = 200, .text = fmt::format("{} to \"{}\" instead of \"{}\"",
                                                                     command.switchover ? "Switched over" : "Failed over",
                                                                     leader, command.candidate)};
        }
        co_return CommandResult{.status = 200, .text = fmt::format("Successfully {} over to \"{}\"",
                                                                   command.switchover ? "switched" : "failed", leader)};
      }
      const bool pending = node_.view->failover && node_.view->failover->pending();
      seen_request = seen_request || pending;
      if (seen_request && !pending && leader == former_leader && !leader.empty()) {
        co_return CommandResult{.status = 503, .text = command.switchover ? "Switchover failed" : "Failover failed"};
      }
    }
    if (!co_await node_.cycle_done.wait(ctx)) {
      // API-268
      co_return CommandResult{.status = 503,
                              .text = fmt::format("{} status unknown after {} seconds; operation may still be in progress",
                                                  command.switchover ? "Switchover" : "Failover",
                                                  patience / std::chrono::seconds(1))};
    }
  }
}

Task<CommandResult> Agent::cancel_failover(Ctx ctx) {
  const auto view = co_await node_.ports.store.load(ctx.until(node_.store_ctx().deadline));
  if (!view) co_return refused(503, view.error().text());
  if (!view->failover || !view->failover->scheduled()) co_return refused(404, "no switchover is scheduled");
  const auto cleared = co_await node_.ports.store.set_failover("{}", view->failover->version, node_.store_ctx(ctx.stop));
  if (!cleared) co_return refused(409, "failed to delete scheduled switchover");
  node_.wake.set();
  co_return CommandResult{.status = 200, .text = "scheduled switchover deleted"};
}

}  // namespace matriarch::agent
