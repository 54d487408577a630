#include "http/server_connection.h"

#include <exception>

#include <sys/socket.h>

#include "base/log.h"
#include "http/response_writer.h"

namespace matriarch::http {

namespace {

constexpr std::size_t kKeptBuffer = 4 << 10;  // what an idle connection may hold on to
constexpr int kFairShare = 64;                // steps before others get their turn
constexpr Duration kLingerTime = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 4 << 20;

void release(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptBuffer) buffer.shrink_to_fit();
}

bool is_visible(char c) { return c > ' ' && c < 0x7f; }

// A major version of 2 or more is a different matter than a malformed one (API-064).
bool is_newer_http(std::string_view head) {
  const auto line = head.substr(0, head.find_first_of("\r\n"));
  const auto version = line.rfind(" HTTP/");
  return version != std::string_view::npos && version + 6 < line.size() && line[version + 6] >= '2' &&
         line[version + 6] <= '9';
}

}  // namespace

const std::string& ServerShared::date() {
  const auto second = std::chrono::floor<std::chrono::seconds>(reactor.wall_now());
  if (second != date_second_ || date_.empty()) {
    date_second_ = second;
    date_ = http_date(second);
  }
  return date_;
}

ServerConnection::ServerConnection(ServerShared& shared, UniqueFd fd, HostPort peer, std::uint64_t id)
    : shared_(shared),
      transport_(shared.reactor, std::move(fd)),
      peer_(std::move(peer)),
      id_(id),
      active_at_(shared.reactor.now()) {}

void ServerConnection::start() {
  if (shared_.options.tls) {
    if (auto ok = transport_.start_tls_server(*shared_.options.tls); !ok) {
      log::warning("{}", ok.error().text());
      return close();
    }
  }
  enter(State::kHandshaking, shared_.options.request_timeout);
  run(Step::kGo);
}

void ServerConnection::enter(State state, Duration time_left) {
  state_ = state;
  deadline_ = time_left == Duration::max() ? Instant::max() : active_at_ + time_left;
}

void ServerConnection::run(Step step) {
  for (int budget = kFairShare; step != Step::kElsewhere; --budget) {
    if (budget == 0) {
      shared_.reactor.post([self = shared_from_this(), step] {
        if (self->state_ != State::kClosed) self->run(step);
      });
      return;
    }
    step = step == Step::kMore ? receive() : advance();
  }
}

ServerConnection::Step ServerConnection::advance() {
  switch (state_) {
    case State::kHandshaking: return handshake();
    case State::kReadingHead: return read_head();
    case State::kReadingBody: return read_body();
    case State::kWriting: return flush();
    case State::kLingering: return linger();
    case State::kHandling:
    case State::kClosed: return Step::kElsewhere;
  }
  return Step::kElsewhere;
}

ServerConnection::Step ServerConnection::wait(Socket::Ready what) {
  transport_.socket().wait(what, [self = shared_from_this()](bool ready) {
    if (ready) self->on_ready();
  });
  return Step::kElsewhere;
}

void ServerConnection::on_ready() {
  if (state_ == State::kClosed) return;
  active_at_ = shared_.reactor.now();
  const bool reading = state_ == State::kReadingHead || state_ == State::kReadingBody;
  run(reading ? Step::kMore : Step::kGo);
}

ServerConnection::Step ServerConnection::receive() {
  // A short read from a plain socket has emptied it: asking once more would cost a system call to learn that.
  if (std::exchange(socket_drained_, false)) return wait(Socket::Ready::kRead);
  const auto result = transport_.read(shared_.scratch.data(), shared_.scratch.size());
  switch (result.state) {
    case IoState::kDone: break;
    case IoState::kWantRead: return wait(Socket::Ready::kRead);
    case IoState::kWantWrite: return wait(Socket::Ready::kWrite);
    case IoState::kClosed:
    case IoState::kFailed: close(); return Step::kElsewhere;
  }
  in_.append(shared_.scratch.data(), result.bytes);
  socket_drained_ = !transport_.tls() && result.bytes < shared_.scratch.size();
  return Step::kGo;
}

ServerConnection::Step ServerConnection::handshake() {
  const auto result = transport_.handshake();
  switch (result.state) {
    case IoState::kDone: enter(State::kReadingHead, shared_.options.request_timeout); return Step::kMore;
    case IoState::kWantRead: return wait(Socket::Ready::kRead);
    case IoState::kWantWrite: return wait(Socket::Ready::kWrite);
    case IoState::kClosed:
    case IoState::kFailed: break;
  }
  log::debug("TLS handshake with {} failed: {}", to_string(peer_), transport_.failure());  // API-070
  unread_body_ = true;  // the client may have sent its request along, and is to see the alert
  return finish();
}

