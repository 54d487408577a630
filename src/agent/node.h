// What the loop, the procedures and the commands of one agent share. Plain data and small helpers; decisions are not made
// here. Owned by Agent; single-threaded.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/action_runner.h"
#include "agent/lease_keeper.h"
#include "agent/node_config.h"
#include "agent/steps.h"
#include "base/scheduler.h"
#include "base/wait.h"
#include "model/cluster.h"
#include "model/server_view.h"
#include "model/settings.h"
#include "policy/memory.h"
#include "policy/world.h"
#include "ports/guard.h"
#include "ports/peers.h"
#include "ports/server.h"
#include "ports/store.h"

namespace matriarch::agent {

struct Ports {
  Scheduler& scheduler;
  Store& store;
  Server& server;
  Peers& peers;
  Steps& steps;
  std::function<std::uint64_t()> random;  // for choosing among equals; seeded in the simulator
  Guard* guard = nullptr;  // none: switched off
};

struct Node {
  Node(Ports ports, NodeConfig node_config);

  Ports ports;
  NodeConfig config;
  NoGuard no_guard;
  Guard* guard;              // never null

  WakeUp wake;               // the loop should look again
  Broadcast cycle_done;      // after each cycle: for commands that wait for an effect
  LeaseKeeper lease;
  ActionRunner actions;

  // What was observed last, and what is remembered (stored by the loop only).
  policy::World world;
  Instant server_seen_at;    // when the observation in `world` was begun
  policy::Memory memory;
  std::shared_ptr<const ClusterView> view;  // last complete one; dropped when a read fails (DCS-152)
  Instant view_asked_at;
  bool view_ever_loaded = false;
  Value known_failsafe;
  // What we wrote to /failsafe ourselves, or tried to: whoever reads it there may race, so all of them must be asked, also
  // when the outage began before we could read it back.
  struct Reported {
    std::string url;
    Instant at;
  };
  std::map<std::string, Reported> failsafe_reported;
  std::int64_t store_last_seen = 0;

  Value dynamic_config;      // in force: the last usable /config (HA-013)
  Version dynamic_version;
  Settings settings;
  bool mixed = false;        // a member of the view is not one of ours

  bool checkpoint_pending = false;  // promoted, and pg_control is not yet on the new timeline (HA-336)
  Value scheduled_restart;          // map or null (HA-264)
  bool shutdown_requested = false;
  // A pause is being lifted by this node, or was: what was read before then may not show it yet.
  int lifting_pause = 0;
  std::optional<Instant> pause_lifted_at;
  bool taking_over = false;         // the lease is a former agent's, and this one has not renewed it yet
  int sync_abstentions = 0;         // procedures during which no commit shall wait for this node (SYNC-036)

  // For procedures: a deadline for one store operation, or for anything else.
  [[nodiscard]] Ctx store_ctx(std::stop_token stop = {}) const;
  [[nodiscard]] Ctx within(Duration duration, std::stop_token stop = {}) const;
  // For the loop: the same, but never beyond F. Whatever the store, the server or a peer does, the loop of a node that holds
  // the lease is back in time to fence it.
  [[nodiscard]] Ctx in_time(Duration duration) const;
  [[nodiscard]] Ctx store_in_time() const { return in_time(settings.retry_timeout); }

  void step(std::string_view name) const { ports.steps.reached(name); }

  // Observes the server and keeps the result for the snapshot.
  Task<void> look_at_server();
  // Publishes the member key as things stand (HA-337). Errors are logged: the next cycle writes again (DCS-198).
  Task<void> touch();
  // As configured, and what the node says of itself for a while (HA-339).
  [[nodiscard]] Tags effective_tags() const;
  // The server is killed when the lease as it stands ends, unless it is renewed; procedures say so before it takes writes.
  Task<Status> arm_guard(Ctx ctx);
  // After the server has stopped, or has become a standby.
  Task<void> disarm_guard();
  [[nodiscard]] GuardedLease guarded_lease() const;
  // The content of the member key.
  [[nodiscard]] MemberData member_data() const;
  // What the leader reports with each renewal (HA-036).
  [[nodiscard]] LeaderReport leader_report();

  // Role and state as they would be decided now; used by member_data() and the snapshot while a procedure runs.
  [[nodiscard]] Role role() const;
  [[nodiscard]] PgState state() const;
};

inline bool certainly_takes_no_writes(const ServerView& server) {
  return !server.postmaster_alive || (server.queried && server.in_recovery);
}

// HA-028: how long peers are waited for in elections and checks.
inline constexpr Duration kPeerPatience = std::chrono::seconds(2);
// The former leader's silence is not waited for longer than this (DESIGN 3, "Events, not polling").
inline constexpr Duration kSuspectPatience = std::chrono::milliseconds(250);
// HA-014.
inline constexpr Duration kQueryPatience = std::chrono::seconds(2);

}  // namespace matriarch::agent
