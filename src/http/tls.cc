#include "http/tls.h"

#include <cstdio>
#include <cstring>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/files.h"

namespace matriarch::http {

namespace {

using BioPtr = std::unique_ptr<BIO, decltype([](BIO* bio) { BIO_free(bio); })>;
using X509Ptr = std::unique_ptr<X509, decltype([](X509* certificate) { X509_free(certificate); })>;
using ContextPtr = std::unique_ptr<SSL_CTX, decltype([](SSL_CTX* context) { SSL_CTX_free(context); })>;

constexpr std::size_t kPemLimit = 4 << 20;
constexpr unsigned char kSessionIdContext[] = "matriarch";

std::string library_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown reason";
}

Error invalid(std::string_view what) { return Error(Errc::kInvalid, fmt::format("{}: {}", what, library_reason())); }

// Never asks at a terminal: without a configured password an encrypted key is an error.
int give_password(char* buffer, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.empty() || text.size() > static_cast<std::size_t>(size)) return -1;
  std::memcpy(buffer, text.data(), text.size());
  return static_cast<int>(text.size());
}

std::string serial_of(const X509* certificate) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  std::string text;
  for (int i = 0; i < serial->length; ++i) text += fmt::format("{:02X}", serial->data[i]);
  return text;
}

// OpenSSL's own message for a missing file is of little help.
Status check_readable(const std::string& path, std::string_view setting) {
  auto content = read_file(path, kPemLimit);
  if (!content) return content.error().in(setting);
  return {};
}

Status load_own_certificate(SSL_CTX* context, const std::string& cert_file, const std::string& key_setting,
                            std::string password) {
  const std::string& key_file = key_setting.empty() ? cert_file : key_setting;
  if (auto ok = check_readable(cert_file, "certificate"); !ok) return ok;
  if (auto ok = check_readable(key_file, "private key"); !ok) return ok;
  if (SSL_CTX_use_certificate_chain_file(context, cert_file.c_str()) != 1) {
    return invalid(fmt::format("no usable certificate in \"{}\"", cert_file));
  }
  SSL_CTX_set_default_passwd_cb(context, give_password);
  SSL_CTX_set_default_passwd_cb_userdata(context, &password);
  const int loaded = SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM);
  SSL_CTX_set_default_passwd_cb(context, nullptr);
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (loaded != 1) {
    return invalid(fmt::format("no usable private key in \"{}\" (is it there, and is its password right?)", key_file));
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return invalid(
        fmt::format("the private key in \"{}\" does not belong to the certificate in \"{}\"", key_file, cert_file));
  }
  return {};
}

Status load_trust(SSL_CTX* context, const std::string& path) {
  struct stat info{};
  if (stat(path.c_str(), &info) != 0) return errno_error(errno, fmt::format("CA certificates \"{}\"", path));
  const bool is_directory = S_ISDIR(info.st_mode);
  if (SSL_CTX_load_verify_locations(context, is_directory ? nullptr : path.c_str(),
                                    is_directory ? path.c_str() : nullptr) != 1) {
    return invalid(fmt::format("no usable CA certificate in \"{}\"", path));
  }
  return {};
}

Result<ContextPtr> make_context(const SSL_METHOD* method) {
  ContextPtr context(SSL_CTX_new(method));
  if (!context) return Error(Errc::kFailed, "cannot make a TLS context: " + library_reason());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  // Peers that close without a close_notify are common; a truncated message is noticed by HTTP's own framing.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(),
                   SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  return context;
}

Status ask_for_client_certificates(SSL_CTX* context, const TlsServerOptions& options) {
  if (!options.ca_file.empty()) {
    if (auto ok = load_trust(context, options.ca_file); !ok) return ok;
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options.ca_file.c_str()));
  }
  if (options.verify_client == ClientCertificates::kNone) return {};
  const bool required = options.verify_client == ClientCertificates::kRequired;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  return {};
}

std::string own_serial(SSL_CTX* context) {
  const X509* own = SSL_CTX_get0_certificate(context);
  return own != nullptr ? serial_of(own) : std::string();
}

}  // namespace

TlsContext::TlsContext(ssl_ctx_st* context, bool verify_host)
    : context_(context), serial_(own_serial(context)), verify_host_(verify_host) {}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const TlsContext>> TlsContext::for_server(const TlsServerOptions& options) {
  auto made = make_context(TLS_server_method());
  if (!made) return made.error();
  SSL_CTX* context = made->get();
  if (auto ok = load_own_certificate(context, options.cert_file, options.key_file, options.key_password); !ok) {
    return ok.error();
  }
  if (!options.ciphers.empty() && SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1) {
    return invalid(fmt::format("ciphers \"{}\"", options.ciphers));
  }
  if (auto ok = ask_for_client_certificates(context, options); !ok) return ok.error();
  // Resumed sessions (tickets only) keep their verified client certificate within this context.
  SSL_CTX_set_session_id_context(context, kSessionIdContext, sizeof kSessionIdContext - 1);
  return std::shared_ptr<const TlsContext>(new TlsContext(made->release(), false));
}

Result<std::shared_ptr<const TlsContext>> TlsContext::for_client(const TlsClientOptions& options) {
  auto made = make_context(TLS_client_method());
  if (!made) return made.error();
  SSL_CTX* context = made->get();
  if (!options.cert_file.empty()) {
    if (auto ok = load_own_certificate(context, options.cert_file, options.key_file, options.key_password); !ok) {
      return ok.error();
    }
  }
  if (options.verify_chain) {
    if (!options.ca.empty()) {
      if (auto ok = load_trust(context, options.ca); !ok) return ok.error();
    } else if (SSL_CTX_set_default_verify_paths(context) != 1) {
      return invalid("the system's CA certificates");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  return std::shared_ptr<const TlsContext>(
      new TlsContext(made->release(), options.verify_chain && options.verify_host));
}

Result<std::string> certificate_serial(const std::filesystem::path& pem_file) {
  auto content = read_file(pem_file, kPemLimit);
  if (!content) return content.error();
  const BioPtr bio(BIO_new_mem_buf(content->data(), static_cast<int>(content->size())));
  const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return invalid(fmt::format("no certificate in \"{}\"", pem_file.string()));
  return serial_of(certificate.get());
}

}  // namespace matriarch::http
