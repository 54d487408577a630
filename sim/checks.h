// The invariants, checked at every event (docs/invariants.md says what each one assumes).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/node.h"
#include "sim/postgres.h"
#include "sim/scenario.h"
#include "sim/store_cluster.h"
#include "sim/trace.h"

namespace matriarch::sim {

struct CheckOptions {
  // Without a guardian a node whose agent is dead, frozen or just back does not count as a second primary: nothing was
  // there to stop its server. With one, it does.
  bool guardian = false;
  // How long an agent that came back may take to see that its server must not be a primary any more, on top of three times
  // retry_timeout: to read the store once at the start (B13), once in the first cycle, and to renew.
  Duration grace = std::chrono::seconds(7);
};

class Checks final : public PostgresObserver {
 public:
  Checks(const Scenario& scenario, CheckOptions options, VirtualScheduler& scheduler, StoreCluster& store, Trace& trace,
         Coverage& coverage);

  void add_node(Node& node) { nodes_.push_back(&node); }

  // --- told of events
  void after_event();
  void acknowledged(Node& node, Lsn end, std::uint64_t serial);
  void commanded(Node& node, ServerCommand command);
  void operator_acts() { operator_acted_ = scheduler_.now(); }
  void committed(const StoreKeys& keys);
  void violate(std::string what);

  // PostgresObserver
  void writable_changed(Postgres& server) override;
  void promoted(Postgres& server) override;
  void initialized(Postgres& server) override;
  void before_data_loss(Postgres& server, std::string_view how) override;
  void started_half_rewound(Postgres& server) override;
  void diverged_stream(Postgres& standby, Postgres& upstream) override;

  [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }
  [[nodiscard]] std::uint64_t acknowledged_writes() const { return acknowledged_count_; }
  [[nodiscard]] std::uint64_t lost_writes() const { return lost_; }
  // Looks for acknowledged writes that the final primary does not have.
  void at_end(const Postgres& primary);

 private:
  struct Acknowledged {
    Lsn end;
    std::uint64_t serial = 0;
  };
  // What was known when the leader key was taken: the election is judged by it.
  struct Election {
    std::string winner;
    std::optional<std::string> complaint;
  };

  [[nodiscard]] Node& node_of(std::string_view name) const;
  [[nodiscard]] bool counts_as_primary(Node& node);
  void judge_election(const StoreKeys& keys, const std::string& winner);
  void check_pause(const Node& node, ServerCommand command);
  void check_promise(const Postgres& server);
  void watch_sync(const StoreKeys& keys);
  [[nodiscard]] bool synchronous(const ClusterView& view) const;
  void watch_pause(const StoreKeys& keys);
  void watch_identity(const StoreKeys& keys);

  const Scenario& scenario_;
  CheckOptions options_;
  VirtualScheduler& scheduler_;
  StoreCluster& store_;
  Trace& trace_;
  Coverage& coverage_;
  std::vector<Node*> nodes_;

  bool ever_led_ = false;
  std::string leader_;
  std::uint64_t leader_version_ = 0;
  Election election_;
  std::optional<Instant> paused_since_;
  Instant unpaused_at_;
  std::optional<std::string> identity_;
  Value failsafe_;
  Instant operator_acted_;
  std::map<int, Instant> believed_paused_;  // node: when its agent last took the cluster for paused
  std::vector<Acknowledged> promised_;  // must be on every later primary
  std::vector<Acknowledged> all_;       // acknowledged by whomever
  std::uint64_t acknowledged_count_ = 0;
  std::uint64_t lost_ = 0;
  std::vector<std::string> violations_;
};

}  // namespace matriarch::sim
