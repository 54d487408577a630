#include "policy/request.h"

#include <fmt/format.h>

#include "model/codec.h"
#include "policy/election.h"

namespace matriarch::policy {

namespace {

Request time_of_request(const World& world, const FailoverRequest& request, std::string* why) {
  if (!request.scheduled()) return Request::kPossible;
  if (!request.scheduled_at) {
    *why = fmt::format("Incorrect value of scheduled_at: {}; write an ISO 8601 time with offset", request.scheduled_at_text);
    return Request::kInvalid;
  }
  if (world.settings.paused) return Request::kNotDue;
  switch (schedule_of(*request.scheduled_at, world.wall_now, world.settings.loop_wait)) {
    case Schedule::kWait: return Request::kNotDue;
    case Schedule::kDue: return Request::kPossible;
    case Schedule::kStale: break;
  }
  *why = fmt::format("the scheduled switchover of {} was missed", request.scheduled_at_text);
  return Request::kInvalid;
}

}  // namespace

Schedule schedule_of(WallTime at, WallTime now, Duration loop_wait) {
  if (at > now) return Schedule::kWait;
  const auto tolerance = std::chrono::floor<std::chrono::seconds>(loop_wait * 3 / 2);
  return now - at > tolerance ? Schedule::kStale : Schedule::kDue;
}

Request request_of(const World& world, std::string* why) {
  if (!world.view->failover || !world.view->failover->pending()) return Request::kNone;
  const FailoverRequest& request = *world.view->failover;
  if (const Request due = time_of_request(world, request, why); due != Request::kPossible) return due;
  if (!request.leader.empty() && request.leader != world.me) {  // HA-202
    *why = fmt::format("leader name does not match: {} was asked to step down, but {} leads", request.leader, world.me);
    return Request::kInvalid;
  }
  if (request.candidate == world.me) {  // HA-203
    *why = fmt::format("{} is already the leader", world.me);
    return Request::kInvalid;
  }
  if (world.settings.paused && request.candidate.empty()) {  // HA-204
    *why = "a switchover without a candidate is not done while paused";
    return Request::kInvalid;
  }
  if (!world.peers) return Request::kNeedsPeers;
  if (failover_possible(world, {.only = request.candidate, .manual_failover = !request.is_switchover()})) {
    return Request::kPossible;
  }
  *why = request.candidate.empty() ? "no healthy member can take over"
                                   : fmt::format("{} is not healthy enough to take over", request.candidate);
  return Request::kImpossible;
}

std::string failover_after_win(const World& world) {
  const auto& request = world.view->failover;
  if (!world.settings.paused || !request || request->candidate.empty()) return "{}";
  // DCS-097. Of a manual failover, too, what its candidate is waiting for stays: a paused node without it gives the lock back
  // before it is promoted (HA-121, HA-122, B12).
  if (!request->leader.empty() || request->candidate == world.me) {
    return write_failover("", request->candidate, request->scheduled_at_text);
  }
  return "{}";
}

}  // namespace matriarch::policy
