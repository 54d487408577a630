// Rules broken on purpose, to prove that the checks would notice. Production code knows nothing of them: each one sits in a
// wrapper around a port, in the settings an agent is given, or in the simulator's own store client.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/settings.h"
#include "ports/server.h"
#include "ports/store.h"
#include "sim/process.h"

namespace matriarch::sim {

enum class Mutation {
  kNone,
  kLeaseFromAnswer,         // the lease is counted from the answer, not from the sending of the request
  kKeepaliveUnconfirmed,    // a keepalive is trusted without the majority's confirmation
  kLockNotNeeded,           // promotes although somebody else has the leader key
  kStopWithoutDeadline,     // a demotion may take as long as it likes
  kLagIgnored,              // maximum_lag_on_failover does not hinder anybody
  kTwoInitializers,         // /initialize can be won twice
  kRenewalByItself,         // the lease is renewed without a decision
  kLostIgnored,             // a lost lease counts as kept
  kCrashedStartsAsPrimary,  // a crashed primary is started as primary without the lock
  kStaleTimelineLeads,      // a primary does not see that the cluster has moved on to another timeline
  kReleasedBeforeStop,      // the key is given away before the server has stopped
  kPauseIgnored,            // pause does not pause
  kDivergenceNotSeen,       // a diverged standby believes that it can follow
  kSyncIgnored,             // whoever is not in /sync leads nevertheless
  kCommitsDoNotWait,        // /sync names standbys that the server does not wait for
};

struct MutationInfo {
  Mutation mutation;
  std::string_view name;
  std::string_view breaks;
};
const std::vector<MutationInfo>& all_mutations();
std::optional<Mutation> find_mutation(std::string_view name);

// Null: this mutation does not concern that port.
std::unique_ptr<Store> mutated_store(Mutation mutation, Process& process, Store& store, std::string me);
std::unique_ptr<Server> mutated_server(Mutation mutation, Server& server);
Settings mutated_settings(Mutation mutation, Settings settings);

}  // namespace matriarch::sim
