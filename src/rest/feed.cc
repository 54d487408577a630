#include "rest/feed.h"

#include "rest/node_status.h"

namespace matriarch::rest {

namespace {
constexpr Duration kObservationTimeout = std::chrono::seconds(2);  // API-094
}

SnapshotFeed::SnapshotFeed(Scheduler& scheduler, AgentApi& agent)
    : scheduler_(scheduler), agent_(agent), background_(scheduler), ended_one_(scheduler) {}

std::shared_ptr<const AgentSnapshot> SnapshotFeed::current() const {
  auto published = agent_.snapshot();
  return fresh_ != nullptr && published == base_ ? fresh_ : published;
}

void SnapshotFeed::keep_fresh(const AgentSnapshot& snapshot) {
  const Instant now = scheduler_.now();
  if (refreshing_ || now < not_before_ || !may_be_queried(snapshot.state) || now - snapshot.server_seen_at < kMaxAge)
    return;
  refreshing_ = true;
  not_before_ = now + kMaxAge;
  background_.spawn(refresh());
}

Task<void> SnapshotFeed::refresh() {
  (void)co_await fresh({.deadline = scheduler_.now() + kObservationTimeout, .stop = background_.stop_token()});
  refreshing_ = false;
}

void SnapshotFeed::begin_observation() {
  ++begun_;
  background_.spawn(observe());
}

Task<void> SnapshotFeed::observe() {
  observed_ = co_await agent_.fresh_snapshot(
      {.deadline = scheduler_.now() + kObservationTimeout, .stop = background_.stop_token()});
  const auto known = current();
  if (observed_ != nullptr && known != nullptr && observed_->server_seen_at > known->server_seen_at) {
    base_ = agent_.snapshot();
    fresh_ = observed_;
  }
  ended_ = begun_;
  ended_one_.notify();
}

Task<std::shared_ptr<const AgentSnapshot>> SnapshotFeed::fresh(Ctx ctx) {
  const std::uint64_t wanted = begun_ + 1;  // one that is under way may have looked before this call
  while (ended_ < wanted) {
    if (begun_ == ended_) begin_observation();
    if (!co_await ended_one_.wait(ctx)) co_return agent_.snapshot();
  }
  // Not what is known, even if that is newer: it may rest on an observation that was begun before this call.
  co_return observed_;
}

Task<void> SnapshotFeed::stop() {
  background_.request_stop();
  co_await background_.join();
}

}  // namespace matriarch::rest
