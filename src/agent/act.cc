// Carrying decisions out: small things here and now, long ones as procedures.
#include <algorithm>

#include "agent/agent.h"
#include "agent/procedures/procedures.h"
#include "base/log.h"
#include "policy/decide.h"
#include "policy/judge.h"

namespace matriarch::agent {

using policy::ActionKind;
using policy::Decision;
using policy::Verdict;

namespace {

// A decision may ask for more information this many times in a row before it must do without.
constexpr int kQuestionsInARow = 4;

// Precondition: a view.
CloneSource clone_source_of(const Node& node) {
  const auto from = policy::clone_source(node.world, node.ports.random());
  if (!from) return {};
  return {.member = from->name, .address = address_of(from->data)};
}

}  // namespace

// Decides; where the decision asks a question, answers it and decides again.
Task<Decision> Agent::decide_with_answers() {
  Decision decision;
  for (int question = 0; question < kQuestionsInARow; ++question) {
    auto decided = policy::decide(node_.world, node_.memory);
    node_.memory = decided.memory;
    decision = std::move(decided.decision);
    record(decision);
    const Verdict v = decision.verdict;
    if (v != Verdict::kPollPeers && v != Verdict::kCompare && v != Verdict::kAskFailsafe) break;
    co_await gather(decision);
    node_.world.finished.reset();  // it was remembered already
  }
  if (decision.keep_lease) {
    node_.lease.permit();
  } else {
    node_.lease.forbid();
  }
  co_return decision;
}

Task<void> Agent::gather(const Decision& decision) {
  switch (decision.verdict) {
    case Verdict::kPollPeers:
      if (decision.suspect) node_.ports.server.prepare_fence(*decision.suspect);
      node_.world.peers = co_await poll(decision.ask, node_.in_time(kPeerPatience));
      break;
    case Verdict::kCompare:
      co_await compare_timelines(decision);
      break;
    case Verdict::kAskFailsafe:
      co_await ask_failsafe();
      break;
    default:
      break;
  }
  node_.world.now = node_.ports.scheduler.now();
  node_.world.lease = node_.lease.state();
}

// The silence of a leader that just lost its lock is not waited for as long as that of the others.
Task<std::vector<PeerStatus>> Agent::poll(std::vector<Member> members, Ctx ctx) {
  const std::string suspect = node_.memory.led_view ? node_.memory.led_view->leader_name() : std::string();
  const auto others = std::ranges::partition(members, [&](const Member& m) { return m.name == suspect; });
  std::vector<Member> suspects(members.begin(), others.begin());
  members.erase(members.begin(), others.begin());

  std::vector<PeerStatus> of_suspect;
  TaskGroup group(node_.ports.scheduler);
  constexpr auto ask = [](Peers* peers, std::vector<Member> whom, Ctx patience, std::vector<PeerStatus>* into) -> Task<void> {
    *into = co_await peers->poll(std::move(whom), patience);
  };
  const Ctx brief = ctx.until(node_.ports.scheduler.now() + kSuspectPatience);
  if (!suspects.empty()) group.spawn(ask(&node_.ports.peers, std::move(suspects), brief, &of_suspect));
  std::vector<PeerStatus> answers;
  if (!members.empty()) answers = co_await node_.ports.peers.poll(std::move(members), ctx);
  co_await group.join();
  std::ranges::move(of_suspect, std::back_inserter(answers));
  co_return answers;
}

// HA-331: the leader's own word about its timeline, against what the local data directory ends with.
Task<void> Agent::compare_timelines(const Decision& decision) {
  node_.world.divergence_unknown = true;
  if (!decision.source) co_return;
  const Ctx ctx = node_.in_time(kPeerPatience);
  const auto local = co_await node_.ports.server.local_position(ctx);
  if (!local) co_return;
  const Upstream upstream{.member = decision.source->name, .address = address_of(decision.source->data)};
  const auto leader = co_await node_.ports.server.upstream_timeline(upstream, ctx);
  if (!leader) {
    log::info("could not learn the leader's timeline: {}", leader.error().text());
    co_return;
  }
  std::vector<HistoryRow> own_history;
  if (local->timeline > 1) {
    auto rows = co_await node_.ports.server.timeline_history(local->timeline, ctx);
    if (rows) own_history = std::move(*rows);
  }
  node_.world.divergence_unknown = false;
  node_.world.divergence = policy::Divergence{.local_timeline = local->timeline,
                                              .local_lsn = local->lsn,
                                              .was_primary = local->was_primary,
                                              .end_of_checkpoint_record = local->end_of_checkpoint_record,
                                              .local_history = std::move(own_history),
                                              .leader_timeline = leader->timeline,
                                              .leader_history = leader->history,
                                              .leader_checkpoint_done = leader->checkpoint_done};
}

// HA-295: all of them, not a majority: any member that cannot be reached might see a working store.
Task<void> Agent::ask_failsafe() {
  node_.world.failsafe_asked = true;
  const auto& known = node_.known_failsafe;
  if (!known.is_map() || !known.as_map().contains(node_.config.name)) co_return;
  const Instant sent_at = node_.ports.scheduler.now();
  std::map<std::string, std::string> asked;
  for (const auto& [name, reported] : node_.failsafe_reported) asked[name] = reported.url;
  for (const auto& [name, url] : known.as_map()) {
    if (url.is_string()) asked[name] = url.as_string();
  }
  asked.erase(node_.config.name);
  std::vector<std::pair<std::string, std::string>> others(asked.begin(), asked.end());
  FailsafeMessage message{.name = node_.config.name, .conn_url = node_.config.conn_url, .api_url = node_.config.api_url};
  message.slots = node_.world.server.slots;
  Ctx ctx = node_.in_time(kPeerPatience);
  ctx = ctx.until(std::max(node_.lease.state().times.fence_at, sent_at + std::chrono::milliseconds(1)));
  const auto answers = co_await node_.ports.peers.post_failsafe(std::move(others), std::move(message), ctx);
  failsafe_positions_.clear();
  if (std::ranges::all_of(answers, &FailsafeAnswer::accepted)) {
    node_.lease.prolong(sent_at);
    for (const auto& answer : answers) {  // HA-297
      if (answer.lsn) failsafe_positions_[slot_name_of_member(answer.name)] = answer.lsn;
    }
  } else {
    log::warning("failsafe mode: not every member accepted this node as the primary");
  }
}

Task<bool> Agent::act(Decision decision) {
  switch (decision.verdict) {
    case Verdict::kWait:
    case Verdict::kPollPeers:
    case Verdict::kAskFailsafe:
    case Verdict::kCompare:
    case Verdict::kLead:
      co_return false;
    case Verdict::kAcquire: co_return co_await acquire(std::move(decision));
    case Verdict::kResumeLease: co_return co_await resume_lease();
    case Verdict::kRelease: co_return co_await release_lock();
    case Verdict::kFollow: co_return co_await follow_if_needed(std::move(decision));
    case Verdict::kWriteInitialize: co_return co_await write_initialize(std::move(decision));
    case Verdict::kWriteConfig: {
      const auto written = co_await node_.ports.store.set_config(to_json(node_.dynamic_config), std::nullopt, node_.store_in_time());
      co_return written.ok() && node_.dynamic_config.truthy();
    }
    case Verdict::kClearFailover: {
      const auto cleared =
          co_await node_.ports.store.set_failover(decision.text, decision.expected, node_.store_in_time());
      co_return cleared.ok();
    }
    case Verdict::kCancelAction:
      co_await node_.actions.cancel();
      co_return true;
    case Verdict::kDemoteGraceful:
    case Verdict::kDemoteImmediate:
    case Verdict::kDemoteNoLock:
    case Verdict::kDemoteOffline: co_return co_await demote(std::move(decision));
    case Verdict::kExit:
      exit_code_ = node_.world.shutdown_requested ? 0 : 1;
      if (*exit_code_ != 0) log::critical("{}", decision.reason);
      co_return false;
    default:
      co_return start_procedure(std::move(decision));
  }
}

Task<bool> Agent::acquire(Decision decision) {
  const auto acquired = co_await node_.lease.acquire(node_.world.view->basis, node_.store_in_time());
  if (!acquired) {
    log::info("Could not take out TTL lock: {}", acquired.error().text());
    co_return acquired.error().code() == Errc::kConflict;  // somebody else was faster, or was here meanwhile: look
  }
  node_.step("lead.acquired");
  if (node_.view->failover && node_.view->failover->pending()) {  // HA-165
    const auto cleared = co_await node_.ports.store.set_failover(decision.text, std::nullopt, node_.store_in_time());
    if (!cleared) log::warning("could not clear /failover: {}", cleared.error().text());
  }
  co_return true;
}

Task<bool> Agent::resume_lease() {
  const auto outcome = co_await node_.lease.renew(node_.store_in_time());
  co_return outcome.verdict != RenewVerdict::kUnknown;
}

Task<bool> Agent::release_lock() {
  const auto released = co_await node_.lease.release(std::nullopt, node_.store_in_time());
  if (!released) log::warning("could not release the leader key: {}", released.error().text());
  co_await node_.touch();  // HA-238
  co_return false;
}

Task<bool> Agent::write_initialize(Decision decision) {
  const auto ctx = node_.store_in_time();
  const auto written = decision.if_absent ? co_await node_.ports.store.create_initialize(decision.text, ctx)
                                          : co_await node_.ports.store.set_initialize(decision.text, ctx);
  if (!written) log::warning("could not write /initialize: {}", written.error().text());
  co_return written.ok();
}

// Safety first: what runs is cancelled, whatever it is.
Task<bool> Agent::demote(Decision decision) {
  if (node_.actions.busy()) {
    co_await node_.actions.cancel();
    (void)node_.actions.take_finished();
  }
  co_return start_procedure(std::move(decision));
}

Task<bool> Agent::follow_if_needed(Decision decision) {
  if (!decision.target || !decision.target->upstream) co_return false;  // B10: keep the old upstream
  const auto change = co_await node_.ports.server.follow_change(*decision.target, node_.in_time(kQueryPatience));
  if (change == FollowChange::kNone) {
    if (node_.world.server.replay_paused && !node_.settings.paused) {  // HA-154
      (void)co_await node_.ports.server.resume_replay(node_.in_time(kQueryPatience));
    }
    co_return false;
  }
  if (change == FollowChange::kReload) {
    const auto followed = co_await node_.ports.server.follow(*decision.target, node_.in_time(kQueryPatience));
    if (!followed) log::warning("could not follow {}: {}", decision.target->upstream->member, followed.error().text());
    co_return false;
  }
  if (node_.settings.paused) co_return false;
  co_return start_procedure(std::move(decision));
}

bool Agent::start_procedure(Decision d) {
  Node& n = node_;
  const auto run = [this, &n](ActionKind kind, std::string name, std::function<Task<Outcome>(Ctx)> procedure) {
    retry_at_ = n.actions.not_before(kind);
    if (retry_at_ > n.ports.scheduler.now()) return false;
    n.actions.start(kind, std::move(name), std::move(procedure));
    return true;
  };
  if (n.actions.busy()) return true;  // a command was faster: look again
  switch (d.verdict) {
    case Verdict::kPromote:
      return run(ActionKind::kPromote, "promote", [&n, d](Ctx c) { return promote(n, d.suspect, c); });
    case Verdict::kDemoteGraceful:
      return run(ActionKind::kDemote, d.reason, [&n, d](Ctx c) { return demote_gracefully(n, d, c); });
    case Verdict::kDemoteImmediate:
      return run(ActionKind::kDemote, "demote", [&n, d](Ctx c) { return demote_at_once(n, d, StopMode::kImmediate, true, c); });
    case Verdict::kDemoteNoLock:
      return run(ActionKind::kDemote, "demote", [&n, d](Ctx c) { return demote_at_once(n, d, StopMode::kImmediate, false, c); });
    case Verdict::kDemoteOffline:
      return run(ActionKind::kDemote, "demote", [&n, d](Ctx c) { return demote_at_once(n, d, StopMode::kFast, false, c); });
    case Verdict::kStartPrimary:
      return run(ActionKind::kStartPrimary, d.reason, [&n](Ctx c) { return start_primary(n, c); });
    case Verdict::kStartStandby:
      return run(ActionKind::kStartStandby, "restarting after failure",
                 [&n, target = *d.target](Ctx c) { return start_standby(n, target, c); });
    case Verdict::kCrashRecovery:
      return run(ActionKind::kCrashRecovery, d.reason, [&n](Ctx c) { return recover_from_crash(n, c); });
    case Verdict::kRewind:
      return run(ActionKind::kRewind, d.reason, [&n, up = Upstream{.member = d.source->name, .address = address_of(d.source->data)}](
                                                    Ctx c) { return rewind(n, up, c); });
    case Verdict::kReinitialize:
      return run(ActionKind::kReinitialize, d.reason, [&n, source = clone_source_of(n)](Ctx c) { return matriarch::agent::reinitialize(n, source, c); });
    case Verdict::kBootstrap:
      return run(ActionKind::kBootstrap, "bootstrap", [&n](Ctx c) { return bootstrap(n, c); });
    case Verdict::kClone: {
      const CloneSource source = clone_source_of(n);
      const bool leader = source.member == n.view->leader_name();
      return run(ActionKind::kClone, fmt::format("bootstrap from {} '{}'", leader ? "leader" : "replica", source.member),
                 [&n, source](Ctx c) { return clone(n, source, c); });
    }
    case Verdict::kFollow:
      return run(ActionKind::kFollow, "changing primary_conninfo and restarting",
                 [&n, target = *d.target](Ctx c) { return follow(n, target, c); });
    case Verdict::kShutDown:
      return run(ActionKind::kShutDown, "shutdown", [&n](Ctx c) { return shut_down(n, c); });
    default:
      return false;
  }
}

}  // namespace matriarch::agent
