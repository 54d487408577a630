#include "agent/synchronous.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agent/agent.h"
#include "base/log.h"
#include "model/codec.h"

namespace matriarch::agent {

namespace {

namespace sync = policy::sync;

// Enough for the longest way from any state to a settled one; what is left is done in the next cycle.
constexpr int kStepsInARow = 12;
constexpr Duration kFirstLook = std::chrono::milliseconds(20);
constexpr Duration kLongestLook = std::chrono::milliseconds(500);
// Commits wait for a standby whose whole node has died, until somebody looks: nothing else tells of it.
constexpr Duration kStallPatience = std::chrono::seconds(1);

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

// What we know to be in the store, without reading it again. A procedure has the view of the loop, which drops it whenever it
// could not be read.
void remember_sync(Node& node, SyncState state) {
  if (!node.view) return;
  auto view = std::make_shared<ClusterView>(*node.view);
  view->sync = std::move(state);
  view->basis.sync = view->sync.version;
  node.view = node.world.view = std::move(view);
}

Error no_view() { return {Errc::kUnavailable, "the store could not be read"}; }

Task<Status> publish(Node& node, sync::Publish step, Ctx ctx) {
  if (!node.view) co_return no_view();
  const std::vector<std::string> voters(step.voters.begin(), step.voters.end());
  const auto written = co_await node.ports.store.set_sync(write_sync(step.leader, voters, step.quorum), node.view->sync.version, ctx);
  if (!written) co_return written.error().in("writing /sync");
  remember_sync(node, {.leader = step.leader, .voters = voters, .quorum = step.quorum, .version = *written});
  log::info("/sync: leader {}, synchronous [{}]{}", step.leader, fmt::join(voters, ", "),
            step.quorum > 0 ? fmt::format(", quorum {}", step.quorum) : std::string());
  node.step("sync.published");
  co_return Status();
}

Task<Status> unpublish(Node& node, Ctx ctx) {
  if (!node.view) co_return no_view();
  const auto deleted = co_await node.ports.store.delete_sync(node.view->sync.version, ctx);
  if (!deleted) co_return deleted.error().in("deleting /sync");
  remember_sync(node, {});
  node.step("sync.unpublished");
  co_return Status();
}

Task<Status> require(Node& node, sync::Require step, Ctx ctx) {
  const std::vector<std::string> names(step.names.begin(), step.names.end());
  const auto set = co_await node.ports.server.set_synchronous_standbys(names, step.count, step.mode, ctx);
  if (!set) co_return set.error().in("setting synchronous_standby_names");
  node.step("sync.required");
  co_return Status();
}

Task<Status> done() { co_return Status(); }

}  // namespace

Task<Status> carry_out(Node& node, sync::Step step, Ctx ctx) {
  return std::visit(Overloaded{[&](sync::Publish s) { return publish(node, std::move(s), ctx); },
                               [&](sync::Unpublish) { return unpublish(node, ctx); },
                               [&](sync::Require s) { return require(node, std::move(s), ctx); },
                               [&](sync::Nudge) { return node.ports.server.write_transaction(ctx); },
                               [&](sync::LookAgain) { return done(); },
                               [&](sync::Nothing) { return done(); }},
                    std::move(step));
}

Task<Status> carry_out_all(Node& node, std::vector<sync::Step> steps, Ctx ctx) {
  for (auto& step : steps) {
    const Ctx patience = node.store_ctx(ctx.stop);
    if (auto carried = co_await carry_out(node, std::move(step), patience); !carried) co_return carried;
  }
  co_return Status();
}

// SYNC-004: also while paused.
Task<void> Agent::keep_synchronous() {
  for (int count = 0; count < kStepsInARow; ++count) {
    if (!node_.world.server.is_primary()) co_return;
    auto decided = sync::decide(node_.world, node_.memory.sync);
    node_.memory.sync = std::move(decided.memory);
    if (!decided.warning.empty()) log::warning("{}", decided.warning);
    if (std::holds_alternative<sync::Nothing>(decided.step)) {
      if (!node_.world.server.synchronous_standby_names.empty()) sync_look_at_ = node_.ports.scheduler.now() + kStallPatience;
      co_return;
    }
    if (std::holds_alternative<sync::LookAgain>(decided.step)) {
      look_again_for_confirmation();
      co_return;
    }
    if (const auto carried = co_await carry_out(node_, std::move(decided.step), node_.store_in_time()); !carried) {
      log::warning("synchronous replication: {}", carried.error().text());
      co_return;
    }
    co_await node_.look_at_server();
    node_.world.now = node_.ports.scheduler.now();
  }
}

// A standby that just connected, or was just named, confirms within milliseconds; one that does not is not asked so often.
void Agent::look_again_for_confirmation() {
  const Instant now = node_.ports.scheduler.now();
  const Duration waited = std::max(now - node_.memory.sync.changed_at, kFirstLook);
  sync_look_at_ = now + std::min(waited, kLongestLook);
}

}  // namespace matriarch::agent
