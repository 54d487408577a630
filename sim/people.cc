#include "sim/people.h"

#include <algorithm>

#include "sim/settings_of.h"

namespace matriarch::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::vector<People::Kind>& People::kinds() {
  static const std::vector<Kind> all = {
      {"switchover", 8, &People::switch_over},
      {"switchover to a candidate", 8, &People::switch_over_to},
      {"scheduled switchover", 3, &People::switch_over_later},
      {"failover", 3, &People::fail_over},
      {"pause", 5, &People::pause},
      {"restart", 6, &People::restart},
      {"scheduled restart", 2, &People::restart_later},
      {"reinitialize", 4, &People::reinitialize},
      {"settings changed", 4, &People::change_settings},
      {"parameters changed", 3, &People::change_parameters},
      {"scheduled things cancelled", 2, &People::cancel},
  };
  return all;
}

std::vector<std::string> People::names() {
  std::vector<std::string> result;
  for (const Kind& kind : kinds()) result.emplace_back(fmt::format("people: {}", kind.name));
  return result;
}

People::People(const Scenario& scenario, VirtualScheduler& scheduler, StoreCluster& store, Trace& trace, Coverage& coverage,
               Checks& checks, Random random, std::vector<Node*> nodes)
    : scenario_(scenario),
      scheduler_(scheduler),
      store_(store),
      trace_(trace),
      coverage_(coverage),
      checks_(checks),
      random_(random),
      nodes_(std::move(nodes)) {}

void People::begin() {
  active_ = true;
  scheduler_.after(random_.between(seconds(10), 6 * scenario_.fault_pause), [this] { next(); });
  if (scenario_.settings.synchronous_mode != SyncMode::kOff) {
    scheduler_.after(random_.between(seconds(20), scenario_.faulty), [this] { do_without_synchronous(); });
  }
}

// Synchronous replication is switched off in an emergency, and on again.
void People::do_without_synchronous() {
  if (!active_) return;
  Value::Map off;
  off.set("synchronous_mode", false);
  patch("settings changed", std::move(off));
  scheduler_.after(random_.between(seconds(5), seconds(60)), [this] {
    if (!active_) return;
    Value::Map on;
    on.set("synchronous_mode", scenario_.settings.synchronous_mode == SyncMode::kQuorum ? Value("quorum") : Value(true));
    patch("settings changed", std::move(on));
  });
}

void People::next() {
  if (!active_) return;
  int total = 0;
  for (const Kind& kind : kinds()) total += kind.weight;
  auto pick = static_cast<int>(random_.below(static_cast<std::uint64_t>(total)));
  for (const Kind& kind : kinds()) {
    pick -= kind.weight;
    if (pick >= 0) continue;
    coverage_.hit(fmt::format("people: {}", kind.name));
    (this->*kind.act)();
    break;
  }
  scheduler_.after(random_.between(seconds(5), 6 * scenario_.fault_pause), [this] { next(); });
}

Task<void> People::run(agent::Agent* agent, Command command, Ctx ctx, std::function<void(CommandResult)> ended) {
  ended(co_await command(*agent, std::move(ctx)));
}

void People::give(Node& node, std::string what, Command command) {
  trace_.line("PEOPLE", "{} (at {})", what, node.name());
  const bool acts = what != "pause" && what != "resume" && !what.ends_with("changed");  // on servers, that is
  if (acts) checks_.operator_acts();
  AgentProcess* agent = node.agent();
  if (agent == nullptr) return;
  agent->process().post([this, agent, what, acts, command = std::move(command)] {
    const Ctx ctx{.deadline = agent->process().now() + seconds(60)};
    agent->group().spawn(run(&agent->agent(), command, ctx, [this, agent, what, acts](const CommandResult& result) {
      if (agent->process().dead()) return;
      if (acts) checks_.operator_acts();
      trace_.line("PEOPLE", "{}: {} {}", what, result.status, result.text);
      if (result.status < 300) coverage_.hit(fmt::format("people: {} succeeded", what));
    }));
  });
}

