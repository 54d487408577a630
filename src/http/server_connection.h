// One client of the server: a state machine driven by readiness. Internal to src/http.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/task_group.h"
#include "http/parser.h"
#include "http/server.h"
#include "http/transport.h"

namespace matriarch::http {

class ServerConnection;

// What all connections of a server share. Outlives their activity: close() is called before it goes.
struct ServerShared {
  ServerShared(Reactor& r, ServerOptions o, Handler h, Gate g)
      : reactor(r), options(std::move(o)), handler(std::move(h)), gate(std::move(g)), handlers(r) {}

  // The present time for the Date header, made once a second.
  const std::string& date();

  Reactor& reactor;
  ServerOptions options;
  Handler handler;
  Gate gate;
  TaskGroup handlers;  // running tasks of handlers
  bool stopping = false;
  std::function<void(ServerConnection&)> on_closed;
  std::array<char, 16 << 10> scratch{};  // bytes on their way from a socket to a connection's own, small buffer

 private:
  std::chrono::sys_seconds date_second_{};
  std::string date_;
};

class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(ServerShared& shared, UniqueFd fd, HostPort peer, std::uint64_t id);

  void start();

  [[nodiscard]] std::uint64_t id() const { return id_; }
  // When the present phase has to be over.
  [[nodiscard]] Instant deadline() const { return deadline_; }
  // When it last received or sent something.
  [[nodiscard]] Instant active_at() const { return active_at_; }
  // A request has been received and not been answered yet.
  [[nodiscard]] bool has_request() const { return state_ == State::kHandling || state_ == State::kWriting; }
  [[nodiscard]] bool is_handling() const { return state_ == State::kHandling; }

  // The deadline has passed.
  void expire();
  void close();

 private:
  enum class State { kHandshaking, kReadingHead, kReadingBody, kHandling, kWriting, kLingering, kClosed };
  enum class Step {
    kGo,         // advance() with what is there
    kMore,       // input is needed
    kElsewhere,  // a wait, a handler or nobody goes on
  };

  void run(Step step);
  Step advance();
  Step receive();
  Step wait(Socket::Ready what);
  void on_ready();

  Step handshake();
  Step read_head();
  Step take_head();
  std::optional<Response> ask_gate();
  Step read_body();
  Step dispatch();
  static Task<void> run_handler(std::shared_ptr<ServerConnection> self, Task<Response> task);
  [[nodiscard]] Response failure_page(std::string_view why) const;

  Step refuse(int status, std::string_view explanation);
  Step refuse(ParseFailure failure);
  Step respond(const Response& response);
  Step flush();
  Step finish();
  Step linger();
  void begin_request_log(const MessageHead& head);
  void log_access(const Response& response);

  [[nodiscard]] std::string_view input() const { return std::string_view(in_).substr(in_begin_); }
  void consume(std::size_t n);
  void enter(State state, Duration time_left);

  ServerShared& shared_;
  Transport transport_;
  HostPort peer_;
  std::uint64_t id_;

  State state_ = State::kHandshaking;
  Instant deadline_ = Instant::max();
  Instant active_at_;
  bool socket_drained_ = false;  // the last read took all there was

  std::string in_;
  std::size_t in_begin_ = 0;
  HeadScanner scanner_;
  std::unique_ptr<Parser> parser_;  // made for the first request
  bool request_begun_ = false;
  bool unread_body_ = false;

  Request request_;
  int version_ = 11;
  bool head_request_ = false;
  bool keep_alive_ = false;
  std::string request_line_;  // for the access log, when that is on
  Instant request_began_at_;

  std::string out_;
  std::size_t out_begin_ = 0;
  bool close_after_ = false;
  std::size_t lingered_bytes_ = 0;
};

}  // namespace matriarch::http
