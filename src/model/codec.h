// Store texts <-> model. Reading is tolerant: whatever somebody wrote into a key, the node goes on (DCS-105 ff.); what
// could not be understood is reported through `complaints` (one line each, naming key and remedy), never by failing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/cluster.h"

namespace matriarch {

using Complaints = std::vector<std::string>;

Member read_member(std::string_view name, std::string_view text, Version version, Complaints& complaints);
StoredConfig read_config(std::string_view text, Version version, Complaints& complaints);
// CFG-221, for those who need no more of it than this.
bool is_paused(const Value& config);
StatusInfo read_status(std::string_view text, Complaints& complaints);
StatusInfo read_legacy_optime(std::string_view text, Complaints& complaints);
SyncState read_sync(std::string_view text, Version version, Complaints& complaints);
FailoverRequest read_failover(std::string_view text, Version version, Complaints& complaints);
History read_history(std::string_view text, Complaints& complaints);
Value read_failsafe(std::string_view text, Complaints& complaints);

std::string write_member(const MemberData& data);
Value member_to_value(const MemberData& data);
std::string write_status(const StatusInfo& status);
std::string write_sync(std::string_view leader, const std::vector<std::string>& voters, int quorum);
std::string write_failover(std::string_view leader, std::string_view candidate, std::string_view scheduled_at);
std::string write_history(const std::vector<HistoryRow>& rows);

// "2031-05-06T07:08:09.12+02:00", also with a blank instead of T and without seconds' fraction. Absent: no time stamp,
// or one without an offset (DCS-119).
std::optional<WallTime> parse_timestamp(std::string_view text);

// Collects the raw keys below the cluster's path (names relative to it: "leader", "members/a", ...) into a view. Unknown
// keys are ignored. Values over `kMaxValueSize` are treated as unreadable, with a complaint.
inline constexpr std::size_t kMaxValueSize = 1u << 20;
struct RawKey {
  std::string key;
  std::string value;
  Version version;
  std::string session;
};
ClusterView read_cluster(const std::vector<RawKey>& keys, Complaints& complaints);

// Host, port, ... of a member for libpq (DCS-109): conn_kwargs over conn_url. Port 5432 by default; empty host: none.
struct MemberAddress {
  std::string host;  // may be a comma list
  std::string port = "5432";
  std::string dbname;

  friend bool operator==(const MemberAddress&, const MemberAddress&) = default;
};
MemberAddress address_of(const MemberData& data);

// Scheme, authority and path of the member's REST endpoint `path` ("/liveness"); empty if it has no api_url (DCS-110).
std::string api_endpoint(const MemberData& data, std::string_view path);

}  // namespace matriarch
