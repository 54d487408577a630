#include "http/client_connection.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace matriarch::http {

namespace {

constexpr std::size_t kReadSize = 16 << 10;
constexpr int kMaxInterimResponses = 16;

Error parse_error(ParseFailure failure) {
  switch (failure) {
    case ParseFailure::kHeadTooLarge:
    case ParseFailure::kBodyTooLarge:
      return Error(Errc::kTooLarge, fmt::format("answer refused: {}", to_string(failure)));
    case ParseFailure::kTruncated: return Error(Errc::kUnavailable, std::string(to_string(failure)));
    default: return Error(Errc::kProtocol, fmt::format("unintelligible answer: {}", to_string(failure)));
  }
}

bool given_up(const Reactor& reactor, const Ctx& ctx) {
  return ctx.stop.stop_requested() || ctx.deadline <= reactor.now();
}

// One address that swallows everything must not take the time of those behind it.
Ctx share_of(const Reactor& reactor, const Ctx& ctx, Duration at_most, Duration::rep untried) {
  const Instant now = reactor.now();
  if (ctx.deadline != Instant::max()) at_most = std::min(at_most, (ctx.deadline - now) / untried);
  return ctx.until(now + at_most);
}

}  // namespace

ClientConnection::ClientConnection(Reactor& reactor, UniqueFd fd)
    : reactor_(reactor), transport_(reactor, std::move(fd)) {}

Task<Result<std::unique_ptr<ClientConnection>>> ClientConnection::open(Reactor& reactor,
                                                                       std::vector<SocketAddress> addresses, Url url,
                                                                       Settings settings, Ctx ctx) {
  std::optional<Error> failure;
  auto untried = static_cast<Duration::rep>(addresses.size());
  for (const auto& address : addresses) {
    const std::string numeric = to_host_port(address).host;
    const std::string where =
        numeric == url.address.host ? to_string(url.address) : fmt::format("{} ({})", to_string(url.address), numeric);
    UniqueFd fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) {
      failure = Error(Errc::kUnavailable, fmt::format("cannot connect to {}: {}", where, std::strerror(errno)));
      --untried;
      continue;
    }
    set_tcp_options(fd.get(), settings.options->tcp);
    auto connection = std::make_unique<ClientConnection>(reactor, std::move(fd));
    const Ctx attempt = share_of(reactor, ctx, settings.options->connect_timeout, untried--);
    auto done = co_await connection->connect(address, attempt);
    if (done && url.tls()) done = co_await connection->handshake(*settings.tls, url.address.host, attempt);
    if (done) co_return connection;
    failure = done.error().in(fmt::format("cannot connect to {}", where));
    if (given_up(reactor, ctx)) break;
  }
  co_return *failure;
}

Task<Status> ClientConnection::connect(SocketAddress address, Ctx ctx) {
  const int fd = transport_.socket().fd();
  if (::connect(fd, address.native(), address.size) == 0) co_return Status();
  if (errno != EINPROGRESS) co_return Error(Errc::kUnavailable, std::strerror(errno));
  if (auto ok = co_await wait_for(reactor_, transport_.socket(), Socket::Ready::kWrite, ctx); !ok) co_return ok;
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) co_return Error(Errc::kUnavailable, std::strerror(error));
  co_return Status();
}

Task<Status> ClientConnection::handshake(const TlsContext& context, std::string host, Ctx ctx) {
  if (auto ok = transport_.start_tls_client(context, host); !ok) co_return ok;
  while (true) {
    const auto result = transport_.handshake();
    if (result.state == IoState::kDone) co_return Status();
    if (auto ok = co_await wait(result.state, ctx); !ok) co_return ok;
  }
}

Error ClientConnection::broken() const {
  return Error(transport_.tls_failed() ? Errc::kProtocol : Errc::kUnavailable, transport_.failure());
}

