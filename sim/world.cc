#include "sim/world.h"

#include <algorithm>

#include "agent/steps.h"
#include "base/log.h"
#include "policy/judge.h"
#include "sim/settings_of.h"

namespace matriarch::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr int kStoreMembers = 3;

Mutation mutation_of(const Scenario& scenario) { return find_mutation(scenario.mutation).value_or(Mutation::kNone); }

CheckOptions with_guardian(CheckOptions options, const Scenario& scenario) {
  options.guardian = options.guardian || scenario.guardian;
  return options;
}

}  // namespace

World::World(Scenario scenario, CheckOptions options)
    : scenario_(std::move(scenario)),
      random_(scenario_.seed),
      trace_(scheduler_),
      network_(random_.fork(), scenario_.nodes + kStoreMembers + scenario_.clients, scenario_.network),
      store_(scheduler_, network_, trace_, coverage_, random_.fork(), scenario_.nodes, kStoreMembers),
      checks_(scenario_, with_guardian(options, scenario_), scheduler_, store_, trace_, coverage_),
      postgres_{.scheduler = scheduler_, .network = network_, .trace = trace_, .coverage = coverage_, .observer = &checks_, .major = scenario_.postgres_version, .fence_works = scenario_.mutation.empty()},
      node_world_{.scenario = scenario_,
                  .mutation = mutation_of(scenario_),
                  .scheduler = scheduler_,
                  .store = store_,
                  .postgres = postgres_,
                  .peers = *this,
                  .trace = trace_,
                  .coverage = coverage_,
                  .observer = *this} {
  std::vector<Node*> nodes;
  for (int i = 0; i < scenario_.nodes; ++i) {
    nodes_.push_back(std::make_unique<Node>(node_world_, random_.fork(), i, i));
    nodes.push_back(nodes_.back().get());
    checks_.add_node(*nodes_.back());
  }
  decisions_noted_.resize(nodes_.size());
  clients_ = std::make_unique<Clients>(scenario_, scheduler_, network_, checks_, coverage_, random_.fork(),
                                       scenario_.nodes + kStoreMembers, nodes);
  faults_ = std::make_unique<Faults>(scenario_, scheduler_, network_, store_, trace_, coverage_, random_.fork(), nodes);
  people_ = std::make_unique<People>(scenario_, scheduler_, store_, trace_, coverage_, checks_, random_.fork(), nodes);
}

World::~World() { end(); }

void World::end() {
  for (const auto& node : nodes_) node->kill_agent();
  const Instant now = scheduler_.now();
  while (scheduler_.run_one(now)) {
  }
}

void World::start() {
  for (const auto& node : nodes_) {
    scheduler_.after(random_.between(milliseconds(0), seconds(2)), [&node = *node] { node.start_agent(); });
  }
}

void World::advance(Duration by) {
  const Instant until = scheduler_.now() + by;
  while (checks_.violations().empty() && scheduler_.run_one(until)) {
    checks_.after_event();
    if (trace_.printing() || (++next_note_ & 0xff) == 0) note_decisions();
  }
  note_decisions();
}

// --- what agents do

void World::step_reached(Node& node, std::string_view step) {
  trace_.line(node.name(), "step {}", step);
  coverage_.hit(fmt::format("step: {}", step));
  if (std::ranges::find(agent::kAllSteps, step) == agent::kAllSteps.end()) {
    checks_.violate(fmt::format("the step {} is not in the registry (agent/steps.h)", step));
  }
  if (at_step_) at_step_(node, step);
  faults_->step_reached(node);
}

void World::commanded(Node& node, ServerCommand command) { checks_.commanded(node, command); }

void World::agent_ended(Node& node, int exit_code) {
  trace_.line(node.name(), "agent ended with exit code {}", exit_code);
  coverage_.hit(exit_code == 0 ? "agent: ended well" : "agent: ended with an error");
  faults_->agent_ended(node);
}

