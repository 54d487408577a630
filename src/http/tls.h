// TLS configurations, loaded from files. Immutable once made: a reload makes another one (API-071).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

struct ssl_ctx_st;

namespace matriarch::http {

enum class ClientCertificates {
  kNone,      // not asked for
  kOptional,  // asked for; a bad one fails the handshake
  kRequired,  // the handshake fails without a good one
};

// API-069.
struct TlsServerOptions {
  std::string cert_file;     // PEM, with the chain; may hold the key too
  std::string key_file;      // PEM; empty: in cert_file
  std::string key_password;  // a secret
  std::string ca_file;       // who signs client certificates; empty: nobody is trusted
  std::string ciphers;       // OpenSSL cipher string for TLS 1.2; empty: the library's
  ClientCertificates verify_client = ClientCertificates::kNone;
};

struct TlsClientOptions {
  std::string ca;  // PEM file or hashed directory; empty: the system's store (only looked at when verifying)
  std::string cert_file;
  std::string key_file;      // empty: in cert_file
  std::string key_password;  // a secret
  bool verify_chain = true;
  bool verify_host = true;  // only with verify_chain
};

// At least TLS 1.2 (API-070). Reads the files at once; errors (kInvalid, kNotFound, kDenied) name file and setting.
class TlsContext {
 public:
  static Result<std::shared_ptr<const TlsContext>> for_server(const TlsServerOptions& options);
  static Result<std::shared_ptr<const TlsContext>> for_client(const TlsClientOptions& options);

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Of the own certificate, hexadecimal; empty when there is none.
  [[nodiscard]] const std::string& serial() const { return serial_; }
  [[nodiscard]] bool verifies_host() const { return verify_host_; }

  // For src/http only.
  [[nodiscard]] ssl_ctx_st* native() const { return context_; }

 private:
  TlsContext(ssl_ctx_st* context, bool verify_host);

  ssl_ctx_st* context_;
  std::string serial_;
  bool verify_host_;
};

// The serial number of the first certificate in a PEM file, as TlsContext::serial() writes it.
Result<std::string> certificate_serial(const std::filesystem::path& pem_file);

}  // namespace matriarch::http
