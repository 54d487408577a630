// One run: a cluster, its clients, its faults, its phases, and what came of it.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/checks.h"
#include "sim/clients.h"
#include "sim/faults.h"
#include "sim/node.h"
#include "sim/people.h"
#include "sim/scenario.h"

namespace matriarch::sim {

struct Outcome {
  std::uint64_t seed = 0;
  std::vector<std::string> violations;
  std::uint64_t hash = 0;
  std::uint64_t events = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t lost = 0;  // acknowledged without a promise, and gone
  double seconds = 0;      // simulated
  Coverage coverage;

  [[nodiscard]] bool ok() const { return violations.empty(); }
};

class World final : private NodeObserver, private PeerDirectory {
 public:
  World(Scenario scenario, CheckOptions options);
  ~World() override;

  void print_trace_to(std::FILE* file) { trace_.print_to(file); }
  // Faults; then peace, in which a majority must converge; then, in some runs, the leader is lost once more.
  Outcome run();

  // --- for tests that write their own story
  void start();                 // all agents
  void advance(Duration by);    // stops early at a violation
  // True as soon as one primary leads, the others follow it and writes are acknowledged; false after `patience`.
  bool converges(Duration patience);
  void end();                   // kills all agents; nothing may be called after it but outcome()
  [[nodiscard]] Outcome outcome();
  [[nodiscard]] Node& node(int index) { return *nodes_.at(static_cast<std::size_t>(index)); }
  [[nodiscard]] Node* leader();
  [[nodiscard]] VirtualScheduler& scheduler() { return scheduler_; }
  [[nodiscard]] StoreCluster& store() { return store_; }
  [[nodiscard]] Network& network() { return network_; }
  [[nodiscard]] Checks& checks() { return checks_; }
  [[nodiscard]] Faults& faults() { return *faults_; }
  [[nodiscard]] People& people() { return *people_; }
  // Called when an agent reaches a named step, in the middle of what it does.
  void at_step(std::function<void(Node&, std::string_view step)> told) { at_step_ = std::move(told); }
  [[nodiscard]] Trace& trace() { return trace_; }
  [[nodiscard]] Coverage& coverage() { return coverage_; }

 private:
  void step_reached(Node& node, std::string_view step) override;
  void commanded(Node& node, ServerCommand command) override;
  void agent_ended(Node& node, int exit_code) override;
  void failed(std::string what) override { checks_.violate(std::move(what)); }
  void send(Endpoint from, const std::string& member, Request request, std::function<void()> replied,
            std::function<void()> refused) override;

  [[nodiscard]] std::string what_is_missing() const;
  [[nodiscard]] std::string what_sync_lacks(const Node& leader) const;
  [[nodiscard]] std::vector<Node*> choose_dead();
  [[nodiscard]] bool absent(const Node& node) const;
  void converge_or_complain(std::string_view after);
  void lose_leader_in_peace();
  void note_decisions();

  Scenario scenario_;
  Random random_;
  VirtualScheduler scheduler_;
  Trace trace_;
  Coverage coverage_;
  Network network_;
  StoreCluster store_;
  Checks checks_;
  PostgresWorld postgres_;
  NodeWorld node_world_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::uint64_t> decisions_noted_;
  std::unique_ptr<Clients> clients_;
  std::unique_ptr<Faults> faults_;
  std::unique_ptr<People> people_;
  std::vector<Node*> absent_;  // dead, or as good as dead, in the phases that require convergence
  Instant healed_at_;
  std::function<void(Node&, std::string_view)> at_step_;
  std::uint64_t next_note_ = 0;
};

// Runs one seed from beginning to end.
Outcome run_seed(std::uint64_t seed, Duration faulty, const std::string& mutation, std::FILE* trace, bool guardian = false);

// Faults, steps and decisions that a whole gate run must have seen.
void expect_everything(Coverage& coverage, bool guardian = false);

}  // namespace matriarch::sim
