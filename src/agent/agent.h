// One agent: observe, decide, act, beside one PostgreSQL server. The same code runs on the reactor in production and in
// virtual time in the simulator.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "agent/node.h"
#include "agent/result_log.h"
#include "base/task_group.h"
#include "policy/decision.h"
#include "ports/agent_api.h"

namespace matriarch::agent {

// The conditions of a scheduled restart as they are stored in the member key (DCS-054).
RestartCommand restart_command_of(const Value& stored);

// Thread: the scheduler's. Must outlive run().
class Agent final : public AgentApi {
 public:
  Agent(Ports ports, NodeConfig config);
  ~Agent() override;

  // Runs until terminate() was called and carried out, or the node must not go on. Returns the exit code of the process.
  Task<int> run();

  // AgentApi
  [[nodiscard]] std::shared_ptr<const AgentSnapshot> snapshot() const override { return snapshot_; }
  Task<std::shared_ptr<const AgentSnapshot>> fresh_snapshot(Ctx ctx) override;
  Task<CommandResult> failover(FailoverCommand command, Ctx ctx) override;
  Task<CommandResult> cancel_failover(Ctx ctx) override;
  Task<CommandResult> restart(RestartCommand command, Ctx ctx) override;
  Task<CommandResult> cancel_restart(Ctx ctx) override;
  Task<CommandResult> reinitialize(bool force, bool from_leader, Ctx ctx) override;
  Task<CommandResult> reload(Ctx ctx) override;
  Task<CommandResult> patch_config(Value patch, Ctx ctx) override;
  Task<CommandResult> replace_config(Value config, Ctx ctx) override;
  FailsafeReply failsafe(FailsafeMessage message) override;
  void wake_up() override { node_.wake.set(); }
  void terminate() override;

  // The local configuration changed (SIGHUP): tags, addresses, checks.
  void reconfigure(NodeConfig config);
  // For logs, `patroni.dynamic.json` and tests.
  [[nodiscard]] const Node& node() const { return node_; }

 private:
  // --- start (start_up.cc)
  Task<Status> start_up();
  Task<void> fence_unsupervised();
  Task<bool> name_is_taken();

  // --- observe (observe.cc)
  Task<void> observe();
  Task<void> load_view();
  void take_view(ClusterView view);
  void inject_failsafe_leader();
  [[nodiscard]] bool failsafe_leader_is_fresh() const;  // HA-296
  Task<void> adopt_dynamic_config();

  // --- the guardian (guarding.cc)
  void take_over_lease();
  Task<bool> settle_lease();
  Task<void> keep_guard();

  // --- act (act.cc); true: something was done, look again at once
  Task<policy::Decision> decide_with_answers();
  Task<void> gather(const policy::Decision& decision);
  Task<void> compare_timelines(const policy::Decision& decision);
  Task<void> ask_failsafe();
  Task<bool> act(policy::Decision decision);
  Task<bool> acquire(policy::Decision decision);
  Task<bool> resume_lease();
  Task<bool> release_lock();
  Task<bool> demote(policy::Decision decision);
  Task<bool> follow_if_needed(policy::Decision decision);
  Task<bool> write_initialize(policy::Decision decision);
  bool start_procedure(policy::Decision decision);

  // --- upkeep (upkeep.cc)
  Task<void> keep_up(policy::Verdict verdict);
  Task<void> keep_history();
  Task<void> keep_slots();
  Task<void> keep_synchronous();
  void look_again_for_confirmation();
  Task<void> keep_checkpoint();
  Task<void> keep_schedule();

  // --- the cycle (agent.cc)
  Task<void> cycle();
  void persist_dynamic_config();
  Task<void> pause_until_next(const policy::Decision& decision);
  void record(const policy::Decision& decision);
  void publish();
  Task<std::vector<PeerStatus>> poll(std::vector<Member> members, Ctx ctx);

  // --- commands (commands.cc, switchover.cc)
  Task<CommandResult> check_failover(const FailoverCommand& command, const ClusterView& view, Ctx ctx);
  Task<CommandResult> wait_for_failover(FailoverCommand command, std::string former_leader, Ctx ctx);
  Task<CommandResult> store_config(Value config, std::optional<Version> expected, Ctx ctx);
  std::uint64_t begin_restart(const RestartCommand& command);
  [[nodiscard]] bool restart_conditions_hold(const RestartCommand& command) const;
  CommandResult schedule_restart(const RestartCommand& command);

  struct FailsafeLeader {
    Member member;
    std::map<std::string, Lsn> slots;  // as the leader knows them
    Instant heard_at;
  };

  Node node_;
  TaskGroup background_;
  std::shared_ptr<const AgentSnapshot> snapshot_;
  std::deque<DecisionRecord> decisions_;
  std::uint64_t decision_count_ = 0;
  std::string last_reason_;
  ResultLog results_;
  std::optional<FailsafeLeader> failsafe_leader_;
  std::map<std::string, Lsn> failsafe_positions_;  // slot -> position, from the answers to our own last message
  std::optional<int> exit_code_;
  Instant next_run_;
  Instant sync_look_at_ = Instant::max();  // a standby is expected to confirm what it was asked for
  Instant retry_at_;  // of a procedure that failed a moment ago
  Instant cycle_at_;
  bool checkpointing_ = false;
  Version persisted_version_;
};

}  // namespace matriarch::agent
