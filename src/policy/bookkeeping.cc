#include "policy/bookkeeping.h"

#include "policy/rewind.h"
#include "policy/upkeep.h"

namespace matriarch::policy {

namespace {

bool is_a_start(ActionKind kind) {
  return kind == ActionKind::kStartPrimary || kind == ActionKind::kStartStandby || kind == ActionKind::kRestart ||
         kind == ActionKind::kFollow;
}

PgState state_without_process(const World& world, const Memory& memory) {
  if (world.finished && !world.finished->ok && !world.finished->cancelled && is_a_start(world.finished->kind)) {
    return PgState::kStartFailed;
  }
  switch (memory.state) {
    case PgState::kRunning:
    case PgState::kStarting:
      return PgState::kCrashed;  // HA-066
    case PgState::kCrashed:
    case PgState::kStartFailed:
      return memory.state;
    default:
      return PgState::kStopped;
  }
}

void remember_race(const World& world, Memory& next) {
  const Lsn position = world.server.position();
  next.position_moved = next.last_position && position > next.last_position;
  next.last_position = position;
  if (!world.view) return;
  if (!world.view->is_unlocked()) {
    next.race_backoff_since.reset();
  } else if (!next.race_backoff_since) {
    next.race_backoff_since = world.now;
  }
}

}  // namespace

PgState state_of(const World& world, const Memory& memory) {
  switch (world.action.kind) {
    case ActionKind::kBootstrap: return PgState::kInitializing;
    case ActionKind::kClone:
    case ActionKind::kReinitialize: return PgState::kCreatingReplica;
    case ActionKind::kRestart: return PgState::kRestarting;
    case ActionKind::kDemote:
    case ActionKind::kShutDown: return world.server.postmaster_alive ? PgState::kStopping : PgState::kStopped;
    default: break;
  }
  if (world.server.postmaster_alive) {
    return world.server.readiness == Readiness::kAccepting ? PgState::kRunning : PgState::kStarting;
  }
  return state_without_process(world, memory);
}

Role role_of(const World& world, const Memory& memory) {
  const ServerView& server = world.server;
  if (server.directory == DataDirectory::kEmpty || server.directory == DataDirectory::kInaccessible) {
    return server.postmaster_alive ? memory.role : Role::kUninitialized;
  }
  if (world.action.kind == ActionKind::kDemote || world.action.kind == ActionKind::kShutDown) {
    return is_leader_role(memory.role) ? Role::kDemoted : memory.role;  // HA-230
  }
  if (server.postmaster_alive && server.queried) {
    if (!server.in_recovery) return world.action.promoting ? Role::kPromoted : Role::kPrimary;
    return world.lock_mine() && world.settings.standby_cluster ? Role::kStandbyLeader : Role::kReplica;
  }
  if (server.postmaster_alive) return memory.role == Role::kUninitialized ? Role::kReplica : memory.role;
  if (server.recovery_configured) return Role::kReplica;
  // Down, and the directory is a primary's: its own crash (may be started in place), or nobody's by now (HA-046).
  return memory.role == Role::kPrimary || memory.role == Role::kPromoted ? memory.role : Role::kDemoted;
}

Memory remember(const World& world, const Memory& memory) {
  Memory next = memory;
  next.rewind = next_rewind_state(world, memory);
  const PgState state = state_of(world, memory);
  if (state != memory.state) next.state_since = world.now;
  next.state = state;
  next.role = role_of(world, memory);

  if (world.view && (!world.view->is_unlocked() || !next.led_view)) next.led_view = world.view;
  if (const Member* leader = world.view ? world.view->leader_member() : nullptr; leader && leader->name != world.me) {
    next.former_leader = *leader;
  }
  if (world.server.is_primary() && world.lock_mine()) next.former_leader.reset();
  if (world.view && !world.lock_mine()) next.sync = {.imposed = next.sync.imposed};
  if (world.server.queried && world.server.in_recovery) next.sync = {};
  next.was_paused = world.settings.paused;
  if (memory.was_paused && !world.settings.paused) next.rewind = RewindState::kInitial;  // HA-052
  if (state == PgState::kRunning) {
    next.server_started_once = true;
    next.crash_recovery_tried = false;
  }

  if (world.server.is_primary() && world.lock_mine()) next.led = true;
  if (world.finished) {
    const auto& finished = *world.finished;
    next.start_failed = is_a_start(finished.kind) && !finished.ok && !finished.cancelled && !world.server.postmaster_alive;
    if (finished.kind == ActionKind::kStartStandby && finished.ok) next.led = false;
    if (finished.kind == ActionKind::kCrashRecovery) next.crash_recovery_tried = true;
    if (finished.kind == ActionKind::kPromote && finished.vetoed) next.promotion_vetoed_at = world.now;
  }
  const Member* leader = world.view ? world.view->leader_member() : nullptr;
  const bool compared = next.rewind == RewindState::kNotNeeded && world.divergence.has_value();
  if (leader != nullptr && (compared || world.server.replication_state == "streaming")) {
    next.followed_leader = leader->name;
    next.followed_timeline = leader->data.timeline;
    next.followed_at = world.now;
  }
  next.slots_seen = remember_slots(world, std::move(next.slots_seen));
  remember_race(world, next);
  return next;
}

}  // namespace matriarch::policy
