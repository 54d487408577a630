#include "http/transport.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace matriarch::http {

namespace {

// OpenSSL's socket BIO writes with write(2), which raises SIGPIPE; this one does not.
struct BioState {
  int fd;
  bool at_end = false;
};

BioState& state_of(BIO* bio) { return *static_cast<BioState*>(BIO_get_data(bio)); }

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  auto& state = state_of(bio);
  const auto n = recv(state.fd, into, static_cast<std::size_t>(size), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  state.at_end = n == 0;
  return static_cast<int>(n);
}

int bio_write(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  const auto n = send(state_of(bio).fd, from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(n);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return state_of(bio).at_end ? 1 : 0;
  return 0;
}

BIO_METHOD* bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "matriarch socket");
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

}  // namespace

struct Transport::Session {
  BioState bio_state;
  std::unique_ptr<SSL, decltype([](SSL* ssl) { SSL_free(ssl); })> ssl;
  bool established = false;
};

Transport::Transport(Reactor& reactor, UniqueFd fd) : socket_(reactor, std::move(fd)) {}

Transport::~Transport() = default;

Status Transport::start_session(const TlsContext& context, bool server) {
  auto session = std::make_unique<Session>();
  session->bio_state.fd = socket_.fd();
  session->ssl.reset(SSL_new(context.native()));
  BIO* bio = BIO_new(bio_method());
  if (!session->ssl || bio == nullptr) {
    BIO_free(bio);
    return Error(Errc::kFailed, "cannot make a TLS session");
  }
  BIO_set_data(bio, &session->bio_state);
  BIO_set_init(bio, 1);
  SSL_set_bio(session->ssl.get(), bio, bio);
  if (server) {
    SSL_set_accept_state(session->ssl.get());
  } else {
    SSL_set_connect_state(session->ssl.get());
  }
  session_ = std::move(session);
  return {};
}

Status Transport::start_tls_server(const TlsContext& context) { return start_session(context, true); }

Status Transport::start_tls_client(const TlsContext& context, const std::string& host) {
  if (auto ok = start_session(context, false); !ok) return ok;
  SSL* ssl = session_->ssl.get();
  const bool numeric = is_numeric_address(host);
  if (!numeric) SSL_set_tlsext_host_name(ssl, host.c_str());
  if (!context.verifies_host()) return {};
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int set = numeric ? X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str())
                          : X509_VERIFY_PARAM_set1_host(param, host.c_str(), host.size());
  if (set != 1) return Error(Errc::kInvalid, fmt::format("\"{}\" cannot be checked against a certificate", host));
  return {};
}

IoResult Transport::tls_outcome(int result) {
  if (result > 0) return {.state = IoState::kDone, .bytes = static_cast<std::size_t>(result)};
  SSL* ssl = session_->ssl.get();
  const int system_error = errno;
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ: return {.state = IoState::kWantRead};
    case SSL_ERROR_WANT_WRITE: return {.state = IoState::kWantWrite};
    case SSL_ERROR_ZERO_RETURN: return {.state = IoState::kClosed};
    case SSL_ERROR_SYSCALL:
      session_->established = false;  // no close_notify on a broken connection
      if (session_->bio_state.at_end) return {.state = IoState::kClosed};
      error_ = system_error;
      return {.state = IoState::kFailed};
    default: break;
  }
  session_->established = false;
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  tls_failure_ = fmt::format("TLS: {}", reason != nullptr ? reason : "protocol error");
  if (const long verified = SSL_get_verify_result(ssl); verified != X509_V_OK) {
    tls_failure_ += fmt::format(" ({})", X509_verify_cert_error_string(verified));
  }
  ERR_clear_error();
  return {.state = IoState::kFailed};
}

IoResult Transport::plain_outcome(long result) {
  if (result > 0) return {.state = IoState::kDone, .bytes = static_cast<std::size_t>(result)};
  error_ = errno;
  return {.state = IoState::kFailed};
}

IoResult Transport::handshake() {
  if (!session_) return {.state = IoState::kDone};
  ERR_clear_error();
  const auto outcome = tls_outcome(SSL_do_handshake(session_->ssl.get()));
  session_->established = outcome.state == IoState::kDone;
  return outcome;
}

IoResult Transport::read(char* into, std::size_t size) {
  if (session_) {
    ERR_clear_error();
    return tls_outcome(SSL_read(session_->ssl.get(), into, static_cast<int>(size)));
  }
  const auto n = recv(socket_.fd(), into, size, 0);
  if (n == 0) return {.state = IoState::kClosed};
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {.state = IoState::kWantRead};
  return plain_outcome(n);
}

IoResult Transport::write(std::string_view bytes) {
  if (session_) {
    ERR_clear_error();
    return tls_outcome(SSL_write(session_->ssl.get(), bytes.data(), static_cast<int>(bytes.size())));
  }
  const auto n = send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return {.state = IoState::kWantWrite};
  return plain_outcome(n);
}

bool Transport::has_peer_certificate() const {
  return session_ && SSL_get0_peer_certificate(session_->ssl.get()) != nullptr;
}

std::string Transport::failure() const {
  if (!tls_failure_.empty()) return tls_failure_;
  return error_ != 0 ? std::strerror(error_) : "connection closed";
}

void Transport::shut_down() {
  if (socket_.fd() < 0) return;
  if (session_ && session_->established) {
    ERR_clear_error();
    SSL_shutdown(session_->ssl.get());
    ERR_clear_error();
  }
  shutdown(socket_.fd(), SHUT_WR);
}

void Transport::close() {
  if (session_) session_->bio_state.fd = -1;  // the number may soon be somebody else's
  socket_.close();
}

}  // namespace matriarch::http
