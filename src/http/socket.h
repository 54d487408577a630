// Non-blocking TCP sockets on the reactor. Internal to src/http.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <sys/socket.h>

#include "base/reactor.h"
#include "base/result.h"
#include "base/task.h"
#include "base/unique_fd.h"
#include "http/client.h"
#include "http/url.h"

namespace matriarch::http {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  [[nodiscard]] const sockaddr* native() const { return reinterpret_cast<const sockaddr*>(&storage); }
  [[nodiscard]] sockaddr* native() { return reinterpret_cast<sockaddr*>(&storage); }
};

// nullopt when `host` is a name. Never blocks.
std::optional<SocketAddress> numeric_address(const HostPort& address);
// An IPv4 address mapped into IPv6 is written as IPv4 (API-089).
HostPort to_host_port(const SocketAddress& address);
// Of the near end; {} when it cannot be told.
HostPort local_address(int fd);

// A listening socket, close-on-exec, addresses re-usable (API-005), whose accepted sockets have TCP_NODELAY and the
// keep-alive of API-062. kUnavailable "cannot listen on <address>: <why>".
Result<UniqueFd> listen_on(const SocketAddress& address, int backlog);
// All interfaces: dual-stack IPv6, else IPv4 (API-004).
Result<UniqueFd> listen_on_all(std::uint16_t port, int backlog);

// What is set on the sockets of clients.
void set_tcp_options(int fd, const TcpOptions& options);

// Waits for a socket. Destroying or closing it completes pending waits with false.
class Socket {
 public:
  enum class Ready { kRead, kWrite };
  using Then = std::move_only_function<void(bool ready)>;

  Socket(Reactor& reactor, UniqueFd fd);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] int fd() const;  // -1 when closed
  // One waiter for each direction. `then` runs from the reactor's queue, never from inside this call.
  void wait(Ready what, Then then);
  void cancel();
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The same for coroutines.
Task<Status> wait_for(Reactor& reactor, Socket& socket, Socket::Ready what, Ctx ctx);

}  // namespace matriarch::http