Task<Status> ClientConnection::wait(IoState state, Ctx ctx) {
  switch (state) {
    case IoState::kDone: co_return Status();
    case IoState::kWantRead: co_return co_await wait_for(reactor_, transport_.socket(), Socket::Ready::kRead, ctx);
    case IoState::kWantWrite: co_return co_await wait_for(reactor_, transport_.socket(), Socket::Ready::kWrite, ctx);
    case IoState::kClosed: co_return Error(Errc::kUnavailable, "connection closed by the server");
    case IoState::kFailed: break;
  }
  co_return broken();
}

Task<Status> ClientConnection::send(const std::string& bytes, std::size_t& sent, Ctx ctx) {
  std::size_t begin = 0;
  while (begin < bytes.size()) {
    if (given_up(reactor_, ctx)) co_return co_await wait(IoState::kWantWrite, ctx);
    const auto result = transport_.write(std::string_view(bytes).substr(begin));
    begin += result.bytes;
    sent += result.bytes;
    if (auto ok = co_await wait(result.state, ctx); !ok) co_return ok;
  }
  co_return Status();
}

void ClientConnection::begin_response(bool to_head_request, ParseLimits limits) {
  limits_ = limits;
  kind_ = to_head_request ? Parser::Kind::kResponseToHead : Parser::Kind::kResponse;
  state_ = ParseState::kNeedMore;
  received_ = false;
  parser_.reset(kind_, limits_);
}

Task<Result<bool>> ClientConnection::fill(Ctx ctx) {
  while (true) {
    const auto old_size = input_.size();
    input_.resize(old_size + kReadSize);
    const auto result = transport_.read(input_.data() + old_size, kReadSize);
    input_.resize(old_size + result.bytes);
    received_ = received_ || result.state == IoState::kDone;
    if (result.state == IoState::kDone) co_return true;
    if (result.state == IoState::kClosed) co_return false;
    if (auto ok = co_await wait(result.state, ctx); !ok) co_return ok.error();
  }
}

Task<Status> ClientConnection::receive_head(Ctx ctx) {
  for (int interim = 0; interim <= kMaxInterimResponses;) {
    const auto fed = parser_.feed(input_);
    input_.erase(0, fed.consumed);
    state_ = fed.state;
    if (state_ == ParseState::kFailed) co_return parse_error(parser_.failure());
    if (state_ == ParseState::kNeedMore) {
      auto more = co_await fill(ctx);
      if (!more) co_return more.error();
      if (!*more) {
        co_return nothing_received() ? Error(Errc::kUnavailable, "connection closed by the server without an answer")
                                     : parse_error(ParseFailure::kTruncated);
      }
      continue;
    }
    if (parser_.head().status >= 200) co_return Status();
    parser_.reset(kind_, limits_);  // "100 Continue" and the like
    ++interim;
  }
  co_return Error(Errc::kProtocol, "too many interim answers");
}

Task<Result<bool>> ClientConnection::receive_body(Ctx ctx) {
  while (true) {
    if (!parser_.body().empty()) co_return true;
    if (state_ == ParseState::kComplete) co_return false;
    const auto fed = parser_.feed(input_);
    input_.erase(0, fed.consumed);
    state_ = fed.state;
    if (state_ == ParseState::kFailed) co_return parse_error(parser_.failure());
    if (state_ == ParseState::kComplete || !parser_.body().empty()) continue;
    auto more = co_await fill(ctx);
    if (!more) co_return more.error();
    if (!*more) state_ = parser_.end_of_input();
    if (state_ == ParseState::kFailed) co_return parse_error(parser_.failure());
  }
}

bool ClientConnection::can_be_kept() {
  return state_ == ParseState::kComplete && parser_.head().keep_alive && input_.empty();
}

void ClientConnection::become_idle() {
  input_ = {};
  parser_.reset(kind_, limits_);
}

bool ClientConnection::is_quiet() {
  char byte = 0;
  return recv(transport_.socket().fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EINTR);
}

}  // namespace matriarch::http
