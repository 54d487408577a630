// The world of a CLI command in tests: a scripted terminal, a cluster in memory, a REST API that answers by table, and
// virtual time.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "base/scheduler.h"
#include "base/task.h"
#include "ctl/app.h"
#include "ctl/command_line.h"
#include "model/codec.h"

namespace matriarch::ctl::testing {

// Virtual time: waiting costs nothing. The wall clock shows 2026-03-01 10:00:00.51234 UTC at the start.
class VirtualScheduler final : public Scheduler {
 public:
  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override;
  void post(Callback fn) override { add(now_, std::move(fn)); }
  TimerId call_at(Instant when, Callback fn) override { return add(std::max(when, now_), std::move(fn)); }
  void cancel(TimerId id) override;
  void run();  // until nothing is left to do

 private:
  TimerId add(Instant when, Callback fn);

  Instant now_{std::chrono::hours(1)};
  std::uint64_t sequence_ = 0;
  std::map<std::pair<Instant, std::uint64_t>, Callback> queue_;
};

class FakeConsole final : public Console {
 public:
  void out(std::string_view text) override { written += text, all += text; }
  void err(std::string_view text) override { errors += text, all += text; }
  std::optional<std::string> read_line() override;
  std::optional<std::string> read_secret() override { return read_line(); }
  std::string read_rest(std::size_t limit) override;
  [[nodiscard]] bool out_is_terminal() const override { return terminal; }
  void flush() override {}

  std::deque<std::string> answers;  // lines of standard input
  std::string written;
  std::string errors;
  std::string all;  // both, in order
  bool terminal = false;
};

// A cluster's keys, as the store would have them.
class FakeStore final : public Store {
 public:
  void put(const std::string& key, const std::string& value) { keys[key] = {.value = value, .version = ++revision}; }
  [[nodiscard]] std::string get(const std::string& key) const;

  Task<Result<ClusterView>> load(Ctx ctx) override;
  Task<Status> set_config(std::string text, std::optional<Version> expected, Ctx ctx) override;
  Task<Status> set_failover(std::string text, std::optional<Version> expected, Ctx ctx) override;
  Task<Status> delete_cluster(Ctx ctx) override;

  // What a CLI must never do (CTL-045): each fails the test.
  void on_change(std::function<void()> changed) override;
  Task<Result<LeaseHeld>> acquire_leader(ElectionBasis basis, Ctx ctx) override;
  Task<Result<LeaseHeld>> take_leader(Ctx ctx) override;
  Task<RenewOutcome> renew_leader(LeaderReport report, Ctx ctx) override;
  Task<Status> release_leader(std::optional<Lsn> optime, Ctx ctx) override;
  Task<Status> touch_member(const MemberData& data, Ctx ctx) override;
  Task<Status> delete_member(Ctx ctx) override;
  Task<Status> create_initialize(std::string text, Ctx ctx) override;
  Task<Status> set_initialize(std::string text, Ctx ctx) override;
  Task<Status> delete_initialize(Ctx ctx) override;
  Task<Result<Version>> set_sync(std::string text, std::optional<Version> expected, Ctx ctx) override;
  Task<Status> delete_sync(std::optional<Version> expected, Ctx ctx) override;
  Task<Status> set_history(std::string text, Ctx ctx) override;
  Task<Status> set_status(StatusInfo status, Ctx ctx) override;
  void configure(Duration ttl, Duration retry_timeout) override;
  [[nodiscard]] LeaseTraits traits() const override { return {}; }

  struct Key {
    std::string value;
    int version = 0;
  };
  std::map<std::string, Key> keys;
  int revision = 0;
  int loads = 0;
  bool unreachable = false;
  bool conflict = false;                      // every conditional write loses
  std::map<int, std::function<void()>> before_load;  // by number of the load, from 1: what has changed by then

 private:
  Task<Status> write(std::string key, std::string text, std::optional<Version> expected);
};

class FakeClusters final : public Clusters {
 public:
  Result<Store*> open(ClusterId id) override;
  Task<Result<std::map<int, ClusterView>>> load_groups(std::string scope, Ctx ctx) override;
  StoreAdmin* store_admin() override { return admin; }
  Task<void> close() override { co_return; }
  StoreAdmin* admin = nullptr;  // none: not etcd
  FakeStore& at(const std::string& scope, std::optional<int> group = std::nullopt);

 private:
  std::map<ClusterId, std::unique_ptr<FakeStore>> stores_;
};

// Answers by "METHOD url"; what is not in the table cannot be reached.
class FakeRest final : public Rest {
 public:
  Task<RestOutcome> call(RestCall call, Ctx ctx) override;

  struct Answer {
    int status = 200;  // 0: the connection broke after the request was sent
    std::string text;
  };
  std::map<std::string, std::deque<Answer>> answers;  // the last one stays
  std::vector<std::string> calls;                     // "POST http://10.1.0.1:8008/restart {...}"
};

// Runs whole command lines.
class Cli {
 public:
  Cli();
  // Exit code, as matriarchctl.
  int run(const std::vector<std::string>& arguments);

  FakeStore& store() { return clusters.at("shop"); }
  // The three-node cluster of the contract's examples (spec section 17): pg1 leads, pg2 is a synchronous standby.
  void make_shop();
  void member(const std::string& name, const std::string& json, const std::string& cluster = "shop",
              std::optional<int> group = std::nullopt);
  void answer(const std::string& method_and_url, int status, const std::string& text);

  VirtualScheduler scheduler;
  FakeConsole console;
  FakeClusters clusters;
  FakeRest rest;
  config::ClientConfig config;
  std::size_t random = 0;
};

}  // namespace matriarch::ctl::testing