std::string People::leader() const { return store_.keys().leader ? store_.keys().leader->name : std::string(); }

std::string People::somebody_else(const std::string& than) {
  std::vector<std::string> others;
  for (const Node* node : nodes_) {
    if (node->name() != than) others.push_back(node->name());
  }
  return random_.pick(others);
}

void People::switch_over() {
  give(any_node(), "switchover", [from = leader()](agent::Agent& agent, Ctx ctx) {
    return agent.failover({.switchover = true, .leader = from}, std::move(ctx));
  });
}

void People::switch_over_to() {
  give(any_node(), "switchover", [from = leader(), to = somebody_else(leader())](agent::Agent& agent, Ctx ctx) {
    return agent.failover({.switchover = true, .leader = from, .candidate = to}, std::move(ctx));
  });
}

void People::switch_over_later() {
  const auto at = scheduler_.wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(random_.between(seconds(5), seconds(60)));
  give(any_node(), "scheduled switchover", [from = leader(), at](agent::Agent& agent, Ctx ctx) {
    return agent.failover({.switchover = true, .leader = from, .scheduled_at = to_iso8601(at)}, std::move(ctx));
  });
}

void People::fail_over() {
  give(any_node(), "failover", [to = somebody_else(leader())](agent::Agent& agent, Ctx ctx) {
    return agent.failover({.switchover = false, .candidate = to}, std::move(ctx));
  });
}

void People::patch(std::string what, Value::Map change) {
  give(any_node(), std::move(what), [change = std::move(change)](agent::Agent& agent, Ctx ctx) {
    return agent.patch_config(Value(change), std::move(ctx));
  });
}

void People::pause() {
  Value::Map on;
  on.set("pause", true);
  patch("pause", std::move(on));
  scheduler_.after(random_.between(seconds(20), seconds(300)), [this] {
    if (!active_) return;
    Value::Map off;
    off.set("pause", nullptr);
    patch("resume", std::move(off));
  });
}

void People::restart() {
  give(any_node(), "restart", [](agent::Agent& agent, Ctx ctx) { return agent.restart({}, std::move(ctx)); });
}

void People::restart_later() {
  const auto at = scheduler_.wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(random_.between(seconds(5), seconds(60)));
  give(any_node(), "scheduled restart", [at](agent::Agent& agent, Ctx ctx) {
    return agent.restart({.schedule = to_iso8601(at)}, std::move(ctx));
  });
}

void People::reinitialize() {
  give(any_node(), "reinitialize", [force = random_.chance(0.3), leader = random_.chance(0.3)](agent::Agent& agent, Ctx ctx) {
    return agent.reinitialize(force, leader, std::move(ctx));
  });
}

void People::change_synchronous(Value::Map& change) {
  switch (random_.below(5)) {
    case 0: change.set("synchronous_mode", false); break;
    case 1: change.set("synchronous_mode", true); break;
    case 2: change.set("synchronous_mode", "quorum"); break;
    case 3: change.set("synchronous_mode_strict", random_.chance(0.5)); break;
    default: change.set("synchronous_node_count", random_.between(1, 3)); break;
  }
}

