// What the snapshot says about this node at one moment, and the status document made of it (rest.md section 4).
#pragma once

#include <optional>
#include <string_view>

#include "model/names.h"
#include "ports/agent_api.h"

namespace matriarch::rest {

// Which parts of a snapshot still count. They end by themselves while the snapshot stays the same.
struct Validity {
  bool view = false;    // the copy of the store's content
  bool server = false;  // what PostgreSQL said
  bool lease = false;   // our own belief that we hold the leader key

  friend bool operator==(const Validity&, const Validity&) = default;
};

Validity validity_at(const AgentSnapshot& snapshot, Instant now);

// In which states PostgreSQL can have answered (API-094, API-097).
[[nodiscard]] bool may_be_queried(PgState state);

struct NodeStatus {
  Validity valid;
  bool queried = false;             // PostgreSQL answered: the long document
  std::optional<PgState> state;     // absent: "unknown" (API-096)
  Role role = Role::kUninitialized;  // as the document shows it (API-100)
  bool standby_cluster = false;
  bool paused = false;
  bool noloadbalance = false;
  bool sync_standby = false;
  bool quorum_standby = false;
  bool failsafe_active = false;
  std::string_view replication_state;  // points into the snapshot; empty: none (API-111)
  Timeline timeline = 0;               // 0: not known (API-110)
  Lsn received;                        // of a standby (API-104)
  Lsn replayed;
  Lsn leader_position;  // max(optime of the view, the walreceiver's latest end), 0: not known (API-151)
  bool has_upstream_position = false;  // the walreceiver's latest end is known

  [[nodiscard]] std::string_view state_text() const { return state ? to_string(*state) : "unknown"; }
};

// The result points into `snapshot`.
NodeStatus status_of(const AgentSnapshot& snapshot, Validity valid);

// Records that wait to be written, and records that were dropped (API-124).
struct LogBacklog {
  std::size_t queued = 0;
  std::uint64_t lost = 0;
};

// API-098 to API-126. `version`: of the contract.
Value::Map status_document(const AgentSnapshot& snapshot, const NodeStatus& status, std::string_view version,
                           LogBacklog log = {});

}  // namespace matriarch::rest
