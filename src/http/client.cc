#include "http/client.h"

#include <algorithm>
#include <deque>

#include "http/client_connection.h"
#include "http/resolver.h"
#include "http/response_writer.h"

namespace matriarch::http {

namespace {

constexpr std::size_t kMaxIdleInAll = 64;
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

bool is_token(std::string_view text) {
  constexpr std::string_view kSeparators = "()<>@,;:\\\"/[]?={} \t";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return c > ' ' && c < 0x7f && kSeparators.find(c) == std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::none_of(text, [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; });
}

bool is_target(std::string_view text) {
  return text.starts_with('/') && std::ranges::all_of(text, [](unsigned char c) { return c > ' ' && c != 0x7f; });
}

// Values are not quoted: they may be secrets.
Status check(const Call& call) {
  const auto invalid = [](std::string text) { return Error(Errc::kInvalid, std::move(text)); };
  if (call.url.scheme != "http" && call.url.scheme != "https") return invalid("HTTP request without a URL");
  if (call.url.address.host.empty() || call.url.address.port == 0) return invalid("HTTP request without host and port");
  if (!is_token(call.method)) return invalid("HTTP method with forbidden characters");
  if (!is_target(call.url.target))
    return invalid("HTTP request path with forbidden characters, or without a leading /");
  for (const auto& [name, value] : call.headers) {
    if (!is_token(name)) return invalid("HTTP header name with forbidden characters");
    if (!is_field_value(value)) return invalid(fmt::format("value of HTTP header {} with forbidden characters", name));
  }
  return {};
}

std::string host_header(const Url& url) {
  auto text = to_string(url.address);
  const bool usual_port = url.address.port == (url.tls() ? 443 : 80);
  if (usual_port) text.resize(text.rfind(':'));
  return text;
}

std::string request_bytes(const Call& call, const ClientOptions& options) {
  std::string out = fmt::format("{} {} HTTP/1.1\r\n", call.method, call.url.target);
  if (!call.headers.has("Host")) append_header(out, "Host", host_header(call.url));
  if (!call.headers.has("User-Agent")) append_header(out, "User-Agent", options.user_agent);
  for (const auto& [name, value] : call.headers) append_header(out, name, value);
  const bool says_length =
      !call.body.empty() || call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
  if (says_length && !call.headers.has("Content-Length")) {
    append_header(out, "Content-Length", std::to_string(call.body.size()));
  }
  out += "\r\n";
  out += call.body;
  return out;
}

bool may_be_repeated(const Call& call) {
  constexpr std::string_view kIdempotent[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
  switch (call.stale_retry) {
    case StaleRetry::kAlways: return true;
    case StaleRetry::kNever: return false;
    case StaleRetry::kIfIdempotent: break;
  }
  return std::ranges::find(kIdempotent, call.method) != std::end(kIdempotent);
}

Response response_of(MessageHead head) {
  Response response{.status = head.status, .reason = std::move(head.reason), .headers = std::move(head.headers)};
  response.content_type = response.headers.find("Content-Type").value_or("");
  return response;
}

// Sends and receives up to the head of the answer.
Task<Status> begin_exchange(ClientConnection* connection, std::string bytes, bool to_head_request, ParseLimits limits,
                            std::size_t* sent, Ctx ctx) {
  connection->begin_response(to_head_request, limits);
  auto written = co_await connection->send(bytes, *sent, ctx);
  const bool worth_reading = written || (*sent > 0 && written.error().code() == Errc::kUnavailable);
  if (!worth_reading) co_return written;
  // A server that refuses a request may have stopped reading it, but its answer can be there.
  auto received = co_await connection->receive_head(ctx);
  if (!received && !written) co_return written;
  co_return received;
}

Task<Result<Response>> converse(ClientConnection* connection, std::string bytes, bool to_head_request,
                                ParseLimits limits, std::size_t* sent, Ctx ctx) {
  if (auto begun = co_await begin_exchange(connection, std::move(bytes), to_head_request, limits, sent, ctx); !begun) {
    co_return begun.error();
  }
  auto response = response_of(std::move(connection->parser().head()));
  while (true) {
    auto more = co_await connection->receive_body(ctx);
    if (!more) co_return more.error();
    if (!*more) co_return response;
    auto piece = std::exchange(connection->parser().body(), {});
    if (response.body.empty()) {
      response.body = std::move(piece);
    } else {
      response.body += piece;
    }
  }
}

std::string description(const Call& call) { return fmt::format("{} {}", call.method, call.url.origin()); }

}  // namespace

struct Client::Impl : std::enable_shared_from_this<Client::Impl> {
  struct Idle {
    std::unique_ptr<ClientConnection> connection;
    Instant since;
  };

  Impl(Reactor& r, ClientOptions o)
      : reactor(r), options(std::make_shared<const ClientOptions>(std::move(o))), resolver(r) {}

