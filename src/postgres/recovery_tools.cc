#include "postgres/recovery_tools.h"

#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "postgres/data_directory.h"
#include "postgres/paths.h"
#include "postgres/shell_words.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSegmentName = 24;

bool is_segment(std::string_view name) {
  if (name.ends_with(".partial")) name.remove_suffix(8);
  return name.size() == kSegmentName && name.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

std::vector<std::string> ready_segments(const fs::path& archive_status) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(archive_status, error)) {
    auto name = entry.path().filename().string();
    if (!name.ends_with(".ready")) continue;
    name.resize(name.size() - 6);
    if (is_segment(name)) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

std::string fill_placeholders(std::string_view command, const std::string& path, const std::string& file) {
  std::string result;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char next = command[i] == '%' && i + 1 < command.size() ? command[i + 1] : '\0';
    switch (next) {
      case 'p': result += path; break;
      case 'f': result += file; break;
      case 'r': result += "000000010000000000000001"; break;
      case '%': result += '%'; break;
      default: result += command[i]; continue;
    }
    ++i;
  }
  return result;
}

std::map<std::string, std::string> recorded_options(std::string_view postmaster_opts) {
  std::map<std::string, std::string> result;
  const auto words = shell_words(postmaster_opts);
  if (!words) return result;
  for (const auto& word : *words) {
    const auto equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string::npos) continue;
    std::string name = word.substr(2, equals - 2);
    std::ranges::replace(name, '-', '_');
    result[std::move(name)] = word.substr(equals + 1);
  }
  return result;
}

Task<Result<std::string>> RecoveryTools::setting(std::string name, Ctx ctx) {
  const auto run = co_await core_.run({program(core_.options, "postgres"), "-D", core_.data_dir().string(), "-C", name,
                                       "--config-file=" + main_conf(core_.options).string()},
                                      {}, std::move(ctx));
  if (!run) co_return run.error();
  if (!run->status.success()) co_return Error(Errc::kFailed, fmt::format("postgres -C {}: {}", name, run->err));
  co_return std::string(trimmed(run->out));
}

Task<void> RecoveryTools::archive_ready_segments(Ctx ctx) {
  const auto wal = wal_dir(core_.options);
  const auto ready = ready_segments(wal / "archive_status");
  if (ready.empty()) co_return;
  const auto mode = co_await setting("archive_mode", ctx);
  const auto command = co_await setting("archive_command", ctx);
  if (!mode || !command || (*mode != "on" && *mode != "always") || command->empty()) co_return;
  for (const auto& name : ready) {
    std::error_code error;
    if (!fs::exists(wal / name, error)) continue;
    const auto filled = fill_placeholders(*command, (wal / name).string(), name);
    const auto run = co_await run_program(
        core_.reactor, SpawnOptions{.argv = {"/bin/sh", "-c", filled}, .cwd = core_.data_dir().string()}, RunOptions{},
        ctx);
    if (run && run->status.success()) {
      fs::rename(wal / "archive_status" / (name + ".ready"), wal / "archive_status" / (name + ".done"), error);
    } else {
      log::error("archiving {} failed: {}", name, run ? run->status.text() + ": " + run->err : run.error().text());
      if (ctx.stop.stop_requested()) co_return;
    }
  }
}

Task<Status> RecoveryTools::crash_recovery(Ctx ctx) {
  if (core_.supervisor.postmaster()) co_return Error(Errc::kConflict, "the server runs");
  if (is_restored_backup(core_.data_dir())) co_return Status();  // PG-100
  if (auto ended = co_await core_.supervisor.end_orphans(ctx); !ended) co_return ended;
  co_await archive_ready_segments(ctx);
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(wal_dir(core_.options) / "archive_status", error)) {
    unlink(entry.path().c_str());
  }
  if (auto removed = co_await files_.remove_recovery(ctx); !removed) co_return removed;

  std::map<std::string, std::string> settings;
  if (const auto recorded = read_file(core_.data_dir() / "postmaster.opts")) settings = recorded_options(*recorded);
  settings["archive_mode"] = "on";  // new segments keep their mark, and are not recycled unarchived
  settings["archive_command"] = "false";
  std::vector<std::string> argv{program(core_.options, "postgres"), "--single", "-D", core_.data_dir().string()};
  for (const auto& [name, value] : settings) {
    argv.emplace_back("-c");
    argv.push_back(fmt::format("{}={}", name, value));
  }
  argv.emplace_back("template1");
  const auto run = co_await core_.run(std::move(argv), {}, std::move(ctx));
  if (!run) co_return run.error();
  if (!run->status.success()) {
    log::error("crash recovery: {}{}", run->out, run->err);
    co_return Error(Errc::kFailed, fmt::format("crash recovery in single-user mode ended with {}", run->status.text()));
  }
  co_return Status();
}

}  // namespace matriarch::postgres
