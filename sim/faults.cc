#include "sim/faults.h"

#include <algorithm>

namespace matriarch::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<Faults::Kind>& Faults::kinds() {
  static const std::vector<Kind> all = {
      {"agent killed", 10, &Faults::kill_agent},
      {"agent stopped (SIGTERM)", 5, &Faults::stop_agent},
      {"agent frozen", 8, &Faults::freeze_agent},
      {"agent starved", 4, &Faults::starve_agent},
      {"power loss", 6, &Faults::lose_power},
      {"machine frozen", 6, &Faults::freeze_machine},
      {"wall clock jump", 2, &Faults::jump_clock},
      {"postgres crash", 8, &Faults::crash_postgres},
      {"postgres starts slowly", 4, &Faults::start_slowly},
      {"postgres stops slowly", 4, &Faults::stop_slowly},
      {"postgres fails to start", 4, &Faults::fail_to_start},
      {"postgres promotes slowly", 3, &Faults::promote_slowly},
      {"postgres fails to promote", 3, &Faults::fail_to_promote},
      {"rewind fails", 3, &Faults::fail_to_rewind},
      {"clone fails", 2, &Faults::fail_to_clone},
      {"disk full", 3, &Faults::fill_disk},
      {"data directory missing", 2, &Faults::lose_directory},
      {"queries hang", 3, &Faults::hang_queries},
      {"agent's loop hangs", 3, &Faults::hang_agent},
      {"pre_promote refuses", 2, &Faults::veto_promotion},
      {"store member crash", 5, &Faults::crash_store_member},
      {"store member frozen", 4, &Faults::freeze_store_member},
      {"store member's disk frozen", 8, &Faults::freeze_store_disk},
      {"store leader moved", 4, &Faults::move_store_leader},
      {"store lost its majority", 5, &Faults::lose_store},
      {"node isolated", 6, &Faults::isolate_node},
      {"node cut from the store", 6, &Faults::cut_node_from_store},
      {"node cannot send to the store", 4, &Faults::cut_node_to_store},
      {"node cannot hear the store", 4, &Faults::cut_store_to_node},
      {"store far from a node, then cut", 10, &Faults::lag_then_cut},
      {"nodes cut from each other", 4, &Faults::cut_between_nodes},
      {"store member cut from the others", 6, &Faults::cut_store_member},
      {"network split", 4, &Faults::split},
      {"network slow and lossy", 5, &Faults::degrade_network},
  };
  return all;
}

std::vector<std::string> Faults::names() {
  std::vector<std::string> result;
  for (const Kind& kind : kinds()) result.emplace_back(fmt::format("fault: {}", kind.name));
  result.emplace_back("fault: agent killed at a step");
  result.emplace_back("fault: agent frozen at a step");
  return result;
}

Faults::Faults(const Scenario& scenario, VirtualScheduler& scheduler, Network& network, StoreCluster& store, Trace& trace,
               Coverage& coverage, Random random, std::vector<Node*> nodes)
    : scenario_(scenario),
      scheduler_(scheduler),
      network_(network),
      store_(store),
      trace_(trace),
      coverage_(coverage),
      random_(random),
      nodes_(std::move(nodes)),
      usual_(network.quality()) {}

void Faults::begin() {
  active_ = true;
  scheduler_.after(random_.between(Duration(1), 2 * scenario_.fault_pause), [this] { next(); });
}

void Faults::next() {
  if (!active_) return;
  if (scenario_.guardian && random_.chance(0.1)) kill_guardian();
  int total = 0;
  for (const Kind& kind : kinds()) total += kind.weight;
  auto pick = static_cast<int>(random_.below(static_cast<std::uint64_t>(total)));
  for (const Kind& kind : kinds()) {
    pick -= kind.weight;
    if (pick >= 0) continue;
    trace_.line("FAULT", "{}", kind.name);
    coverage_.hit(fmt::format("fault: {}", kind.name));
    (this->*kind.begin)();
    break;
  }
  scheduler_.after(random_.between(Duration(1), 2 * scenario_.fault_pause), [this] { next(); });
}

void Faults::lasting(Duration least, Duration most, std::function<void()> end) {
  scheduler_.after(random_.between(least, most), [this, era = era_, end = std::move(end)] {
    if (era == era_) end();
  });
}

void Faults::heal(const std::vector<Node*>& dead) {
  active_ = false;
  ++era_;
  network_.heal();
  network_.set_quality(usual_);
  for (int member = 0; member < store_.members(); ++member) store_.recover(member);
  store_.review();
  for (Node* node : nodes_) {
    node->thaw_machine();
    node->thaw_agent();
    node->hang_agent(false);
    node->postgres().set_faults({});
    if (node->agent() != nullptr) node->agent()->server().set_veto(false);
    if (std::ranges::find(dead, node) != dead.end()) {
      node->power_off();
      continue;
    }
    node->power_on();
    node->start_agent();
  }
}

