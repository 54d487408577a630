// The kinds of answers (rest.md 1.3): status-only, normal (plain text or JSON), text page.
#pragma once

#include <string>
#include <string_view>

#include "http/message.h"
#include "rest/options.h"

namespace matriarch::rest {

// API-021: nothing but the status line.
http::Response status_only(bool ok);

// API-023, API-024: for errors of the protocol and a few refusals. Carries no extra headers (API-025).
http::Response page(int status, std::string_view explanation);
// API-040, API-041.
http::Response unsupported_method(std::string_view method);

// Normal answers, with the configured extra headers (API-030, API-031).
class Replies {
 public:
  Replies() = default;
  explicit Replies(const RestOptions& options);

  [[nodiscard]] http::Response text(int status, std::string body) const;
  [[nodiscard]] http::Response json(int status, std::string body) const;
  [[nodiscard]] http::Response metrics(std::string body) const;
  [[nodiscard]] http::Response unauthorized(std::string body) const;  // API-084

 private:
  [[nodiscard]] http::Response normal(int status, std::string_view content_type, std::string body) const;

  http::Headers extra_;
};

// The value of the header `Server` (API-034).
std::string server_header(const RestOptions& options);

}  // namespace matriarch::rest
