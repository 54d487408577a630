#include "ctl/http_rest.h"

#include "base/log.h"
#include "http/client.h"
#include "http/encoding.h"

namespace matriarch::ctl {
namespace {

constexpr int kConnectRetries = 3;

class HttpRest final : public Rest {
 public:
  HttpRest(Reactor& reactor, const config::CtlConfig& config)
      : reactor_(reactor), config_(config), plain_(reactor, options()) {}

  Task<RestOutcome> call(RestCall call, Ctx ctx) override {
    auto url = http::parse_url(call.url);
    if (!url) co_return RestOutcome{.reply = url.error()};
    auto client = client_for(url->tls());
    if (!client) co_return RestOutcome{.reply = client.error()};

    for (int retry = 0;; ++retry) {
      auto exchange = co_await (*client)->exchange(request(call, *url), ctx);
      if (exchange.response) {
        co_return RestOutcome{.reply = RestReply{.status = exchange.response->status,
                                                 .text = std::move(exchange.response->body)},
                              .sent = true};
      }
      const Error& error = exchange.response.error();
      const bool sent = exchange.delivery != http::Delivery::kNotSent;
      if (sent || retry == kConnectRetries || error.code() != Errc::kUnavailable) {
        co_return RestOutcome{.reply = error, .sent = sent};
      }
      log::warning("Retrying ({} left) after connection broken by '{}': {}", kConnectRetries - retry - 1, error.text(),
                   url->target);
    }
  }

 private:
  static http::ClientOptions options() {
    http::ClientOptions options;
    options.connect_timeout = std::chrono::seconds(5);
    options.tcp.user_timeout = Duration::zero();  // a restart may take minutes (CTL-052)
    options.user_agent = "matriarchctl";
    return options;
  }

  [[nodiscard]] http::Call request(const RestCall& call, const http::Url& url) const {
    http::Call request{.method = call.method, .url = url, .stale_retry = http::StaleRetry::kNever};
    request.new_connection = call.method != "GET";
    if (call.body) {
      request.body = to_json(*call.body);
      request.headers.set("Content-Type", "application/json");
    }
    const config::BasicAuth& auth = config_.authentication;
    if (auth.configured()) {
      request.headers.set("Authorization",
                          http::basic_authorization({.user = auth.username, .password = auth.password.reveal()}));
    }
    return request;
  }

  // Certificates are read when they are needed: most clusters speak plain HTTP to the CLI.
  Result<http::Client*> client_for(bool tls) {
    if (!tls) return &plain_;
    if (!encrypted_) {
      const bool certificate = !config_.certfile.empty();
      auto context = http::TlsContext::for_client({.ca = config_.cacert,
                                                   .cert_file = config_.certfile,
                                                   .key_file = config_.keyfile,
                                                   .key_password = config_.keyfile_password.reveal(),
                                                   .verify_chain = !config_.insecure || certificate,  // CTL-053
                                                   .verify_host = !config_.insecure});
      if (!context) return context.error();
      http::ClientOptions with_tls = options();
      with_tls.tls = *context;
      encrypted_.emplace(reactor_, std::move(with_tls));
    }
    return &*encrypted_;
  }

  Reactor& reactor_;
  const config::CtlConfig& config_;
  http::Client plain_;
  std::optional<http::Client> encrypted_;
};

}  // namespace

std::unique_ptr<Rest> make_http_rest(Reactor& reactor, const config::CtlConfig& config) {
  return std::make_unique<HttpRest>(reactor, config);
}

}  // namespace matriarch::ctl
