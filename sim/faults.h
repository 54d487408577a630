// What goes wrong in phase one: faults with a beginning and an end, overlapping at random, and people who use the commands.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/node.h"

namespace matriarch::sim {

class Faults {
 public:
  Faults(const Scenario& scenario, VirtualScheduler& scheduler, Network& network, StoreCluster& store, Trace& trace,
         Coverage& coverage, Random random, std::vector<Node*> nodes);

  void begin();
  // Ends all faults and starts none any more; every machine is on and every agent runs, except on `dead` nodes.
  void heal(const std::vector<Node*>& dead);
  // Its PostgreSQL dies, and its agent gets stuck and stays so, also after heal(): as good as dead, but it does not look so.
  void make_sick(Node& node);
  // An agent reached a named step of a procedure.
  void step_reached(Node& node);
  // An agent's process ended by itself: the service manager starts it again.
  void agent_ended(Node& node);

  // Names of all faults, for the coverage that must not be zero.
  static std::vector<std::string> names();

 private:
  struct Kind {
    std::string_view name;
    int weight;
    void (Faults::*begin)();
  };
  static const std::vector<Kind>& kinds();

  void next();
  // Calls `end` after a random time, unless everything is healed before.
  void lasting(Duration least, Duration most, std::function<void()> end);
  Node& any_node() { return *random_.pick(nodes_); }
  Node& leader_or_any();
  int any_member() { return static_cast<int>(random_.index(static_cast<std::size_t>(store_.members()))); }
  void partition(const std::vector<Endpoint>& from, const std::vector<Endpoint>& to, bool both_ways);
  void set_fault(bool PostgresFaults::*fault, Duration least, Duration most);
  [[nodiscard]] std::vector<Endpoint> store_endpoints() const;
  [[nodiscard]] std::vector<Endpoint> all_but(Endpoint one) const;
  void restart_agent_later(Node& node, Duration least, Duration most);

  void kill_agent();
  void stop_agent();
  void freeze_agent();
  void starve_agent();
  void kill_guardian();
  void lose_power();
  void freeze_machine();
  void jump_clock();
  void crash_postgres();
  void start_slowly() { set_fault(&PostgresFaults::start_is_slow, std::chrono::seconds(10), std::chrono::seconds(60)); }
  void stop_slowly() { set_fault(&PostgresFaults::stop_is_slow, std::chrono::seconds(10), std::chrono::seconds(60)); }
  void fail_to_start() { set_fault(&PostgresFaults::start_fails, std::chrono::seconds(10), std::chrono::seconds(60)); }
  void promote_slowly() { set_fault(&PostgresFaults::promote_is_slow, std::chrono::seconds(10), std::chrono::seconds(90)); }
  void fail_to_promote() { set_fault(&PostgresFaults::promote_fails, std::chrono::seconds(10), std::chrono::seconds(60)); }
  void fail_to_rewind() { set_fault(&PostgresFaults::rewind_fails, std::chrono::seconds(30), std::chrono::seconds(120)); }
  void fail_to_clone() { set_fault(&PostgresFaults::clone_fails, std::chrono::seconds(30), std::chrono::seconds(120)); }
  void fill_disk() { set_fault(&PostgresFaults::disk_full, std::chrono::seconds(10), std::chrono::seconds(60)); }
  void lose_directory() { set_fault(&PostgresFaults::directory_missing, std::chrono::seconds(10), std::chrono::seconds(60)); }
  void hang_agent();
  void hang_queries() { set_fault(&PostgresFaults::queries_hang, std::chrono::seconds(5), std::chrono::seconds(60)); }
  void veto_promotion();
  void crash_store_member();
  void freeze_store_member();
  void freeze_store_disk();
  void move_store_leader();
  void lose_store();
  void isolate_node();
  void cut_node_from_store();
  void cut_node_to_store();
  void cut_store_to_node();
  void lag_then_cut();
  void cut_between_nodes();
  void cut_store_member();
  void split();
  void degrade_network();

  const Scenario& scenario_;
  VirtualScheduler& scheduler_;
  Network& network_;
  StoreCluster& store_;
  Trace& trace_;
  Coverage& coverage_;
  Random random_;
  std::vector<Node*> nodes_;
  Network::Quality usual_;
  bool active_ = false;
  std::uint64_t era_ = 0;  // ends of faults of an earlier one are void
};

}  // namespace matriarch::sim
