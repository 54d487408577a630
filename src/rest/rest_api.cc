#include "rest/rest_api.h"

#include "rest/listening.h"

namespace matriarch::rest {

struct RestApi::Prepared {
  RestOptions options;
  std::shared_ptr<const http::TlsContext> tls;
  Allowlist allowlist;
};

RestApi::RestApi(Reactor& reactor, AgentApi& agent, RestOptions options)
    : resolver_(system_resolver(reactor)),
      options_(std::move(options)),
      api_(reactor, agent, resolver_),
      server_(
          reactor, server_options(options_),
          [this](http::Request request, Ctx ctx) { return api_.handle(std::move(request), std::move(ctx)); },
          [this](const http::Request& request) { return api_.gate(request); }) {}

RestApi::~RestApi() = default;

Task<Result<RestApi::Prepared>> RestApi::prepare(RestOptions options, Ctx ctx) {
  auto tls = load_tls(options);
  if (!tls) co_return tls.error();
  Prepared prepared{.options = std::move(options), .tls = *std::move(tls)};
  prepared.allowlist = co_await load_allowlist(prepared.options.allowlist, resolver_, ctx);
  co_return prepared;
}

void RestApi::take_over(Prepared prepared) {
  server_.set_tls(std::move(prepared.tls));
  server_.set_server_header(server_header(prepared.options));
  options_ = prepared.options;
  api_.configure(std::move(prepared.options), std::move(prepared.allowlist));
}

Task<Status> RestApi::start(Ctx ctx) {
  auto prepared = co_await prepare(options_, ctx);
  if (!prepared) co_return prepared.error();
  take_over(*std::move(prepared));
  co_return co_await bind(server_, options_.listen, ctx);
}

void RestApi::serve() { server_.serve(); }

Task<Status> RestApi::reconfigure(RestOptions options, Ctx ctx) {
  auto prepared = co_await prepare(std::move(options), ctx);
  if (!prepared) co_return prepared.error();
  if (!(prepared->options.listen == options_.listen)) {
    auto bound = co_await bind(server_, prepared->options.listen, ctx);
    if (!bound) co_return bound;
  }
  take_over(*std::move(prepared));
  co_return Status();
}

Task<void> RestApi::stop(Ctx grace) {
  co_await server_.stop(std::move(grace));
  co_await api_.stop();
}

std::vector<http::HostPort> RestApi::bound() const { return server_.bound(); }

}  // namespace matriarch::rest
