// What the validator asks the machine. Blocking, but bounded.
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/unique_fd.h"
#include "config/validate.h"

namespace matriarch::config {

namespace {

constexpr int kConnectMs = 3'000;
constexpr int kSilenceMs = 10'000;  // of a program that is to print its version
constexpr int kMaxReads = 8;

// Ready in time? A signal starts the time anew, which is good enough for a check that people wait for.
bool wait_for(int fd, short events, int limit_ms) {
  pollfd waiting{.fd = fd, .events = events, .revents = 0};
  while (true) {
    const int ready = poll(&waiting, 1, limit_ms);
    if (ready < 0 && errno == EINTR) continue;
    return ready > 0;
  }
}

bool connects(const addrinfo& address) {
  const UniqueFd fd(socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address.ai_protocol));
  if (!fd) return false;
  if (connect(fd.get(), address.ai_addr, address.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS) return false;
  if (!wait_for(fd.get(), POLLOUT, kConnectMs)) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

// Absent: the program was silent for too long, or said too much.
std::optional<std::string> read_all(int fd) {
  std::string output;
  std::array<char, 4096> buffer{};
  for (int i = 0; i < kMaxReads; ++i) {
    if (!wait_for(fd, POLLIN, kSilenceMs)) return std::nullopt;
    const ssize_t n = read(fd, buffer.data(), buffer.size());
    if (n <= 0) return output;
    output.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return std::nullopt;
}

class SystemProbes final : public ValidationProbes {
 public:
  Result<bool> accepts_connections(const std::string& host, int port) override {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failure = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (failure != 0) return Error(Errc::kNotFound, gai_strerror(failure));
    bool accepted = false;
    for (const addrinfo* at = found; at != nullptr && !accepted; at = at->ai_next) {
      accepted = connects(*at);
    }
    freeaddrinfo(found);
    return accepted;
  }

  Result<std::string> version_of(const std::string& program) override {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno_error(errno, "cannot make a pipe");
    const UniqueFd in(ends[0]);
    UniqueFd out(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
    std::string path = program;
    std::string option = "--version";
    std::array<char*, 3> arguments = {path.data(), option.data(), nullptr};
    pid_t pid = 0;
    const int failure = posix_spawn(&pid, path.c_str(), &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) return errno_error(failure, "cannot run " + program);
    out.reset();
    auto output = read_all(in.get());
    if (!output) kill(pid, SIGKILL);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!output) return Error(Errc::kTimeout, program + " --version did not end");
    return std::move(*output);
  }
};

}  // namespace

ValidationProbes& system_probes() {
  static SystemProbes probes;
  return probes;
}

}  // namespace matriarch::config
