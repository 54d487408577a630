// An HTTP/1.1 server on the reactor, with or without TLS.
//
// Every connection, buffer and wait is bounded. A connection that is idle or slow is closed when its time is over, or
// earlier when room is needed for a new one, so that health checks are answered while others hang (API-361).
// No 100 Continue is sent (API-016). Answers carry the version of the request; a connection is kept when the client and
// the answer allow it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/reactor.h"
#include "base/result.h"
#include "base/task.h"
#include "http/message.h"
#include "http/tls.h"
#include "http/url.h"

namespace matriarch::http {

// What a handler gives back: the response itself (the fast way: no coroutine, no queue), or a task that will make it.
class Answer {
 public:
  Answer(Response response) : state_(std::move(response)) {}  // NOLINT(google-explicit-constructor)
  Answer(Task<Response> task) : state_(std::move(task)) {}    // NOLINT(google-explicit-constructor)

  [[nodiscard]] Response* immediate() { return std::get_if<Response>(&state_); }
  [[nodiscard]] Task<Response>* task() { return std::get_if<Task<Response>>(&state_); }

 private:
  std::variant<Response, Task<Response>> state_;
};

// Called on the reactor thread, once a request; one at a time for a connection, but many connections at once.
// The Ctx is stopped when stop() has no more time: the task must then end soon (whatever it answers is not sent).
// An exception is answered with 500 and logged.
using Handler = std::function<Answer(Request, Ctx)>;

// Looks at a request whose body has not been read yet (API-077). A response refuses it: it is sent, the body is not
// read, the connection is closed if one was announced.
using Gate = std::function<std::optional<Response>(const Request&)>;

struct ServerOptions {
  int backlog = 5;                                      // API-006
  std::size_t max_connections = 256;                    // the longest inactive one gives way to a new one
  std::size_t max_line_bytes = 64 << 10;                // request line: 414; one header: 431 (API-063)
  std::size_t max_head_bytes = 128 << 10;               // request line and headers: 431
  std::size_t max_header_count = 100;                   // 431
  std::size_t max_body_bytes = 1 << 20;                 // 413
  Duration request_timeout = std::chrono::seconds(20);  // TLS handshake; a request, from first to last byte
  Duration idle_timeout = std::chrono::seconds(60);     // between requests
  Duration write_timeout = std::chrono::seconds(20);    // a response, from first to last byte
  bool keep_alive = true;                               // false: one request a connection (API-014)
  std::string server_header;                            // value of `Server`; empty: none (API-034)
  std::shared_ptr<const TlsContext> tls;                // null: plain HTTP
};

// Thread: the reactor's. Await stop() before destroying it.
class Server {
 public:
  Server(Reactor& reactor, ServerOptions options, Handler handler, Gate gate = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Opens the listening sockets; clients queue in the backlog until serve() (API-008). Host "" or "*" is all
  // interfaces: the dual-stack IPv6 wildcard, or IPv4 where there is no IPv6; a name is resolved and its first address
  // taken (API-004). Port 0 lets the system choose, see bound(). Called again it replaces the former sockets: those
  // that stay in the list are kept open; when a new one fails, the former list is restored. kUnavailable names address
  // and port.
  Task<Status> bind(std::vector<HostPort> addresses, Ctx ctx);
  [[nodiscard]] std::vector<HostPort> bound() const;

  // Begins to accept. Idempotent.
  void serve();

  // For connections accepted from now on.
  void set_tls(std::shared_ptr<const TlsContext> tls);
  void set_server_header(std::string value);

  // Closes the listening sockets and idle connections at once (API-012); running requests have until the deadline of
  // `grace`, or its stop; then they are told to end and their connections are closed. Completes when nothing runs any
  // more.
  Task<void> stop(Ctx grace);

  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] std::size_t running_handlers() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace matriarch::http
