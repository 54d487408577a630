#include "policy/election.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace matriarch::policy {

namespace {

bool sync_active(const World& world) {
  return world.settings.synchronous_mode != SyncMode::kOff && !world.settings.standby_cluster &&
         world.view->sync.active();
}

bool quorum_active(const World& world) {
  return sync_active(world) && world.settings.synchronous_mode == SyncMode::kQuorum;
}

const PeerStatus* answer_of(const World& world, std::string_view name) {
  if (!world.peers) return nullptr;
  const auto found = std::ranges::find(*world.peers, name, &PeerStatus::name);
  return found == world.peers->end() ? nullptr : &*found;
}

bool timeline_too_old(const World& world, Timeline timeline) {
  if (!world.settings.check_timeline || world.settings.standby_cluster) return false;
  return timeline == 0 || timeline < world.view->timeline();  // HA-183
}

bool lags_too_much(const World& world, Lsn position) {
  const Lsn cluster = world.view->status.optime;
  return cluster > position && cluster.value - position.value > world.settings.maximum_lag_on_failover;
}

// HA-180: who counts in an election.
std::vector<Member> known_members(const World& world, const Memory& memory) {
  std::map<std::string, Member> by_name;
  if (memory.led_view) {
    for (const auto& member : memory.led_view->members) by_name[member.name] = member;
  }
  if (world.view->failsafe.is_map()) {
    for (const auto& [name, url] : world.view->failsafe.as_map()) {
      if (url.is_string()) by_name[name] = Member{.name = name, .data = {.api_url = url.as_string()}};
    }
  }
  for (const auto& member : world.view->members) by_name[member.name] = member;
  std::vector<Member> result;
  for (auto& [name, member] : by_name) {
    if (sync_active(world) && !world.view->sync.matches(name, true)) continue;
    result.push_back(std::move(member));
  }
  return result;
}

std::string former_leader(const World& world, const Memory& memory) {
  if (sync_active(world)) return world.view->sync.leader;
  return memory.led_view ? memory.led_view->leader_name() : std::string();
}

struct Comparison {
  std::vector<Member> against;
  bool lag_check = true;
  std::string former_leader;
};

// How a peer's data relates to mine. A later timeline is the later leader's data, wherever its position: what an earlier one
// has beyond the branch was given up when that leader was elected. Both sides judge by what the members publish, so that
// they never yield to each other.
std::strong_ordering compare_data(const World& world, const PeerStatus& peer, const Member& published) {
  const Member* me = world.view->member(world.me);
  const Timeline mine = std::max(my_timeline(world), me == nullptr ? Timeline{0} : me->data.timeline);
  const Timeline theirs = std::max(peer.timeline, published.data.timeline);
  if (mine != 0 && theirs != 0 && mine != theirs) return theirs <=> mine;
  return peer.position <=> world.server.position();
}

// HA-186, HA-187: does this peer's position or priority stand in my way?
bool yields_to(const World& world, const PeerStatus& peer, std::strong_ordering data, const Comparison& how,
               std::string* why) {
  if (data > 0) {
    if (sync_active(world) && world.view->sync.leader_matches(peer.name)) return false;
    *why = fmt::format("Wal position of {} is ahead of my wal position", peer.name);
    return true;
  }
  if (data < 0 || peer.failover_priority <= world.tags.failover_priority()) return false;
  if (peer.name == how.former_leader) return false;
  if (quorum_active(world) && !world.view->sync.matches(peer.name)) return false;
  *why = fmt::format("{} has equally tolerable WAL position and priority {}, while this node has priority {}", peer.name,
                     peer.failover_priority, world.tags.failover_priority());
  return true;
}

// HA-177. While the primary went on without the store it asked the members of /failsafe only: for the others it may still be
// running.
bool failsafe_excludes(const World& world, const std::string& name) {
  if (!world.settings.failsafe_mode || !world.view->failsafe.is_map()) return false;
  const auto& known = world.view->failsafe.as_map();
  return !known.empty() && !known.contains(name);
}

// HA-181..189.
Race compare_health(const World& world, const Comparison& how, std::string* why) {
  if (how.lag_check && lags_too_much(world, world.server.position())) {
    *why = "my wal position exceeds maximum replication lag";
    return Race::kMayNot;
  }
  if (timeline_too_old(world, my_timeline(world))) {
    *why = fmt::format("my timeline {} is behind the cluster's {}", my_timeline(world), world.view->timeline());
    return Race::kMayNot;
  }
  if (!world.peers) return Race::kNeedsPeers;

  const bool quorum = quorum_active(world);
  int votes = world.view->sync.matches(world.me, true) ? 0 : -1;
  int ahead = 0;
  for (const auto& member : how.against) {
    const PeerStatus* peer = answer_of(world, member.name);
    if (peer == nullptr || peer->name == world.me || !peer->reachable) continue;
    const bool votes_only = quorum && peer->nofailover && !peer->watchdog_failed;  // B7
    if (peer->limited() && !votes_only) continue;
    if (failsafe_excludes(world, peer->name) && peer->in_recovery && !quorum) continue;  // it gives way itself
    if (!peer->in_recovery) {
      *why = fmt::format("Primary ({}) is still alive", peer->name);
      return Race::kMayNot;
    }
    const auto data = compare_data(world, *peer, member);
    if (!votes_only && yields_to(world, *peer, data, how, why)) return Race::kMayNot;
    if (data > 0) ++ahead;  // the former sync leader (HA-186), or a voter that may not lead (B7)
    if (quorum && world.view->sync.matches(peer->name, true) && data <= 0 && peer->position) ++votes;
  }
  if (!quorum) return Race::kMayWin;
  if (votes >= world.view->sync.quorum) return Race::kMayWin;
  if (world.view->sync.leader_matches(world.me) && ahead == 0) return Race::kMayWin;  // HA-189
  *why = fmt::format("only {} of {} votes for a quorum", votes, world.view->sync.quorum);
  return Race::kMayNot;
}

// HA-209..216: there is a request in /failover and no leader.
Race manual_race(const World& world, std::string* why) {
  const FailoverRequest& request = *world.view->failover;
  if (request.candidate == world.me) return Race::kMayWin;
  if (world.settings.paused) {
    *why = request.candidate.empty() ? "paused, and no candidate was named" : "paused, and another candidate was named";
    return Race::kMayNot;
  }
  if (!world.peers) return Race::kNeedsPeers;
  const bool sync_only = sync_active(world) && !quorum_active(world);
  if (!request.candidate.empty()) {
    if (sync_only && !world.view->sync.matches(world.me, true)) {
      *why = "not a synchronous standby";
      return Race::kMayNot;
    }
    const PeerStatus* candidate = answer_of(world, request.candidate);
    if (candidate != nullptr && !candidate->limited()) {
      *why = fmt::format("manual failover: {} is the candidate", request.candidate);
      return Race::kMayNot;
    }
  }
  if (request.leader == world.me) {
    if (!failover_possible(world, {.except = request.candidate, .manual_failover = !request.is_switchover()})) {
      return Race::kMayWin;
    }
    *why = "switchover: another member can take over";
    return Race::kMayNot;
  }
  Comparison how{.lag_check = false};
  for (const auto& member : world.view->members) {
    if (member.name == request.leader) continue;
    if (sync_active(world) && !world.view->sync.matches(member.name)) continue;
    how.against.push_back(member);
  }
  return compare_health(world, how, why);
}

// HA-163: the primary's agent is stuck but its PostgreSQL still sends WAL.
bool backoff_applies(const World& world, const Memory& memory) {
  const Settings& s = world.settings;
  if (s.paused || s.standby_cluster || s.primary_race_backoff <= Duration::zero() || !memory.last_position) return false;
  if (world.view->failover && !world.view->failover->candidate.empty()) return false;
  const Duration left = memory.race_backoff_since.value_or(world.now) + s.primary_race_backoff - world.now;
  if (left > s.primary_race_backoff - s.loop_wait) return true;
  return left > Duration::zero() && world.server.replication_state == "streaming" && memory.position_moved;
}

Race race_of_running_primary(const World& world, std::string* why) {
  if (world.settings.paused) {  // HA-171
    const auto& initialize = world.view->initialize;
    return !initialize || *initialize == world.system_id ? Race::kMayWin : Race::kMayNot;
  }
  if (sync_active(world) && !world.view->sync.leader_matches(world.me)) {  // B8
    *why = fmt::format("running as primary, but /sync names {}", world.view->sync.leader);
    return Race::kMayNot;
  }
  if (world.server.timeline >= world.view->timeline()) return Race::kMayWin;  // HA-172
  *why = fmt::format("running as primary on timeline {}, which is behind the cluster's {}", world.server.timeline,
                     world.view->timeline());
  return Race::kMayNot;
}


}  // namespace

