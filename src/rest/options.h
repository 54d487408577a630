// What the REST API is configured with: section `restapi` of the configuration, and who we are. Plain data; the app maps
// the configuration onto it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "http/tls.h"
#include "http/url.h"

namespace matriarch::rest {

enum class ServerTokens { kOriginal, kProductOnly, kMinimal };  // API-034

struct RestOptions {
  http::HostPort listen;  // host empty or "*": all interfaces (API-004). Port 0: the system chooses
  int backlog = 5;        // API-006; read at start only (API-011)

  // TLS is on if certfile is set (API-068).
  std::string certfile;
  std::string keyfile;           // empty: the key is in certfile
  std::string keyfile_password;  // a secret
  std::string cafile;
  std::string ciphers;
  http::ClientCertificates verify_client = http::ClientCertificates::kNone;

  // Who may call what changes something. No user name: basic authentication is off (API-086).
  std::string username;
  std::string password;                // a secret
  std::vector<std::string> allowlist;  // addresses, networks and host names; empty: not active (API-078)
  bool allowlist_include_members = false;

  using Headers = std::vector<std::pair<std::string, std::string>>;
  Headers http_extra_headers;
  Headers https_extra_headers;  // on top of the former, with TLS only (API-031)
  ServerTokens server_tokens = ServerTokens::kOriginal;

  std::string version = "4.1.4";        // of the contract: documents and metrics show it
  std::string product = "Matriarch";    // our own banner (API-034)
  std::string product_version = "0.1.0";
  bool keep_alive = false;              // API-014; true: a connection may carry several requests

  [[nodiscard]] bool tls() const { return !certfile.empty(); }
};

}  // namespace matriarch::rest
