#include "agent/procedures/sync_duty.h"

namespace matriarch::agent {

namespace {

bool is_synchronous(const ClusterView& view, const std::string& name) {
  return !view.is_unlocked() && view.sync.leader_matches(view.leader_name()) && view.sync.matches(name);
}

}  // namespace

SyncAbstention::SyncAbstention(Node& node)
    : node_(node),
      active_(!node.lease.held() && node.settings.synchronous_mode != SyncMode::kOff && !node.config.tags.nosync()) {
  if (active_) ++node_.sync_abstentions;
}

SyncAbstention::~SyncAbstention() {
  if (active_) --node_.sync_abstentions;
}

Task<void> SyncAbstention::take_effect(Ctx ctx) {
  if (!active_) co_return;
  co_await node_.touch();
  const Ctx patience = ctx.until(node_.ports.scheduler.now() + 2 * node_.settings.loop_wait);
  while (true) {
    const auto view = co_await node_.ports.store.load(node_.store_ctx(ctx.stop));
    if (!view || !is_synchronous(*view, node_.config.name)) co_return;
    if (!co_await node_.cycle_done.wait(patience)) co_return;
  }
}

}  // namespace matriarch::agent
