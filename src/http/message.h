// The messages of HTTP as plain values, for both sides.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace matriarch::http {

// Header fields in their order; names are compared without case (API-020) and may repeat (API-033).
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void add(std::string name, std::string value);
  // Replaces every field of that name.
  void set(std::string name, std::string value);
  void remove(std::string_view name);

  // The first field of that name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return find(name).has_value(); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  [[nodiscard]] bool empty() const { return fields_.empty(); }
  [[nodiscard]] auto begin() const { return fields_.begin(); }
  [[nodiscard]] auto end() const { return fields_.end(); }

 private:
  std::vector<Field> fields_;
};

// True when `text` contains `token` as an element of a comma separated list, without case ("keep-alive, Upgrade").
bool has_token(std::string_view text, std::string_view token);

// Decoded name and value, in the order of the query string, empty values left out (API-019).
using Query = std::vector<std::pair<std::string, std::string>>;

// What the server hands to its handler.
struct Request {
  std::string method;  // as sent; case counts (API-020)
  std::string target;  // as sent
  std::string path;    // without query and parameters, leading slashes made one, not percent-decoded (API-018)
  Query query;
  Headers headers;
  std::string body;
  std::string peer_address;  // numeric; IPv4 written as IPv4 even on a dual-stack socket (API-089)
  std::uint16_t peer_port = 0;
  bool tls = false;
  bool client_certificate =
      false;  // presented, and therefore verified: a bad one already failed the handshake (API-072)

  // The first value of that name (API-019).
  [[nodiscard]] std::optional<std::string_view> param(std::string_view name) const;
};

// What a handler answers and what a client receives.
struct Response {
  int status = 200;
  std::string reason;        // empty: the usual phrase for `status`
  Headers headers;           // server: sent after Server, Date and Content-Type, in this order
  std::string content_type;  // empty: no Content-Type. Client: a copy of the header
  std::string body;

  // For the server only.
  bool status_line_only = false;  // exactly "HTTP/1.0 <status> <reason>" and an empty line, then close (API-021)
  bool close = false;             // close the connection afterwards
};

// "Service Unavailable"; "Unknown" for numbers without a phrase.
std::string_view reason_phrase(int status);

// The small HTML page that reports an error of the protocol (API-023, API-024). `reason` replaces the usual phrase.
Response text_page(int status, std::string_view explanation, std::string reason = {});

}  // namespace matriarch::http
