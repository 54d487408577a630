// People who give commands: switchover, failover, pause, restart, reinit, changes of the configuration.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/checks.h"
#include "sim/node.h"

namespace matriarch::sim {

class People {
 public:
  People(const Scenario& scenario, VirtualScheduler& scheduler, StoreCluster& store, Trace& trace, Coverage& coverage,
         Checks& checks, Random random, std::vector<Node*> nodes);

  void begin();
  void stop() { active_ = false; }
  // Resumes a paused cluster and withdraws requests, as an administrator would who has been called.
  void tidy_up();
  // Looks after what the contract leaves to people: an abandoned claim on /initialize (DCS-179), and a copy whose timeline
  // has the same number and the same beginning as the leader's, but other records. Call it now and then.
  void look_after();

  using Command = std::function<Task<CommandResult>(agent::Agent&, Ctx)>;
  // Gives a command to the agent of a node, over its REST interface.
  void give(Node& node, std::string what, Command command);

  static std::vector<std::string> names();

 private:
  struct Kind {
    std::string_view name;
    int weight;
    void (People::*act)();
  };
  static const std::vector<Kind>& kinds();

  static Task<void> run(agent::Agent* agent, Command command, Ctx ctx, std::function<void(CommandResult)> ended);

  void next();
  Node& any_node() { return *random_.pick(nodes_); }
  [[nodiscard]] std::string leader() const;
  [[nodiscard]] std::string somebody_else(const std::string& than);
  void patch(std::string what, Value::Map change);

  void switch_over();
  void switch_over_to();
  void switch_over_later();
  void fail_over();
  void pause();
  void restart();
  void restart_later();
  void reinitialize();
  void change_settings();
  void change_synchronous(Value::Map& change);
  void do_without_synchronous();
  void change_parameters();
  void cancel();

  const Scenario& scenario_;
  VirtualScheduler& scheduler_;
  StoreCluster& store_;
  Trace& trace_;
  Coverage& coverage_;
  Checks& checks_;
  Random random_;
  std::vector<Node*> nodes_;
  bool active_ = false;
  void order_failover_if_nobody_may_lead();

  std::optional<Instant> leaderless_since_;
  std::map<int, Instant> last_reinit_;  // of each node, by us
};

}  // namespace matriarch::sim
