// `synchronous_standby_names`, as PostgreSQL reads it and as it is written for it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/settings.h"

namespace matriarch {

// Stands where commits must wait although nobody is known to wait for (SYNC-016); refused as a node's name (CFG-225).
inline constexpr std::string_view kSyncPlaceholder = "__patroni_strict_sync_replica_placeholder__";

struct StandbyNames {
  SyncMode type = SyncMode::kOff;  // kPriority: the first `count` of the list; kQuorum: any `count` of it
  int count = 0;                   // 0 only if kOff
  std::set<std::string> names;     // the placeholder alone counts as none; `*` is the placeholder (SYNC-014)

  friend bool operator==(const StandbyNames&, const StandbyNames&) = default;
};

// Nothing if PostgreSQL would not accept it (SYNC-014).
std::optional<StandbyNames> parse_standby_names(std::string_view text);

// SYNC-015, SYNC-016. Count 0: as many as there are names. Empty: the setting is to be removed.
std::string format_standby_names(std::vector<std::string> names, int count, SyncMode mode);

}  // namespace matriarch
