#include "policy/facts.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "policy/election.h"
#include "policy/request.h"
#include "policy/rewind.h"

namespace matriarch::policy {

namespace {

Lock lock_of(const World& world) {
  if (!world.view) return Lock::kUnknown;
  // A view that was asked for before the lease was obtained cannot know of it.
  if (world.lease.status == LeaseState::Status::kHeld && world.lease.obtained_at > world.view_asked_at) return Lock::kMine;
  if (world.view->is_unlocked()) return Lock::kFree;
  return world.lock_mine() ? Lock::kMine : Lock::kOthers;
}

// A loss is final for a server that takes writes. Another one may have asked for the key since, and the answer got lost: it is
// in the store, and stays, because our member key keeps the same lease alive.
bool obtained_since_the_loss(const World& world, Lock lock) {
  const bool takes_no_writes = !world.server.postmaster_alive || (world.server.queried && world.server.in_recovery);
  const bool idle = world.action.kind == ActionKind::kNone;
  return lock == Lock::kMine && world.view_asked_at > world.lease.lost_at && takes_no_writes && idle;
}

Lease lease_of(const World& world, Lock lock) {
  switch (world.lease.status) {
    case LeaseState::Status::kNone: return Lease::kNone;
    case LeaseState::Status::kLost: return obtained_since_the_loss(world, lock) ? Lease::kNone : Lease::kLost;
    case LeaseState::Status::kHeld: break;
  }
  // When the store is back the key may have expired meanwhile. The members wait for us as long as they said (HA-296), and
  // the server serves on while we take the key again.
  const bool waited_for = lock == Lock::kFree && world.lease.by_members;
  if ((lock == Lock::kFree || lock == Lock::kOthers) && !waited_for) return Lease::kLost;  // DCS-157
  return world.now < world.lease.times.fence_at ? Lease::kHeld : Lease::kFenceDue;
}

Running running_of(const World& world, const Memory& memory) {
  const ServerView& server = world.server;
  if (!server.postmaster_alive) return Running::kDown;
  if (server.queried) return server.in_recovery ? Running::kStandby : Running::kPrimary;
  if (server.readiness != Readiness::kAccepting) {
    return server.recovery_configured ? Running::kStarting : Running::kStartingPrimary;
  }
  // It accepts but does not answer: what it was last (HA-014).
  return is_leader_role(memory.role) || !server.recovery_configured ? Running::kPrimary : Running::kStandby;
}

Directory directory_of(const World& world) {
  switch (world.server.directory) {
    case DataDirectory::kInaccessible: return Directory::kInaccessible;
    case DataDirectory::kEmpty: return Directory::kEmpty;
    case DataDirectory::kPresent: break;
  }
  const Interrupted cut_off = world.server.interrupted;
  if (cut_off == Interrupted::kCopy || cut_off == Interrupted::kInitdb) return Directory::kEmpty;
  return is_valid_system_id(world.system_id) ? Directory::kPresent : Directory::kUnreadable;
}

Identity identity_of(const World& world) {
  if (!world.view || !world.view->initialize) return Identity::kUnset;
  if (!world.view->has_valid_system_id()) {
    return world.view->initialize->empty() ? Identity::kBeingMade : Identity::kUnset;
  }
  // Without data of our own there is nothing that could be foreign.
  if (directory_of(world) != Directory::kPresent) return Identity::kMatches;
  return *world.view->initialize == world.system_id ? Identity::kMatches : Identity::kForeign;
}

Busy busy_of(const World& world) {
  switch (world.action.kind) {
    case ActionKind::kNone: return Busy::kNo;
    case ActionKind::kPromote: return world.action.promoting ? Busy::kPromoting : Busy::kPreparingPromotion;
    case ActionKind::kDemote:
    case ActionKind::kShutDown: return Busy::kStopping;
    case ActionKind::kStartPrimary: return Busy::kLeading;
    case ActionKind::kRestart: return world.action.leading ? Busy::kLeading : Busy::kOther;
    default: return Busy::kOther;
  }
}

Remains remains_of(const World& world, const Memory& memory) {
  const ControlState control = world.server.control.state;
  const bool dirty = control == ControlState::kInProduction || control == ControlState::kShuttingDown ||
                     control == ControlState::kInCrashRecovery;
  const bool primary = dirty || control == ControlState::kShutDown;
  if (primary && memory.state == PgState::kCrashed && is_leader_role(memory.role) && !world.server.recovery_configured) {
    return Remains::kProvenPrimary;  // HA-110
  }
  return dirty ? Remains::kDirty : Remains::kClean;
}

// HA-112, HA-113. Before a rewind pg_control must say "shut down".
bool crash_recovery_due(const World& world, const Memory& memory, Lock lock) {
  const ControlState control = world.server.control.state;
  const bool dirty = control == ControlState::kInProduction || control == ControlState::kShuttingDown ||
                     control == ControlState::kInCrashRecovery;
  const bool restored = world.server.backup_label;  // PostgreSQL replays it itself
  const bool remedy = world.can_rewind || world.settings.remove_data_on_diverged_timelines;
  const bool useful = lock == Lock::kFree || (lock == Lock::kOthers && remedy);
  return dirty && !restored && !memory.crash_recovery_tried && useful;
}

bool clone_source_exists(const World& world) {
  const Member* leader = world.view ? world.view->leader_member() : nullptr;
  return leader != nullptr && leader->name != world.me && !leader->data.conn_url.empty();
}

void add_lock_dependent(const World& world, const Memory& memory, Facts& f) {
  std::string why;
  if (f.lock == Lock::kFree) f.race = race_of(world, memory, &why);
  if (f.lock == Lock::kMine) {
    f.request = request_of(world, &why);
    const auto& config = world.view->config;
    f.config_missing = !config || !config->data.truthy();
  }
  f.path = path_of(world, memory);
  f.crash_recovery = crash_recovery_due(world, memory, f.lock);
  f.peers_known = world.peers.has_value();
  f.failover_possible = f.lock == Lock::kMine && failover_possible(world, {});
  f.clone_source = clone_source_exists(world);
  const auto& failover = world.view->failover;
  f.promotion_awaited = world.settings.paused && failover && failover->candidate == world.me;
}

void add_action_outcome(const World& world, Facts& f) {
  f.busy = busy_of(world);
  if (!world.finished) return;
  f.vetoed = world.finished->kind == ActionKind::kPromote && world.finished->vetoed;
  f.bootstrap_failed = world.finished->kind == ActionKind::kBootstrap && !world.finished->ok && !world.finished->cancelled;
}

}  // namespace

Facts facts_of(const World& world, const Memory& memory) {
  Facts f;
  f.lock = lock_of(world);
  f.lease = lease_of(world, f.lock);
  f.running = running_of(world, memory);
  f.directory = directory_of(world);
  f.identity = identity_of(world);
  f.remains = remains_of(world, memory);
  const bool failsafe = world.settings.failsafe_mode && world.known_failsafe.is_map();
  f.failsafe = !failsafe ? Failsafe::kOff : world.failsafe_asked ? Failsafe::kAsked : Failsafe::kUnasked;
  f.ever_loaded = world.view_ever_loaded;
  f.paused = world.settings.paused;
  f.shutdown = world.shutdown_requested;
  f.shut_down = world.shutdown_requested && world.finished && world.finished->kind == ActionKind::kShutDown;
  f.answering = world.server.queried;
  f.start_failed = memory.start_failed;
  f.start_overdue = memory.state == PgState::kStarting &&
                    world.now - memory.state_since >= world.settings.primary_start_timeout;
  f.fail_over_at_once = world.settings.primary_start_timeout == Duration::zero();
  f.may_bootstrap = world.has_bootstrap_section && !world.tags.nofailover();
  f.started_once = memory.server_started_once;
  f.standby_cluster = world.settings.standby_cluster;
  f.half_rewound = world.server.interrupted == Interrupted::kRewind;
  f.unannounced = is_unannounced(world.server.interrupted);
  add_action_outcome(world, f);
  if (world.view) add_lock_dependent(world, memory, f);
  return f;
}

std::string describe(const Facts& f) {
  static constexpr std::array kLock = {"unknown", "free", "mine", "others"};
  static constexpr std::array kLease = {"none", "held", "fence-due", "lost"};
  static constexpr std::array kRunning = {"down", "starting", "starting-primary", "standby", "primary"};
  static constexpr std::array kDirectory = {"inaccessible", "empty", "unreadable", "present"};
  static constexpr std::array kIdentity = {"matches", "foreign", "unset", "being-made"};
  static constexpr std::array kBusy = {"no", "preparing-promotion", "promoting", "leading", "stopping", "other"};
  static constexpr std::array kRequest = {"none", "not-due", "invalid", "needs-peers", "possible", "impossible"};
  static constexpr std::array kRace = {"postponed", "needs-peers", "may-win", "may-not"};
  static constexpr std::array kPath = {"straight", "unchecked", "too-early", "unknown", "rewind", "reinitialize", "hopeless"};
  const auto name = [](const auto& names, auto value) { return names.at(static_cast<std::size_t>(value)); };
  std::string text = fmt::format("lock={} lease={} server={}", name(kLock, f.lock), name(kLease, f.lease),
                                 name(kRunning, f.running));
  if (f.directory != Directory::kPresent) text += fmt::format(" directory={}", name(kDirectory, f.directory));
  if (f.identity != Identity::kMatches) text += fmt::format(" identity={}", name(kIdentity, f.identity));
  if (f.busy != Busy::kNo) text += fmt::format(" busy={}", name(kBusy, f.busy));
  if (f.request != Request::kNone) text += fmt::format(" request={}", name(kRequest, f.request));
  if (f.lock == Lock::kFree) text += fmt::format(" race={}", name(kRace, f.race));
  if (f.path != Path::kStraight) text += fmt::format(" path={}", name(kPath, f.path));
  const std::array<std::pair<bool, const char*>, 13> flags = {{{f.paused, " paused"},
                                                              {f.unannounced, " unannounced"},
                                                              {f.shutdown, " shutdown"},
                                                              {!f.answering, " not-answering"},
                                                              {f.start_failed, " start-failed"},
                                                              {f.start_overdue, " start-overdue"},
                                                              {f.fail_over_at_once, " fail-over-at-once"},
                                                              {f.failover_possible, " failover-possible"},
                                                              {f.crash_recovery, " crash-recovery-due"},
                                                              {f.config_missing, " config-missing"},
                                                              {f.vetoed, " vetoed"},
                                                              {f.half_rewound, " half-rewound"},
                                                              {f.standby_cluster, " standby-cluster"}}};
  for (const auto& [set, flag] : flags) {
    if (set) text += flag;
  }
  return text;
}

}  // namespace matriarch::policy
