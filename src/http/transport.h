// A byte stream that never blocks: TCP, or TLS over it. Internal to src/http.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/socket.h"
#include "http/tls.h"

namespace matriarch::http {

enum class IoState {
  kDone,       // `bytes` were moved (at least 1)
  kWantRead,   // try again when the socket is readable
  kWantWrite,  // try again when the socket is writable
  kClosed,     // the other side ended its half
  kFailed,     // see failure()
};

struct IoResult {
  IoState state;
  std::size_t bytes = 0;
};

class Transport {
 public:
  Transport(Reactor& reactor, UniqueFd fd);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // From here on everything is TLS; handshake() is to be repeated until kDone.
  Status start_tls_server(const TlsContext& context);
  // `host` is sent as SNI if it is a name, and checked if the context says so.
  Status start_tls_client(const TlsContext& context, const std::string& host);
  IoResult handshake();

  IoResult read(char* into, std::size_t size);
  IoResult write(std::string_view bytes);

  [[nodiscard]] bool tls() const { return session_ != nullptr; }
  [[nodiscard]] bool has_peer_certificate() const;
  // Why the last operation failed: "Connection reset by peer", "certificate verify failed: self-signed certificate".
  [[nodiscard]] std::string failure() const;
  // The last failure came from TLS, not from the network.
  [[nodiscard]] bool tls_failed() const { return !tls_failure_.empty(); }

  // Says good-bye (close_notify, FIN) without waiting for anything.
  void shut_down();
  void close();
  [[nodiscard]] Socket& socket() { return socket_; }

 private:
  struct Session;

  Status start_session(const TlsContext& context, bool server);
  IoResult tls_outcome(int result);
  IoResult plain_outcome(long result);

  Socket socket_;
  std::unique_ptr<Session> session_;
  int error_ = 0;
  std::string tls_failure_;
};

}  // namespace matriarch::http
