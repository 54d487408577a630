#include "agent/procedures/handover.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/task_group.h"

namespace matriarch::agent {

namespace {

constexpr Duration kCandidatePause = std::chrono::milliseconds(10);
constexpr Duration kNewLeaderPatience = std::chrono::seconds(2);

// What the stopping of the server, the release of the key and the watch over the lease tell each other.
struct Handover {
  explicit Handover(Scheduler& scheduler) : shut_down_seen(scheduler) {}

  WakeUp shut_down_seen;
  bool at_safepoint = false;
  Lsn checkpoint;         // of the shutdown; 0 until pg_control says "shut down"
  Lsn before_checkpoint;  // what standbys can be expected to have (HA-237)
  bool released = false;
};

Task<bool> candidate_has(Node& node, policy::CandidateQuery query, Ctx ctx) {
  policy::World world = node.world;
  world.view = node.view;
  if (!world.view) co_return false;
  std::vector<Member> others;
  for (const auto& member : world.view->members) {
    if (member.name != node.config.name && member.has_api()) others.push_back(member);
  }
  world.peers = co_await node.ports.peers.poll(std::move(others), ctx.until(node.ports.scheduler.now() + kPeerPatience));
  co_return policy::failover_possible(world, query);
}

Task<void> release(Node& node, Handover& handover, std::string step, Ctx ctx) {
  handover.released = true;
  const std::optional<Lsn> optime = handover.checkpoint ? std::optional(handover.before_checkpoint) : std::nullopt;
  const auto released = co_await node.lease.release(optime, node.store_ctx(ctx.stop));
  if (!released) log::warning("could not release the leader key: {}", released.error().text());
  // Nothing is written after the shutdown checkpoint; what is still to be sent to standbys may take longer than the lease.
  if (handover.checkpoint) co_await node.disarm_guard();
  node.step(step + ".released");
}

// HA-229: while walsenders and archiver drain, the key may go already.
Task<void> release_early(Node& node, Handover& handover, policy::CandidateQuery query, std::string step, Ctx ctx) {
  if (!co_await handover.shut_down_seen.wait(ctx)) co_return;
  query.must_have = handover.before_checkpoint;
  while (!ctx.stop.stop_requested() && node.lease.held()) {
    if (co_await candidate_has(node, query, ctx)) {
      co_await release(node, handover, step, Ctx{});
      co_return;
    }
    if (!co_await pause_for(node.ports.scheduler, kCandidatePause, ctx)) co_return;
  }
}

// A stop in good order may take as long as it needs, but clients may be told "committed" only while the lease lasts.
Task<void> end_with_lease(Node& node, const Handover& handover, Ctx ctx) {
  while (!handover.at_safepoint && !handover.released) {
    const auto times = node.lease.state().times;
    const bool held = node.lease.state().status == policy::LeaseState::Status::kHeld;
    if (!held || node.ports.scheduler.now() >= times.fence_at) {
      log::warning("the lease ends during the shutdown of PostgreSQL: stopping it immediately");
      const Instant kill_at = held ? times.kill_at : node.ports.scheduler.now();
      (void)co_await node.ports.server.stop(StopOptions{.mode = StopMode::kImmediate, .kill_at = kill_at}, Ctx{});
      co_return;
    }
    if (!co_await sleep_until(node.ports.scheduler, times.fence_at, ctx)) co_return;
  }
}

// HA-022, HA-249: nothing acknowledged can be lost by an immediate stop under synchronous replication, so the operator may
// bound the good order.
Task<void> end_after(Node& node, Duration patience, Ctx ctx) {
  if (!co_await pause_for(node.ports.scheduler, patience, ctx)) co_return;
  log::warning("PostgreSQL did not stop within primary_stop_timeout: stopping it immediately");
  const Instant kill_at = node.ports.scheduler.now() + patience;
  (void)co_await node.ports.server.stop(StopOptions{.mode = StopMode::kImmediate, .kill_at = kill_at}, Ctx{});
}

}  // namespace

Task<Status> stop_and_hand_over(Node& node, HandoverOptions options, Ctx ctx) {
  const bool leading = node.lease.held();
  // Shared: a stop that nobody waits for any more goes on, and tells what it reaches (ports/server.h).
  const auto shared = std::make_shared<Handover>(node.ports.scheduler);
  Handover& handover = *shared;
  StopOptions stop{.mode = StopMode::kFast, .checkpoint = options.checkpoint};
  stop.at_safepoint = [&node, shared, name = options.step + ".safepoint"] {
    shared->at_safepoint = true;
    node.step(name);
  };
  stop.at_shutdown_checkpoint = [shared](Lsn checkpoint, Lsn before) {
    shared->checkpoint = checkpoint;
    shared->before_checkpoint = before;
    shared->shut_down_seen.set();
  };

  TaskGroup helpers(node.ports.scheduler);
  const Ctx helping{.stop = helpers.stop_token()};
  if (leading) {
    helpers.spawn(release_early(node, handover, options.candidates, options.step, helping));
    helpers.spawn(end_with_lease(node, handover, helping));
  }
  const Duration patience = node.settings.primary_stop_timeout;
  if (patience > Duration::zero() && node.settings.synchronous_mode != SyncMode::kOff) {
    helpers.spawn(end_after(node, patience, helping));
  }
  const auto stopped = co_await node.ports.server.stop(std::move(stop), ctx);
  helpers.request_stop();
  co_await helpers.join();
  if (!stopped) co_return stopped.error();
  node.step(options.step + ".stopped");
  co_await node.disarm_guard();
  co_await node.look_at_server();
  if (leading && !handover.released) co_await release(node, handover, options.step, Ctx{});
  co_await node.touch();
  co_return Status();
}

Task<void> wait_for_new_leader(Node& node, Ctx ctx) {
  const Ctx patience = ctx.until(node.ports.scheduler.now() + kNewLeaderPatience);
  while (!node.view || node.view->is_unlocked() || node.view->leader_name() == node.config.name) {
    if (!co_await node.cycle_done.wait(patience)) co_return;
  }
}

}  // namespace matriarch::agent
