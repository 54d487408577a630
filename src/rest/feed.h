// The snapshot that answers are made from, kept fresh while somebody asks.
#pragma once

#include <cstdint>
#include <memory>

#include "base/task_group.h"
#include "base/wait.h"
#include "ports/agent_api.h"

namespace matriarch::rest {

// Health checks answer at once from what is in memory. So that this is not as old as the agent's last cycle, a check that
// finds an observation older than kMaxAge has PostgreSQL observed in the background, once at a time, for those to come.
//
// Thread: the scheduler's. Await stop() before destroying it.
class SnapshotFeed {
 public:
  static constexpr Duration kMaxAge = std::chrono::seconds(1);

  SnapshotFeed(Scheduler& scheduler, AgentApi& agent);

  // The agent's, or a fresher observation upon it. Null until the agent has one.
  [[nodiscard]] std::shared_ptr<const AgentSnapshot> current() const;
  // Starts an observation if `snapshot` is old and PostgreSQL may answer.
  void keep_fresh(const AgentSnapshot& snapshot);
  // Observed after this call where PostgreSQL answers in time: see AgentApi::fresh_snapshot(). However many ask, there is
  // one observation at a time: who asks while one runs shares the next. So no number of clients keeps the agent itself
  // waiting for its turn with PostgreSQL.
  Task<std::shared_ptr<const AgentSnapshot>> fresh(Ctx ctx);

  Task<void> stop();

 private:
  Task<void> refresh();
  void begin_observation();
  Task<void> observe();

  Scheduler& scheduler_;
  AgentApi& agent_;
  TaskGroup background_;
  bool refreshing_ = false;
  std::uint64_t begun_ = 0;  // observations
  std::uint64_t ended_ = 0;
  std::shared_ptr<const AgentSnapshot> observed_;  // by the one that ended last
  Broadcast ended_one_;
  Instant not_before_;  // a server that does not answer is not asked at the clients' pace
  // `fresh_` was observed upon `base_` and counts until the agent publishes another one.
  std::shared_ptr<const AgentSnapshot> base_;
  std::shared_ptr<const AgentSnapshot> fresh_;
};

}  // namespace matriarch::rest
