#include "agent/node.h"

#include <algorithm>

#include "base/log.h"
#include "policy/bookkeeping.h"
#include "policy/election.h"
#include "policy/upkeep.h"

namespace matriarch::agent {

Node::Node(Ports p, NodeConfig node_config)
    : ports(std::move(p)),
      config(std::move(node_config)),
      guard(ports.guard != nullptr ? ports.guard : &no_guard),
      wake(ports.scheduler),
      cycle_done(ports.scheduler),
      lease(
          ports.scheduler, ports.store, [this] { return leader_report(); }, [this] { wake.set(); }),
      actions(ports.scheduler, [this] { wake.set(); }),
      dynamic_config(config.initial_dynamic_config),
      settings(config.settings_of(dynamic_config, false)) {
  world.me = config.name;
  world.tags = config.tags;
  world.has_bootstrap_section = config.has_bootstrap_section;
  lease.configure(settings);
  lease.on_moved([this] { guard->renew(guarded_lease()); });
  guard->on_change([this] { wake.set(); });
}

Ctx Node::store_ctx(std::stop_token stop) const { return within(settings.retry_timeout, std::move(stop)); }

Ctx Node::within(Duration duration, std::stop_token stop) const {
  return {.deadline = ports.scheduler.now() + duration, .stop = std::move(stop)};
}

Ctx Node::in_time(Duration duration) const {
  constexpr Duration kLastLook = std::chrono::milliseconds(50);  // past F there is only time for what is at hand
  const Instant now = ports.scheduler.now();
  const Ctx ctx = within(duration);
  if (settings.paused) return ctx;  // a paused primary is not fenced, and may need longer to get its key back (HA-278)
  // A node that is not the primary has nothing to fence: it may wait although an old lease ran out. A server that did not
  // answer last time may be one.
  const bool may_write = world.server.is_primary() || (world.server.postmaster_alive && !world.server.queried);
  if (lease.state().status != policy::LeaseState::Status::kHeld || !may_write) return ctx;
  return ctx.until(std::max(lease.state().times.fence_at, now + kLastLook));
}

Task<void> Node::look_at_server() {
  const Instant begun = ports.scheduler.now();
  world.server = co_await ports.server.observe(in_time(kQueryPatience));
  server_seen_at = begun;
  if (!world.server.control.system_id.empty()) world.system_id = world.server.control.system_id;
  if (world.server.directory != DataDirectory::kPresent) world.system_id.clear();
  world.can_rewind = settings.use_pg_rewind && ports.server.can_rewind(world.server);
}

Role Node::role() const {
  policy::World now = world;
  now.action = actions.running();
  return policy::role_of(now, memory);
}

PgState Node::state() const {
  policy::World now = world;
  now.action = actions.running();
  return policy::state_of(now, memory);
}

Tags Node::effective_tags() const {
  Tags tags = config.tags;
  if (sync_abstentions > 0) {
    tags.raw.set("nosync", true);
    tags.raw.set("sync_priority", 0);
  }
  return tags;
}

MemberData Node::member_data() const {
  const ServerView& server = world.server;
  MemberData data;
  data.conn_url = config.conn_url;
  data.api_url = config.api_url;
  data.proxy_url = config.proxy_url;
  data.state = state();
  data.role = role();
  data.version = config.version;
  data.matriarch = config.release;
  data.tags.raw = published_tags(effective_tags());
  data.checkpoint_pending = checkpoint_pending && lease.held();
  data.pause = settings.paused;
  data.pending_restart_reason = ports.server.pending_restart_reason();
  data.pending_restart = data.pending_restart_reason.truthy();
  data.scheduled_restart = scheduled_restart;
  if (const auto guarding = guard->state(); guarding.enabled) {
    data.guardian = guarding.armed ? "armed" : guarding.connected ? "ready" : "lost";
  }
  const bool quiet = !actions.busy() || actions.running().kind == policy::ActionKind::kPromote;
  if (server.queried && quiet) {  // DCS-056
    data.has_wal_position = true;
    data.xlog_location = server.position();
    if (server.in_recovery) {
      data.replay_lsn = server.replay_lsn;
      data.receive_lsn = server.receive_lsn;
      data.replication_state = server.replication_state;
      data.timeline = policy::my_timeline(world);
    } else {
      data.timeline = server.timeline;
    }
  }
  return data;
}

LeaderReport Node::leader_report() {
  LeaderReport report;
  if (actions.busy() || taking_over) return report;  // HA-079: the key alone
  if (world.server.is_primary()) {
    StatusInfo status{.optime = world.server.wal_lsn, .slots = world.server.slots};
    status.retain_slots = policy::retained_slots(memory);
    if (!status.slots.empty()) status.slots[slot_name_of_member(config.name)] = world.server.wal_lsn;  // DCS-080
    report.status = std::move(status);
  }
  if (settings.failsafe_mode && view) {  // HA-294
    Value::Map members;
    for (const auto& member : view->members) {
      if (member.has_api()) members.set(member.name, member.data.api_url);
    }
    members.set(config.name, config.api_url);
    for (const auto& [name, url] : members) failsafe_reported[name] = {.url = url.as_string(), .at = ports.scheduler.now()};
    report.failsafe = std::move(members);
  }
  return report;
}

Task<void> Node::touch() {
  const auto written = co_await ports.store.touch_member(member_data(), store_in_time());
  if (!written) log::warning("could not write the member key: {}", written.error().text());
}

}  // namespace matriarch::agent
