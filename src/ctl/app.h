// What every command is given, and the little they all need.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/scheduler.h"
#include "config/local_config.h"
#include "ctl/clusters.h"
#include "ctl/console.h"
#include "ctl/rest.h"

namespace matriarch::ctl {

// Outlives every command.
struct App {
  Scheduler& scheduler;
  Console& console;
  Clusters& clusters;
  Rest& rest;
  const config::ClientConfig& config;
  std::string program;      // as invoked: "matriarchctl" or "patronictl"
  std::string version;      // of this software
  std::function<std::size_t(std::size_t)> random_below;  // for `restart --any`
  bool refused = false;     // set when an action was refused or failed: exit code 1 unless invoked as patronictl

  // How long reading or writing the store may take (CTL-048).
  [[nodiscard]] Ctx store_ctx() const;
  [[nodiscard]] bool citus_configured() const;  // CTL-287, first half
  // "2026-03-01 10:00:00.12345", now.
  [[nodiscard]] std::string timestamp() const;

  void say(std::string_view text) const { console.line(text); }
  // A result line that says that something did not work.
  void say_refused(std::string_view text) {
    refused = true;
    console.line(text);
  }
};

// A group of a Citus cluster, or the whole cluster where there is no Citus.
struct GroupView {
  std::optional<int> group;
  ClusterView view;
};

// One reading of a cluster (CTL-046).
struct Loaded {
  std::string cluster;
  bool citus = false;
  std::optional<int> group;       // that --group asked for
  std::vector<GroupView> groups;  // ascending; one without Citus or with --group

  [[nodiscard]] bool all_groups() const { return citus && !group; }
  // Of the only group, or of the coordinator; empty if that does not exist.
  [[nodiscard]] const ClusterView& main() const;
};

// CTL-287..290.
Task<Result<Loaded>> load_cluster(App& app, std::string cluster, std::optional<int> group);
// For commands that mean the coordinator when no group is given (CTL-291).
std::optional<int> main_group(const App& app, std::optional<int> group);

// --- what `/config` says
struct DynamicFlags {
  bool paused = false;
  bool standby_cluster = false;
  bool synchronous = false;  // either mode; never in a standby cluster (DCS-141)
  bool quorum = false;
};
DynamicFlags flags_of(const ClusterView& view);
// `loop_wait` of `/config`, else of the configuration: as it is written there, and in time.
std::string loop_wait_text(const App& app, const ClusterView& view);
Duration loop_wait_of(const App& app, const ClusterView& view);

// --- choosing by role (CTL-062..064)
enum class RoleFilter { kLeader, kPrimary, kStandbyLeader, kReplica, kAny };
std::optional<RoleFilter> parse_role_filter(std::string_view text);
bool has_role(const ClusterView& view, const Member& member, RoleFilter role);

// --- calling members
// The members with an api_url, the leader first (CTL-055).
std::vector<Member> leader_first(const ClusterView& view);
// kInvalid without an api_url. `endpoint` empty: the api_url itself (CTL-050).
Task<RestOutcome> call_member(App& app, std::string method, Member member, std::string endpoint,
                              std::optional<Value> body);
// "Success: <action> for member <m>" or "Failed: ..." (CTL-178). True: success.
bool report_reply(App& app, const RestReply& reply, std::string_view action, std::string_view member);
// CTL-195.
void warn_not_accessible(const Error& error, std::string_view member);

}  // namespace matriarch::ctl