void World::note_decisions() {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    AgentProcess* agent = nodes_[i]->agent();
    if (agent == nullptr) {
      decisions_noted_[i] = 0;
      continue;
    }
    for (const DecisionRecord& decision : agent->agent().snapshot()->decisions) {
      if (decision.number <= decisions_noted_[i]) continue;
      decisions_noted_[i] = decision.number;
      coverage_.hit("decision: " + decision.action);
      trace_.remark(nodes_[i]->name(), fmt::format("decides: {} ({}) [{}]", decision.action, decision.reason, decision.inputs));
    }
  }
}

void World::send(Endpoint from, const std::string& member, Request request, std::function<void()> replied,
                 std::function<void()> refused) {
  const auto found = std::ranges::find_if(nodes_, [&](const auto& node) { return node->name() == member; });
  if (found == nodes_.end()) return;
  Node& node = **found;
  const auto there = network_.transit(from, node.endpoint());
  if (!there) return;
  const auto answer = [this, from, &node](std::function<void()> what) {
    const auto back = network_.transit(node.endpoint(), from);
    if (back) scheduler_.after(*back, std::move(what));
  };
  scheduler_.after(*there, [&node, request = std::move(request), replied = std::move(replied), refused = std::move(refused), answer] {
    if (!node.powered() || node.machine_frozen()) return;  // silence
    AgentProcess* agent = node.agent();
    if (agent == nullptr) {
      answer(refused);
      return;
    }
    agent->process().post([agent, request, replied, answer] {
      request(agent->agent(), agent->group(), [agent, replied, answer] {
        if (!agent->process().dead()) answer(replied);
      });
    });
  });
}

// --- the two phases

Node* World::leader() {
  const auto& key = store_.keys().leader;
  if (!key) return nullptr;
  const auto found = std::ranges::find_if(nodes_, [&](const auto& node) { return node->name() == key->name; });
  return found == nodes_.end() ? nullptr : found->get();
}

bool World::absent(const Node& node) const {
  return !node.powered() || std::ranges::find(absent_, &node) != absent_.end();
}

// Under synchronous replication a leader can be replaced only by whom /sync names.
std::string World::what_sync_lacks(const Node& leader) const {
  const ClusterView& view = store_.keys().view();
  const Settings settings = view.config ? settings_of(view.config->data) : scenario_.settings;
  if (settings.synchronous_mode == SyncMode::kOff) return view.sync.active() ? "/sync is left over" : "";
  if (!view.sync.leader_matches(leader.name())) return "/sync does not name the leader";
  const bool all = settings.synchronous_mode == SyncMode::kQuorum;
  const auto standbys = std::ranges::count_if(nodes_, [&](const auto& node) {
    const bool counts = !all || !Tags{.raw = scenario_.tags.at(static_cast<std::size_t>(node->index()))}.nofailover();  // QRM-005
    return node.get() != &leader && !absent(*node) && counts;
  });
  const auto wanted = all ? standbys : std::min<std::ptrdiff_t>(standbys, std::max(settings.synchronous_node_count, 1));
  return std::ssize(view.sync.voters) >= wanted ? "" : fmt::format("/sync names {} of {} standbys", view.sync.voters.size(), wanted);
}

std::string World::what_is_missing() const {
  const auto& key = store_.keys().leader;
  if (!key) return "nobody has the leader key";
  const Node* leader = nullptr;
  for (const auto& node : nodes_) {
    if (node->name() == key->name) leader = node.get();
  }
  if (!leader->postgres().writable()) return fmt::format("the leader {} does not take writes", key->name);
  for (const auto& node : nodes_) {
    if (absent(*node) || node.get() == leader) continue;
    const Postgres& standby = node->postgres();
    if (standby.writable()) return fmt::format("{} is a primary beside the leader {}", node->name(), key->name);
    bool streams = false;
    for (const auto& other : nodes_) streams = streams || standby.streaming_from(other->postgres());
    if (!streams) return fmt::format("{} does not stream", node->name());
  }
  const bool fresh = clients_->last_acknowledged() > healed_at_ && clients_->last_acknowledged_by() == leader->index();
  return fresh ? what_sync_lacks(*leader) : "no write was acknowledged";
}

bool World::converges(Duration patience) {
  const Instant until = scheduler_.now() + patience;
  healed_at_ = scheduler_.now();
  while (scheduler_.now() < until && checks_.violations().empty()) {
    advance(milliseconds(500));
    people_->look_after();
    if (what_is_missing().empty()) return true;
  }
  return false;
}

