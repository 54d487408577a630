#include "rest/replies.h"

#include <fmt/format.h>

namespace matriarch::rest {

http::Response status_only(bool ok) {
  http::Response response;
  response.status = ok ? 200 : 503;
  response.status_line_only = true;
  return response;
}

http::Response page(int status, std::string_view explanation) { return http::text_page(status, explanation); }

http::Response unsupported_method(std::string_view method) {
  return http::text_page(501, "Server does not support this operation", fmt::format("Unsupported method ('{}')", method));
}

Replies::Replies(const RestOptions& options) {
  for (const auto& [name, value] : options.http_extra_headers) extra_.set(name, value);
  if (!options.tls()) return;
  for (const auto& [name, value] : options.https_extra_headers) extra_.set(name, value);
}

http::Response Replies::normal(int status, std::string_view content_type, std::string body) const {
  http::Response response;
  response.status = status;
  response.content_type = content_type;
  response.headers = extra_;
  response.body = std::move(body);
  return response;
}

http::Response Replies::text(int status, std::string body) const { return normal(status, "text/html", std::move(body)); }
http::Response Replies::json(int status, std::string body) const {
  return normal(status, "application/json", std::move(body));
}
http::Response Replies::metrics(std::string body) const { return normal(200, "text/plain", std::move(body)); }

http::Response Replies::unauthorized(std::string body) const {
  http::Response response = text(401, std::move(body));
  response.headers.add("WWW-Authenticate", "Basic realm=\"Patroni\"");
  return response;
}

std::string server_header(const RestOptions& options) {
  switch (options.server_tokens) {
    case ServerTokens::kMinimal: return "Patroni/" + options.version;
    case ServerTokens::kProductOnly: return "Patroni";
    case ServerTokens::kOriginal: break;
  }
  return options.product + "/" + options.product_version;
}

}  // namespace matriarch::rest
