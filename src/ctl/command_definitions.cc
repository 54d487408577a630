// Every command with its options and arguments, as CLI11 wants to know them.
#include <charconv>

#include <unistd.h>

#include <CLI/CLI.hpp>

#include "ctl/command_line_detail.h"

namespace matriarch::ctl::detail {
namespace {

using Name = std::optional<std::string>;

Error usage(std::string reason) { return {Errc::kInvalid, std::move(reason)}; }

// --- kinds of options

std::string check_integer(const std::string& text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool ok = error == std::errc() && end == text.data() + text.size();
  return ok ? std::string() : fmt::format("'{}' is not a valid integer.", text);
}

std::string check_float(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool ok = error == std::errc() && end == text.data() + text.size();
  return ok ? std::string() : fmt::format("'{}' is not a valid float.", text);
}

std::function<std::string(const std::string&)> one_of(std::vector<std::string> words) {
  return [words = std::move(words)](const std::string& text) {
    if (std::ranges::find(words, text) != words.end()) return std::string();
    return fmt::format("'{}' is not one of '{}'.", text, fmt::join(words, "', '"));
  };
}

// The last one counts when it is repeated (CTL-006).
template <class T>
CLI::Option* value(CLI::App& app, const char* name, T& variable, const char* help) {
  auto* option = app.add_option(name, variable, help)->take_last();
  if constexpr (std::is_same_v<T, std::optional<int>> || std::is_same_v<T, int>) {
    return option->check(check_integer)->type_name("INTEGER");
  } else if constexpr (std::is_same_v<T, std::optional<double>>) {
    return option->check(check_float)->type_name("FLOAT");
  } else {
    return option->type_name("TEXT");
  }
}

CLI::Option* argument(CLI::App& app, const char* name, std::string& variable) {
  return app.add_option(name, variable)->required()->type_name("");
}
CLI::Option* argument(CLI::App& app, const char* name, Name& variable) {
  return app.add_option(name, variable)->type_name("");
}
CLI::Option* arguments(CLI::App& app, const char* name, std::vector<std::string>& variable) {
  return app.add_option(name, variable)->type_name("");
}
// Each occurrence takes one value.
void repeated(CLI::App& app, const char* name, std::vector<std::string>& variable, const char* help) {
  app.add_option(name, variable, help)->allow_extra_args(false)->type_name("TEXT");
}

// --- options that several commands have

constexpr const char* kCluster = "CLUSTER_NAME";
constexpr const char* kMembers = "MEMBER_NAMES";

void group(CLI::App& app, std::optional<int>& variable) { value(app, "--group", variable, "Citus group"); }
void force(CLI::App& app, bool& variable) {
  app.add_flag("--force", variable, "Do not ask for confirmation at any point");
}
void role(CLI::App& app, std::string& variable, const char* help) {
  value(app, "-r,--role", variable, help)
      ->check(one_of({"leader", "primary", "standby-leader", "replica", "standby", "any"}));
}
void format(CLI::App& app, const char* name, std::string& variable) {
  value(app, name, variable, "Output format")->check(one_of({"pretty", "tsv", "json", "yaml", "yml"}));
}

struct Watch {
  bool every_two_seconds = false;
  std::optional<double> seconds;

