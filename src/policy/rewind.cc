#include "policy/rewind.h"

#include <algorithm>

namespace matriarch::policy {

namespace {

const Member* leader_to_follow(const World& world) {
  const Member* leader = world.view ? world.view->leader_member() : nullptr;
  return leader == nullptr || leader->name == world.me || leader->data.conn_url.empty() ? nullptr : leader;
}

// HA-330: a check makes sense only if something could be done about its answer.
bool remedy_exists(const World& world) {
  return world.can_rewind || world.settings.remove_data_on_diverged_timelines;
}

// Two nodes that did not know of each other's promotion gave their timelines the same number: only where these branched off
// tells them apart.
bool histories_disagree(const Divergence& d) {
  return std::ranges::any_of(d.local_history, [&](const HistoryRow& mine) {
    const auto theirs = std::ranges::find(d.leader_history, mine.timeline, &HistoryRow::timeline);
    return theirs == d.leader_history.end() || theirs->switch_lsn != mine.switch_lsn;
  });
}

}  // namespace

bool diverged(const Divergence& d) {
  if (d.local_timeline > d.leader_timeline || histories_disagree(d)) return true;
  // Every promotion begins a timeline: another primary of "mine" got there without me, from the same point.
  if (d.local_timeline == d.leader_timeline) return d.was_primary;
  const auto fork = std::ranges::find(d.leader_history, d.local_timeline, &HistoryRow::timeline);
  if (fork == d.leader_history.end()) return true;  // my timeline is not an ancestor of the leader's
  if (!d.was_primary) return d.local_lsn > fork->switch_lsn;
  // A former primary that was shut down cleanly ends with its checkpoint record: it follows on without a rewind only if
  // the leader branched off exactly behind that record.
  if (d.local_lsn < fork->switch_lsn) return d.end_of_checkpoint_record != fork->switch_lsn;
  return true;
}

Path path_of(const World& world, const Memory& memory) {
  switch (memory.rewind) {
    case RewindState::kInitial:
    case RewindState::kNotNeeded:
    case RewindState::kDone:
      return Path::kStraight;
    case RewindState::kCheck:
      if (const Member* leader = leader_to_follow(world)) {
        if (!is_leader_role(leader->data.role.value_or(Role::kPrimary))) return Path::kTooEarly;  // HA-331
        return world.divergence_unknown ? Path::kUnknown : Path::kUnchecked;
      }
      return Path::kUnknown;
    case RewindState::kNeeded:
      if (leader_to_follow(world) == nullptr) return Path::kUnknown;
      if (world.can_rewind) return Path::kRewind;
      return world.settings.remove_data_on_diverged_timelines ? Path::kReinitialize : Path::kHopeless;
    case RewindState::kFailed:
      if (leader_to_follow(world) == nullptr) return Path::kHopeless;  // nobody to copy from: this may be the last copy
      return world.settings.remove_data_on_rewind_failure || world.settings.remove_data_on_diverged_timelines
                 ? Path::kReinitialize
                 : Path::kHopeless;
  }
  return Path::kStraight;
}

RewindState next_rewind_state(const World& world, const Memory& memory) {
  RewindState state = memory.rewind;
  if (world.finished && !world.finished->cancelled) {
    switch (world.finished->kind) {
      case ActionKind::kRewind:
        state = world.finished->ok ? RewindState::kDone : world.finished->vetoed ? RewindState::kFailed : state;
        break;
      case ActionKind::kDemote:
      case ActionKind::kCrashRecovery:
        state = RewindState::kCheck;
        break;
      case ActionKind::kClone:
      case ActionKind::kReinitialize:
      case ActionKind::kPromote:
      case ActionKind::kBootstrap:
        state = RewindState::kInitial;
        break;
      default:
        break;
    }
  }
  if (world.server.interrupted == Interrupted::kRewind && state != RewindState::kFailed) return RewindState::kNeeded;
  if (world.server.is_primary() && world.lock_mine()) return RewindState::kInitial;
  if (state == RewindState::kCheck && world.divergence) {
    return diverged(*world.divergence) ? RewindState::kNeeded : RewindState::kNotNeeded;
  }
  // A server that streams has proven that its timeline leads into its upstream's.
  if (state == RewindState::kCheck && world.server.replication_state == "streaming") state = RewindState::kNotNeeded;
  if (state != RewindState::kInitial && state != RewindState::kNotNeeded && state != RewindState::kDone) return state;

  // HA-159, HA-330: another leader, or the same one on a new timeline, puts the question again; so does a start, and a
  // standby that does not stream for long (it may have streamed from the former leader when it was settled).
  constexpr Duration kDoubtAfter = std::chrono::seconds(10);
  const Member* leader = leader_to_follow(world);
  const bool unsettled = leader != nullptr && (leader->data.timeline != memory.followed_timeline ||
                                               leader->name != memory.followed_leader ||
                                               world.now >= memory.followed_at + kDoubtAfter);
  const bool streaming = world.server.replication_state == "streaming";
  if (unsettled && !streaming && remedy_exists(world) && !(world.finished && state == RewindState::kDone)) {
    return RewindState::kCheck;
  }
  return state;
}

}  // namespace matriarch::policy