// A minority may stay dead; but neither the leader nor the most advanced copy, without which nobody may be allowed to lead.
std::vector<Node*> World::choose_dead() {
  std::vector<Node*> dead;
  if (nodes_.size() < 3 || !random_.chance(0.25) || Tags{.raw = scenario_.tags.back()}.nofailover()) return dead;
  std::vector<Node*> order;
  for (const auto& node : nodes_) {
    if (node.get() != leader() && !store_.keys().view().sync.matches(node->name(), true)) order.push_back(node.get());
  }
  std::ranges::sort(order, [](const Node* a, const Node* b) {
    const auto rank = [](const Node* node) {
      const Postgres& server = node->postgres();
      return std::tuple(server.intact(), server.wal().timeline(), server.wal().end(), node->index());
    };
    return rank(a) < rank(b);
  });
  const std::size_t count = random_.index((nodes_.size() - 1) / 2) + 1;
  for (std::size_t i = 0; i < count && i + 1 < order.size(); ++i) dead.push_back(order[i]);
  return dead;
}

void World::converge_or_complain(std::string_view after) {
  if (!checks_.violations().empty() || converges(scenario_.convergence) || !checks_.violations().empty()) return;
  checks_.violate(fmt::format("INV-7 no convergence within {} s after {}: {}", to_seconds(scenario_.convergence), after,
                              what_is_missing()));
}

// Everybody has everything: losing the leader must cost one failover, also when its agent only seems to be alive.
void World::lose_leader_in_peace() {
  Node* lost = leader();
  if (lost == nullptr || nodes_.size() < 3 || !absent_.empty() || !random_.chance(0.3)) return;
  if (Tags{.raw = scenario_.tags.back()}.nofailover() && nodes_.size() == 3) return;
  const bool sick = random_.chance(0.7);
  trace_.line("WORLD", "the leader {} is lost: {}", lost->name(), sick ? "its agent hangs" : "power loss");
  coverage_.hit(sick ? "world: leader sick in peace" : "world: leader lost in peace");
  absent_.push_back(lost);
  if (sick) {
    faults_->make_sick(*lost);
  } else {
    lost->power_off();
  }
  converge_or_complain("the loss of the leader in peace");
}

Outcome World::run() {
  start();
  if (!random_.chance(0.2)) advance(seconds(40));  // mostly the cluster comes up in peace
  faults_->begin();
  people_->begin();
  advance(scenario_.faulty);
  absent_ = choose_dead();
  trace_.line("WORLD", "healed; {} nodes stay dead", absent_.size());
  people_->stop();
  people_->tidy_up();
  faults_->heal(absent_);
  converge_or_complain("healing");
  if (checks_.violations().empty()) lose_leader_in_peace();
  if (checks_.violations().empty() && leader() != nullptr) checks_.at_end(leader()->postgres());
  end();
  return outcome();
}

Outcome World::outcome() {
  Outcome outcome;
  outcome.seed = scenario_.seed;
  outcome.violations = checks_.violations();
  outcome.hash = trace_.hash();
  outcome.events = scheduler_.events_run();
  outcome.acknowledged = checks_.acknowledged_writes();
  outcome.lost = checks_.lost_writes();
  outcome.seconds = to_seconds(scheduler_.now().time_since_epoch()) - 3600;
  outcome.coverage = coverage_;
  return outcome;
}

Outcome run_seed(std::uint64_t seed, Duration faulty, const std::string& mutation, std::FILE* trace, bool guardian) {
  Scenario scenario = make_scenario(seed, faulty);
  scenario.mutation = mutation;
  scenario.guardian = guardian;
  World world(std::move(scenario), CheckOptions{});
  world.print_trace_to(trace);
  return world.run();
}

void expect_everything(Coverage& coverage, bool guardian) {
  for (const std::string& name : Faults::names()) coverage.expect(name);
  for (const std::string& name : People::names()) coverage.expect(name);
  for (const std::string_view step : agent::kAllSteps) {
    if (guardian || !step.starts_with("takeover.")) coverage.expect(fmt::format("step: {}", step));
  }
}

}  // namespace matriarch::sim