Timeline my_timeline(const World& world) {
  const ServerView& server = world.server;
  if (server.is_primary()) return server.timeline;
  return std::max({server.received_timeline, server.control.checkpoint_timeline, server.control.min_recovery_timeline});
}

Race race_of(const World& world, const Memory& memory, std::string* why) {
  const Settings& settings = world.settings;
  const bool request = world.view->failover && world.view->failover->pending();
  if (memory.promotion_vetoed_at && world.now < *memory.promotion_vetoed_at + settings.ttl) {  // HA-168
    *why = "pre_promote refused the promotion of this node";
    return Race::kMayNot;
  }
  if (backoff_applies(world, memory)) {
    *why = "wal position moved since last heart beat loop, postponing the leader race";
    return Race::kPostponed;
  }
  if (settings.paused && !world.tags.nofailover() && request && !world.view->failover->scheduled()) {  // HA-169
    if (const Race race = manual_race(world, why); race != Race::kMayNot) return race;
  }
  if (!world.server.queried) {
    *why = "the server does not answer";
    return Race::kMayNot;
  }
  if (world.server.is_primary()) return race_of_running_primary(world, why);
  if (settings.paused) {  // HA-173
    *why = "paused";
    return Race::kMayNot;
  }
  if (world.tags.nofailover()) {  // HA-174
    *why = "following a different leader because I am not allowed to promote";
    return Race::kMayNot;
  }
  if (settings.standby_cluster) {
    *why = "standby clusters are not led by this version";
    return Race::kMayNot;
  }
  // Before any request but a manual failover to this very node: a switchover may have been scheduled long before the outage.
  const bool asked_for_me = request && !world.view->failover->is_switchover() && world.view->failover->candidate == world.me;
  if (failsafe_excludes(world, world.me) && !asked_for_me) {
    *why = "not in /failsafe: the primary never asked this node, so it may still be running";
    return Race::kMayNot;
  }
  if (request) {  // HA-175
    if (world.view->failover->is_switchover() && sync_active(world) && !world.view->sync.matches(world.me, true)) {
      *why = "not a synchronous standby";
      return Race::kMayNot;
    }
    return manual_race(world, why);
  }
  if (world.watchdog_failed) {  // HA-176
    *why = "a watchdog is required here and would not work";
    return Race::kMayNot;
  }
  if (sync_active(world) && !quorum_active(world) && !world.view->sync.matches(world.me, true)) {  // HA-178
    *why = "not a synchronous standby";
    return Race::kMayNot;
  }
  return compare_health(
      world, {.against = known_members(world, memory), .former_leader = former_leader(world, memory)}, why);
}

