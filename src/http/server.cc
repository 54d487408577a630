#include "http/server.h"

#include <cerrno>
#include <cstring>

#include <poll.h>

#include "base/log.h"
#include "base/wait.h"
#include "http/resolver.h"
#include "http/server_connection.h"

namespace matriarch::http {

namespace {

constexpr int kAcceptBatch = 32;
constexpr Duration kAcceptPause = std::chrono::milliseconds(100);
constexpr Duration kSweepAtMost = std::chrono::seconds(1);
constexpr Duration kSweepAtLeast = std::chrono::milliseconds(10);
constexpr Resolver::Lifetime kNoCache{.success = Duration(0), .failure = Duration(0)};

bool has_client_waiting(int listening_fd) {
  pollfd waiting{.fd = listening_fd, .events = POLLIN};
  return poll(&waiting, 1, 0) == 1;
}

bool is_all_interfaces(const HostPort& address) { return address.host.empty() || address.host == "*"; }

}  // namespace

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
  struct Listener {
    Listener(Reactor& reactor, HostPort w, UniqueFd fd)
        : wanted(std::move(w)), bound(local_address(fd.get())), socket(reactor, std::move(fd)) {}
    HostPort wanted;
    HostPort bound;
    Socket socket;
  };
  using Listeners = std::vector<std::shared_ptr<Listener>>;

  Impl(Reactor& reactor, ServerOptions options, Handler handler, Gate gate)
      : shared(reactor, std::move(options), std::move(handler), std::move(gate)), empty(reactor) {
    shared.on_closed = [this](ServerConnection& connection) { forget(connection); };
  }

  Result<std::shared_ptr<Listener>> open(const HostPort& wanted, const std::optional<SocketAddress>& address);
  Task<Result<std::optional<SocketAddress>>> address_of(HostPort wanted, Ctx ctx);

  void accept_from(const std::shared_ptr<Listener>& listener);
  void accept_later(const std::shared_ptr<Listener>& listener);
  bool accept_one(const std::shared_ptr<Listener>& listener);
  bool make_room();
  void forget(ServerConnection& connection);
  void schedule_sweep();
  void sweep();
  void close_all(bool also_with_requests);

  ServerShared shared;
  Listeners listeners;
  bool serving = false;
  std::map<std::uint64_t, std::shared_ptr<ServerConnection>> connections;
  std::uint64_t next_id = 1;
  bool sweep_scheduled = false;
  WakeUp empty;  // set when the last connection has gone
};

// The SocketAddress is absent for "all interfaces".
Task<Result<std::optional<SocketAddress>>> Server::Impl::address_of(HostPort wanted, Ctx ctx) {
  if (is_all_interfaces(wanted)) co_return std::optional<SocketAddress>();
  Resolver resolver(shared.reactor);
  auto addresses = co_await resolver.resolve(wanted, kNoCache, ctx);
  if (!addresses) co_return addresses.error().in(fmt::format("cannot listen on {}", to_string(wanted)));
  co_return std::optional(addresses->front());
}

Result<std::shared_ptr<Server::Impl::Listener>> Server::Impl::open(const HostPort& wanted,
                                                                   const std::optional<SocketAddress>& address) {
  auto fd = address ? listen_on(*address, shared.options.backlog) : listen_on_all(wanted.port, shared.options.backlog);
  if (!fd) return fd.error();
  return std::make_shared<Listener>(shared.reactor, wanted, *std::move(fd));
}

void Server::Impl::accept_from(const std::shared_ptr<Listener>& listener) {
  listener->socket.wait(Socket::Ready::kRead,
                        [weak = weak_from_this(), weak_listener = std::weak_ptr(listener)](bool ready) {
                          const auto self = weak.lock();
                          const auto alive = weak_listener.lock();
                          if (!ready || !self || !alive || alive->socket.fd() < 0) return;
                          for (int i = 0; i < kAcceptBatch; ++i) {
                            if (!self->accept_one(alive)) return;
                          }
                          self->accept_from(alive);
                        });
}

void Server::Impl::accept_later(const std::shared_ptr<Listener>& listener) {
  shared.reactor.call_at(shared.reactor.now() + kAcceptPause,
                         [weak = weak_from_this(), weak_listener = std::weak_ptr(listener)] {
                           const auto self = weak.lock();
                           const auto alive = weak_listener.lock();
                           if (self && alive && alive->socket.fd() >= 0) self->accept_from(alive);
                         });
}