void ServerConnection::consume(std::size_t n) {
  in_begin_ += n;
  if (in_begin_ == in_.size()) {
    release(in_);
    in_begin_ = 0;
  } else if (in_begin_ > in_.size() / 2) {
    in_.erase(0, in_begin_);
    in_begin_ = 0;
  }
}

ServerConnection::Step ServerConnection::read_head() {
  if (!request_begun_) {
    const auto begin = input().find_first_not_of("\r\n");  // empty lines before a request mean nothing
    consume(std::min(begin, input().size()));
    if (input().empty()) return Step::kMore;
    request_begun_ = true;
    enter(State::kReadingHead, shared_.options.request_timeout);
    // Above all a TLS client at a plain port: it says no more before it is answered.
    if (!is_visible(input().front())) return refuse(400, "This is not HTTP.");
  }
  const auto& options = shared_.options;
  switch (scanner_.scan(input(), {.line_bytes = options.max_line_bytes,
                                  .head_bytes = options.max_head_bytes,
                                  .header_count = options.max_header_count})) {
    case HeadScanner::State::kIncomplete: return Step::kMore;
    case HeadScanner::State::kComplete: return take_head();
    case HeadScanner::State::kRequestLineTooLong: return refuse(414, "The request line is too long.");
    case HeadScanner::State::kHeadersTooLarge: return refuse(431, "The headers are too large or too many.");
  }
  return Step::kElsewhere;
}

ServerConnection::Step ServerConnection::take_head() {
  std::string full;
  auto head_text = input().substr(0, scanner_.head_size());
  if (scanner_.has_bare_line_feeds()) head_text = full = with_full_line_ends(head_text);

  if (!parser_) parser_ = std::make_unique<Parser>();
  parser_->reset(Parser::Kind::kRequest,
                 {.head_bytes = head_text.size(), .body_bytes = shared_.options.max_body_bytes});
  const auto state = parser_->feed(head_text).state;
  if (state == ParseState::kFailed && parser_->failure() == ParseFailure::kVersion && is_newer_http(head_text)) {
    return refuse(505, "This server speaks HTTP/1.1 and HTTP/1.0.");
  }
  if (state != ParseState::kHead && state != ParseState::kComplete) return refuse(parser_->failure());
  consume(scanner_.head_size());

  auto& head = parser_->head();
  begin_request_log(head);
  version_ = head.version;
  head_request_ = head.method == "HEAD";
  keep_alive_ = head.keep_alive && shared_.options.keep_alive;
  request_ = Request{.method = std::move(head.method),
                     .target = std::move(head.target),
                     .headers = std::move(head.headers),
                     .peer_address = peer_.host,
                     .peer_port = peer_.port,
                     .tls = transport_.tls(),
                     .client_certificate = transport_.has_peer_certificate()};
  request_.path = path_of_target(request_.target);
  request_.query = query_of_target(request_.target);

  if (const auto refusal = ask_gate()) {
    unread_body_ = state == ParseState::kHead;
    return respond(*refusal);
  }
  if (state == ParseState::kComplete) return dispatch();
  state_ = State::kReadingBody;  // within the deadline of the whole request
  return Step::kGo;
}

std::optional<Response> ServerConnection::ask_gate() {
  if (!shared_.gate) return std::nullopt;
  try {
    return shared_.gate(request_);
  } catch (const std::exception& bug) {
    return failure_page(bug.what());
  }
}

ServerConnection::Step ServerConnection::read_body() {
  const auto fed = parser_->feed(input());
  consume(fed.consumed);
  if (fed.state == ParseState::kNeedMore) return Step::kMore;
  if (fed.state == ParseState::kFailed) return refuse(parser_->failure());
  request_.body = std::move(parser_->body());
  return dispatch();
}

ServerConnection::Step ServerConnection::dispatch() {
  enter(State::kHandling, Duration::max());
  try {
    Answer answer = shared_.handler(std::move(request_), Ctx{.stop = shared_.handlers.stop_token()});
    if (const Response* response = answer.immediate()) return respond(*response);
    shared_.handlers.spawn(run_handler(shared_from_this(), std::move(*answer.task())));
    return Step::kElsewhere;
  } catch (const std::exception& bug) {
    return respond(failure_page(bug.what()));
  }
}

