// Looking after an etcd that runs: from learner to voter, members and endpoints, space, leadership, snapshots.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "base/reactor.h"
#include "store/managed_etcd/admin.h"
#include "store/managed_etcd/disk.h"
#include "store/managed_etcd/home.h"
#include "store/managed_etcd/options.h"

namespace matriarch::managed_etcd {

// Thread: the reactor's. One tick at a time.
class Upkeep {
 public:
  // All must outlive it.
  Upkeep(Reactor& reactor, const ManagedOptions& options, const Home& home, Disk& disk, EtcdAdmin& admin);

  // Client addresses to ask while the own etcd cannot tell (a learner, or none yet).
  void know(std::vector<http::HostPort> endpoints);
  [[nodiscard]] const std::vector<http::HostPort>& endpoints() const { return endpoints_; }

  // About once a second while etcd runs; takes a few seconds at most.
  Task<void> tick(Ctx ctx);
  // It runs no more.
  void forget() { status_.reset(); }

  // What it said at the last tick; empty: it does not answer.
  [[nodiscard]] const std::optional<MemberStatus>& status() const { return status_; }

 private:
  struct Due {  // something that is done every now and then
    Instant next;
    bool now(Instant time, Duration period) {
      if (time < next) return false;
      next = time + period;
      return true;
    }
  };

  Task<void> become_voter(Ctx ctx);
  Task<void> look_at_members(Ctx ctx);
  Task<void> look_at_alarms(Ctx ctx);
  Task<void> make_space(Alarm alarm, Ctx ctx);
  Task<bool> has_room(Ctx ctx);
  Task<bool> hand_leadership_over(std::string why, Ctx ctx);
  Task<void> defragment_in_turn(Ctx ctx);
  Task<void> write_snapshot(Ctx ctx);
  [[nodiscard]] bool leads() const {
    return status_ && !status_->member_id.empty() && status_->leader_id == status_->member_id;
  }
  [[nodiscard]] http::Url url_of(const http::HostPort& address) const;
  [[nodiscard]] Ctx within(Duration patience, const Ctx& ctx) const { return ctx.until(reactor_.now() + patience); }

  Reactor& reactor_;
  const ManagedOptions& options_;
  const Home& home_;
  Disk& disk_;
  EtcdAdmin& admin_;
  http::Url own_;
  std::vector<http::HostPort> endpoints_;
  std::optional<MemberStatus> status_;
  std::vector<ListedMember> members_;
  std::set<std::string> told_;  // what has been said about others, until it changes
  bool alarmed_ = false;
  Due members_due_, alarms_due_, space_due_, lead_due_, log_due_, defragment_due_, snapshot_due_;
};

}  // namespace matriarch::managed_etcd