void People::change_settings() {
  Value::Map change;
  if (scenario_.settings.synchronous_mode != SyncMode::kOff && random_.chance(0.7)) {
    change_synchronous(change);
  } else if (random_.chance(0.5)) {
    change.set("maximum_lag_on_failover", random_.between(100'000, 2'000'000));
  } else {
    change.set("ttl", to_seconds(scenario_.settings.ttl) + static_cast<double>(random_.between(0, 10)));
  }
  patch("settings changed", std::move(change));
}

void People::change_parameters() {
  Value::Map parameters;
  parameters.set("max_connections", random_.between(100, 200));
  Value::Map postgresql;
  postgresql.set("parameters", Value(std::move(parameters)));
  Value::Map change;
  change.set("postgresql", Value(std::move(postgresql)));
  patch("parameters changed", std::move(change));
}

void People::cancel() {
  Node& node = any_node();
  give(node, "switchover cancelled", [](agent::Agent& agent, Ctx ctx) { return agent.cancel_failover(std::move(ctx)); });
  give(node, "restart cancelled", [](agent::Agent& agent, Ctx ctx) { return agent.cancel_restart(std::move(ctx)); });
}

void People::look_after() {
  const auto& config = store_.keys().view().config;
  if (config && settings_of(config->data).paused) tidy_up();  // a command to pause was still on its way
  bool anybody_bootstraps = false;
  const Node* owner = nullptr;  // of data that may be what the claim was for
  for (Node* node : nodes_) {
    const AgentProcess* agent = node->agent();
    anybody_bootstraps = anybody_bootstraps ||
                         (agent != nullptr && agent->agent().node().actions.running().kind == policy::ActionKind::kBootstrap);
    if (node->postgres().has_complete_data()) owner = node;
    const bool stuck = node->postgres().misfits() && agent != nullptr && scheduler_.now() >= last_reinit_[node->index()] + seconds(60);
    if (!stuck) continue;
    last_reinit_[node->index()] = scheduler_.now();
    coverage_.hit("people: had to reinitialise a copy of a namesake timeline");
    give(*node, "reinitialize", [](agent::Agent& a, Ctx ctx) { return a.reinitialize(false, true, std::move(ctx)); });
  }
  order_failover_if_nobody_may_lead();
  const auto& initialize = store_.keys().initialize;
  if (!initialize || !initialize->text.empty() || anybody_bootstraps) return;
  if (owner != nullptr && owner->postgres().running()) return;  // its agent goes on by itself
  coverage_.hit("people: had to settle an abandoned claim on /initialize");
  store_.edit([owner](StoreKeys& keys) {
    keys.initialize.reset();
    const auto version = keys.advance();
    if (owner != nullptr) keys.initialize = {.text = owner->postgres().system_id(), .version = version};
  });
}

// HA-177: while the primary went on without the store it asked the members of /failsafe, and only they may follow it by
// themselves. When none of those is left, or they lag too much, a person has to say so.
void People::order_failover_if_nobody_may_lead() {
  constexpr Duration kPatience = seconds(90);
  if (store_.keys().leader || !store_.keys().failsafe.truthy()) {
    leaderless_since_.reset();
    return;
  }
  if (!leaderless_since_) leaderless_since_ = scheduler_.now();
  if (scheduler_.now() < *leaderless_since_ + kPatience) return;
  leaderless_since_ = scheduler_.now();
  Node* best = nullptr;
  for (Node* node : nodes_) {
    const Postgres& server = node->postgres();
    if (node->agent() == nullptr || !server.accepting() || !server.in_recovery()) continue;
    if (best == nullptr || server.wal().end() > best->postgres().wal().end()) best = node;
  }
  if (best == nullptr) return;
  coverage_.hit("people: had to order a failover, nobody in /failsafe could lead");
  checks_.operator_acts();
  store_.edit([name = best->name()](StoreKeys& keys) {
    keys.failover = {.text = fmt::format(R"({{"member":"{}"}})", name), .version = keys.advance()};
  });
}

void People::tidy_up() {
  store_.edit([](StoreKeys& keys) {
    if (keys.failover) keys.failover = {.text = "{}", .version = keys.advance()};
    if (!keys.config) return;
    const auto config = parse_json(keys.config->text);
    if (!config || config->find("pause") == nullptr) return;
    Value resumed = *config;
    resumed.as_map().erase("pause");
    keys.config = {.text = to_json(resumed), .version = keys.advance()};
  });
}

}  // namespace matriarch::sim