// False: the next wait has been arranged.
bool Server::Impl::accept_one(const std::shared_ptr<Listener>& listener) {
  SocketAddress peer;
  peer.size = sizeof peer.storage;
  UniqueFd fd(accept4(listener->socket.fd(), peer.native(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    const int error = errno;
    if (error == EINTR || error == ECONNABORTED || error == EPROTO) return true;
    const bool out_of_files = error == EMFILE || error == ENFILE;  // said even when nobody is waiting
    if (error == EAGAIN || (out_of_files && !has_client_waiting(listener->socket.fd()))) {
      accept_from(listener);
      return false;
    }
    if (out_of_files && make_room()) return true;
    log::warning("cannot accept a connection on {}: {}", to_string(listener->bound), std::strerror(error));
    accept_later(listener);
    return false;
  }
  if (connections.size() >= shared.options.max_connections && !make_room()) {
    log::debug("too many connections: {} is turned away", to_string(to_host_port(peer)));
    return true;
  }
  const auto id = next_id++;
  const auto connection = std::make_shared<ServerConnection>(shared, std::move(fd), to_host_port(peer), id);
  connections.emplace(id, connection);
  schedule_sweep();
  connection->start();
  return true;
}

// Closes the connection that has been inactive for longest, but none whose request is being handled.
bool Server::Impl::make_room() {
  std::shared_ptr<ServerConnection> victim;
  for (const auto& [id, connection] : connections) {
    if (connection->is_handling()) continue;
    if (!victim || connection->active_at() < victim->active_at()) victim = connection;
  }
  if (!victim) return false;
  victim->close();
  return true;
}

void Server::Impl::forget(ServerConnection& connection) {
  connections.erase(connection.id());
  if (connections.empty()) empty.set();
}

// One timer for all deadlines: they are long, and setting one for each request would cost more than the request.
void Server::Impl::schedule_sweep() {
  if (sweep_scheduled || connections.empty()) return;
  sweep_scheduled = true;
  const auto& options = shared.options;
  const Duration shortest = std::min({options.request_timeout, options.idle_timeout, options.write_timeout}) / 4;
  shared.reactor.call_at(shared.reactor.now() + std::clamp(shortest, kSweepAtLeast, kSweepAtMost),
                         [weak = weak_from_this()] {
                           if (const auto self = weak.lock()) self->sweep();
                         });
}

void Server::Impl::sweep() {
  sweep_scheduled = false;
  const Instant now = shared.reactor.now();
  std::vector<std::shared_ptr<ServerConnection>> expired;
  for (const auto& [id, connection] : connections) {
    if (connection->deadline() <= now) expired.push_back(connection);
  }
  for (const auto& connection : expired) connection->expire();
  schedule_sweep();
}

void Server::Impl::close_all(bool also_with_requests) {
  std::vector<std::shared_ptr<ServerConnection>> victims;
  for (const auto& [id, connection] : connections) {
    if (also_with_requests || !connection->has_request()) victims.push_back(connection);
  }
  for (const auto& connection : victims) connection->close();
}

Server::Server(Reactor& reactor, ServerOptions options, Handler handler, Gate gate)
    : impl_(std::make_shared<Impl>(reactor, std::move(options), std::move(handler), std::move(gate))) {}

Server::~Server() {
  impl_->listeners.clear();
  impl_->close_all(true);
}

Task<Status> Server::bind(std::vector<HostPort> addresses, Ctx ctx) {
  std::vector<std::optional<SocketAddress>> resolved;
  for (const auto& wanted : addresses) {
    auto address = co_await impl_->address_of(wanted, ctx);
    if (!address) co_return address.error();
    resolved.push_back(*address);
  }
  Impl::Listeners kept;
  Impl::Listeners dropped;
  for (auto& listener : std::exchange(impl_->listeners, {})) {
    const bool stays = std::ranges::find(addresses, listener->wanted) != addresses.end() && listener->wanted.port != 0;
    (stays ? kept : dropped).push_back(listener);
  }
  for (const auto& listener : dropped) listener->socket.close();

  std::optional<Error> failure;
  impl_->listeners = kept;
  for (std::size_t i = 0; i < addresses.size() && !failure; ++i) {
    if (std::ranges::find(kept, addresses[i], [](const auto& l) { return l->wanted; }) != kept.end()) continue;
    auto opened = impl_->open(addresses[i], resolved[i]);
    if (opened) {
      impl_->listeners.push_back(*opened);
    } else {
      failure = opened.error();
    }
  }
  if (failure) {
    impl_->listeners = kept;
    for (const auto& listener : dropped) {
      const auto address = is_all_interfaces(listener->wanted) ? std::nullopt : numeric_address(listener->bound);
      auto opened = impl_->open({.host = listener->wanted.host, .port = listener->bound.port}, address);
      if (opened) impl_->listeners.push_back(*opened);
    }
  }
  if (impl_->serving) {
    for (const auto& listener : impl_->listeners) {
      if (std::ranges::find(kept, listener) == kept.end()) impl_->accept_from(listener);
    }
  }
  if (failure) co_return *failure;
  co_return Status();
}

std::vector<HostPort> Server::bound() const {
  std::vector<HostPort> addresses;
  for (const auto& listener : impl_->listeners) addresses.push_back(listener->bound);
  return addresses;
}

void Server::serve() {
  if (std::exchange(impl_->serving, true)) return;
  for (const auto& listener : impl_->listeners) impl_->accept_from(listener);
}

void Server::set_tls(std::shared_ptr<const TlsContext> tls) { impl_->shared.options.tls = std::move(tls); }

void Server::set_server_header(std::string value) { impl_->shared.options.server_header = std::move(value); }

Task<void> Server::stop(Ctx grace) {
  const auto impl = impl_;
  impl->shared.stopping = true;
  impl->listeners.clear();
  impl->close_all(false);
  while (!impl->connections.empty()) {
    if (auto waited = co_await impl->empty.wait(grace); !waited) break;
  }
  impl->shared.handlers.request_stop();
  impl->close_all(true);
  co_await impl->shared.handlers.join();
}

std::size_t Server::connections() const { return impl_->connections.size(); }

std::size_t Server::running_handlers() const { return impl_->shared.handlers.running(); }

}  // namespace matriarch::http
