#include "guard/place.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fmt/format.h>

#include "guard/protocol.h"

namespace matriarch::guard {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRunFolder = "/run/matriarch";

// A folder that only its owner and root can change: nobody can put another socket in its place.
Status check_folder(const fs::path& folder, mode_t forbidden) {
  struct stat found {};
  if (lstat(folder.c_str(), &found) != 0) return errno_error(errno, folder.string());
  if (!S_ISDIR(found.st_mode) || (found.st_uid != geteuid() && found.st_uid != 0) || (found.st_mode & forbidden) != 0) {
    return Error(Errc::kDenied, fmt::format("{} is not a folder that only user {} can write to", folder.string(), geteuid()));
  }
  return {};
}

}  // namespace

std::string canonical_data_dir(const fs::path& data_dir) {
  std::error_code error;
  auto canonical = fs::weakly_canonical(fs::absolute(data_dir, error), error);
  if (canonical.empty()) canonical = data_dir;
  auto text = canonical.string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

std::vector<fs::path> guardian_folders(const std::string& canonical) {
  const auto hash = fmt::format("{:016x}", directory_hash(canonical.c_str()));
  return {fs::path(kRunFolder) / hash, fs::path(canonical).parent_path() / (".matriarch-" + hash)};
}

Status make_private_folder(const fs::path& folder) {
  if (folder.parent_path() == kRunFolder) {
    (void)mkdir(kRunFolder, 0755);  // permitted to root only; what counts is what is there afterwards
    if (const auto safe = check_folder(kRunFolder, S_IWGRP | S_IWOTH); !safe) return safe;
  }
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return errno_error(errno, fmt::format("cannot make {}", folder.string()));
  return check_folder(folder, S_IRWXG | S_IRWXO);
}

Result<UniqueFd> connect_to_guardian(const fs::path& folder) {
  if (const auto safe = check_folder(folder, S_IWGRP | S_IWOTH); !safe) return safe.error();
  const UniqueFd directory(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return errno_error(errno, folder.string());
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno_error(errno, "socket");
  // Through the descriptor: a path may be longer than a socket address.
  const auto path = fmt::format("/proc/self/fd/{}/{}", directory.get(), kSocketName);
  sockaddr_un address{.sun_family = AF_UNIX};
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ECONNREFUSED || errno == EAGAIN) return Error(Errc::kUnavailable, fmt::format("no guardian answers in {}", folder.string()));
    return errno_error(errno, fmt::format("cannot connect to the guardian in {}", folder.string()));
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || (peer.uid != geteuid() && peer.uid != 0)) {
    return Error(Errc::kDenied, fmt::format("the guardian in {} runs as another user", folder.string()));
  }
  return fd;
}

}  // namespace matriarch::guard
