#include "policy/decide.h"

#include <fmt/format.h>

#include "policy/bookkeeping.h"
#include "policy/election.h"
#include "policy/request.h"

namespace matriarch::policy {

namespace {

std::string role_text(const World& world, const Memory& memory) {
  return memory.role == Role::kPrimary && world.lock_mine() ? "the leader with the lock" : std::string(to_string(memory.role));
}

// Why a standby, or nobody, does nothing.
std::string waiting_reason(const World& world, const Memory& memory, const Facts& f) {
  if (f.busy != Busy::kNo) return fmt::format("{} in progress", world.action.name);
  if (!f.ever_loaded) return "waiting for the store";
  if (f.lock == Lock::kUnknown) {
    if (f.running == Running::kPrimary) return "DCS is not accessible, serving until the lease ends";
    return "DCS is not accessible";
  }
  if (f.directory == Directory::kInaccessible) return world.server.directory_problem;
  if (f.directory == Directory::kUnreadable) return "the data directory is not empty, but has no readable pg_control; consider reinit";
  if (f.directory == Directory::kEmpty) {
    if (f.paused) return "running with empty data directory";
    return f.identity == Identity::kBeingMade ? "waiting for another node to bootstrap" : "waiting for leader to bootstrap";
  }
  if (f.running == Running::kDown) {
    if (f.paused) return "postgres is not running";
    if (f.start_failed) return "failed to start postgres";
    if (f.path == Path::kTooEarly) return fmt::format("waiting for the promotion of {}", world.view->leader_name());
    if (f.half_rewound) return "pg_rewind was interrupted: waiting for a leader to rewind from";
    return "the data directory diverged from the leader's and may not be rewound or removed; use reinit";
  }
  if (f.running == Running::kStarting || f.running == Running::kStartingPrimary) return "postgres is still starting";
  if (f.lock == Lock::kFree) {
    std::string why;
    race_of(world, memory, &why);
    return why.empty() ? "no leader" : why;
  }
  if (f.paused && f.running == Running::kPrimary) return "no action. continue to run as primary without lock";
  if (f.standby_cluster) return "standby clusters are not led by this version";
  return fmt::format("no action. I am ({}), {}", world.me, role_text(world, memory));
}

std::string demotion_reason(const World& world, const Facts& f, Verdict verdict) {
  switch (verdict) {
    case Verdict::kDemoteOffline: return "demoting self because the lease ends and the DCS is not accessible";
    case Verdict::kDemoteImmediate:
      if (f.directory != Directory::kPresent) return "demoting self because the data directory is gone";
      if (f.running == Running::kDown) return "stopped to fail over after a crash";
      return "demoting self because postgres did not start in time";
    case Verdict::kDemoteGraceful:
      return fmt::format("{}: demote", world.view->failover->is_switchover() ? "switchover" : "manual failover");
    default:
      return f.busy == Busy::kNo ? "demoting self because I do not have the lock and I was a leader"
                                 : fmt::format("lost leader lock during {}", world.action.name);
  }
}

std::string reason_of(const World& world, const Memory& memory, const Facts& f, Verdict verdict) {
  std::string why;
  switch (verdict) {
    case Verdict::kWait: return waiting_reason(world, memory, f);
    case Verdict::kPollPeers: return "asking the other members";
    case Verdict::kAskFailsafe: return "DCS is not accessible, asking all members (failsafe mode)";
    case Verdict::kCompare: return "checking whether the local timeline leads into the leader's";
    case Verdict::kAcquire: return "trying to take the leader lock";
    case Verdict::kResumeLease: return "renewing the lock that is in my name";
    case Verdict::kRelease:
      if (f.directory != Directory::kPresent) return "released the lock: no usable data directory";
      if (f.identity == Identity::kForeign) return "released the lock: the system identifier is not the cluster's";
      if (f.vetoed) return "promotion cancelled: pre_promote failed";
      if (f.paused) return "removed lock, not running as primary";
      return "removed leader key after trying and failing to start postgres";
    case Verdict::kLead: return fmt::format("no action. I am ({}), the leader with the lock", world.me);
    case Verdict::kPromote: return "promoted self to leader by acquiring session lock";
    case Verdict::kDemoteGraceful:
    case Verdict::kDemoteImmediate:
    case Verdict::kDemoteNoLock:
    case Verdict::kDemoteOffline: return demotion_reason(world, f, verdict);
    case Verdict::kFollow:
      return fmt::format("no action. I am ({}), a secondary, and following a leader ({})", world.me, world.view->leader_name());
    case Verdict::kStartPrimary: return "starting primary after failure";
    case Verdict::kStartStandby:
      return f.lock == Lock::kMine ? "starting as readonly because i had the session lock" : "starting as a secondary";
    case Verdict::kCrashRecovery: return "doing crash recovery in a single user mode";
    case Verdict::kRewind: return fmt::format("running pg_rewind from {}", world.view->leader_name());
    case Verdict::kReinitialize: return "reinitializing due to diverged timelines";
    case Verdict::kBootstrap: return "trying to bootstrap a new cluster";
    case Verdict::kClone: return fmt::format("trying to bootstrap from leader '{}'", world.view->leader_name());
    case Verdict::kWriteInitialize: return "writing the system identifier to /initialize";
    case Verdict::kWriteConfig: return "writing the dynamic configuration to /config";
    case Verdict::kClearFailover: request_of(world, &why); return why;
    case Verdict::kCancelAction: return fmt::format("cancelling {}", world.action.name);
    case Verdict::kShutDown: return "shutting down";
    case Verdict::kExit:
      if (f.bootstrap_failed) return "failed to bootstrap the cluster";
      if (f.shut_down) return "stopped";
      if (f.identity == Identity::kForeign) {
        return fmt::format("system ID mismatch, node {} belongs to a different cluster: {} != {}", world.me,
                           world.view->initialize.value_or(""), world.system_id);
      }
      return "/initialize is not set and this server runs as a standby: start the node with the primary first";
  }
  return {};
}

// When the passing of time alone may change the verdict.
Instant revisit_at(const World& world, const Memory& memory, const Facts& f) {
  Instant at = Instant::max();
  if (world.lease.status == LeaseState::Status::kHeld) {
    at = f.lock == Lock::kUnknown && f.lease != Lease::kHeld ? at : std::min(at, world.lease.times.fence_at);
  }
  if (f.lock == Lock::kMine && f.request == Request::kNotDue && world.view->failover->scheduled_at) {
    const auto left = *world.view->failover->scheduled_at - world.wall_now;
    at = std::min(at, world.now + std::max<Duration>(left, Duration::zero()));
  }
  if (f.race == Race::kPostponed && memory.race_backoff_since) {
    at = std::min(at, *memory.race_backoff_since + world.settings.primary_race_backoff);
  }
  if (memory.state == PgState::kStarting && !f.start_overdue) {
    at = std::min(at, memory.state_since + world.settings.primary_start_timeout);
  }
  return at;
}

// Whom to fence before a promotion (DESIGN 3). In a pause nothing is stopped.
std::optional<Upstream> suspect_of(const World& world, const Memory& memory) {
  if (world.settings.paused || !memory.former_leader) return std::nullopt;
  const MemberAddress address = address_of(memory.former_leader->data);
  if (address.host.empty()) return std::nullopt;
  return Upstream{.member = memory.former_leader->name, .address = address};
}

void add_parameters(const World& world, const Memory& memory, const Facts& f, Decision& d) {
  switch (d.verdict) {
    case Verdict::kPollPeers:
      d.ask = members_to_ask(world, memory);
      if (f.lock == Lock::kFree) d.suspect = suspect_of(world, memory);
      break;
    case Verdict::kPromote:
      d.suspect = suspect_of(world, memory);
      break;
    case Verdict::kCompare:
    case Verdict::kRewind:
      if (const Member* leader = world.view->leader_member()) d.source = *leader;
      break;
    case Verdict::kWriteInitialize:
      d.text = world.system_id;
      d.if_absent = !world.view->initialize.has_value();
      break;
    case Verdict::kClearFailover:
      d.text = "{}";
      d.expected = world.view->failover->version;
      break;
    case Verdict::kAcquire:
      d.text = failover_after_win(world);
      break;
    case Verdict::kDemoteGraceful:
      d.candidate = world.view->failover->candidate;
      d.manual_failover = !world.view->failover->is_switchover();
      break;
    case Verdict::kDemoteOffline:
    case Verdict::kDemoteImmediate:
    case Verdict::kDemoteNoLock:
      // B2: stopping is bounded by the end of the lease, or by now where there is none.
      d.kill_at = world.lease.status == LeaseState::Status::kHeld ? world.lease.times.kill_at : world.now;
      break;
    case Verdict::kFollow:
    case Verdict::kStartStandby:
      d.target = f.lock == Lock::kMine ? StandbyTarget{} : target_of(world);
      break;
    default:
      break;
  }
}

}  // namespace

StandbyTarget target_of(const World& world) {
  StandbyTarget target;
  if (world.tags.nostream() || !world.view) return target;  // HA-144
  const Member* node = nullptr;
  if (const std::string from = world.tags.replicatefrom(); !from.empty() && from != world.me) {
    node = world.view->member(from);  // HA-146
  }
  if (node == nullptr) node = world.view->leader_member();
  if (node == nullptr || node->name == world.me) return target;  // HA-148
  const MemberAddress address = address_of(node->data);
  if (address.host.empty()) return target;
  target.upstream = Upstream{.member = node->name, .address = address, .use_slot = world.settings.use_slots};
  return target;
}

std::optional<Member> clone_source(const World& world, std::uint64_t pick) {
  std::vector<const Member*> replicas;
  for (const auto& member : world.view->members) {
    const bool usable = member.data.tags.clonefrom() && member.is_running() && !address_of(member.data).host.empty();
    if (usable && member.name != world.me && member.name != world.view->leader_name()) replicas.push_back(&member);
  }
  if (!replicas.empty()) return *replicas[pick % replicas.size()];
  const Member* leader = world.view->leader_member();
  if (leader == nullptr || leader->name == world.me) return std::nullopt;
  return *leader;
}

Decided decide(const World& world, const Memory& memory) {
  const Memory next = remember(world, memory);
  const Facts facts = facts_of(world, next);
  Decision decision;
  decision.verdict = judge(facts);
  decision.keep_lease = keeps_lease(facts, decision.verdict);
  decision.inputs = describe(facts);
  decision.reason = reason_of(world, next, facts, decision.verdict);
  decision.revisit_at = revisit_at(world, next, facts);
  add_parameters(world, next, facts, decision);
  Decided decided{.decision = std::move(decision), .memory = next};
  if (decided.decision.verdict == Verdict::kRelease) decided.memory.start_failed = false;
  if (decided.decision.verdict == Verdict::kWait && next.start_failed) decided.memory.start_failed = false;
  return decided;
}

}  // namespace matriarch::policy
