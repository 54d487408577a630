// The consensus store on etcd v3, through its JSON gateway (spec/dcs.md 4.2).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/reactor.h"
#include "base/task_group.h"
#include "ports/store.h"
#include "store/etcd3/gateway.h"
#include "store/etcd3/lease.h"
#include "store/etcd3/mirror.h"
#include "store/etcd3/options.h"

namespace matriarch::etcd3 {

// Thread: the reactor's. Await close() before it is destroyed; no other call may be pending then.
class Etcd3Store final : public Store {
 public:
  // Reads the TLS files; does not connect. kInvalid, kNotFound, kDenied: the text names the setting.
  static Result<std::unique_ptr<Etcd3Store>> create(Reactor& reactor, Etcd3Options options);
  ~Etcd3Store() override = default;

  // Ends the watch and what else runs in the background. The lease is left to expire: another process may go on with it.
  Task<void> close();

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
  [[nodiscard]] std::string lease_id() const override { return lease_.id(); }

  // --- beyond the port
  // Every Citus group below the scope, read linearizably (DCS-102); for options without a group.
  Task<Result<std::map<int, ClusterView>>> load_groups(Ctx ctx);
  // Where else members of etcd are, to be tried when those that are known do not answer.
  void know(const std::vector<http::HostPort>& endpoints) { gateway_.know(endpoints); }

 private:
  Etcd3Store(Reactor& reactor, Etcd3Options options, std::shared_ptr<const http::TlsContext> tls);

  [[nodiscard]] std::string path(std::string_view name) const { return mirror_.keys().prefix() + std::string(name); }
  LeaseHeld held(const LeaseProof& proof) const;

  // Put or delete one key under a condition; returns the revision at which it is done. kConflict: the condition does not
  // hold. An attempt that was lost on the way and took effect nevertheless is recognised and is a success.
  struct Change {
    std::string name;
    std::optional<std::string> text;  // none: delete
    Value::List condition;            // empty: unconditional
    std::string lease = {};
  };
  Task<Result<std::int64_t>> change(Change change, Ctx ctx);
  Task<Status> change_status(Change change, Ctx ctx);
  Value::List version_is(std::string_view name, const std::optional<Version>& expected) const;
  Value::List nobody_leads_and(const ElectionBasis& basis) const;

  Task<Result<LeaseHeld>> confirmed(LeaseProof proof, std::uint64_t term, Ctx ctx);
  Value::List report_ops(const LeaderReport& report) const;
  Value::List status_ops(const StatusInfo& status) const;

  // The leader key as a majority knows it, and in which term.
  struct Reading {
    std::optional<KeyValue> leader;
    std::uint64_t raft_term = 0;
  };
  Task<Result<Reading>> if_mine(Value::List actions, Ctx ctx);
  Task<Result<Reading>> confirm(LeaseProof proof, LeaderReport report, Ctx ctx);
  Task<Result<Reading>> rebind(LeaseProof proof, Ctx ctx);
  Task<Result<Reading>> repair(KeyValue defaced, LeaseProof proof, Ctx ctx);
  [[nodiscard]] bool is_defaced(std::string_view value, std::int64_t create_revision) const;
  std::optional<RenewOutcome> verdict_on(const std::optional<KeyValue>& leader, const LeaseProof& proof) const;

  const Etcd3Options options_;
  TaskGroup group_;
  Gateway gateway_;
  Lease lease_;
  Mirror mirror_;
  // The lease is a former process's, which may have a release of the key on its way: that one must not find the version of
  // the key that it knows.
  bool lease_is_inherited_ = false;
  std::int64_t leader_created_ = 0;  // create_revision of the leader key since it is ours; 0: it is not, or not known
};

}  // namespace matriarch::etcd3
