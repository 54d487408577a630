#include "postgres/work_marker.h"

#include <array>
#include <cerrno>
#include <csignal>

#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "base/process.h"
#include "postgres/postmaster.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kCopy = "copy\n";
constexpr std::string_view kInitdb = "initdb\n";
constexpr std::string_view kBootstrap = "bootstrap\n";
constexpr std::string_view kRewind = "rewind\n";

std::string_view text_of(Interrupted work) {
  switch (work) {
    case Interrupted::kInitdb: return kInitdb;
    case Interrupted::kBootstrap: return kBootstrap;
    case Interrupted::kRewind: return kRewind;
    case Interrupted::kNone:
    case Interrupted::kCopy: break;
  }
  return kCopy;
}

// A mark that cannot be read stands for the worst: nothing in the directory is of use.
Interrupted work_of(std::string_view text) {
  for (const auto work : {Interrupted::kInitdb, Interrupted::kBootstrap, Interrupted::kRewind}) {
    if (text == text_of(work)) return work;
  }
  return Interrupted::kCopy;
}

fs::path without_slash(const fs::path& path) { return path.has_filename() ? path : path.parent_path(); }

Status remove_file(const fs::path& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return {};
  return errno_error(errno, fmt::format("cannot remove {}", path.string()));
}

bool mentions(std::string_view title, const std::string& directory) {
  const auto words = split(title, ' ');
  return std::ranges::any_of(words, [&directory](std::string_view word) {
    return word == directory || word == "--pgdata=" + directory || word == "-D" + directory;
  });
}

}  // namespace

WorkMarker::WorkMarker(const fs::path& data_dir, const fs::path& second_folder) {
  const fs::path dir = without_slash(fs::absolute(data_dir));
  const std::string name = fmt::format(".{}.in-progress", dir.filename().string());
  beside_ = dir.parent_path() / name;
  // There, directories of several servers may meet.
  std::string whole = dir.string();
  std::ranges::replace(whole, '/', '-');
  second_ = second_folder / fmt::format(".{}.in-progress", whole);
}

Status WorkMarker::begin(Interrupted work) {
  const auto text = text_of(work);
  auto written = write_file_atomically(beside_, text);
  if (!written) written = write_file_atomically(second_, text);
  return written;
}

Status WorkMarker::end() {
  auto removed = remove_file(beside_);
  const auto other = remove_file(second_);
  return removed ? other : removed;
}

Interrupted WorkMarker::left_over() const {
  if (running_) return Interrupted::kNone;
  for (const auto& path : {beside_, second_}) {
    const auto text = read_file(path, 64);
    if (text) return work_of(*text);
  }
  return Interrupted::kNone;
}

int end_leftover_programs(const fs::path& data_dir) {
  constexpr std::array<std::string_view, 3> kPrograms = {"initdb", "pg_basebackup", "pg_rewind"};
  int found = 0;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const auto name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const pid_t pid = std::stoi(name);
    const auto pidfd = open_pidfd(pid);
    const auto look = look_at(pid);
    if (!pidfd || !contains(kPrograms, look.program) || !mentions(look.title, data_dir.string())) continue;
    log::warning("ending {} (process {}): it was started by a former agent", look.program, pid);
    (void)signal_pidfd(pidfd->get(), SIGKILL);  // ended meanwhile: just as well
    ++found;
  }
  return found;
}

}  // namespace matriarch::postgres
