#include "agent/agent.h"

#include <algorithm>

#include "base/log.h"
#include "policy/decide.h"

namespace matriarch::agent {

using policy::Verdict;

namespace {

constexpr std::size_t kDecisionsKept = 200;
// After something was done the world is looked at again at once; this bounds a run of such looks.
constexpr int kRoundsInARow = 20;

}  // namespace

Agent::Agent(Ports ports, NodeConfig config)
    : node_(std::move(ports), std::move(config)), background_(node_.ports.scheduler) {
  node_.ports.store.on_change([this] { node_.wake.set(); });
  node_.ports.server.on_change([this] { node_.wake.set(); });
  publish();
}

Agent::~Agent() {
  node_.ports.store.on_change({});
  node_.ports.server.on_change({});
}

Task<int> Agent::run() {
  take_over_lease();
  const auto started = co_await start_up();
  if (!started) {
    log::critical("{}", started.error().text());
    co_return 1;
  }
  background_.spawn(node_.lease.run(Ctx{.stop = background_.stop_token()}));
  next_run_ = node_.ports.scheduler.now();
  while (!exit_code_) co_await cycle();
  background_.request_stop();
  co_await node_.actions.cancel();
  co_await background_.join();
  publish();
  co_return *exit_code_;
}

// One heartbeat: look, decide, act, until nothing is left to do; then publish and wait.
Task<void> Agent::cycle() {
  policy::Decision decision;
  bool again = true;
  for (int round = 0; again && !exit_code_ && round < kRoundsInARow; ++round) {
    co_await observe();
    co_await keep_guard();
    decision = co_await decide_with_answers();
    again = co_await act(decision);
    publish();
    node_.cycle_done.notify();
  }
  if (exit_code_) co_return;
  co_await keep_up(decision.verdict);
  if (node_.view) co_await node_.touch();  // HA-072, HA-293
  persist_dynamic_config();
  cycle_at_ = node_.ports.scheduler.now();
  publish();
  node_.cycle_done.notify();
  co_await pause_until_next(decision);
}

void Agent::persist_dynamic_config() {
  if (!node_.config.persist_dynamic_config || node_.memory.role == Role::kUninitialized) return;
  if (node_.dynamic_version == persisted_version_ || node_.actions.busy()) return;
  persisted_version_ = node_.dynamic_version;
  node_.config.persist_dynamic_config(node_.dynamic_config);
}

Task<void> Agent::pause_until_next(const policy::Decision& decision) {
  const Instant now = node_.ports.scheduler.now();
  next_run_ += node_.settings.loop_wait;  // HA-006
  if (next_run_ <= now) {
    next_run_ = now;
    log::warning("Loop time exceeded, rescheduling immediately.");
  }
  Instant until = std::min(next_run_, decision.revisit_at);
  if (!node_.view) {  // an outage of the store: look more often than loop_wait, it may be short
    until = std::min(until, now + std::min<Duration>(node_.settings.loop_wait, std::chrono::seconds(1)));
  }
  if (retry_at_ > now) until = std::min(until, retry_at_);
  until = std::min(until, std::exchange(sync_look_at_, Instant::max()));  // set anew by who still leads
  const auto woken = co_await node_.wake.wait(Ctx{.deadline = std::max(until, now + std::chrono::milliseconds(1))});
  if (woken || until < next_run_) next_run_ = node_.ports.scheduler.now();
}

void Agent::record(const policy::Decision& decision) {
  const bool changed = decision.reason != last_reason_;
  const bool heartbeat = decision.verdict == Verdict::kLead || decision.verdict == Verdict::kWait ||
                         decision.verdict == Verdict::kFollow;
  const bool question = decision.verdict == Verdict::kPollPeers || decision.verdict == Verdict::kCompare ||
                        decision.verdict == Verdict::kAskFailsafe;
  if (!question) {
    results_.write(node_.view ? node_.view->leader_name() : std::string(), node_.config.name,
                   fmt::format("{}{}", node_.settings.paused ? "PAUSE: " : "", decision.reason),  // HA-011
                   node_.ports.scheduler.now(), node_.settings.loop_wait);
  }
  if (!changed && heartbeat) return;
  last_reason_ = decision.reason;
  decisions_.push_back({.number = ++decision_count_,
                        .at = node_.ports.scheduler.wall_now(),
                        .action = std::string(to_string(decision.verdict)),
                        .reason = decision.reason,
                        .inputs = decision.inputs});
  if (decisions_.size() > kDecisionsKept) decisions_.pop_front();
}

void Agent::publish() {
  auto snapshot = std::make_shared<AgentSnapshot>();
  const Instant now = node_.ports.scheduler.now();
  snapshot->name = node_.config.name;
  snapshot->scope = node_.config.scope;
  snapshot->role = node_.role();
  snapshot->state = node_.state();
  snapshot->server = node_.world.server;
  snapshot->server_seen_at = node_.server_seen_at;
  snapshot->member = node_.member_data();
  snapshot->tags = node_.effective_tags();
  snapshot->configured_tags = node_.config.tags;
  snapshot->failsafe_topology = node_.known_failsafe;
  if (node_.view) snapshot->cluster_valid_until = node_.view_asked_at + node_.settings.ttl;  // DCS-153
  snapshot->settings = node_.settings;
  snapshot->cluster = node_.view;
  snapshot->store_last_seen = node_.store_last_seen;
  snapshot->cycle_at = cycle_at_;
  snapshot->loop_wait = node_.settings.loop_wait;
  snapshot->leader_by_lease = node_.lease.held();
  snapshot->lease_end = node_.lease.state().status == policy::LeaseState::Status::kHeld ? node_.lease.state().times.end : Instant{};
  snapshot->failsafe_active = failsafe_leader_ && now - failsafe_leader_->heard_at < node_.settings.ttl;
  snapshot->guard = node_.guard->state();
  snapshot->watchdog_failed = snapshot->guard.watchdog_failed;  // API-123
  snapshot->running_action = node_.actions.running().name;
  snapshot->scheduled_restart = node_.scheduled_restart;
  snapshot->decisions.assign(decisions_.begin(), decisions_.end());
  snapshot_ = std::move(snapshot);
}

Task<std::shared_ptr<const AgentSnapshot>> Agent::fresh_snapshot(Ctx ctx) {
  auto fresh = std::make_shared<AgentSnapshot>(*snapshot_);
  fresh->server_seen_at = node_.ports.scheduler.now();
  // Not into the node's world: a decision that is being made must not change under its maker.
  fresh->server = co_await node_.ports.server.observe(ctx.until(node_.ports.scheduler.now() + kQueryPatience));
  fresh->role = node_.role();
  fresh->state = node_.state();
  co_return fresh;
}

void Agent::terminate() {
  if (!std::exchange(node_.shutdown_requested, true) && node_.config.shutting_down) node_.config.shutting_down();
  node_.wake.set();
}

void Agent::reconfigure(NodeConfig config) {
  node_.config = std::move(config);
  node_.world.tags = node_.config.tags;
  node_.world.has_bootstrap_section = node_.config.has_bootstrap_section;
  node_.wake.set();
}

}  // namespace matriarch::agent
