// The log's file and its predecessors: "patroni.log", "patroni.log.1" (newest) ... "patroni.log.<keep>" (CFG-430).
//
// Thread: one at a time (the log's writer); opened where the configuration is read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include <sys/types.h>

#include "base/result.h"
#include "base/unique_fd.h"

namespace matriarch::log {

struct FileOptions {
  std::filesystem::path path;
  std::optional<mode_t> mode;      // permission bits, whatever the umask; none: 0666 & ~umask (CFG-018)
  int keep = 4;                    // rotated files; 0: never rotated
  std::int64_t size = 25'000'000;  // bytes that a file stays below; 0: never rotated
};

class LogFile {
 public:
  // Appends to an existing file. kNotFound, kDenied, kIo.
  static Result<std::unique_ptr<LogFile>> open(FileOptions options);

  // Rotates first, if the line would make the file reach its size. Goes on in the present file when rotation fails, and
  // begins a new one when somebody removed it. An error: the line was not written, or not wholly.
  Status append(std::string_view line);

  [[nodiscard]] const std::filesystem::path& path() const { return options_.path; }

 private:
  explicit LogFile(FileOptions options) : options_(std::move(options)) {}

  Status reopen();
  Status rotate();

  FileOptions options_;
  UniqueFd fd_;
};

}  // namespace matriarch::log
