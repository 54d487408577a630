// Procedures that make or replace the data directory.
#include <fmt/format.h>

#include "agent/procedures/procedures.h"
#include "base/log.h"
#include "model/codec.h"

namespace matriarch::agent {

namespace {

// HA-099: nothing of a failed bootstrap may look like a cluster.
Task<Outcome> cancel_bootstrap(Node& node, std::string why) {
  (void)co_await node.ports.server.stop(StopOptions{.mode = StopMode::kImmediate,
                                                    .kill_at = node.ports.scheduler.now() + node.settings.retry_timeout},
                                        Ctx{});
  if (const auto moved = co_await node.ports.server.move_data_directory_away(Ctx{}); !moved) {
    log::error("could not move the data directory away: {}", moved.error().text());
  }
  if (const auto deleted = co_await node.ports.store.delete_initialize(node.store_ctx()); !deleted) {
    log::error("could not delete /initialize: {}; remove it with `patronictl remove` before the next try",
               deleted.error().text());
  }
  co_return Outcome::failure(fmt::format("failed to bootstrap the cluster: {}", why));
}

// HA-103: a replica that sees a leader must find the identity to verify and the configuration to apply.
Task<Status> announce_cluster(Node& node, Ctx ctx) {
  if (const auto s = co_await node.ports.store.set_initialize(node.world.system_id, node.store_ctx(ctx.stop)); !s) {
    co_return s.error().in("/initialize");
  }
  node.step("bootstrap.identified");
  const auto config = to_json(node.dynamic_config.is_map() ? node.dynamic_config : Value(Value::Map{}));
  if (const auto s = co_await node.ports.store.set_config(config, std::nullopt, node.store_ctx(ctx.stop)); !s) {
    co_return s.error().in("/config");
  }
  node.step("bootstrap.configured");
  if (const auto s = co_await node.lease.take(node.store_ctx(ctx.stop)); !s) co_return s.error().in("/leader");
  node.step("bootstrap.led");
  if (const auto armed = co_await node.arm_guard(ctx); !armed) co_return armed.error().in("guardian");
  co_return Status();
}

}  // namespace

// Ok also if another node was faster: then there is nothing to be done here.
Task<std::optional<Outcome>> claim_initialize(Node& node, Ctx ctx) {
  const auto claimed = co_await node.ports.store.create_initialize("", node.store_ctx(ctx.stop));
  if (!claimed) {
    co_return Outcome{.ok = true, .text = fmt::format("failed to acquire initialize lock: {}", claimed.error().text())};
  }
  node.step("bootstrap.claimed");
  co_return std::nullopt;
}

// What was cut off goes on: the claim is this node's own, and from initdb on nothing is done twice that must not be.
Task<Outcome> bootstrap(Node& node, Ctx ctx) {
  const Interrupted cut_off = node.world.server.interrupted;
  const bool claimed = is_unannounced(cut_off) && node.view && node.view->initialize.has_value();
  if (!claimed) {
    if (auto lost = co_await claim_initialize(node, ctx)) co_return std::move(*lost);
  }
  const bool whole = cut_off == Interrupted::kBootstrap;
  const Status made = whole ? co_await node.ports.server.start(std::nullopt, ctx) : co_await node.ports.server.initdb(ctx);
  if (!made) co_return co_await cancel_bootstrap(node, made.error().text());
  node.step("bootstrap.initialized");
  if (const auto users = co_await node.ports.server.post_bootstrap(ctx); !users) {
    co_return co_await cancel_bootstrap(node, users.error().text());
  }
  co_await node.look_at_server();
  if (const auto announced = co_await announce_cluster(node, ctx); !announced) {
    // What was asked of the store may have happened nevertheless, and others may be copying from here already: from now on
    // the data stays, and the loop writes what is missing (HA-054, HA-055).
    log::warning("could not announce the new cluster: {}", announced.error().text());
    co_return Outcome::success();
  }
  co_await node.ports.server.bootstrap_announced();
  node.ports.server.callback(CallbackAction::kOnStart, Role::kPrimary);  // HA-105
  log::info("initialized a new cluster");
  co_return Outcome::success();
}

Task<Outcome> clone(Node& node, CloneSource source, Ctx ctx) {
  node.step("clone.begin");
  const auto copied = co_await node.ports.server.clone(std::move(source), ctx);
  if (!copied) {
    if (const auto removed = co_await node.ports.server.remove_data_directory(Ctx{}); !removed) {
      log::error("could not remove the unfinished copy: {}", removed.error().text());
    }
    co_return Outcome::failure(copied.error().text());
  }
  node.step("clone.done");
  co_await node.look_at_server();
  co_return Outcome::success();
}

namespace {

// INV-4: what may be the last complete copy is removed only when the source of the new one is there.
Task<bool> answers(Node& node, std::string name, Ctx ctx) {
  const Member* member = node.view ? node.view->member(name) : nullptr;
  if (member == nullptr) co_return false;
  std::vector<Member> source(1, *member);
  const auto status = co_await node.ports.peers.poll(std::move(source), ctx.until(node.ports.scheduler.now() + kPeerPatience));
  co_return status.front().reachable;
}

}  // namespace

Task<Outcome> reinitialize(Node& node, CloneSource source, Ctx ctx) {
  const bool source_answers = co_await answers(node, source.member, ctx);
  if (!source_answers) {
    co_return Outcome::failure(fmt::format("PostgreSQL of {} does not answer: the data directory stays as it is", source.member));
  }
  const auto stopped = co_await node.ports.server.stop(
      StopOptions{.mode = StopMode::kImmediate, .kill_at = node.ports.scheduler.now() + node.settings.retry_timeout}, ctx);
  if (!stopped) co_return Outcome::failure(stopped.error().text());
  node.step("reinitialize.stopped");
  if (const auto removed = co_await node.ports.server.remove_data_directory(ctx); !removed) {
    co_return Outcome::failure(removed.error().text());
  }
  node.step("reinitialize.removed");
  co_return co_await clone(node, std::move(source), ctx);
}

Task<Outcome> rewind(Node& node, Upstream upstream, Ctx ctx) {
  const auto stopped = co_await node.ports.server.stop(StopOptions{.mode = StopMode::kFast}, ctx);
  if (!stopped) co_return Outcome::failure(stopped.error().text());
  node.step("rewind.stopped");
  const auto outcome = co_await node.ports.server.rewind(std::move(upstream), ctx);
  node.step("rewind.done");
  co_await node.look_at_server();
  switch (outcome) {
    case RewindOutcome::kDone: co_return Outcome::success();
    case RewindOutcome::kSourceUnavailable: co_return Outcome::failure("the leader is not ready to be rewound from yet");
    case RewindOutcome::kFailed: break;
  }
  co_return Outcome{.ok = false, .vetoed = true, .text = "pg_rewind failed; its output is in the log"};
}

}  // namespace matriarch::agent