  // A kept connection that is still good, or null.
  std::unique_ptr<ClientConnection> take(const std::string& origin);
  void keep(const std::string& origin, std::unique_ptr<ClientConnection> connection);
  void drop(const std::string& origin) { idle.erase(origin); }
  void schedule_pruning();
  void prune();

  Result<ClientConnection::Settings> settings_for(const Url& url);
  static Task<Result<std::unique_ptr<ClientConnection>>> connect(std::shared_ptr<Impl> self, Url url, Ctx ctx);
  static Task<Exchange> exchange(std::shared_ptr<Impl> self, Call call, Ctx ctx);
  static Task<Result<Response>> request(std::shared_ptr<Impl> self, Call call, Ctx ctx);
  static Task<Result<Stream>> open_stream(std::shared_ptr<Impl> self, Call call, Ctx ctx);

  Reactor& reactor;
  std::shared_ptr<const ClientOptions> options;
  std::shared_ptr<const TlsContext> system_tls;  // made when https is used without a context
  Resolver resolver;
  std::map<std::string, std::deque<Idle>> idle;
  bool pruning_scheduled = false;
};

std::unique_ptr<ClientConnection> Client::Impl::take(const std::string& origin) {
  const auto found = idle.find(origin);
  if (found == idle.end()) return nullptr;
  auto& kept = found->second;
  std::unique_ptr<ClientConnection> connection;
  while (!kept.empty() && !connection) {
    const bool fresh = kept.back().since + options->idle_timeout > reactor.now();
    if (fresh && kept.back().connection->is_quiet()) connection = std::move(kept.back().connection);
    kept.pop_back();
  }
  if (kept.empty()) idle.erase(found);
  return connection;
}

void Client::Impl::keep(const std::string& origin, std::unique_ptr<ClientConnection> connection) {
  std::size_t in_all = 0;
  for (const auto& [name, kept] : idle) in_all += kept.size();
  const auto found = idle.find(origin);
  const std::size_t here = found == idle.end() ? 0 : found->second.size();
  if (here >= options->max_idle_connections || in_all >= kMaxIdleInAll) return;
  connection->become_idle();
  idle[origin].push_back({.connection = std::move(connection), .since = reactor.now()});
  schedule_pruning();
}

void Client::Impl::schedule_pruning() {
  if (pruning_scheduled || idle.empty()) return;
  pruning_scheduled = true;
  reactor.call_at(reactor.now() + options->idle_timeout, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->prune();
  });
}

void Client::Impl::prune() {
  pruning_scheduled = false;
  const Instant oldest = reactor.now() - options->idle_timeout;
  for (auto& [origin, kept] : idle) {
    std::erase_if(kept, [oldest](const Idle& entry) { return entry.since <= oldest; });
  }
  std::erase_if(idle, [](const auto& entry) { return entry.second.empty(); });
  schedule_pruning();
}

Result<ClientConnection::Settings> Client::Impl::settings_for(const Url& url) {
  ClientConnection::Settings settings{.options = options, .tls = options->tls};
  if (!url.tls() || settings.tls) return settings;
  if (!system_tls) {
    auto made = TlsContext::for_client({});
    if (!made) return made.error();
    system_tls = *std::move(made);
  }
  settings.tls = system_tls;
  return settings;
}

Task<Result<std::unique_ptr<ClientConnection>>> Client::Impl::connect(std::shared_ptr<Impl> self, Url url, Ctx ctx) {
  auto settings = self->settings_for(url);
  if (!settings) co_return settings.error();
  const Resolver::Lifetime lifetime{.success = self->options->resolve_ttl,
                                    .failure = self->options->resolve_failure_ttl};
  auto addresses = co_await self->resolver.resolve(url.address, lifetime, ctx);
  if (!addresses) co_return addresses.error();
  auto connection = co_await ClientConnection::open(self->reactor, *addresses, url, *settings, ctx);
  if (!connection) self->resolver.expire(url.address.host);
  co_return connection;
}

Task<Exchange> Client::Impl::exchange(std::shared_ptr<Impl> self, Call call, Ctx ctx) {
  if (auto ok = check(call); !ok) co_return Exchange{.response = ok.error(), .delivery = Delivery::kNotSent};
  const auto options = self->options;
  const std::string origin = call.url.origin();
  const std::string bytes = request_bytes(call, *options);
  const ParseLimits limits{.head_bytes = options->max_head_bytes, .body_bytes = options->max_response_bytes};
  auto delivery = Delivery::kNotSent;

  auto connection = call.new_connection ? nullptr : self->take(origin);
  while (true) {
    const bool reused = connection != nullptr;
    if (!connection) {
      auto opened = co_await connect(self, call.url, ctx);
      if (!opened) co_return Exchange{.response = opened.error().in(description(call)), .delivery = delivery};
      connection = *std::move(opened);
    }
    std::size_t sent = 0;
    auto response = co_await converse(connection.get(), bytes, call.method == "HEAD", limits, &sent, ctx);
    if (response) {
      if (connection->can_be_kept()) self->keep(origin, std::move(connection));
      co_return Exchange{.response = std::move(response), .delivery = Delivery::kAnswered};
    }
    if (sent > 0) delivery = Delivery::kSent;
    const bool stale = reused && connection->nothing_received() && response.error().code() == Errc::kUnavailable;
    if (!stale || (sent > 0 && !may_be_repeated(call))) {
      co_return Exchange{.response = response.error().in(description(call)), .delivery = delivery};
    }
    // Its siblings are of the same age. The next connection is a new one, so this happens once.
    self->drop(origin);
    connection = nullptr;
  }
}

Task<Result<Response>> Client::Impl::request(std::shared_ptr<Impl> self, Call call, Ctx ctx) {
  auto outcome = co_await exchange(std::move(self), std::move(call), std::move(ctx));
  co_return std::move(outcome.response);
}

struct Stream::Impl {
  std::unique_ptr<ClientConnection> connection;
  std::string description;
  Response head;
  bool ended = false;
  bool closed = false;

