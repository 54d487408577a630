#include "notify.h"

#include <cstdlib>
#include <cstring>
#include <ctime>

#include <sys/socket.h>
#include <sys/un.h>

#include <fmt/format.h>

#include "base/unique_fd.h"

namespace matriarch::app {

ServiceManager::ServiceManager() {
  if (const char* path = std::getenv("NOTIFY_SOCKET")) socket_path_ = path;
  unsetenv("NOTIFY_SOCKET");
}

void ServiceManager::tell(const std::string& state) const {
  sockaddr_un address{.sun_family = AF_UNIX};
  if (socket_path_.empty() || socket_path_.size() >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, socket_path_.data(), socket_path_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // the abstract namespace
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_path_.size());
  // Nothing depends on the answer: a service manager that does not listen is no reason to stop.
  (void)sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), length);
}

void ServiceManager::tell_reloading() const {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // what the protocol asks for
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

}  // namespace matriarch::app
