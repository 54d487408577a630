#include "postgres/describe.h"

#include <filesystem>

#include <fmt/format.h>

#include "base/files.h"
#include "postgres/connection.h"
#include "postgres/controlled.h"
#include "postgres/pid_file.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

namespace fs = std::filesystem;

std::string settings_query() {
  std::string always = "'hba_file','ident_file','config_file','data_directory'";
  for (const auto name : controlled_names()) always += fmt::format(",'{}'", name);
  return fmt::format(
      "SELECT name, pg_catalog.current_setting(name) FROM pg_catalog.pg_settings "
      "WHERE (context <> 'internal' AND source IN ('configuration file', 'command line', 'environment variable') "
      "AND category <> 'Write-Ahead Log / Recovery Target' AND setting <> '(disabled)') OR name IN ({}) ORDER BY name",
      always);
}

std::vector<std::string> lines_if_default(const Description& server, std::string_view setting, const char* file) {
  const fs::path path = server.setting(setting);
  if (path != fs::path(server.setting("data_directory")) / file) return {};
  const auto text = read_file(path);
  return text ? significant_lines(*text, server.server_version) : std::vector<std::string>();
}

std::string directory_of_postmaster(const std::string& data_dir) {
  const auto file = read_pid_file(data_dir);
  if (!file) return {};
  std::error_code error;
  const auto program = fs::read_symlink(fmt::format("/proc/{}/exe", file->pid), error);
  return error ? std::string() : program.parent_path().string();
}

}  // namespace

std::string Description::setting(std::string_view name) const {
  for (const auto& [key, value] : settings) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string> significant_lines(std::string_view text, int server_version) {
  constexpr int kIncludesSince = 160000;
  std::vector<std::string> lines;
  for (const auto line : lines_of(text)) {
    const auto content = trimmed(line);
    if (content.empty() || content.starts_with('#')) continue;
    const bool include = content.starts_with("include");
    if (!include || server_version >= kIncludesSince) lines.emplace_back(content);
  }
  return lines;
}

Task<Result<Description>> describe(Reactor& reactor, ConnParams params, Ctx ctx) {
  auto session = co_await Connection::open(reactor, std::move(params), ctx);
  if (!session) co_return session.error();
  const auto superuser = co_await (*session)->query("SELECT pg_catalog.current_setting('is_superuser')", ctx);
  if (!superuser) co_return superuser.error();
  if (superuser->text(0, 0) != "on") {
    co_return Error(Errc::kDenied, "The provided user does not have superuser privilege");
  }
  const auto rows = co_await (*session)->query(settings_query(), ctx);
  if (!rows) co_return rows.error();

  Description server{.server_version = (*session)->server_version()};
  for (std::size_t i = 0; i < rows->rows.size(); ++i) server.settings.emplace_back(rows->text(i, 0), rows->text(i, 1));
  server.bin_dir = directory_of_postmaster(server.setting("data_directory"));
  server.pg_hba = lines_if_default(server, "hba_file", "pg_hba.conf");
  server.pg_ident = lines_if_default(server, "ident_file", "pg_ident.conf");
  co_return server;
}

}  // namespace matriarch::postgres
