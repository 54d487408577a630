// A store that answers the operations on the leader key when, and as, a test says. The rest is not used by what is tested.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/wait.h"
#include "ports/store.h"

namespace matriarch {

class FakeStore final : public Store {
 public:
  explicit FakeStore(Scheduler& scheduler) : scheduler_(scheduler) {}

  // --- what it does
  Duration takes = Duration::zero();  // from request to answer
  Duration granted = std::chrono::seconds(30);
  RenewVerdict verdict = RenewVerdict::kKept;
  std::optional<Error> acquire_error;
  std::optional<Error> release_error;

  // --- what was asked of it
  std::vector<std::string> calls;  // in order of arrival: "acquire", "renew", ...
  std::vector<Instant> renewals;   // when they were sent
  std::vector<Duration> patience;  // and how long they might take
  int in_progress = 0;
  int most_in_progress = 0;
  std::optional<Lsn> released_with;
  std::optional<ElectionBasis> acquired_on;
  Duration configured_ttl = Duration::zero();

  Task<Result<LeaseHeld>> acquire_leader(ElectionBasis basis, Ctx ctx) override {
    acquired_on = std::move(basis);
    return grant("acquire", std::move(ctx));
  }
  Task<Result<LeaseHeld>> take_leader(Ctx ctx) override { return grant("take", std::move(ctx)); }

  Task<RenewOutcome> renew_leader(LeaderReport, Ctx ctx) override {
    const Instant sent = scheduler_.now();
    renewals.push_back(sent);
    patience.push_back(ctx.deadline - sent);
    const auto answered = co_await answer("renew", ctx);
    if (!answered) co_return RenewOutcome{.verdict = RenewVerdict::kUnknown, .why = answered.error().text()};
    co_return RenewOutcome{.verdict = verdict, .lease = {.sent_at = sent, .lasts = granted}, .why = "as the test says"};
  }

  Task<Status> release_leader(std::optional<Lsn> optime, Ctx ctx) override {
    released_with = optime;
    const auto answered = co_await answer("release", ctx);
    if (!answered) co_return answered.error();
    if (release_error) co_return *release_error;
    co_return Status();
  }

  void configure(Duration ttl, Duration) override { configured_ttl = ttl; }
  [[nodiscard]] LeaseTraits traits() const override { return {.granted = granted}; }

  Task<Result<ClusterView>> load(Ctx) override { co_return unused(); }
  void on_change(std::function<void()>) override {}
  Task<Status> touch_member(const MemberData&, Ctx) override { co_return unused(); }
  Task<Status> delete_member(Ctx) override { co_return unused(); }
  Task<Status> create_initialize(std::string, Ctx) override { co_return unused(); }
  Task<Status> set_initialize(std::string, Ctx) override { co_return unused(); }
  Task<Status> delete_initialize(Ctx) override { co_return unused(); }
  Task<Status> set_config(std::string, std::optional<Version>, Ctx) override { co_return unused(); }
  Task<Status> set_failover(std::string, std::optional<Version>, Ctx) override { co_return unused(); }
  Task<Result<Version>> set_sync(std::string, std::optional<Version>, Ctx) override { co_return unused(); }
  Task<Status> delete_sync(std::optional<Version>, Ctx) override { co_return unused(); }
  Task<Status> set_history(std::string, Ctx) override { co_return unused(); }
  Task<Status> set_status(StatusInfo, Ctx) override { co_return unused(); }
  Task<Status> delete_cluster(Ctx) override { co_return unused(); }

 private:
  static Error unused() { return {Errc::kUnsupported, "this store knows the leader key only"}; }

  Task<Status> answer(std::string call, Ctx ctx) {
    calls.push_back(std::move(call));
    most_in_progress = std::max(most_in_progress, ++in_progress);
    const auto slept = co_await pause_for(scheduler_, takes, ctx);
    --in_progress;
    co_return slept;
  }

  Task<Result<LeaseHeld>> grant(std::string call, Ctx ctx) {
    const Instant sent = scheduler_.now();
    const auto answered = co_await answer(std::move(call), ctx);
    if (!answered) co_return answered.error();
    if (acquire_error) co_return *acquire_error;
    co_return LeaseHeld{.sent_at = sent, .lasts = granted};
  }

  Scheduler& scheduler_;
};

}  // namespace matriarch