Task<void> ServerConnection::run_handler(std::shared_ptr<ServerConnection> self, Task<Response> task) {
  std::optional<Response> response;
  std::string failure;
  try {
    response = co_await std::move(task);
  } catch (const std::exception& bug) {
    failure = bug.what();
  }
  if (self->state_ != State::kHandling) co_return;
  self->active_at_ = self->shared_.reactor.now();
  self->run(self->respond(response ? *response : self->failure_page(failure)));
}

Response ServerConnection::failure_page(std::string_view why) const {
  log::warning("Exception happened during processing of request from {}:{}: {}", peer_.host, peer_.port,
               why);  // API-066
  return text_page(500, "The request could not be processed.");
}

ServerConnection::Step ServerConnection::refuse(int status, std::string_view explanation) {
  unread_body_ = true;
  return respond(text_page(status, explanation));
}

ServerConnection::Step ServerConnection::refuse(ParseFailure failure) {
  switch (failure) {
    case ParseFailure::kBodyTooLarge: return refuse(413, "The body is too large.");
    case ParseFailure::kHeadTooLarge: return refuse(431, "The headers are too large.");
    case ParseFailure::kEncoding: return refuse(501, "The transfer coding is not supported.");
    case ParseFailure::kVersion: return refuse(400, "The HTTP version is malformed or not supported.");
    default: return refuse(400, "The request is malformed.");
  }
}

ServerConnection::Step ServerConnection::respond(const Response& response) {
  close_after_ = !keep_alive_ || response.close || response.status_line_only || unread_body_ || shared_.stopping;
  append_response(out_, response,
                  {.version = version_,
                   .head_request = head_request_,
                   .keep_alive = !close_after_,
                   .server = shared_.options.server_header,
                   .date = shared_.date()});
  log_access(response);
  enter(State::kWriting, shared_.options.write_timeout);
  return flush();
}

ServerConnection::Step ServerConnection::flush() {
  while (out_begin_ < out_.size()) {
    const auto result = transport_.write(std::string_view(out_).substr(out_begin_));
    switch (result.state) {
      case IoState::kDone: out_begin_ += result.bytes; break;
      case IoState::kWantRead: return wait(Socket::Ready::kRead);
      case IoState::kWantWrite: return wait(Socket::Ready::kWrite);
      case IoState::kClosed:
      case IoState::kFailed: close(); return Step::kElsewhere;  // the client has gone: nobody cares (API-065)
    }
  }
  release(out_);
  out_begin_ = 0;
  request_begun_ = false;
  head_request_ = false;
  scanner_.reset();
  if (close_after_ || shared_.stopping) return finish();
  enter(State::kReadingHead, shared_.options.idle_timeout);
  return Step::kGo;
}

ServerConnection::Step ServerConnection::finish() {
  transport_.shut_down();
  if (!unread_body_) {
    close();
    return Step::kElsewhere;
  }
  // Closing now would reset the connection, and the client might never see the answer.
  enter(State::kLingering, kLingerTime);
  return linger();
}

ServerConnection::Step ServerConnection::linger() {
  while (lingered_bytes_ < kLingerBytes) {
    const auto n = recv(transport_.socket().fd(), shared_.scratch.data(), shared_.scratch.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return wait(Socket::Ready::kRead);
    if (n <= 0) break;
    lingered_bytes_ += static_cast<std::size_t>(n);
  }
  close();
  return Step::kElsewhere;
}

void ServerConnection::expire() {
  const bool tell = (state_ == State::kReadingHead && request_begun_) || state_ == State::kReadingBody;
  if (!tell) return close();
  transport_.socket().cancel();
  active_at_ = shared_.reactor.now();
  run(refuse(408, "The request took too long."));
}

void ServerConnection::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  transport_.close();
  shared_.on_closed(*this);
}

void ServerConnection::begin_request_log(const MessageHead& head) {
  request_line_.clear();
  if (!log::enabled(log::Level::kDebug)) return;
  request_line_ = fmt::format("{} {} HTTP/{}.{}", head.method, head.target, head.version / 10, head.version % 10);
  request_began_at_ = active_at_;
}

void ServerConnection::log_access(const Response& response) {
  if (request_line_.empty()) return;
  const auto latency = to_seconds(shared_.reactor.now() - request_began_at_) * 1000;
  log::debug("API thread: {} - - \"{}\" {} - latency: {:.3f} ms", peer_.host, request_line_, response.status,
             latency);  // API-067
}

}  // namespace matriarch::http
