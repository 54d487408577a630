// A clock that tests move, an agent that remembers what it was told, and snapshots of ordinary nodes.
#pragma once

#include <gtest/gtest.h>

#include "base/wait.h"
#include "rest/api.h"

namespace matriarch::rest::testing {

using namespace std::chrono_literals;

// Runs what is due when drain() is called; time stands still otherwise.
class ManualScheduler final : public Scheduler {
 public:
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override { return wall_; }
  void post(Callback fn) override { call_at(now_, std::move(fn)); }
  TimerId call_at(Instant when, Callback fn) override;
  void cancel(TimerId id) override;

  void drain();
  void advance(Duration by);

 private:
  Instant now_{1000s};
  WallTime wall_{std::chrono::sys_days(std::chrono::year(2026) / 3 / 1) + 10h};
  std::uint64_t next_ = 1;
  std::map<std::pair<Instant, std::uint64_t>, Callback> queue_;
};

// Drives `task` to its end, moving the clock where it waits.
http::Response finish(ManualScheduler& scheduler, http::Answer answer);
template <class T>
T finish(ManualScheduler& scheduler, Task<T> task) {
  std::optional<T> result;
  constexpr auto body = [](Task<T> inner, std::optional<T>* out) -> Task<void> {
    out->emplace(co_await std::move(inner));
  };
  TaskGroup group(scheduler);
  group.spawn(body(std::move(task), &result));
  for (int steps = 0; !result && steps < 1000; ++steps) {
    scheduler.drain();
    if (!result) scheduler.advance(100ms);
  }
  scheduler.drain();
  EXPECT_TRUE(result.has_value()) << "the task does not end";
  return std::move(*result);
}

class FakeAgent final : public AgentApi {
 public:
  explicit FakeAgent(ManualScheduler& scheduler) : scheduler_(scheduler) {}

  // What the next command answers.
  CommandResult answer{200, "done"};
  // What was called, with arguments, in order.
  std::vector<std::string> calls;
  std::optional<FailoverCommand> failover_command;
  std::optional<RestartCommand> restart_command;
  std::optional<FailsafeMessage> failsafe_message;
  std::optional<MppEvent> event;
  Lsn failsafe_lsn;
  // PostgreSQL: how long an observation takes; none: it does not answer.
  std::optional<Duration> observation_time = Duration::zero();
  int observations = 0;
  // What an observation sees beside the time it was made.
  std::function<void(AgentSnapshot&)> observe;

  void publish(AgentSnapshot snapshot) { snapshot_ = std::make_shared<const AgentSnapshot>(std::move(snapshot)); }

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
  Task<void> mpp_event(MppEvent mpp, Ctx ctx) override;
  void wake_up() override { calls.emplace_back("wake_up"); }
  void terminate() override { calls.emplace_back("terminate"); }

 private:
  ManualScheduler& scheduler_;
  std::shared_ptr<const AgentSnapshot> snapshot_;
};

// Cluster "shop" with the leader pg1 and the standbys pg2, pg3; PostgreSQL 16.4, all well.
ClusterView shop_view();
AgentSnapshot primary_snapshot(Instant now);  // pg1
AgentSnapshot replica_snapshot(Instant now);  // pg2, streaming

// A copy of the view with changes.
template <class F>
void change_view(AgentSnapshot& snapshot, F change) {
  auto view = std::make_shared<ClusterView>(*snapshot.cluster);
  change(*view);
  snapshot.cluster = std::move(view);
}

Value json(std::string_view text);  // fails the test if it is none

http::Request request(std::string method, std::string target, std::string body = {});

// An Api on a fake agent.
class ApiTest : public ::testing::Test {
 protected:
  ApiTest();
  ~ApiTest() override;

  http::Response send(http::Request request);
  http::Response get(std::string target) { return send(request("GET", std::move(target))); }
  http::Response post(std::string target, std::string body) { return send(request("POST", std::move(target), std::move(body))); }
  // The status of the answer to GET.
  int code(std::string target) { return get(std::move(target)).status; }
  void configure(RestOptions options);
  // What was logged since the test began, one "LEVEL text" each.
  static const std::vector<std::string>& logged();

  ManualScheduler scheduler_;
  FakeAgent agent_{scheduler_};
  // What names resolve to; others have no address.
  std::map<std::string, std::vector<IpAddress>> names_;
  int lookups_ = 0;
  Api api_;
};

}  // namespace matriarch::rest::testing