// --- agents and machines

Node& Faults::leader_or_any() {
  const auto& leader = store_.keys().leader;
  if (leader && random_.chance(0.6)) {
    for (Node* node : nodes_) {
      if (node->name() == leader->name) return *node;
    }
  }
  return any_node();
}

void Faults::restart_agent_later(Node& node, Duration least, Duration most) {
  lasting(least, most, [&node] {
    node.power_on();
    node.start_agent();
  });
}

void Faults::agent_ended(Node& node) {
  scheduler_.after(random_.between(seconds(1), seconds(6)), [&node] { node.start_agent(); });
}

void Faults::kill_agent() {
  Node& node = leader_or_any();
  node.kill_agent();
  restart_agent_later(node, milliseconds(100), seconds(random_.chance(0.5) ? 3 : 60));
}

void Faults::stop_agent() {
  Node& node = leader_or_any();
  if (node.agent() != nullptr) node.agent()->process().post([agent = &node.agent()->agent()] { agent->terminate(); });
}

void Faults::freeze_agent() {
  Node& node = leader_or_any();
  node.freeze_agent();
  lasting(milliseconds(100), seconds(60), [&node] { node.thaw_agent(); });
}

void Faults::kill_guardian() {
  Node& node = leader_or_any();
  trace_.line("FAULT", "the guardian of {} is killed", node.name());
  coverage_.hit("fault: guardian killed");
  node.kill_guardian();
}

void Faults::starve_agent() {
  Node& node = leader_or_any();
  if (node.agent() != nullptr) {
    node.agent()->process().starve_until(scheduler_.now() + random_.between(milliseconds(20), milliseconds(500)));
  }
}

void Faults::lose_power() {
  Node& node = leader_or_any();
  node.power_off();
  restart_agent_later(node, seconds(2), seconds(90));
}

void Faults::freeze_machine() {
  Node& node = leader_or_any();
  node.freeze_machine();
  lasting(milliseconds(100), seconds(60), [&node] { node.thaw_machine(); });
}

void Faults::jump_clock() {
  const Duration by = random_.between(-std::chrono::hours(2), std::chrono::hours(2));
  any_node().clock().shift_wall(by);
}

void Faults::step_reached(Node& node) {
  if (!active_ || !random_.chance(scenario_.step_crash_share)) return;
  if (random_.chance(0.7)) {
    trace_.line("FAULT", "agent of {} is killed at this step", node.name());
    coverage_.hit("fault: agent killed at a step");
    node.kill_agent();
    restart_agent_later(node, milliseconds(100), seconds(20));
  } else {
    trace_.line("FAULT", "agent of {} freezes at this step", node.name());
    coverage_.hit("fault: agent frozen at a step");
    node.freeze_agent();
    lasting(milliseconds(100), seconds(60), [&node] { node.thaw_agent(); });
  }
}

// --- PostgreSQL

void Faults::set_fault(bool PostgresFaults::*fault, Duration least, Duration most) {
  Postgres& server = leader_or_any().postgres();
  PostgresFaults faults = server.faults();
  faults.*fault = true;
  server.set_faults(faults);
  lasting(least, most, [&server, fault] {
    PostgresFaults now = server.faults();
    now.*fault = false;
    server.set_faults(now);
  });
}

// A watched process that does nothing counts as none (Node::guarded_since).
void Faults::hang_agent() {
  Node& node = leader_or_any();
  node.hang_agent(true);
  lasting(seconds(5), seconds(60), [&node] { node.hang_agent(false); });
}

void Faults::make_sick(Node& node) {
  node.hang_agent(true);
  node.postgres().crash("sick");
}

void Faults::crash_postgres() { leader_or_any().postgres().crash("out of memory"); }

void Faults::veto_promotion() {
  for (Node* node : nodes_) {
    if (node->agent() != nullptr && random_.chance(0.5)) node->agent()->server().set_veto(true);
  }
  lasting(seconds(10), seconds(60), [this] {
    for (Node* node : nodes_) {
      if (node->agent() != nullptr) node->agent()->server().set_veto(false);
    }
  });
}

// --- the store

void Faults::crash_store_member() {
  const int member = any_member();
  store_.crash(member);
  lasting(seconds(2), seconds(60), [this, member] { store_.recover(member); });
}

void Faults::freeze_store_member() {
  const int member = any_member();
  store_.freeze(member);
  lasting(seconds(1), seconds(40), [this, member] { store_.recover(member); });
}

