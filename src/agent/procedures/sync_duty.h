// A standby that goes down for a while says so to a leader that replicates synchronously, so that no commit waits for it.
#pragma once

#include "agent/node.h"

namespace matriarch::agent {

// For as long as this lives the node is published as no candidate for synchronous replication (HA-339, SYNC-036). Nothing
// is done for a leader, and where nothing replicates synchronously.
class SyncAbstention {
 public:
  explicit SyncAbstention(Node& node);
  ~SyncAbstention();
  SyncAbstention(const SyncAbstention&) = delete;
  SyncAbstention& operator=(const SyncAbstention&) = delete;

  // Completes when the leader does without this node, or has had two loops to do so: it is a courtesy, and no condition.
  Task<void> take_effect(Ctx ctx);

 private:
  Node& node_;
  bool active_;
};

}  // namespace matriarch::agent
