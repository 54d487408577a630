// The commands. Each prints its results, sets App::refused when something was refused or failed, and gives an error when it
// could not go on: "Error: <text>", exit code 1 (kCancelled: "Aborted!").
//
// `cluster` is always known here: the command line has replaced an absent name by the configured scope.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/app.h"
#include "ctl/table.h"

namespace matriarch::ctl {

// --- section 5
struct ListOptions {
  std::vector<std::string> clusters;
  std::optional<int> group;
  bool topology = false;
  bool extended = false;
  bool timestamp = false;
  Format format = Format::kPretty;
  double watch_seconds = 0;  // 0: once
};
Task<Status> list(App& app, ListOptions options);

// --- section 7
enum class FailoverAction { kSwitchover, kFailover };
struct FailoverOptions {
  FailoverAction action = FailoverAction::kSwitchover;
  std::string cluster;
  std::optional<int> group;
  std::optional<std::string> leader;
  std::optional<std::string> candidate;
  std::optional<std::string> scheduled;
  bool force = false;
};
Task<Status> failover(App& app, FailoverOptions options);

// --- sections 6, 8 and 9
struct MemberOptions {
  std::string cluster;
  std::vector<std::string> members;
  std::optional<int> group;
  std::string role = "any";
  bool force = false;
};
struct RestartOptions {
  MemberOptions choice;
  bool any = false;
  bool pending = false;
  std::optional<std::string> scheduled;
  std::optional<std::string> pg_version;
  std::optional<std::string> timeout;
};
struct ReinitOptions {
  MemberOptions choice;
  bool from_leader = false;
  bool wait = false;
};
Task<Status> restart(App& app, RestartOptions options);
Task<Status> reload(App& app, MemberOptions options);
Task<Status> reinit(App& app, ReinitOptions options);
Task<Status> flush_restart(App& app, MemberOptions options);
Task<Status> flush_switchover(App& app, std::string cluster, std::optional<int> group);

// --- section 10
struct PauseOptions {
  std::string cluster;
  std::optional<int> group;
  bool pause = true;  // false: resume
  bool wait = false;
  bool force = false;  // of resume: also if no member will, or can be asked (ADR 10)
};
Task<Status> pause(App& app, PauseOptions options);

// --- section 11
struct EditConfigOptions {
  std::string cluster;
  std::optional<int> group;
  bool quiet = false;
  bool force = false;
  std::vector<std::string> set;
  std::vector<std::string> pg;
  std::optional<std::string> apply;
  std::optional<std::string> replace;
};
Task<Status> edit_config(App& app, EditConfigOptions options);
Task<Status> show_config(App& app, std::string cluster, std::optional<int> group);

// --- section 12
Task<Status> history(App& app, std::string cluster, std::optional<int> group, Format format);

// --- section 13
struct TargetOptions {
  std::string cluster;
  std::optional<int> group;
  std::optional<std::string> role;    // mutually exclusive with member
  std::optional<std::string> member;
};
Task<Status> dsn(App& app, TargetOptions options);
struct QueryOptions {
  TargetOptions target;
  std::optional<std::string> command;
  std::optional<std::string> file;
  std::string dbname;    // empty: libpq's default
  std::string username;  // empty: libpq's default
  bool ask_password = false;
  Format format = Format::kTsv;
  std::string delimiter = "\t";
  double watch_seconds = 0;
};
Task<Status> query(App& app, QueryOptions options);

// --- sections 14 to 16
Task<Status> remove(App& app, std::string cluster, std::optional<int> group, Format format);
struct DemoteClusterOptions {
  std::string cluster;
  bool promote = false;
  std::optional<std::string> host;
  std::optional<int> port;
  std::optional<std::string> restore_command;
  std::optional<std::string> primary_slot_name;
  bool force = false;
};
Task<Status> demote_cluster(App& app, DemoteClusterOptions options);
Task<Status> version(App& app, std::optional<std::string> cluster, std::vector<std::string> members,
                     std::optional<int> group);

// --- ours: the last decisions of members, and why they were made
struct ExplainOptions {
  std::string cluster;
  std::vector<std::string> members;  // none: all
  std::optional<int> group;
  int last = 10;
  Format format = Format::kPretty;
};
Task<Status> explain(App& app, ExplainOptions options);

// --- ours: the etcd behind the cluster
enum class StoreAction { kStatus, kAdd, kRemove, kSnapshot, kRestore };
struct StoreOptions {
  StoreAction action = StoreAction::kStatus;
  std::string argument;  // kAdd: peer URL; kRemove: member; kSnapshot, kRestore: file
  bool force = false;
  Format format = Format::kPretty;
};
Task<Status> store(App& app, StoreOptions options);

}  // namespace matriarch::ctl