void Faults::freeze_store_disk() {
  const int member = store_.leader() >= 0 ? store_.leader() : any_member();
  store_.freeze_disk(member);
  lasting(seconds(5), seconds(60), [this, member] { store_.recover(member); });
}

void Faults::move_store_leader() { store_.move_leader(); }

void Faults::lose_store() {
  const int spared = any_member();
  for (int member = 0; member < store_.members(); ++member) {
    if (member == spared) continue;
    store_.crash(member);
    lasting(seconds(2), seconds(90), [this, member] { store_.recover(member); });
  }
}

// --- the network

std::vector<Endpoint> Faults::store_endpoints() const {
  std::vector<Endpoint> result;
  for (int member = 0; member < store_.members(); ++member) result.push_back(store_.endpoint_of(member));
  return result;
}

std::vector<Endpoint> Faults::all_but(Endpoint one) const {
  std::vector<Endpoint> result;
  for (Endpoint other = 0; other < network_.endpoints(); ++other) {
    if (other != one) result.push_back(other);
  }
  return result;
}

void Faults::partition(const std::vector<Endpoint>& from, const std::vector<Endpoint>& to, bool both_ways) {
  const auto each = [this, from, to, both_ways](void (Network::*change)(Endpoint, Endpoint)) {
    for (const Endpoint a : from) {
      for (const Endpoint b : to) {
        (network_.*change)(a, b);
        if (both_ways) (network_.*change)(b, a);
      }
    }
    store_.review();
  };
  each(&Network::block);
  lasting(seconds(1), seconds(70), [each] { each(&Network::unblock); });
}

void Faults::isolate_node() {
  const Endpoint node = leader_or_any().endpoint();
  partition({node}, all_but(node), true);
}

void Faults::cut_node_from_store() { partition({leader_or_any().endpoint()}, store_endpoints(), true); }
void Faults::cut_node_to_store() { partition({leader_or_any().endpoint()}, store_endpoints(), false); }
void Faults::cut_store_to_node() { partition(store_endpoints(), {leader_or_any().endpoint()}, false); }

// A lease lasts from the sending of a request, however late its answer. What is late here is both, or the answers alone; then
// the node is cut off for longer than its lease: mostly from the other nodes, too, whom it cannot tell that it still writes.
void Faults::lag_then_cut() {
  const Endpoint node = leader_or_any().endpoint();
  const Duration retry = scenario_.settings.retry_timeout;
  const Duration ttl = scenario_.settings.ttl;
  const bool answers_only = random_.chance(0.8);
  const Duration lag = answers_only ? random_.between(retry / 4, retry * 3 / 10) : random_.between(retry / 20, retry / 7);
  const auto set = [this, node, answers_only](Duration by) {
    for (const Endpoint member : store_endpoints()) {
      if (!answers_only) network_.set_lag(node, member, by);
      network_.set_lag(member, node, by);
    }
  };
  const auto each = [this, node, others = random_.chance(0.85) ? all_but(node) : store_endpoints()](
                        void (Network::*change)(Endpoint, Endpoint)) {
    for (const Endpoint other : others) {
      (network_.*change)(node, other);
      (network_.*change)(other, node);
    }
    store_.review();
  };
  set(lag);
  lasting(seconds(12), seconds(25), [this, set, each, ttl] {
    set(Duration::zero());
    each(&Network::block);
    lasting(ttl, ttl + seconds(30), [each] { each(&Network::unblock); });
  });
}

void Faults::cut_between_nodes() {
  const Endpoint a = leader_or_any().endpoint();
  const Endpoint b = any_node().endpoint();
  if (a != b) partition({a}, {b}, random_.chance(0.5));
}

void Faults::cut_store_member() {
  const int member = store_.leader() >= 0 && random_.chance(0.6) ? store_.leader() : any_member();
  std::vector<Endpoint> others;
  for (const Endpoint other : store_endpoints()) {
    if (other != store_.endpoint_of(member)) others.push_back(other);
  }
  partition({store_.endpoint_of(member)}, others, random_.chance(0.8));
}

void Faults::split() {
  std::vector<Endpoint> left;
  std::vector<Endpoint> right;
  for (Endpoint one = 0; one < network_.endpoints(); ++one) (random_.chance(0.5) ? left : right).push_back(one);
  partition(left, right, true);
}

void Faults::degrade_network() {
  Network::Quality bad = usual_;
  bad.most = random_.between(milliseconds(5), milliseconds(300));
  bad.slow = random_.between(milliseconds(400), seconds(6));
  bad.slow_share = random_.fraction() * 0.5;
  bad.loss = random_.fraction() * 0.3;
  network_.set_quality(bad);
  lasting(seconds(5), seconds(60), [this] { network_.set_quality(usual_); });
}

}  // namespace matriarch::sim
