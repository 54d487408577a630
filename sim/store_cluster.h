// A model of a store of three members that agree by majority, as etcd does: terms, leader changes, leases that the leader
// keeps, and leaders that have been replaced without knowing it and go on answering keepalives.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/network.h"
#include "sim/random.h"
#include "sim/store_keys.h"
#include "sim/trace.h"
#include "sim/virtual_scheduler.h"

namespace matriarch::sim {

class StoreCluster {
 public:
  struct KeepaliveReply {
    std::uint64_t term = 0;
    bool found = false;               // the lease exists, as far as the answering member knows
    Duration ttl = Duration::zero();
  };

  StoreCluster(VirtualScheduler& scheduler, Network& network, Trace& trace, Coverage& coverage, Random random,
               Endpoint first_endpoint, int members);

  // --- for clients. Answers reach the client through the network, or never.
  void keepalive(Endpoint client, int member, LeaseId lease, std::function<void(KeepaliveReply)> answered);
  // `apply` runs once if the majority accepts it, even if the answer then gets lost.
  void propose(Endpoint client, int member, std::function<void(StoreKeys&)> apply,
               std::function<void(std::uint64_t term)> answered);
  // Notified of committed changes as far as the network lets it. Returns a handle for unwatch().
  int watch(Endpoint client, std::function<void()> changed);
  void unwatch(int handle);

  // --- faults
  void crash(int member);
  void freeze(int member);       // answers nothing
  void freeze_disk(int member);  // cannot agree to anything, but goes on answering keepalives
  void recover(int member);      // from all three
  void move_leader();            // as an administrator would
  void review();                 // something about members or network changed
  [[nodiscard]] bool healthy() const { return leader_ >= 0 && has_quorum(leader_); }
  [[nodiscard]] int leader() const { return leader_; }

  // --- for the checks: the truth
  [[nodiscard]] const StoreKeys& keys() const { return keys_; }
  void on_commit(std::function<void(const StoreKeys&)> observer) { observer_ = std::move(observer); }
  // As an operator at the store itself, past all networks.
  void edit(const std::function<void(StoreKeys&)>& change);

  [[nodiscard]] int members() const { return static_cast<int>(members_.size()); }
  [[nodiscard]] Endpoint endpoint_of(int member) const { return first_endpoint_ + member; }

 private:
  struct Member {
    bool up = true;
    bool frozen = false;
    bool disk_frozen = false;
    Instant stale_until;                      // believes until then that it leads, since it was replaced
    std::map<LeaseId, Duration> stale_leases;  // what it knew of leases when it was replaced
    std::uint64_t term = 1;
  };
  struct Watcher {
    Endpoint client;
    std::function<void()> changed;
    int member = 0;
    bool broken = false;
  };

  [[nodiscard]] bool answers(int member) const { return members_[index(member)].up && !members_[index(member)].frozen; }
  [[nodiscard]] bool votes(int member) const { return answers(member) && !members_[index(member)].disk_frozen; }
  [[nodiscard]] bool linked(int a, int b) const { return a == b || network_.connected(endpoint_of(a), endpoint_of(b)); }
  [[nodiscard]] bool has_quorum(int member) const;
  [[nodiscard]] static std::size_t index(int member) { return static_cast<std::size_t>(member); }
  void depose();
  void elect();
  void expire_leases();
  void committed();
  void notify(int handle);
  void reconnect(int handle);
  void commit(int member, std::function<void(StoreKeys&)> apply, std::function<void(std::uint64_t)> done);
  KeepaliveReply answer_keepalive(int member, LeaseId lease, bool& answers_at_all);

  VirtualScheduler& scheduler_;
  Network& network_;
  Trace& trace_;
  Coverage& coverage_;
  Random random_;
  Endpoint first_endpoint_;
  std::vector<Member> members_;
  int leader_ = 0;
  std::uint64_t term_ = 1;
  bool review_pending_ = false;
  StoreKeys keys_;
  std::uint64_t announced_revision_ = 1;
  std::map<int, Watcher> watchers_;
  int next_watcher_ = 1;
  std::function<void(const StoreKeys&)> observer_;
};

}  // namespace matriarch::sim
