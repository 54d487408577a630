// Addresses and URLs, percent-encoding, query strings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace matriarch::http {

struct HostPort {
  std::string host;  // a name or a numeric address, without brackets
  std::uint16_t port = 0;

  friend bool operator==(const HostPort&, const HostPort&) = default;
};

// "host:port", IPv6 in brackets.
std::string to_string(const HostPort& address);

// Splits at the last ':' (API-001, DCS-224); IPv6 may be bracketed or not: "fe80::1:8008" is port 8008 of fe80::1, and
// only what cannot be read so ("::1") is an address without a port. Without a port: `default_port`, or kInvalid if that
// is 0. The host may be empty or "*". kInvalid quotes the text.
Result<HostPort> parse_host_port(std::string_view text, std::uint16_t default_port = 0);

struct Url {
  std::string scheme;        // "http" or "https", lower case
  std::string user;          // percent-decoded
  std::string password;      // percent-decoded; a secret
  HostPort address;          // port 80 or 443 when absent
  std::string target = "/";  // path and query as they go on the wire

  [[nodiscard]] bool tls() const { return scheme == "https"; }
  // The same server, another path (which begins with '/').
  [[nodiscard]] Url with_target(std::string new_target) const;
  // "https://host:port" without user, password and target: fit for logs.
  [[nodiscard]] std::string origin() const;
};

// Accepts http:// and https:// only. `default_port` 0 means the scheme's own port. A fragment is dropped.
Result<Url> parse_url(std::string_view text, std::uint16_t default_port = 0);

// Everything but letters, digits and -._~ becomes %XX.
std::string percent_encode(std::string_view text);
// nullopt when a '%' is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text);

// "a=1&b=x%20y": '+' and %XX are decoded (a broken %XX stays as it is), empty values are dropped (API-019).
Query parse_query(std::string_view text);
// The inverse, without a leading '?'.
std::string encode_query(const Query& query);

// What a request is routed by: the target without query, fragment and the parameters (";...") of its last segment, with
// one leading slash instead of many, not percent-decoded (API-018).
std::string path_of_target(std::string_view target);
// The query of a request's target.
Query query_of_target(std::string_view target);

// Is it a numeric IPv4 or IPv6 address (without brackets)?
bool is_numeric_address(std::string_view host);

}  // namespace matriarch::http
