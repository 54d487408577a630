// What a standby is to be: its role and whom it follows.
#pragma once

#include <optional>
#include <string>

#include "model/codec.h"
#include "model/names.h"

namespace matriarch {

// Where a standby streams from.
struct Upstream {
  std::string member;  // name; empty for a remote primary of a standby cluster
  MemberAddress address;
  bool use_slot = true;

  friend bool operator==(const Upstream&, const Upstream&) = default;
};

// What a server is to be: role for the role-specific configuration, and whom it follows.
struct StandbyTarget {
  Role role = Role::kReplica;  // kReplica or kStandbyLeader
  std::optional<Upstream> upstream;  // none: archive recovery only

  friend bool operator==(const StandbyTarget&, const StandbyTarget&) = default;
};

}  // namespace matriarch
