#include "http/resolver.h"

#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>

#include <netdb.h>
#include <netinet/in.h>

#include "base/completion.h"

namespace matriarch::http {

namespace {

using Addresses = std::vector<SocketAddress>;

constexpr std::size_t kMaxLookups = 8;
constexpr std::size_t kMaxNames = 256;

Result<Addresses> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(host.c_str(), nullptr, &hints, &found); code != 0) {
    return Error(Errc::kUnavailable, fmt::format("cannot resolve \"{}\": {}", host, gai_strerror(code)));
  }
  Addresses addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    addresses.push_back(address);
  }
  freeaddrinfo(found);
  return addresses;
}

Addresses with_port(Addresses addresses, std::uint16_t port) {
  for (auto& address : addresses) {
    if (address.storage.ss_family == AF_INET6) {
      reinterpret_cast<sockaddr_in6*>(&address.storage)->sin6_port = htons(port);
    } else {
      reinterpret_cast<sockaddr_in*>(&address.storage)->sin_port = htons(port);
    }
  }
  return addresses;
}

// How a lookup's thread reaches the reactor, or finds that nobody waits any more.
struct Mailbox {
  std::mutex mutex;
  Reactor* reactor;
};

}  // namespace

struct Resolver::State {
  struct Name {
    Addresses addresses;
    std::optional<Error> error;  // of the last lookup
    Instant fresh_until = Instant::min();
    bool running = false;
    std::vector<Completion<std::monostate>> waiting;
  };

  explicit State(Reactor& r) : reactor(r), mailbox(std::make_shared<Mailbox>()) { mailbox->reactor = &r; }

  Reactor& reactor;
  std::shared_ptr<Mailbox> mailbox;
  std::map<std::string, Name> names;
  std::size_t running = 0;

  Status start(const std::shared_ptr<State>& self, const std::string& host, Lifetime lifetime);
  void finish(const std::string& host, Lifetime lifetime, Result<Addresses> result);
  void forget_old_names();
  static Task<Result<Addresses>> resolve(std::shared_ptr<State> self, HostPort address, Lifetime lifetime, Ctx ctx);
};

Status Resolver::State::start(const std::shared_ptr<State>& self, const std::string& host, Lifetime lifetime) {
  if (running == kMaxLookups) {
    return Error(Errc::kUnavailable, fmt::format("cannot resolve \"{}\": too many lookups hang", host));
  }
  const auto work = [host, lifetime, box = mailbox, weak = std::weak_ptr(self)] {
    auto result = look_up(host);
    const std::lock_guard lock(box->mutex);
    if (box->reactor == nullptr) return;
    box->reactor->post_from_any_thread([host, lifetime, weak, result = std::move(result)]() mutable {
      if (const auto state = weak.lock()) state->finish(host, lifetime, std::move(result));
    });
  };
  try {
    std::thread(work).detach();
  } catch (const std::system_error& error) {
    return Error(Errc::kUnavailable, fmt::format("cannot resolve \"{}\": {}", host, error.what()));
  }
  ++running;
  names[host].running = true;
  return {};
}

void Resolver::State::finish(const std::string& host, Lifetime lifetime, Result<Addresses> result) {
  --running;
  Name& name = names[host];
  name.running = false;
  name.fresh_until = reactor.now() + (result.ok() ? lifetime.success : lifetime.failure);
  if (result) {
    name.addresses = *std::move(result);
    name.error.reset();
  } else {
    name.error = result.error();
  }
  for (const auto& waiter : std::exchange(name.waiting, {})) waiter(std::monostate{});
}

void Resolver::State::forget_old_names() {
  if (names.size() < kMaxNames) return;
  const Instant now = reactor.now();
  std::erase_if(names, [now](const auto& entry) {
    return !entry.second.running && entry.second.waiting.empty() && entry.second.fresh_until <= now;
  });
}

Task<Result<Addresses>> Resolver::State::resolve(std::shared_ptr<State> self, HostPort address, Lifetime lifetime,
                                                 Ctx ctx) {
  if (const auto numeric = numeric_address(address)) co_return Addresses{*numeric};
  self->forget_old_names();
  if (self->names[address.host].fresh_until <= self->reactor.now()) {
    if (!self->names[address.host].running) {
      if (auto ok = self->start(self, address.host, lifetime); !ok) co_return ok.error();
    }
    auto outcome = co_await complete<std::monostate>(self->reactor, ctx,
                                                     [&self, &address](const Completion<std::monostate>& done) {
                                                       self->names[address.host].waiting.push_back(done);
                                                       return Callback();
                                                     });
    if (!outcome) co_return outcome.error().in(fmt::format("cannot resolve \"{}\"", address.host));
  }
  const Name& name = self->names[address.host];
  if (name.addresses.empty()) {
    co_return name.error.value_or(Error(Errc::kUnavailable, fmt::format("\"{}\" has no address", address.host)));
  }
  co_return with_port(name.addresses, address.port);
}

Resolver::Resolver(Reactor& reactor) : state_(std::make_shared<State>(reactor)) {}

Resolver::~Resolver() {
  const std::lock_guard lock(state_->mailbox->mutex);
  state_->mailbox->reactor = nullptr;
}

Task<Result<Addresses>> Resolver::resolve(HostPort address, Lifetime lifetime, Ctx ctx) {
  return State::resolve(state_, std::move(address), lifetime, std::move(ctx));
}

void Resolver::expire(const std::string& host) {
  const auto found = state_->names.find(host);
  if (found != state_->names.end()) found->second.fresh_until = Instant::min();
}

void Resolver::expire_all() {
  for (auto& [host, name] : state_->names) name.fresh_until = Instant::min();
}

}  // namespace matriarch::http
