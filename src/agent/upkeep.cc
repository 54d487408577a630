// What is kept in order in every quiet cycle: history, slots, the checkpoint after a promotion, scheduled restarts.
#include "agent/agent.h"
#include "agent/procedures/procedures.h"
#include "base/log.h"
#include "model/codec.h"
#include "policy/request.h"
#include "policy/upkeep.h"

namespace matriarch::agent {

using policy::Verdict;

Task<void> Agent::keep_up(Verdict verdict) {
  if (node_.actions.busy() || !node_.world.server.queried) co_return;
  if (!node_.view) {
    if (node_.settings.failsafe_mode) co_await keep_slots();  // PG-340
    co_return;
  }
  const bool announced = node_.view->initialize == node_.world.system_id;
  if (announced && is_unannounced(node_.world.server.interrupted)) co_await node_.ports.server.bootstrap_announced();
  if (verdict == Verdict::kLead) {
    co_await keep_synchronous();
    co_await keep_checkpoint();
    co_await keep_history();
  }
  if (verdict == Verdict::kLead || verdict == Verdict::kFollow) co_await keep_slots();
  co_await keep_schedule();
}

Task<void> Agent::keep_history() {
  if (!policy::history_outdated(node_.world)) co_return;
  std::vector<HistoryRow> own;
  if (node_.world.server.timeline > 1) {
    auto rows = co_await node_.ports.server.timeline_history(node_.world.server.timeline, node_.in_time(kQueryPatience));
    if (!rows) {
      log::warning("could not read the timeline history: {}", rows.error().text());
      co_return;
    }
    own = std::move(*rows);
  }
  const auto rows = policy::history_to_write(node_.world, std::move(own));
  if (!rows) co_return;
  const auto written = co_await node_.ports.store.set_history(write_history(*rows), node_.store_in_time());
  if (!written) log::warning("could not write /history: {}", written.error().text());
}

Task<void> Agent::keep_slots() {
  Server::SlotPlan plan;
  std::optional<policy::World> failsafe;
  if (!node_.view || failsafe_leader_is_fresh()) {
    const auto& last = node_.view ? node_.view : node_.memory.led_view;
    if (!last) co_return;
    const bool led = failsafe_leader_is_fresh();
    failsafe = node_.world;
    failsafe->view = std::make_shared<const ClusterView>(
        policy::with_slot_positions(*last, led ? failsafe_leader_->slots : failsafe_positions_));
  }
  for (const auto& [name, slot] : policy::wanted_slots(failsafe ? *failsafe : node_.world)) {
    plan.physical[name] = slot.advance_to;
    if (!slot.expect_active) plan.keep_inactive[name] = true;
  }
  plan.drop_unknown = node_.view && !node_.settings.paused;  // HA-281; who has gone is not known without the store
  const auto synced = co_await node_.ports.server.sync_slots(std::move(plan), node_.in_time(kQueryPatience));
  if (!synced) log::warning("could not synchronise the replication slots: {}", synced.error().text());
}

// HA-336. In the background: a checkpoint may take long. Until it is done a former primary must not rewind from us.
Task<void> Agent::keep_checkpoint() {
  const auto& server = node_.world.server;
  if (server.control.checkpoint_timeline >= server.timeline) {
    node_.checkpoint_pending = false;
    co_return;
  }
  node_.checkpoint_pending = true;
  if (checkpointing_) co_return;
  checkpointing_ = true;
  constexpr auto run = [](Agent* self, Ctx ctx) -> Task<void> {
    const auto done = co_await self->node_.ports.server.checkpoint(ctx);
    self->checkpointing_ = false;
    if (!done) log::warning("the checkpoint after the promotion failed: {}", done.error().text());
    self->node_.wake.set();
  };
  background_.spawn(run(this, Ctx{.stop = background_.stop_token()}));
}

// HA-264.
Task<void> Agent::keep_schedule() {
  if (!node_.scheduled_restart.is_map() || node_.view->is_unlocked() || node_.settings.paused) co_return;
  const Value* at = node_.scheduled_restart.find("schedule");
  const auto time = at != nullptr && at->is_string() ? parse_timestamp(at->as_string()) : std::nullopt;
  const Value* started = node_.scheduled_restart.find("postmaster_start_time");
  const bool restarted_since = started != nullptr && started->is_string() && !node_.world.server.postmaster_start_time.empty() &&
                               started->as_string() != node_.world.server.postmaster_start_time;
  if (!time || restarted_since) {
    log::info("scheduled restart cancelled: {}", restarted_since ? "the server was restarted meanwhile" : "no time");
    node_.scheduled_restart = nullptr;
    co_return;
  }
  const auto due = policy::schedule_of(*time, node_.ports.scheduler.wall_now(), node_.settings.loop_wait);
  if (due == policy::Schedule::kWait) co_return;
  RestartCommand command = restart_command_of(node_.scheduled_restart);
  node_.scheduled_restart = nullptr;
  if (due == policy::Schedule::kStale || !restart_conditions_hold(command)) {
    log::info("scheduled restart not done: {}", due == policy::Schedule::kStale ? "it was missed" : "its conditions do not hold");
    co_return;
  }
  begin_restart(command);
}

}  // namespace matriarch::agent