  void add_to(CLI::App& app) {
    app.add_flag("-W", every_two_seconds, "Auto update the screen every 2 seconds");
    value(app, "-w,--watch", seconds, "Auto update the screen every X seconds");
  }
  [[nodiscard]] double period() const { return seconds.value_or(every_two_seconds ? 2 : 0); }  // CTL-082
};

// CTL-056, CTL-059
Result<std::string> name_or_scope(const App& app, const Name& name) {
  if (name && !name->empty()) return *name;
  if (!app.config.scope.empty()) return app.config.scope;
  return usage(fmt::format("Missing argument '{}'.", kCluster));
}

// CTL-061
std::optional<int> group_or_configured(const App& app, std::optional<int> group) {
  return group ? group : app.config.citus_group;
}

// Defines one command. `O` holds its options; `begin(app, options)` starts it.
template <class O, class Define, class Begin>
void command(CLI::App& root, Start& start, const char* name, const char* help, Define define, Begin begin) {
  auto options = std::make_shared<O>();
  CLI::App* app = root.add_subcommand(name, help);
  define(*app, *options);
  app->callback([&start, options, begin] { start = [options, begin](App& a) { return begin(a, *options); }; });
}

// --- the commands

void add_list(CLI::App& root, Start& start) {
  struct Options {
    ListOptions list;
    std::string format = "pretty";
    Watch watch;
  };
  const auto begin = [](App& app, Options o) -> Result<Task<Status>> {
    if (o.list.clusters.empty() && !app.config.scope.empty()) o.list.clusters = {app.config.scope};
    o.list.format = parse_format(o.format).value_or(Format::kPretty);
    o.list.watch_seconds = o.watch.period();
    return list(app, o.list);
  };
  const auto common = [](CLI::App& app, Options& o) {
    arguments(app, "CLUSTER_NAMES", o.list.clusters);
    group(app, o.list.group);
    o.watch.add_to(app);
  };
  command<Options>(
      root, start, "list", "List the members of a cluster",
      [common](CLI::App& app, Options& o) {
        common(app, o);
        app.add_flag("-e,--extended", o.list.extended, "Show some extra information");
        app.add_flag("-t,--timestamp", o.list.timestamp, "Print timestamp");
        format(app, "-f,--format", o.format);
      },
      begin);
  command<Options>(
      root, start, "topology", "Print the members of a cluster as a tree of replication",
      [common](CLI::App& app, Options& o) {
        common(app, o);
        o.list.topology = true;
      },
      begin);
}

void add_failover(CLI::App& root, Start& start) {
  struct Options {
    FailoverOptions failover;
    Name name;
  };
  const auto begin = [](App& app, Options o) -> Result<Task<Status>> {
    auto name = name_or_scope(app, o.name);
    if (!name) return name.error();
    o.failover.cluster = *name;
    return failover(app, o.failover);
  };
  const auto common = [](CLI::App& app, Options& o) {
    argument(app, kCluster, o.name);
    group(app, o.failover.group);
    value(app, "--candidate", o.failover.candidate, "The name of the candidate");
    force(app, o.failover.force);
  };
  command<Options>(
      root, start, "switchover", "Hand the leadership to another member",
      [common](CLI::App& app, Options& o) {
        common(app, o);
        value(app, "--leader,--primary", o.failover.leader, "The name of the current leader");
        value(app, "--scheduled", o.failover.scheduled,
              "Timestamp of a scheduled switchover in unambiguous format (e.g. ISO 8601)");
      },
      begin);
  command<Options>(
      root, start, "failover", "Make a member the leader of a cluster without a healthy one",
      [common](CLI::App& app, Options& o) {
        common(app, o);
        o.failover.action = FailoverAction::kFailover;
      },
      begin);
}

void member_arguments(CLI::App& app, MemberOptions& options) {
  argument(app, kCluster, options.cluster);
  arguments(app, kMembers, options.members);
  group(app, options.group);
  force(app, options.force);
}

void add_restart(CLI::App& root, Start& start) {
  command<RestartOptions>(
      root, start, "restart", "Restart PostgreSQL of members",
      [](CLI::App& app, RestartOptions& o) {
        member_arguments(app, o.choice);
        role(app, o.choice.role, "Restart only members with this role");
        app.add_flag("--any", o.any, "Restart a single member only");
        value(app, "--scheduled", o.scheduled, "Timestamp of a scheduled restart in unambiguous format (e.g. ISO 8601)");
        value(app, "--pg-version", o.pg_version, "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2)");
        app.add_flag("--pending", o.pending, "Restart if pending");
        value(app, "--timeout", o.timeout, "Fail over if the primary is not up within this many seconds");
      },
      [](App& app, RestartOptions& o) -> Result<Task<Status>> { return restart(app, o); });
}

void add_reload(CLI::App& root, Start& start) {
  command<MemberOptions>(
      root, start, "reload", "Reload the configuration of members",
      [](CLI::App& app, MemberOptions& o) {
        member_arguments(app, o);
        role(app, o.role, "Reload only members with this role");
      },
      [](App& app, MemberOptions& o) -> Result<Task<Status>> { return reload(app, o); });
  command<ReinitOptions>(
      root, start, "reinit", "Make a fresh copy of the data of members",
      [](CLI::App& app, ReinitOptions& o) {
        member_arguments(app, o.choice);
        app.add_flag("--from-leader", o.from_leader, "Get the copy from the leader");
        app.add_flag("--wait", o.wait, "Wait until it completes");
      },
      [](App& app, ReinitOptions& o) -> Result<Task<Status>> { return reinit(app, o); });
}

void add_flush(CLI::App& root, Start& start) {
  struct Options {
    MemberOptions choice;
    std::vector<std::string> words;
  };
  command<Options>(
      root, start, "flush", "Discard scheduled events: a restart of members or the switchover",
      [](CLI::App& app, Options& o) {
        argument(app, kCluster, o.choice.cluster);
        arguments(app, kMembers, o.words)->required()->type_name("[MEMBER_NAMES]... {restart|switchover}");
        group(app, o.choice.group);
        role(app, o.choice.role, "Flush only members with this role");
        force(app, o.choice.force);
      },
      [](App& app, Options o) -> Result<Task<Status>> {
        const std::string target = o.words.back();  // CTL-008
        o.words.pop_back();
        if (target == "switchover") return flush_switchover(app, o.choice.cluster, o.choice.group);
        if (target != "restart") {
          return usage(fmt::format("Invalid value for '{{restart|switchover}}': '{}' is not one of 'restart', "
                                   "'switchover'.", target));
        }
        o.choice.members = std::move(o.words);
        return flush_restart(app, o.choice);
      });
}

void add_pause(CLI::App& root, Start& start) {
  struct Options {
    PauseOptions pause;
    Name name;
  };
  const auto add = [&](const char* name, const char* help, bool pausing) {
    command<Options>(
        root, start, name, help,
        [pausing](CLI::App& app, Options& o) {
          o.pause.pause = pausing;
          argument(app, kCluster, o.name);
          group(app, o.pause.group);
          app.add_flag("--wait", o.pause.wait, "Wait until it is recognized by all nodes");
          if (!pausing) app.add_flag("--force", o.pause.force, "Resume although the leader's guardian could not be armed");
        },
        [](App& app, Options o) -> Result<Task<Status>> {
          auto cluster = name_or_scope(app, o.name);
          if (!cluster) return cluster.error();
          o.pause.cluster = *cluster;
          o.pause.group = group_or_configured(app, o.pause.group);
          return pause(app, o.pause);
        });
  };
  add("pause", "Disable auto failover", true);
  add("resume", "Resume auto failover", false);
}

void add_config(CLI::App& root, Start& start) {
  struct Options {
    EditConfigOptions edit;
    Name name;
  };
  command<Options>(
      root, start, "edit-config", "Edit the dynamic configuration of a cluster",
      [](CLI::App& app, Options& o) {
        argument(app, kCluster, o.name);
        group(app, o.edit.group);
        app.add_flag("-q,--quiet", o.edit.quiet, "Do not show changes");
        repeated(app, "-s,--set", o.edit.set, "Set specific configuration value. Can be specified multiple times");
        repeated(app, "-p,--pg", o.edit.pg, "Set specific PostgreSQL parameter value. Shorthand for -s postgresql.parameters");
        value(app, "--apply", o.edit.apply, "Apply configuration from file. Use - for stdin.");
        value(app, "--replace", o.edit.replace, "Replace configuration with the one from file. Use - for stdin.");
        force(app, o.edit.force);
      },
      [](App& app, Options o) -> Result<Task<Status>> {
        auto cluster = name_or_scope(app, o.name);
        if (!cluster) return cluster.error();
        o.edit.cluster = *cluster;
        o.edit.group = group_or_configured(app, o.edit.group);
        return edit_config(app, o.edit);
      });
  command<TargetOptions>(
      root, start, "show-config", "Show the dynamic configuration of a cluster",
      [](CLI::App& app, TargetOptions& o) {
        argument(app, kCluster, o.member);
        group(app, o.group);
      },
      [](App& app, TargetOptions& o) -> Result<Task<Status>> {
        auto cluster = name_or_scope(app, o.member);
        if (!cluster) return cluster.error();
        return show_config(app, *cluster, group_or_configured(app, o.group));
      });
}

void add_history(CLI::App& root, Start& start) {
  struct Options {
    Name name;
    std::optional<int> group;
    std::string format = "pretty";
  };
  command<Options>(
      root, start, "history", "Show the history of failovers and switchovers",
      [](CLI::App& app, Options& o) {
        argument(app, kCluster, o.name);
        group(app, o.group);
        format(app, "-f,--format", o.format);
      },
      [](App& app, Options& o) -> Result<Task<Status>> {
        auto cluster = name_or_scope(app, o.name);
        if (!cluster) return cluster.error();
        return history(app, *cluster, group_or_configured(app, o.group),
                       parse_format(o.format).value_or(Format::kPretty));
      });
}

struct QueryArguments {
  QueryOptions query;
  Name name;
  std::string role;
  std::string format = "tsv";
  Watch watch;
};

void target_arguments(CLI::App& app, QueryArguments& o) {
  argument(app, kCluster, o.name);
  role(app, o.role, "Give a dsn of any member with this role");
  value(app, "-m,--member", o.query.target.member, "Use this member");
  group(app, o.query.target.group);
}

Result<TargetOptions> target_of(const App& app, const QueryArguments& o) {
  TargetOptions target = o.query.target;
  auto cluster = name_or_scope(app, o.name);
  if (!cluster) return cluster.error();
  target.cluster = *cluster;
  if (!o.role.empty()) target.role = o.role;
  return target;
}

void add_query(CLI::App& root, Start& start) {
  command<QueryArguments>(root, start, "dsn", "Generate a dsn for a member, the leader by default", target_arguments,
                          [](App& app, QueryArguments& o) -> Result<Task<Status>> {
                            auto target = target_of(app, o);
                            if (!target) return target.error();
                            return dsn(app, *target);
                          });
  command<QueryArguments>(
      root, start, "query", "Send SQL to a member",
      [](CLI::App& app, QueryArguments& o) {
        target_arguments(app, o);
        value(app, "-c,--command", o.query.command, "The SQL commands to execute");
        value(app, "-f,--file", o.query.file, "Execute the SQL commands from this file");
        value(app, "-d,--dbname", o.query.dbname, "Database name to connect to");
        value(app, "-U,--username", o.query.username, "Database user name");
        app.add_flag("--password", o.query.ask_password, "Force password prompt");
        format(app, "--format", o.format);
        value(app, "--delimiter", o.query.delimiter, "The column delimiter");
        o.watch.add_to(app);
      },
      [](App& app, QueryArguments o) -> Result<Task<Status>> {
        auto target = target_of(app, o);
        if (!target) return target.error();
        o.query.target = std::move(*target);
        o.query.format = parse_format(o.format).value_or(Format::kTsv);
        o.query.watch_seconds = o.watch.period();
        if (o.query.file && access(o.query.file->c_str(), R_OK) != 0) {  // CTL-246
          return usage(fmt::format("Invalid value for '-f' / '--file': '{}' cannot be read", *o.query.file));
        }
        return query(app, o.query);
      });
}

void add_remove(CLI::App& root, Start& start) {
  struct Options {
    std::string cluster;
    std::optional<int> group;
    std::string format = "pretty";
  };
  command<Options>(
      root, start, "remove", "Remove a cluster from the DCS",
      [](CLI::App& app, Options& o) {
        argument(app, kCluster, o.cluster);
        group(app, o.group);
        format(app, "-f,--format", o.format);
      },
      [](App& app, Options& o) -> Result<Task<Status>> {
        return remove(app, o.cluster, o.group, parse_format(o.format).value_or(Format::kPretty));
      });
}

void add_demote_cluster(CLI::App& root, Start& start) {
  struct Options {
    DemoteClusterOptions demote;
    Name name;
  };
  const auto begin = [](App& app, Options o) -> Result<Task<Status>> {
    auto cluster = name_or_scope(app, o.name);
    if (!cluster) return cluster.error();
    o.demote.cluster = *cluster;
    return demote_cluster(app, o.demote);
  };
  command<Options>(
      root, start, "demote-cluster", "Demote the cluster to a standby cluster",
      [](CLI::App& app, Options& o) {
        argument(app, kCluster, o.name);
        value(app, "--host", o.demote.host, "Address of the remote node");
        value(app, "--port", o.demote.port, "Port of the remote node");
        value(app, "--restore-command", o.demote.restore_command, "Command to restore WAL records from the remote primary");
        value(app, "--primary-slot-name", o.demote.primary_slot_name, "Name of the slot on the remote node to use for replication");
        force(app, o.demote.force);
      },
      begin);
  command<Options>(
      root, start, "promote-cluster", "Promote the cluster, make it run standalone",
      [](CLI::App& app, Options& o) {
        o.demote.promote = true;
        argument(app, kCluster, o.name);
        force(app, o.demote.force);
      },
      begin);
}

void add_version(CLI::App& root, Start& start) {
  struct Options {
    Name name;
    std::vector<std::string> members;
    std::optional<int> group;
  };
  command<Options>(
      root, start, "version", "Output the version of this program, or of the running members",
      [](CLI::App& app, Options& o) {
        argument(app, kCluster, o.name);
        arguments(app, kMembers, o.members);
        group(app, o.group);
      },
      [](App& app, Options& o) -> Result<Task<Status>> { return version(app, o.name, o.members, o.group); });
}

void add_explain(CLI::App& root, Start& start) {
  struct Options {
    ExplainOptions explain;
    Name name;
    std::string format = "pretty";
  };
  command<Options>(
      root, start, "explain", "Show the last decisions of members and why they were made",
      [](CLI::App& app, Options& o) {
        argument(app, kCluster, o.name);
        arguments(app, kMembers, o.explain.members);
        group(app, o.explain.group);
        value(app, "-n,--last", o.explain.last, "How many decisions of each member");
        format(app, "-f,--format", o.format);
      },
      [](App& app, Options o) -> Result<Task<Status>> {
        auto cluster = name_or_scope(app, o.name);
        if (!cluster) return cluster.error();
        o.explain.cluster = *cluster;
        o.explain.format = parse_format(o.format).value_or(Format::kPretty);
        return explain(app, o.explain);
      });
}

void add_store(CLI::App& root, Start& start) {
  struct Options {
    std::string action;
    Name argument;
    bool force = false;
    std::string format = "pretty";
  };
  command<Options>(
      root, start, "store", "Look after etcd: status | add PEER_URL | remove MEMBER | snapshot FILE | restore FILE",
      [](CLI::App& app, Options& o) {
        argument(app, "ACTION", o.action)->check(one_of({"status", "add", "remove", "snapshot", "restore"}));
        argument(app, "ARGUMENT", o.argument);
        force(app, o.force);
        format(app, "-f,--format", o.format);
      },
      [](App& app, Options& o) -> Result<Task<Status>> {
        StoreOptions options{.argument = o.argument.value_or(""), .force = o.force};
        options.format = parse_format(o.format).value_or(Format::kPretty);
        if (o.action == "add") options.action = StoreAction::kAdd;
        if (o.action == "remove") options.action = StoreAction::kRemove;
        if (o.action == "snapshot") options.action = StoreAction::kSnapshot;
        if (o.action == "restore") options.action = StoreAction::kRestore;
        const bool plain = options.action == StoreAction::kStatus;
        if (!plain && options.argument.empty()) return usage("Missing argument 'ARGUMENT'.");
        if (plain && !options.argument.empty()) return usage(fmt::format("Got unexpected extra argument ({})", options.argument));
        return store(app, options);
      });
}

}  // namespace

void add_commands(CLI::App& root, Start& start) {
  for (const auto add : {add_list, add_failover, add_restart, add_reload, add_flush, add_pause, add_config, add_history,
                         add_query, add_remove, add_demote_cluster, add_version, add_explain, add_store}) {
    add(root, start);
  }
}

}  // namespace matriarch::ctl::detail
