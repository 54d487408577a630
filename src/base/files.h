// Small whole-file operations. All are bounded in size and safe against a crash in the middle.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.h"

namespace matriarch {

// kNotFound, kDenied, kTooLarge (more than `limit` bytes), kIo.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 16u << 20);

// Replaces the file as a whole: temporary file beside it, fsync, rename, fsync of the folder. Never half a file.
Status write_file_atomically(const std::filesystem::path& path, std::string_view content, mode_t mode = 0600);

// Writes only if the content differs; true = written.
Result<bool> update_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0600);

Status fsync_path(const std::filesystem::path& path);

}  // namespace matriarch
