#include "postgres/cloner.h"

#include <array>

#include <unistd.h>

#include <fmt/format.h>

#include "base/log.h"
#include "base/wait.h"
#include "postgres/data_directory.h"
#include "postgres/paths.h"
#include "postgres/user_options.h"

namespace matriarch::postgres {

namespace {

constexpr std::string_view kBasebackup = "basebackup";
constexpr int kBasebackupAttempts = 2;  // PG-285
constexpr auto kBasebackupPause = std::chrono::seconds(5);

constexpr std::array<std::string_view, 11> kForbidden = {"pgdata", "format",   "wal-method", "xlog-method",
                                                         "gzip",   "version",  "dbname",     "host",
                                                         "port",   "username", "password"};

const Value::Map& section_of(const PostgresOptions& options, const std::string& method) {
  static const Value::Map kNone;
  const auto found = options.method_sections.find(method);
  return found != options.method_sections.end() && found->second.is_map() ? found->second.as_map() : kNone;
}

bool truthy(const Value::Map& section, std::string_view key) {
  const Value* value = section.find(key);
  if (value == nullptr) return false;
  return parse_bool(*value).value_or(value->truthy());
}

int version_of_program(std::string_view output) {  // "postgres (PostgreSQL) 15.18 (Debian ...)"
  const auto digits = output.find_first_of("0123456789");
  if (digits == std::string_view::npos) return 0;
  const auto end = output.find_first_not_of("0123456789", digits);
  return parse_major_version(output.substr(digits, end == std::string_view::npos ? end : end - digits));
}

}  // namespace

std::vector<std::string> basebackup_arguments(const Value& options, int major_version) {
  auto checked = user_options(options, kForbidden);
  for (const auto& problem : checked.problems) log::error("postgresql.basebackup: {}", problem);
  std::erase_if(checked.arguments, [major_version](const std::string& argument) {
    if (argument != "--compress" && !argument.starts_with("--compress=")) return false;
    if (major_version >= 150000 && argument.starts_with("--compress=server")) return false;
    log::error("postgresql.basebackup: compress must be done by the server (15 and newer: server-gzip, ...), not here");
    return true;
  });
  return checked.arguments;
}

Task<Status> Cloner::clone(CloneSource source, Ctx ctx) {
  const auto& options = core_.options;
  std::vector<std::string> methods = options.create_replica_methods;
  if (source.member.empty() && options.standby_cluster && !options.standby_cluster->create_replica_methods.empty()) {
    methods = options.standby_cluster->create_replica_methods;
  }
  if (methods.empty() || source.force_basebackup) methods = {std::string(kBasebackup)};

  std::string conninfo;
  std::map<std::string, std::string> env;
  if (source.address) {
    auto params = member_params(*source.address, options.replication);
    auto with_password = co_await files_.pgpass_for(params, ctx);
    if (!with_password) co_return with_password.error();
    env = std::move(*with_password);
    params["dbname"] = source.address->dbname.empty() ? options.database : source.address->dbname;
    conninfo = print_conninfo(params, 0);
  } else {
    std::erase_if(methods, [&options](const std::string& method) {  // PG-275
      return method == kBasebackup || !truthy(section_of(options, method), "no_leader");
    });
  }

  Status last =
      Error(Errc::kUnsupported, "no method to create a replica fits: one with no_leader is needed without a source");
  for (const auto& method : methods) {
    log::info("creating a replica by {}", method);
    auto attempt = method == kBasebackup ? basebackup(conninfo, env, ctx) : custom(method, conninfo, env, ctx);
    last = co_await std::move(attempt);
    if (last) break;
    log::error("creating a replica by {} failed: {}", method, last.error().text());
    if (ctx.stop.stop_requested()) break;
  }
  if (!last) co_return last;
  co_await core_.end_work();
  if (auto restored = co_await files_.restore_missing(ctx); !restored) co_return restored;
  unlink((core_.data_dir() / "promote").c_str());
  co_return Status();
}

Task<Status> Cloner::basebackup(std::string conninfo, std::map<std::string, std::string> env, Ctx ctx) {
  const auto version = co_await core_.run({program(core_.options, "pg_basebackup"), "--version"}, {}, ctx);
  if (!version) co_return version.error();
  const auto section = core_.options.method_sections.find(std::string(kBasebackup));
  const Value options = section == core_.options.method_sections.end() ? Value() : section->second;
  std::vector<std::string> argv{program(core_.options, "pg_basebackup"), "--pgdata=" + core_.data_dir().string(), "-X",
                                "stream", "--dbname=" + conninfo};
  for (auto& argument : basebackup_arguments(options, version_of_program(version->out)))
    argv.push_back(std::move(argument));

  Status last;
  for (int attempt = 1; attempt <= kBasebackupAttempts; ++attempt) {
    if (attempt > 1 && !co_await pause_for(core_.reactor, kBasebackupPause, ctx)) break;
    if (auto removed = co_await core_.remove_data(ctx); !removed) co_return removed;
    if (auto begun = co_await core_.begin_work(Interrupted::kCopy, ctx); !begun) co_return begun;
    const auto run = co_await core_.run(argv, env, ctx);
    if (run && run->status.success()) co_return Status();
    last = run ? Error(Errc::kFailed, fmt::format("pg_basebackup ended with {}: {}", run->status.text(), run->err))
               : run.error();
    log::error("{}", last.error().text());
    if (ctx.stop.stop_requested()) break;
  }
  // Half a copy must not be taken for a data directory, also when this was cancelled.
  co_await remove_unfinished();
  co_return last;
}

// The mark stays where this does not succeed.
Task<void> Cloner::remove_unfinished() {
  const auto removed = co_await core_.remove_data(Ctx{});
  if (!removed) log::error("{}", removed.error().text());
  core_.marker.set_running(false);
}

Task<Status> Cloner::custom(std::string method, std::string conninfo, std::map<std::string, std::string> env, Ctx ctx) {
  const auto& section = section_of(core_.options, method);
  const bool keep_data = truthy(section, "keep_data");
  const bool no_params = truthy(section, "no_params");
  if (!keep_data) {
    if (auto removed = co_await core_.remove_data(ctx); !removed) co_return removed;
    // With keep_data what is there is of use also when the method is cut off.
    if (auto begun = co_await core_.begin_work(Interrupted::kCopy, ctx); !begun) co_return begun;
  }
  std::vector<std::string> arguments;
  for (const auto& [key, value] : section) {
    const bool ours = key == "no_params" || key == "no_leader" || key == "keep_data";
    const bool given_here = key == "scope" || key == "role" || key == "datadir" || key == "connstring";
    if (key == "command" || given_here || (no_params && ours)) continue;
    arguments.push_back(long_option(key, value));
  }
  if (!no_params) {
    arguments.push_back("--scope=" + core_.options.scope);
    arguments.emplace_back("--role=replica");
    arguments.push_back("--datadir=" + core_.data_dir().string());
    arguments.push_back("--connstring=" + conninfo);
  }
  const Value* command = section.find("command");
  const auto status = co_await scripts_.command(fmt::format("replica method {}", method),
                                                command == nullptr ? method : string_form(*command),
                                                std::move(arguments), std::move(env), ctx);
  if (status && status->success()) co_return Status();
  if (!keep_data) co_await remove_unfinished();
  if (!status) co_return status.error();
  co_return Error(Errc::kFailed, fmt::format("it ended with {}", status->text()));
}

}  // namespace matriarch::postgres