std::vector<Member> members_to_ask(const World& world, const Memory& memory) {
  auto all = world.view->is_unlocked() ? known_members(world, memory) : world.view->members;
  // Even outside an election's electorate a requested candidate must be asked (HA-213).
  if (world.view->is_unlocked() && world.view->failover) {
    const Member* candidate = world.view->member(world.view->failover->candidate);
    if (candidate != nullptr && std::ranges::find(all, candidate->name, &Member::name) == all.end()) {
      all.push_back(*candidate);
    }
  }
  const bool ask_nofailover = quorum_active(world);
  std::erase_if(all, [&](const Member& member) {
    return member.name == world.me || !member.has_api() || (member.data.tags.nofailover() && !ask_nofailover);
  });
  return all;
}

std::vector<std::string> good_candidates(const World& world, const CandidateQuery& query) {
  std::vector<std::string> result;
  for (const auto& member : world.view->members) {
    if (member.name == world.me || !member.has_api() || member.data.tags.nofailover()) continue;
    if (member.name == query.except || (!query.only.empty() && member.name != query.only)) continue;
    if (sync_active(world) && !query.manual_failover && !world.view->sync.matches(member.name)) continue;
    const PeerStatus* peer = answer_of(world, member.name);
    if (peer == nullptr || peer->limited()) continue;
    const bool behind = query.must_have ? peer->position < *query.must_have : lags_too_much(world, peer->position);
    if (behind || timeline_too_old(world, peer->timeline)) continue;
    result.push_back(member.name);
  }
  return result;
}

bool failover_possible(const World& world, const CandidateQuery& query) {
  const auto good = good_candidates(world, query);
  if (good.empty()) return false;
  const bool anybody = query.only.empty() || query.only == query.except;
  if (!quorum_active(world) || !anybody) return true;
  return static_cast<int>(good.size()) >= world.view->sync.quorum + 1;  // HA-198
}

}  // namespace matriarch::policy
