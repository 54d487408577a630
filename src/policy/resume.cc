#include "policy/resume.h"

#include <fmt/format.h>

namespace matriarch::policy {

namespace {

// In a pause servers go on without their agents: who led last is known from what was seen, or from what promotions wrote down.
// The bootstrap of a cluster writes nothing down.
std::string last_leader(const World& world, const Memory& memory) {
  if (memory.led_view && !memory.led_view->is_unlocked()) return memory.led_view->leader_name();
  const auto& history = world.view->history;
  if (history && !history->rows.empty() && !history->rows.back().new_leader.empty()) return history->rows.back().new_leader;
  return world.view->sync.leader;
}

ResumeRule refused(std::string node, std::string_view what) {
  constexpr std::string_view kRemedy =
      "if its PostgreSQL runs, another primary would be made beside it. Start its agent and resume then; or see to it that "
      "its PostgreSQL is stopped, and resume with --force";
  std::string why = fmt::format("{}: {}", what, kRemedy);
  return {.verdict = Resume::kRefused, .node = std::move(node), .why = std::move(why)};
}

ResumeRule with_leader(const World& world, const std::string& leader) {
  if (leader == world.me) return {.verdict = Resume::kGuardHere, .node = leader, .why = {}};
  const Member* member = world.view->member(leader);
  if (member == nullptr) return refused(leader, fmt::format("{} has the leader key, but its agent does not report", leader));
  // Patroni's members, and those whose guardian is switched off: nobody guards them, paused or not.
  if (member->data.guardian.empty()) return {};
  return {.verdict = Resume::kAskLeader, .node = leader, .why = {}};
}

// By its own agent's word.
bool may_take_writes(const MemberData& data) {
  return is_leader_role(data.role.value_or(Role::kReplica)) && data.state != PgState::kStopped && data.state != PgState::kCrashed;
}

bool may_take_writes(const ServerView& server) {
  return server.postmaster_alive && !(server.queried && server.in_recovery);
}

ResumeRule without_leader(const World& world, const Memory& memory) {
  const std::string last = last_leader(world, memory);
  if (last.empty()) return refused({}, "nobody leads, and nobody knows which node led last");
  const Member* member = world.view->member(last);
  if (last != world.me && member == nullptr) {
    return refused(last, fmt::format("nobody leads; {} led last, and its agent does not report", last));
  }
  // Its agent runs: the server is stopped, or a standby, or about to get the lock.
  if (!(last == world.me ? may_take_writes(world.server) : may_take_writes(member->data))) return {};
  std::string why = fmt::format("nobody leads, but {} runs as a primary without the lock: try again when it has it, or stop it", last);
  return {.verdict = Resume::kRefused, .node = last, .why = std::move(why)};
}

}  // namespace

ResumeRule resume_rule(const World& world, const Memory& memory) {
  if (world.settings.standby_cluster) return {};  // whatever runs there takes no writes
  return world.view->is_unlocked() ? without_leader(world, memory) : with_leader(world, world.view->leader_name());
}

}  // namespace matriarch::policy
