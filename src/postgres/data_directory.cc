#include "postgres/data_directory.h"

#include <cerrno>
#include <charconv>
#include <system_error>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace fs = std::filesystem;

namespace {

Error filesystem_error(const std::error_code& error, const fs::path& path, std::string_view what) {
  return errno_error(error.value(), fmt::format("cannot {} {}", what, path.string()));
}

bool all_digits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// pg_wal and the tablespaces, where they are symlinks to somewhere else.
std::vector<fs::path> outside_links(const fs::path& data_dir) {
  std::vector<fs::path> links;
  std::error_code error;
  if (fs::is_symlink(data_dir / "pg_wal", error)) links.push_back(data_dir / "pg_wal");
  for (const auto& entry : fs::directory_iterator(data_dir / "pg_tblspc", error)) {
    std::error_code ignored;
    if (all_digits(entry.path().filename().string()) && fs::is_symlink(entry.path(), ignored))
      links.push_back(entry.path());
  }
  return links;
}

fs::path target_of(const fs::path& link) {
  std::error_code error;
  auto target = fs::read_symlink(link, error);
  if (error) return {};
  return target.is_absolute() ? target : link.parent_path() / target;
}

fs::path without_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

Status remove_tree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return filesystem_error(error, path, "remove");
  return {};
}

// The target of a tablespace or of WAL may be a mount point, which cannot be removed: empty is what matters.
Status remove_target(const fs::path& target) {
  if (target.empty()) return {};
  if (remove_tree(target).ok()) return {};
  return empty_directory(target);
}

Result<fs::path> rename_to_failed(const fs::path& path) {
  const fs::path from = without_slash(path);
  fs::path to = from;
  to += ".failed";
  if (const auto cleared = remove_tree(to); !cleared) return cleared.error();
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return filesystem_error(error, from, "rename");
  return to;
}

}  // namespace

DirectoryLook look_at_directory(const fs::path& data_dir) {
  struct stat info{};
  if (stat((data_dir / "global" / "pg_control").c_str(), &info) == 0) return {.state = DataDirectory::kPresent};
  std::error_code error;
  const fs::directory_iterator entries(data_dir, error);
  if (error == std::errc::no_such_file_or_directory) return {.state = DataDirectory::kEmpty};
  if (error) {
    return {
        .state = DataDirectory::kInaccessible,
        .problem = fmt::format("data directory {} cannot be read: {}; check its owner, its mode and that it is mounted",
                               data_dir.string(), error.message())};
  }
  for (const auto& entry : entries) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with('.') && name != "lost+found") return {.state = DataDirectory::kPresent};
  }
  return {.state = DataDirectory::kEmpty};
}

int parse_major_version(std::string_view text) {
  text = trimmed(text);
  int first = 0;
  const auto* const end = text.data() + text.size();
  const auto [dot, error] = std::from_chars(text.data(), end, first);
  if (error != std::errc() || first <= 0) return 0;
  if (dot == end) return first >= 10 ? first * 10000 : 0;
  int second = 0;
  const auto [last, second_error] = std::from_chars(dot + 1, end, second);
  if (*dot != '.' || second_error != std::errc() || last != end || first >= 10) return 0;
  return first * 10000 + second * 100;
}

int read_major_version(const fs::path& data_dir) {
  const auto text = read_file(data_dir / "PG_VERSION", 64);
  return text ? parse_major_version(*text) : 0;
}

bool recovery_configured(const fs::path& data_dir) {
  std::error_code error;
  return fs::exists(data_dir / "standby.signal", error) || fs::exists(data_dir / "recovery.signal", error);
}

bool is_restored_backup(const fs::path& data_dir) {
  constexpr std::size_t kLabelSize = 8192;
  const auto label = read_file(data_dir / "backup_label", kLabelSize);
  if (!label) return false;
  return read_major_version(data_dir) >= 150000 || label->find("BACKUP METHOD: streamed") != std::string::npos;
}

FileModes modes_in(const fs::path& data_dir) {
  struct stat info{};
  constexpr mode_t kGroupReadable = 0750;
  if (stat(data_dir.c_str(), &info) == 0 && (info.st_mode & kGroupReadable) == kGroupReadable) {
    return {.file = 0640, .directory = 0750};
  }
  return {};
}

Status empty_directory(const fs::path& dir) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(dir, error)) entries.push_back(entry.path());
  if (error) return filesystem_error(error, dir, "read");
  for (const auto& entry : entries) {
    if (const auto removed = remove_tree(entry); !removed) return removed;
  }
  return {};
}

Status remove_directory_tree(const fs::path& data_dir) {
  const fs::path dir = without_slash(data_dir);
  std::error_code error;
  const auto kind = fs::symlink_status(dir, error).type();
  if (kind == fs::file_type::not_found) return {};
  if (kind != fs::file_type::directory) {
    if (unlink(dir.c_str()) != 0) return errno_error(errno, fmt::format("cannot remove {}", dir.string()));
    return {};
  }
  for (const auto& link : outside_links(dir)) {
    if (const auto removed = remove_target(target_of(link)); !removed) {
      log::error("{}", removed.error().text());
      if (link.filename() == "pg_wal") return removed;
    }
  }
  const auto removed = remove_tree(dir);
  if (removed) return removed;
  // A mount point stays, and is empty all the same.
  return empty_directory(dir).ok() ? Status() : removed;
}

Status move_directory_away(const fs::path& data_dir) {
  for (const auto& link : outside_links(data_dir)) {
    const auto target = target_of(link);
    if (target.empty()) continue;
    const auto moved = rename_to_failed(target);
    if (!moved) return moved.error();
    std::error_code error;
    fs::remove(link, error);
    fs::create_symlink(*moved, link, error);
    if (error) return filesystem_error(error, link, "re-point");
  }
  const auto moved = rename_to_failed(data_dir);
  if (!moved) return moved.error();
  log::info("renamed data directory {} to {}", data_dir.string(), moved->string());
  return {};
}

}  // namespace matriarch::postgres
