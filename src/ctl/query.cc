// `dsn` and `query` (spec section 13).
#include "base/files.h"
#include "base/wait.h"
#include "ctl/commands.h"
#include "ctl/libpq.h"
#include "ctl/times.h"
#include "model/codec.h"

namespace matriarch::ctl {
namespace {

constexpr std::size_t kMaxSqlFile = 16u << 20;

Status check_target(const TargetOptions& target) {
  if (!target.role || !target.member) return {};
  return Error(Errc::kInvalid, "--role and --member are mutually exclusive options");
}

// CTL-242; with an address only.
std::optional<Member> find_member(const Loaded& loaded, const TargetOptions& target) {
  const RoleFilter role = target.member ? RoleFilter::kAny
                                        : parse_role_filter(target.role.value_or("leader")).value_or(RoleFilter::kAny);
  for (const GroupView& group : loaded.groups) {
    for (const Member& member : group.view.members) {
      if (target.member && member.name != *target.member) continue;
      if (has_role(group.view, member, role) && !address_of(member.data).host.empty()) return member;
    }
  }
  return std::nullopt;
}

}  // namespace

Task<Status> dsn(App& app, TargetOptions options) {
  if (auto valid = check_target(options); !valid) co_return valid;
  auto loaded = co_await load_cluster(app, options.cluster, options.group);
  if (!loaded) co_return loaded.error();
  const auto member = find_member(*loaded, options);
  if (!member) co_return Error(Errc::kNotFound, "Can not find a suitable member");
  const MemberAddress address = address_of(member->data);
  app.say(fmt::format("host={} port={}", address.host, address.port));
  co_return Status();
}

namespace {

Result<std::string> sql_of(const QueryOptions& options) {
  if (options.command && options.file) {
    return Error(Errc::kInvalid, "--file and --command are mutually exclusive options");
  }
  if (options.command) return *options.command;
  if (options.file) return read_file(*options.file, kMaxSqlFile);
  return Error(Errc::kInvalid, "You need to specify either --command or --file");
}

// CTL-254
std::string no_connection(const TargetOptions& target) {
  if (target.member) return fmt::format("No connection to member {} is available", *target.member);
  if (target.role) return fmt::format("No connection to role '{}' is available", *target.role);
  return "No connection is available";
}

// CTL-249
std::optional<bool> recovery_of(const TargetOptions& target) {
  if (!target.role || target.role == "leader" || target.role == "any") return std::nullopt;
  return target.role != "primary";
}

// CTL-254, CTL-255, CTL-257: time and text, without a header.
void print_error_row(App& app, const QueryOptions& options, const std::string& text) {
  const std::string now = local_seconds(app.scheduler.wall_now());
  switch (options.format) {
    case Format::kTsv:
      return app.say(now + options.delimiter + text);
    case Format::kPretty:
      return app.console.out(render_pretty({.columns = {{"Field 1"}, {"Field 2"}}, .rows = {{now, text}}}));
    case Format::kJson:
      return app.say("[{}]");
    case Format::kYaml:
      return app.say("- {}\n");
  }
}

std::string one_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

void query_once(App& app, const QueryOptions& options, const std::optional<SqlTarget>& target, const std::string& sql) {
  if (!target) return print_error_row(app, options, no_connection(options.target));
  auto rows = run_sql(*target, sql);
  if (!rows) {
    app.refused = true;
    const bool none = rows.error().code() == Errc::kUnavailable;
    return print_error_row(app, options, none ? no_connection(options.target) : one_line(rows.error().text()));
  }
  if (rows->table.columns.empty()) return;  // CTL-256
  const bool machine = options.format == Format::kJson || options.format == Format::kYaml;
  Table table{.columns = rows->table.columns};
  for (const auto& row : rows->table.rows) {
    auto& cells = table.rows.emplace_back();
    for (std::size_t x = 0; x < row.size(); ++x) {
      cells.push_back(row[x] ? sql_value(rows->types[x], row[x]->as_string(), machine) : Cell(Value()));
    }
  }
  app.console.out(options.format == Format::kTsv ? render_tsv(table, options.delimiter)
                                                 : render(table, options.format, EmptyKeys::kKeep));
}

}  // namespace

Task<Status> query(App& app, QueryOptions options) {
  if (auto valid = check_target(options.target); !valid) co_return valid;
  auto sql = sql_of(options);
  if (!sql) co_return sql.error();
  std::optional<config::Secret> password;
  if (options.ask_password) {
    app.console.out("Password: ");
    auto typed = app.console.read_secret();
    if (!typed) co_return Error(Errc::kCancelled, "standard input ended at a question");
    password.emplace(std::move(*typed));
  }
  auto loaded = co_await load_cluster(app, options.target.cluster, options.target.group);
  if (!loaded) co_return loaded.error();
  std::optional<SqlTarget> target;
  if (const auto member = find_member(*loaded, options.target)) {
    const MemberAddress address = address_of(member->data);
    target = SqlTarget{.host = address.host, .port = address.port, .dbname = options.dbname,
                       .user = options.username, .password = password,
                       .must_be_in_recovery = recovery_of(options.target)};
  }
  for (;;) {
    const Instant began = app.scheduler.now();
    query_once(app, options, target, *sql);
    if (options.watch_seconds <= 0) co_return Status();
    app.console.flush();
    auto waited = co_await sleep_until(app.scheduler, began + from_seconds(options.watch_seconds), Ctx{});
    if (!waited) co_return waited;
  }
}

}  // namespace matriarch::ctl
