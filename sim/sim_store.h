// The Store port as one agent's client of the simulated store. It does what the engines of src/store do: leases of whole
// seconds, a renewal that counts only when the majority confirmed it in the same term, other members when one is silent.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/wait.h"
#include "ports/store.h"
#include "sim/process.h"
#include "sim/store_cluster.h"

namespace matriarch::sim {

class SimStore final : public Store {
 public:
  struct Options {
    std::string name;
    Endpoint endpoint = 0;
    Duration ttl = std::chrono::seconds(30);
    Duration retry_timeout = std::chrono::seconds(10);
    bool trust_keepalive = false;  // mutation: believes a keepalive without the majority's confirmation
    std::string resume_lease;      // of a former process; empty: none
  };

  SimStore(Process& process, VirtualScheduler& world, StoreCluster& cluster, Coverage& coverage, Options options);
  ~SimStore() override;
  SimStore(const SimStore&) = delete;
  SimStore& operator=(const SimStore&) = delete;

  Task<Result<ClusterView>> load(Ctx ctx) override;
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
  Task<Status> set_config(std::string text, std::optional<Version> expected, Ctx ctx) override;
  Task<Status> set_failover(std::string text, std::optional<Version> expected, Ctx ctx) override;
  Task<Result<Version>> set_sync(std::string text, std::optional<Version> expected, Ctx ctx) override;
  Task<Status> delete_sync(std::optional<Version> expected, Ctx ctx) override;
  Task<Status> set_history(std::string text, Ctx ctx) override;
  Task<Status> set_status(StatusInfo status, Ctx ctx) override;
  Task<Status> delete_cluster(Ctx ctx) override;
  void configure(Duration ttl, Duration retry_timeout) override;
  [[nodiscard]] LeaseTraits traits() const override;
  [[nodiscard]] std::string lease_id() const override { return lease_ == 0 ? std::string() : std::to_string(lease_); }

  // True time at which the last view that was read had been asked for.
  [[nodiscard]] Instant last_loaded() const { return last_loaded_; }

 private:
  enum class Attempts { kOne, kUntilDeadline };
  template <class T>
  struct Answer {
    std::uint64_t term = 0;
    T value;
  };
  struct Renewed {
    std::uint64_t term = 0;
    Instant sent_at;
    bool found = false;
  };

  template <class T>
  Task<Result<Answer<T>>> propose_once(std::function<T(StoreKeys&)> operation, Ctx ctx);
  template <class T>
  Task<Result<Answer<T>>> propose(std::function<T(StoreKeys&)> operation, Attempts attempts, Ctx ctx);
  Task<Result<StoreCluster::KeepaliveReply>> keepalive_once(LeaseId lease, Ctx ctx);
  // Renews the lease, or makes one. `found` is false if a lease we had is gone.
  Task<Result<Renewed>> renew_lease(Ctx ctx);
  Task<Result<LeaseHeld>> claim(std::optional<ElectionBasis> basis, Ctx ctx);  // none: in any case
  Task<RenewOutcome> confirm(Renewed renewed, LeaderReport report, Ctx ctx);
  Task<Status> write(std::function<Status(StoreKeys&)> operation, Ctx ctx);

  [[nodiscard]] Ctx bounded(const Ctx& ctx) const { return ctx.until(process_.now() + retry_timeout_); }
  [[nodiscard]] Duration try_timeout() const;
  [[nodiscard]] LeaseHeld held(Instant sent_at) const;

  Process& process_;
  VirtualScheduler& world_;
  StoreCluster& cluster_;
  Coverage& coverage_;
  std::string name_;
  Endpoint endpoint_;
  Duration ttl_;
  Duration retry_timeout_;
  bool trust_keepalive_;
  int member_;
  LeaseId lease_ = 0;
  bool lease_is_inherited_ = false;      // the leader key is written anew with the first renewal
  std::uint64_t leader_version_ = 0;     // of the leader key when it was last ours
  Duration granted_ = Duration::zero();
  int watch_ = 0;
  Instant last_loaded_;
};

}  // namespace matriarch::sim
