#include "policy/sync/priority.h"

#include <algorithm>
#include <iterator>

namespace matriarch::policy::sync {

namespace {

std::set<std::string> common(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::set<std::string> both;
  std::ranges::set_intersection(a, b, std::inserter(both, both.end()));
  return both;
}

bool waits_for(const StandbyNames& required, const std::set<std::string>& names) {
  if (names.empty()) return required.type == SyncMode::kOff;
  return required.type == SyncMode::kPriority && required.names == names && required.count == std::ssize(names);
}

Step publish(const PriorityInput& in, std::set<std::string> voters) { return Publish{.leader = in.me, .voters = std::move(voters)}; }

}  // namespace

PriorityStep priority_step(const PriorityInput& in) {
  if (!in.published || in.leader != in.me) return {publish(in, {})};  // SYNC-020, SYNC-021
  if (in.picked == in.voters && in.voters != in.confirmed) return {publish(in, in.confirmed), true};  // SYNC-022
  const auto stay = common(in.voters, in.confirmed);
  if (stay != in.voters) return {publish(in, stay)};  // SYNC-025: first /sync ...
  if (!waits_for(in.required, in.picked)) {           // SYNC-024, SYNC-026: ... then PostgreSQL
    return {Require{.names = in.picked, .mode = SyncMode::kPriority}};
  }
  if (in.confirmed != in.voters) return {publish(in, in.confirmed)};  // SYNC-028: and the other way round to grow
  if (in.confirmed != in.picked) return {LookAgain{}};                // SYNC-027
  return {Nothing{}};
}

}  // namespace matriarch::policy::sync
