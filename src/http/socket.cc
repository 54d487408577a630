#include "http/socket.h"

#include <cerrno>
#include <cstring>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "base/completion.h"

namespace matriarch::http {

namespace asio = boost::asio;

namespace {

// API-062.
constexpr TcpOptions kAcceptedOptions{.keepalive_idle = std::chrono::seconds(3),
                                      .keepalive_interval = std::chrono::seconds(2),
                                      .keepalive_count = 3,
                                      .user_timeout = std::chrono::seconds(10)};

// Options are wishes: a kernel that does not know one is no reason to fail.
void set_option(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); }

int whole_seconds(Duration duration) {
  return std::max(1, static_cast<int>(std::chrono::ceil<std::chrono::seconds>(duration).count()));
}

Result<UniqueFd> listen_with(const SocketAddress& address, int backlog, std::optional<int> only_v6) {
  const auto failed = [&address](int error) {
    return Error(Errc::kUnavailable,
                 fmt::format("cannot listen on {}: {}", to_string(to_host_port(address)), std::strerror(error)));
  };
  UniqueFd fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failed(errno);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (only_v6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, *only_v6);
  set_tcp_options(fd.get(), kAcceptedOptions);  // accepted sockets inherit them
  if (::bind(fd.get(), address.native(), address.size) != 0) return failed(errno);
  if (listen(fd.get(), backlog) != 0) return failed(errno);
  return fd;
}

}  // namespace

std::optional<SocketAddress> numeric_address(const HostPort& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found) != 0) return std::nullopt;
  SocketAddress result;
  std::memcpy(&result.storage, found->ai_addr, found->ai_addrlen);
  result.size = found->ai_addrlen;
  freeaddrinfo(found);
  return result;
}

HostPort to_host_port(const SocketAddress& address) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  constexpr int kFlags = NI_NUMERICHOST | NI_NUMERICSERV;
  if (getnameinfo(address.native(), address.size, host, sizeof host, port, sizeof port, kFlags) != 0) return {};
  constexpr std::string_view kMapped = "::ffff:";
  std::string_view text(host);
  if (text.starts_with(kMapped) && text.find('.') != std::string_view::npos) text.remove_prefix(kMapped.size());
  return {.host = std::string(text), .port = static_cast<std::uint16_t>(std::atoi(port))};
}

HostPort local_address(int fd) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (getsockname(fd, address.native(), &address.size) != 0) return {};
  return to_host_port(address);
}

Result<UniqueFd> listen_on(const SocketAddress& address, int backlog) {
  return listen_with(address, backlog, std::nullopt);
}

Result<UniqueFd> listen_on_all(std::uint16_t port, int backlog) {
  auto dual = listen_with(*numeric_address({.host = "::", .port = port}), backlog, 0);
  if (dual) return dual;
  // A busy port is busy for IPv4 too; anything else means that there is no IPv6 here.
  return listen_with(*numeric_address({.host = "0.0.0.0", .port = port}), backlog, std::nullopt);
}

void set_tcp_options(int fd, const TcpOptions& options) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, whole_seconds(options.keepalive_idle));
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, whole_seconds(options.keepalive_interval));
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, options.keepalive_count);
  const auto user_timeout = std::chrono::ceil<std::chrono::milliseconds>(options.user_timeout).count();
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(user_timeout));
}

struct Socket::Impl {
  Impl(asio::io_context& io, int fd) : descriptor(io, fd) {}

  // The concrete executor spares a type erasure for each wait.
  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> descriptor;
};

Socket::Socket(Reactor& reactor, UniqueFd fd) : impl_(std::make_unique<Impl>(reactor.native(), fd.get())) {
  // From here on the descriptor is its owner (if it could not be made, `fd` still closes it).
  (void)fd.release();
}

Socket::~Socket() = default;

int Socket::fd() const { return impl_->descriptor.is_open() ? impl_->descriptor.native_handle() : -1; }

void Socket::wait(Ready what, Then then) {
  using Descriptor = decltype(impl_->descriptor);
  impl_->descriptor.async_wait(
      what == Ready::kRead ? Descriptor::wait_read : Descriptor::wait_write,
      [then = std::move(then)](const boost::system::error_code& error) mutable { then(!error); });
}

void Socket::cancel() {
  boost::system::error_code ignored;
  impl_->descriptor.cancel(ignored);
}

void Socket::close() {
  boost::system::error_code ignored;
  impl_->descriptor.close(ignored);
}

Task<Status> wait_for(Reactor& reactor, Socket& socket, Socket::Ready what, Ctx ctx) {
  auto outcome = co_await complete<std::monostate>(reactor, std::move(ctx),
                                                   [&socket, what](const Completion<std::monostate>& done) {
                                                     socket.wait(what, [done](bool ready) {
                                                       if (ready) {
                                                         done(std::monostate{});
                                                       } else {
                                                         done(Error(Errc::kCancelled, "connection closed"));
                                                       }
                                                     });
                                                     return Callback([&socket] { socket.cancel(); });
                                                   });
  if (!outcome) co_return outcome.error();
  co_return Status();
}

}  // namespace matriarch::http
