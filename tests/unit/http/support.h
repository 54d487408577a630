// What the tests of client and server share: a reactor to run coroutines on, and peers that speak raw bytes.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/reactor.h"
#include "base/task_group.h"
#include "base/unique_fd.h"
#include "base/wait.h"
#include "http/client.h"
#include "http/server.h"

namespace matriarch::http {

using namespace std::chrono_literals;

// Long enough for a loaded machine; nothing waits for it unless the test fails.
inline Ctx soon(Reactor& reactor) { return {.deadline = reactor.now() + 20s}; }

// Polls a condition that no event announces.
inline Task<bool> eventually(Reactor* reactor, std::function<bool()> condition) {
  const Instant deadline = reactor->now() + 20s;
  while (!condition()) {
    if (reactor->now() > deadline) co_return false;
    (void)co_await sleep_until(*reactor, reactor->now() + 2ms, Ctx{});
  }
  co_return true;
}

// Lets the other side notice what has been sent so far (if it does not, the test is only a little weaker).
inline Task<void> some_turns(Reactor* reactor) {
  for (int i = 0; i < 5; ++i) co_await yield_now(*reactor);
}

// One end of a TCP connection that sends and expects exact bytes.
class RawPeer {
 public:
  RawPeer() = default;
  RawPeer(Reactor* reactor, int fd) : reactor_(reactor), fd_(fd) {}

  // To 127.0.0.1; the kernel completes it without the other side's help.
  static RawPeer connect(Reactor* reactor, std::uint16_t port) {
    RawPeer peer(reactor, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    EXPECT_EQ(::connect(peer.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << std::strerror(errno);
    return peer;
  }

  [[nodiscard]] int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }
  void shut_down() const { shutdown(fd(), SHUT_WR); }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto n = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;  // what matters is what comes back
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  // Reads until `enough` holds for what was received, or the other side closes; the rest stays for the next call.
  Task<std::string> read_while(std::function<std::size_t(std::string_view)> wanted_size) {
    const Ctx ctx = soon(*reactor_);
    while (true) {
      const std::size_t size = wanted_size(pending_);
      if (size <= pending_.size() || at_end_) {
        auto result = pending_.substr(0, size);
        pending_.erase(0, size);
        co_return result;
      }
      if (auto ready = co_await reactor_->readable(fd(), ctx); !ready) {
        ADD_FAILURE() << "nothing more came after: " << pending_;
        at_end_ = true;
        continue;
      }
      char buffer[4096];
      const auto n = recv(fd(), buffer, sizeof buffer, MSG_DONTWAIT);
      if (n > 0) pending_.append(buffer, static_cast<std::size_t>(n));
      if (n == 0 || (n < 0 && errno != EAGAIN)) at_end_ = true;
    }
  }
  Task<std::string> read_to_end() {
    return read_while([](std::string_view) { return std::string_view::npos; });
  }
  Task<std::string> read_until(std::string marker) {
    return read_while([marker = std::move(marker)](std::string_view text) {
      const auto at = text.find(marker);
      return at == std::string_view::npos ? at : at + marker.size();
    });
  }
  // One response that has a Content-Length.
  Task<std::string> read_response() {
    return read_while([](std::string_view text) -> std::size_t {
      constexpr std::string_view kLength = "Content-Length: ";
      const auto end = text.find("\r\n\r\n");
      const auto length = text.find(kLength);
      if (end == std::string_view::npos || length > end) return std::string_view::npos;
      return end + 4 + static_cast<std::size_t>(std::atoi(text.data() + length + kLength.size()));
    });
  }

 private:
  Reactor* reactor_ = nullptr;
  UniqueFd fd_;
  std::string pending_;
  bool at_end_ = false;
};

// A listening socket whose connections the test answers itself.
class RawListener {
 public:
  explicit RawListener(Reactor* reactor, int backlog = 64, int family = AF_INET) : reactor_(reactor) {
    fd_ = UniqueFd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    EXPECT_EQ(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(fd_.get(), backlog), 0);
    socklen_t size = sizeof address;
    getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  void close() { fd_.reset(); }

  Task<RawPeer> accept() {
    const auto ready = co_await reactor_->readable(fd_.get(), soon(*reactor_));
    EXPECT_TRUE(ready.ok()) << "nobody connected";
    co_return RawPeer(reactor_, accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  }
  // Accepts, reads one request without a body (or with a short one) and returns the connection.
  Task<RawPeer> accept_request(std::string* request = nullptr) {
    auto peer = co_await accept();
    const auto text = co_await peer.read_until("\r\n\r\n");
    if (request != nullptr) *request = text;
    co_return peer;
  }

 private:
  Reactor* reactor_;
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

inline Url local_url(std::uint16_t port, std::string target = "/", std::string scheme = "http") {
  return {.scheme = std::move(scheme), .address = {.host = "127.0.0.1", .port = port}, .target = std::move(target)};
}

inline Response text_response(std::string body, int status = 200) {
  Response response{.status = status};
  response.content_type = "text/html";
  response.body = std::move(body);
  return response;
}

// Binds 127.0.0.1 and an ephemeral port, and serves.
inline Task<std::uint16_t> start(Reactor* reactor, Server* server) {
  const auto bound = co_await server->bind({{.host = "127.0.0.1", .port = 0}}, soon(*reactor));
  EXPECT_TRUE(bound.ok()) << bound.error().text();
  server->serve();
  co_return server->bound().front().port;
}

}  // namespace matriarch::http
