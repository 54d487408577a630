// The member list: what `list`, `topology` and every command that shows the cluster print (CTL-084..110).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ctl/app.h"
#include "ctl/table.h"

namespace matriarch::ctl {

// How far a standby is; both parts absent for the leader, `lag_mb` absent too where the LSN is unknown.
struct Progress {
  std::optional<std::string> lsn;  // "0/9000148" or "unknown"
  std::optional<std::int64_t> lag_mb;
};

struct MemberRow {
  std::optional<int> group;
  std::string name;
  std::string host;   // empty: no connection data
  std::string port;
  std::string role;   // "leader", "standby_leader", "sync_standby", "quorum_standby" or "replica" (API-182)
  std::string state;
  Timeline timeline = 0;
  Progress receive;
  Progress replay;
  bool pending_restart = false;
  std::vector<std::string> pending_reasons;  // "max_connections: 100->150"
  std::string scheduled_restart;
  Value tags;
  std::string prefix;  // of the name, in a topology: "  + "

  [[nodiscard]] bool is_leader() const { return role == "leader" || role == "standby_leader"; }
};

// In order of name (CTL-095).
std::vector<MemberRow> member_rows(const GroupView& group);
// The same members in the order and with the prefixes of a tree (CTL-106..109).
std::vector<MemberRow> topology_rows(std::vector<MemberRow> rows);

enum class Layout { kList, kTopology };

struct MembersStyle {
  Format format = Format::kPretty;
  Layout layout = Layout::kList;
  bool extended = false;
};

// Table, title and footer of one cluster, or one document in a machine format.
std::string render_members(const Loaded& loaded, MembersStyle style);

// What most commands show before they ask.
void print_members(App& app, const Loaded& loaded);

}  // namespace matriarch::ctl
