// One machine of the cluster: its clock, its PostgreSQL, and the agent that runs on it at the moment, if any.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/agent.h"
#include "sim/mutations.h"
#include "sim/postgres.h"
#include "sim/process.h"
#include "sim/scenario.h"
#include "sim/sim_guard.h"
#include "sim/sim_peers.h"
#include "sim/sim_server.h"
#include "sim/sim_store.h"

namespace matriarch::sim {

class Node;

// What the node tells the world about its agent.
class NodeObserver {
 public:
  virtual ~NodeObserver() = default;
  virtual void step_reached(Node& node, std::string_view step) = 0;
  virtual void commanded(Node& node, ServerCommand command) = 0;
  virtual void agent_ended(Node& node, int exit_code) = 0;
  virtual void failed(std::string what) = 0;
};

// What all nodes share.
struct NodeWorld {
  const Scenario& scenario;
  Mutation mutation = Mutation::kNone;
  VirtualScheduler& scheduler;
  StoreCluster& store;
  PostgresWorld& postgres;
  PeerDirectory& peers;
  Trace& trace;
  Coverage& coverage;
  NodeObserver& observer;
};

// One run of the agent's process.
class AgentProcess final : private agent::Steps {
 public:
  AgentProcess(NodeWorld& world, Node& node, std::uint64_t random_seed);
  ~AgentProcess() override = default;

  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] agent::Agent& agent() { return agent_; }
  [[nodiscard]] const agent::Agent& agent() const { return agent_; }
  [[nodiscard]] SimServer& server() { return server_; }
  [[nodiscard]] const SimStore& store() const { return store_; }
  // For requests that other processes or people make to it.
  [[nodiscard]] TaskGroup& group() { return group_; }

  // The rest of what was killed: everything is cancelled and runs out without any effect.
  void bury();

 private:
  void reached(std::string_view step) override;
  static Task<void> main(AgentProcess* self);
  [[nodiscard]] agent::NodeConfig config() const;

  NodeWorld& world_;
  Node& node_;
  Process process_;
  Random random_;
  SimStore store_;
  SimServer server_;
  SimPeers peers_;
  std::unique_ptr<SimGuard> guard_;
  std::unique_ptr<Store> mutated_store_;
  std::unique_ptr<Server> mutated_server_;
  TaskGroup group_;
  agent::Agent agent_;
};

// Owner: kills the agent and lets the scheduler run what that posts before it destroys the node.
class Node {
 public:
  Node(NodeWorld& world, Random random, int index, Endpoint endpoint);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] int index() const { return index_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Endpoint endpoint() const { return endpoint_; }
  [[nodiscard]] Postgres& postgres() { return *postgres_; }
  [[nodiscard]] const Postgres& postgres() const { return *postgres_; }
  [[nodiscard]] MachineClock& clock() { return clock_; }
  [[nodiscard]] AgentProcess* agent() { return agent_.get(); }
  [[nodiscard]] const AgentProcess* agent() const { return agent_.get(); }
  [[nodiscard]] bool powered() const { return powered_; }
  [[nodiscard]] bool machine_frozen() const { return machine_.frozen(); }

  void start_agent();
  void kill_agent();
  void freeze_agent();
  void thaw_agent();
  void hang_agent(bool hangs);  // its loop; its other coroutines go on
  void power_off();
  void power_on() { powered_ = true; }
  void freeze_machine();
  void thaw_machine();

  void kill_guardian() {
    if (guardian_) guardian_->die("killed");
  }
  [[nodiscard]] const Guardian* guardian() const { return guardian_.get(); }  // null: the scenario has none
  [[nodiscard]] Instant machine_thawed_at() const { return machine_thawed_at_; }  // true time

  // Nothing on this machine watches over PostgreSQL, or did so only since `guarded_since` (true time; max: not now).
  [[nodiscard]] Instant guarded_since() const { return guarded_since_; }

 private:
  friend class AgentProcess;
  void agent_is_over(int exit_code);
  void put_away();

  NodeWorld& world_;
  Random random_;
  int index_;
  std::string name_;
  Endpoint endpoint_;
  MachineClock clock_;
  Process machine_;
  std::unique_ptr<Postgres> postgres_;
  std::unique_ptr<Guardian> guardian_;
  std::unique_ptr<AgentProcess> agent_;
  Instant machine_thawed_at_;
  bool powered_ = true;
  Instant guarded_since_ = Instant::max();
  std::optional<Value> kept_config_;  // patroni.dynamic.json
};

}  // namespace matriarch::sim
