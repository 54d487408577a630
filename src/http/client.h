// An HTTP/1.1 client on the reactor: keep-alive connections, TLS, answers of bounded size, streams.
//
// Error codes: kUnavailable (name not resolved, refused, unreachable, connection lost; the text names host:port),
// kTimeout (deadline of the Ctx, or connect_timeout), kCancelled, kProtocol (not HTTP, TLS failure), kTooLarge,
// kInvalid (the call itself cannot be sent). Any complete answer, whatever its status, is a value.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/reactor.h"
#include "base/result.h"
#include "base/task.h"
#include "http/message.h"
#include "http/tls.h"
#include "http/url.h"

namespace matriarch::http {

// What to do when a kept connection turns out to be closed by the server: the request was written, no byte came back.
// (When nothing was written yet, another connection is always taken.)
enum class StaleRetry {
  kIfIdempotent,  // once more on a new connection for GET, HEAD, PUT, DELETE, OPTIONS
  kAlways,        // for any method: the caller knows that sending it twice does no harm
  kNever,
};

struct Call {
  std::string method = "GET";
  Url url;
  Headers headers;  // Host, User-Agent and Content-Length are added when absent
  std::string body;
  StaleRetry stale_retry = StaleRetry::kIfIdempotent;
  bool new_connection = false;  // do not take a kept one
};

// How far a request got; for those that must not be sent twice.
enum class Delivery {
  kNotSent,  // not a byte left: it certainly had no effect
  kSent,     // at least a part was sent and no whole answer came: it may have taken effect
  kAnswered,
};

struct Exchange {
  Result<Response> response;
  Delivery delivery;
};

struct TcpOptions {
  Duration keepalive_idle = std::chrono::seconds(10);     // whole seconds, at least 1
  Duration keepalive_interval = std::chrono::seconds(3);  // whole seconds, at least 1
  int keepalive_count = 3;
  Duration user_timeout = std::chrono::seconds(15);  // unacknowledged data; 0: the system's
};

struct ClientOptions {
  // TCP and TLS together, for each address of a name; less when the deadline of the Ctx leaves less for each.
  Duration connect_timeout = std::chrono::seconds(3);
  std::size_t max_response_bytes = 16 << 20;         // body: kTooLarge
  std::size_t max_head_bytes = 64 << 10;             // status line and headers: kTooLarge
  std::size_t max_idle_connections = 4;              // kept for each endpoint
  Duration idle_timeout = std::chrono::seconds(60);  // kept connections are closed after this
  Duration resolve_ttl = std::chrono::seconds(600);  // names (DCS-231); forgotten when no address answers
  Duration resolve_failure_ttl = std::chrono::seconds(0);
  TcpOptions tcp;
  std::string user_agent = "Matriarch";
  std::shared_ptr<const TlsContext> tls;  // for https; null: certificates are verified by the system's store
};

// The body of an answer as it arrives (etcd's watch). Reads on demand only, so nothing piles up here.
class Stream {
 public:
  // Moved-from streams can only be assigned to and destroyed.
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();  // closes it; a pending read completes with kCancelled

  // Status and headers; the body is empty.
  [[nodiscard]] const Response& head() const;

  // The next bytes of the body, at most 32 KiB, chunked coding undone; nullopt at its end. After kTimeout the stream
  // can be read again; after any other error it is closed. One reader at a time.
  Task<Result<std::optional<std::string>>> read_chunk(Ctx ctx);
  // The rest of the body; kTooLarge beyond `limit` bytes.
  Task<Result<std::string>> read_all(std::size_t limit, Ctx ctx);

  // A pending read completes with kCancelled. Idempotent.
  void close();

 private:
  friend class Client;
  struct Impl;
  explicit Stream(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// Thread: the reactor's. Calls and streams that are under way may outlive it, but not the reactor.
class Client {
 public:
  Client(Reactor& reactor, ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Task<Exchange> exchange(Call call, Ctx ctx);
  // The same for callers that do not care how far it got.
  Task<Result<Response>> request(Call call, Ctx ctx);

  // Completes when the head of the answer is there. The connection is a new one and the stream's own.
  Task<Result<Stream>> open_stream(Call call, Ctx ctx);

  // For connections opened from now on; kept ones are closed.
  void set_options(ClientOptions options);
  void close_idle();
  // Names are resolved anew (DCS-230).
  void forget_addresses();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace matriarch::http
