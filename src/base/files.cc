#include "base/files.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/unique_fd.h"

namespace matriarch {

namespace {

std::string about(std::string_view verb, const std::filesystem::path& path) {
  return fmt::format("cannot {} {}", verb, path.string());
}

Status write_all(int fd, std::string_view content, const std::filesystem::path& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, about("write", path));
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error(errno, about("read", path));
  std::string content;
  std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error(errno, about("read", path));
    if (n == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(n));
    if (content.size() > limit) {
      return Error(Errc::kTooLarge, fmt::format("{} is larger than {} bytes", path.string(), limit));
    }
  }
}

Status write_file_atomically(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  std::string temporary = path.string() + ".XXXXXX";
  const UniqueFd fd(mkostemp(temporary.data(), O_CLOEXEC));
  if (!fd) return errno_error(errno, about("create a temporary file for", path));
  Status status = write_all(fd.get(), content, path);
  if (status && fchmod(fd.get(), mode) != 0) status = errno_error(errno, about("set the mode of", path));
  if (status && fsync(fd.get()) != 0) status = errno_error(errno, about("fsync", path));
  if (status && rename(temporary.c_str(), path.c_str()) != 0) status = errno_error(errno, about("replace", path));
  if (!status) {
    unlink(temporary.c_str());
    return status;
  }
  return fsync_path(path.has_parent_path() ? path.parent_path() : ".");
}

Result<bool> update_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
  const auto present = read_file(path);
  if (present && *present == content) return false;
  if (const auto status = write_file_atomically(path, content, mode); !status) return status.error();
  return true;
}

Status fsync_path(const std::filesystem::path& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error(errno, about("open", path));
  if (fsync(fd.get()) != 0) return errno_error(errno, about("fsync", path));
  return {};
}

}  // namespace matriarch
