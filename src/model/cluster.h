// The cluster as the store shows it (spec/dcs.md sections 1 and 2).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "model/lsn.h"
#include "model/names.h"
#include "model/tags.h"
#include "model/value.h"

namespace matriarch {

// Opaque to everybody but the store that made it: etcd's mod_revision, Kubernetes' resourceVersion, ... Empty = none.
using Version = std::string;

// What one node publishes under members/<name> (DCS-039 ff.). Absent things are empty, 0 or false.
struct MemberData {
  std::string conn_url;
  std::string api_url;
  std::string proxy_url;
  std::optional<PgState> state;
  std::optional<Role> role;
  std::string version;  // of the contract, "4.1.4"; empty = unknown
  std::string matriarch;  // our own release; empty: a member that is not one of ours (spec/README decision 3)
  Tags tags;
  Lsn xlog_location;
  Lsn replay_lsn;
  Lsn receive_lsn;
  std::string replication_state;  // "streaming", "in archive recovery" or empty
  Timeline timeline = 0;
  bool has_wal_position = false;  // the block xlog_location .. timeline was present (DCS-057)
  bool checkpoint_pending = false;  // "checkpoint_after_promote": false was present (DCS-045)
  std::string guardian;  // ours: "armed", "ready" or "lost"; empty: none is in use
  bool pause = false;
  bool pending_restart = false;
  Value pending_restart_reason;  // map or null
  Value scheduled_restart;       // map or null
  Value conn_kwargs;             // map or null; only read, never written (DCS-058)
  Value raw;                     // everything as read, for `/cluster` and the CLI

  friend bool operator==(const MemberData&, const MemberData&) = default;
};

struct Member {
  std::string name;
  MemberData data;
  Version version;

  [[nodiscard]] bool is_running() const { return data.state == PgState::kRunning; }
  [[nodiscard]] bool has_api() const { return !data.api_url.empty(); }
};

struct Leader {
  std::string name;
  Version version;      // changes with every change of the key's value
  std::string session;  // lease or session id that holds the key; empty if the store has none
};

struct StatusInfo {  // /status (DCS-079)
  Lsn optime;
  std::map<std::string, Lsn> slots;
  std::vector<std::string> retain_slots;  // ascending

  friend bool operator==(const StatusInfo&, const StatusInfo&) = default;
};

struct SyncState {  // /sync (DCS-087, DCS-114)
  std::string leader;                // empty = not in use
  std::vector<std::string> voters;   // without the leader, in stored order
  int quorum = 0;
  Version version;                   // empty only if the key is absent

  [[nodiscard]] bool active() const { return !leader.empty(); }
  [[nodiscard]] bool leader_matches(std::string_view name) const;                   // case-insensitive
  [[nodiscard]] bool matches(std::string_view name, bool or_leader = false) const;  // case-insensitive
};

struct FailoverRequest {  // /failover (DCS-095)
  std::string leader;     // set: a switchover
  std::string candidate;  // `member` in the stored object
  std::string scheduled_at_text;            // as stored; empty = now
  std::optional<WallTime> scheduled_at;     // absent although the text is set: not a time stamp with offset
  Version version;

  [[nodiscard]] bool pending() const { return !leader.empty() || !candidate.empty(); }
  [[nodiscard]] bool scheduled() const { return !scheduled_at_text.empty(); }
  [[nodiscard]] bool is_switchover() const { return !leader.empty(); }
};

struct HistoryRow {  // /history (DCS-092)
  Timeline timeline = 0;
  Lsn switch_lsn;
  std::string reason;
  std::string timestamp;   // ISO 8601 or empty
  std::string new_leader;  // or empty
  int fields = 0;          // how many the stored row had

  friend bool operator==(const HistoryRow&, const HistoryRow&) = default;
};

struct History {
  std::vector<HistoryRow> rows;
  bool is_empty_list = false;  // the stored text is exactly []
  std::string raw;
};

struct StoredConfig {  // /config
  Value data;           // a map if usable
  Version version;      // empty = unusable (DCS-111)
};

// The versions, as read, of the keys that say who may lead: with the leader key and the members' own, all that an election
// is decided on. Empty: the key is absent. Opaque like every version; equal ones mean that nothing was written in between.
struct ElectionBasis {
  Version config;
  Version failover;
  Version failsafe;
  Version history;
  Version status;
  Version sync;

  friend bool operator==(const ElectionBasis&, const ElectionBasis&) = default;
};

struct ClusterView {
  std::optional<std::string> initialize;  // "" = somebody is bootstrapping right now (HA-091)
  std::optional<StoredConfig> config;
  std::optional<Leader> leader;
  StatusInfo status;
  std::vector<Member> members;  // by name
  std::optional<FailoverRequest> failover;
  SyncState sync;
  std::optional<History> history;
  Value failsafe;  // map name -> api_url, or null
  ElectionBasis basis;

  [[nodiscard]] std::string leader_name() const { return leader ? leader->name : std::string(); }
  [[nodiscard]] bool is_unlocked() const { return !leader || leader->name.empty(); }
  [[nodiscard]] const Member* member(std::string_view name) const;
  [[nodiscard]] const Member* leader_member() const;  // nullptr also when the leader has no member key
  [[nodiscard]] bool has_valid_system_id() const;
  [[nodiscard]] Timeline timeline() const;            // "cluster timeline" of HA section 1; 0 = unknown
  [[nodiscard]] bool is_empty() const;                // DCS-125
};

[[nodiscard]] bool is_valid_system_id(std::string_view text);  // HA-070

// DCS-082. Never fails; the empty name gives the empty slot name.
std::string slot_name_of_member(std::string_view member_name);

}  // namespace matriarch
