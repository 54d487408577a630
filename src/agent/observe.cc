// Looking at the world: the store's view, the local server, what has ended meanwhile.
#include <algorithm>
#include <chrono>

#include "agent/agent.h"
#include "base/log.h"

namespace matriarch::agent {

Task<void> Agent::observe() {
  co_await load_view();
  co_await adopt_dynamic_config();
  co_await node_.look_at_server();

  auto& world = node_.world;
  world.now = node_.ports.scheduler.now();
  world.wall_now = node_.ports.scheduler.wall_now();
  world.settings = node_.settings;
  world.view = node_.view;
  world.view_asked_at = node_.view_asked_at;
  world.view_ever_loaded = node_.view_ever_loaded;
  world.known_failsafe = node_.known_failsafe;
  world.lease = node_.lease.state();
  world.action = node_.actions.running();
  world.finished = node_.actions.take_finished();
  world.shutdown_requested = node_.shutdown_requested;
  world.watchdog_failed = node_.guard->state().watchdog_failed;
  world.peers.reset();
  world.divergence.reset();
  world.divergence_unknown = false;
  world.failsafe_asked = false;
}

Task<void> Agent::load_view() {
  node_.view_asked_at = node_.ports.scheduler.now();
  auto view = co_await node_.ports.store.load(node_.store_in_time());
  if (!view) {
    if (node_.view) log::error("Error communicating with DCS: {}", view.error().text());
    node_.view.reset();  // DCS-152
    co_return;
  }
  take_view(std::move(*view));
}

void Agent::take_view(ClusterView view) {
  node_.view_ever_loaded = true;
  node_.known_failsafe = view.failsafe;
  // What we wrote long enough before this view was asked for is in it, or will never be.
  std::erase_if(node_.failsafe_reported, [&](const auto& item) {
    return item.second.at + node_.settings.retry_timeout < node_.view_asked_at;
  });
  node_.store_last_seen = std::chrono::floor<std::chrono::seconds>(node_.ports.scheduler.wall_now()).time_since_epoch().count();
  node_.view = std::make_shared<const ClusterView>(std::move(view));
  inject_failsafe_leader();
}

bool Agent::failsafe_leader_is_fresh() const {
  return node_.settings.failsafe_mode && failsafe_leader_ &&
         node_.ports.scheduler.now() - failsafe_leader_->heard_at < node_.settings.ttl;
}

// HA-069: a leader that told us it goes on without the store is the leader, for ttl.
void Agent::inject_failsafe_leader() {
  if (!failsafe_leader_is_fresh() || !node_.view->is_unlocked()) return;
  auto view = std::make_shared<ClusterView>(*node_.view);
  view->leader = Leader{.name = failsafe_leader_->member.name};
  if (view->member(failsafe_leader_->member.name) == nullptr) view->members.push_back(failsafe_leader_->member);
  node_.view = std::move(view);
}

namespace {

bool has_foreign_member(const ClusterView& view) {
  return std::ranges::any_of(view.members, [](const Member& member) { return member.data.matriarch.empty(); });
}

}  // namespace

// HA-013: only a usable /config counts; the last usable one stays in force.
Task<void> Agent::adopt_dynamic_config() {
  if (!node_.view) co_return;
  const bool mixed = has_foreign_member(*node_.view);
  const bool usable = node_.view->config && !node_.view->config->version.empty() && node_.view->config->data.truthy();
  const bool seen = !usable || node_.view->config->version == node_.dynamic_version;
  if (seen && mixed == node_.mixed) co_return;
  const bool same = seen || (!node_.dynamic_version.empty() && deep_equal(node_.view->config->data, node_.dynamic_config));
  if (usable) node_.dynamic_version = node_.view->config->version;
  if (same && mixed == node_.mixed) co_return;  // DCS-140
  if (usable) node_.dynamic_config = node_.view->config->data;
  node_.mixed = mixed;
  node_.settings = node_.config.settings_of(node_.dynamic_config, mixed);
  node_.lease.configure(node_.settings);
  node_.guard->configure(node_.settings.ttl, node_.settings.loop_wait);
  const auto applied = co_await node_.ports.server.apply_settings(node_.dynamic_config, node_.in_time(kQueryPatience));
  if (!applied) log::warning("could not apply the new configuration to PostgreSQL: {}", applied.error().text());
}

}  // namespace matriarch::agent
