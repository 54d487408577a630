// What the store's majority has agreed on: the content of the keys and the leases they are bound to.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "model/cluster.h"

namespace matriarch::sim {

using LeaseId = std::uint64_t;

class StoreKeys {
 public:
  struct Text {
    std::string text;
    std::uint64_t version = 0;
  };
  struct LeaderKey {
    std::string name;
    std::uint64_t version = 0;
    LeaseId lease = 0;
  };
  struct MemberKey {
    MemberData data;
    std::uint64_t version = 0;
    LeaseId lease = 0;
  };
  struct Lease {
    Duration ttl = Duration::zero();
    Instant expires;  // true time, as the present leader of the store counts
  };

  std::optional<LeaderKey> leader;
  std::map<std::string, MemberKey> members;
  std::optional<Text> initialize;
  std::optional<Text> config;
  std::optional<Text> failover;
  std::optional<Text> sync;
  std::optional<Text> history;
  StatusInfo status;  // written by set_status()
  Value failsafe;     // written by set_failsafe()
  std::map<LeaseId, Lease> leases;
  LeaseId next_lease = 7001;

  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  // A new revision, for the value that is being written.
  std::uint64_t advance() { return ++revision_; }

  void set_status(StatusInfo info);
  void set_failsafe(Value who);
  void remove_status();
  void remove_failsafe();
  void remove_lease(LeaseId lease);  // and all keys that are bound to it
  [[nodiscard]] ElectionBasis basis() const;
  // Parsed, as loads see it. Made once a revision.
  [[nodiscard]] const ClusterView& view() const;

 private:
  std::uint64_t revision_ = 1;
  std::uint64_t status_version_ = 0;  // 0: absent
  std::uint64_t failsafe_version_ = 0;
  mutable std::uint64_t view_revision_ = 0;
  mutable ClusterView view_;
};

}  // namespace matriarch::sim