  void close() {
    if (std::exchange(closed, true)) return;
    connection->close();
  }
  Error failed(const Error& error) {
    if (closed) return Error(Errc::kCancelled, description + ": the stream is closed");
    if (error.code() != Errc::kTimeout) close();
    return error.in(description);
  }

  static Task<Result<std::optional<std::string>>> read_chunk(std::shared_ptr<Impl> self, Ctx ctx);
  static Task<Result<std::string>> read_all(std::shared_ptr<Impl> self, std::size_t limit, Ctx ctx);
};

Task<Result<std::optional<std::string>>> Stream::Impl::read_chunk(std::shared_ptr<Impl> self, Ctx ctx) {
  if (self->ended) co_return std::optional<std::string>();
  if (self->closed) co_return Error(Errc::kCancelled, self->description + ": the stream is closed");
  auto more = co_await self->connection->receive_body(ctx);
  if (!more) co_return self->failed(more.error());
  if (*more) co_return std::optional(std::exchange(self->connection->parser().body(), {}));
  self->ended = true;
  self->close();
  co_return std::optional<std::string>();
}

Task<Result<std::string>> Stream::Impl::read_all(std::shared_ptr<Impl> self, std::size_t limit, Ctx ctx) {
  std::string body;
  while (true) {
    auto chunk = co_await read_chunk(self, ctx);
    if (!chunk) co_return chunk.error();
    if (!chunk->has_value()) co_return body;
    body += **chunk;
    if (body.size() > limit) {
      self->close();
      co_return Error(Errc::kTooLarge, fmt::format("{}: the answer exceeds {} bytes", self->description, limit));
    }
  }
}

Task<Result<Stream>> Client::Impl::open_stream(std::shared_ptr<Impl> self, Call call, Ctx ctx) {
  if (auto ok = check(call); !ok) co_return ok.error();
  const auto options = self->options;
  auto connection = co_await connect(self, call.url, ctx);
  if (!connection) co_return connection.error().in(description(call));
  const ParseLimits limits{.head_bytes = options->max_head_bytes, .body_bytes = kNoLimit};
  std::size_t sent = 0;
  auto begun = co_await begin_exchange(connection->get(), request_bytes(call, *options), call.method == "HEAD", limits,
                                       &sent, ctx);
  if (!begun) co_return begun.error().in(description(call));
  auto impl = std::make_shared<Stream::Impl>();
  impl->head = response_of(std::move((*connection)->parser().head()));
  impl->connection = *std::move(connection);
  impl->description = description(call);
  co_return Stream(std::move(impl));
}

Stream::Stream(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}
Stream::~Stream() {
  if (impl_) impl_->close();
}

const Response& Stream::head() const { return impl_->head; }
void Stream::close() { impl_->close(); }

Task<Result<std::optional<std::string>>> Stream::read_chunk(Ctx ctx) { return Impl::read_chunk(impl_, std::move(ctx)); }
Task<Result<std::string>> Stream::read_all(std::size_t limit, Ctx ctx) {
  return Impl::read_all(impl_, limit, std::move(ctx));
}

Client::Client(Reactor& reactor, ClientOptions options) : impl_(std::make_shared<Impl>(reactor, std::move(options))) {}
Client::~Client() { impl_->idle.clear(); }

// The frames own what they work with, so nothing here is a coroutine itself.
Task<Exchange> Client::exchange(Call call, Ctx ctx) { return Impl::exchange(impl_, std::move(call), std::move(ctx)); }
Task<Result<Response>> Client::request(Call call, Ctx ctx) {
  return Impl::request(impl_, std::move(call), std::move(ctx));
}
Task<Result<Stream>> Client::open_stream(Call call, Ctx ctx) {
  return Impl::open_stream(impl_, std::move(call), std::move(ctx));
}

void Client::set_options(ClientOptions options) {
  impl_->options = std::make_shared<const ClientOptions>(std::move(options));
  close_idle();
}
void Client::close_idle() { impl_->idle.clear(); }
void Client::forget_addresses() { impl_->resolver.expire_all(); }

}  // namespace matriarch::http
