#include "rest/witness_api.h"

#include "rest/store_page.h"

namespace matriarch::rest {

namespace {

http::ServerOptions server_options(const RestOptions& options) {
  http::ServerOptions server;
  server.backlog = options.backlog;
  server.keep_alive = options.keep_alive;
  server.server_header = server_header(options);
  return server;
}

}  // namespace

WitnessApi::WitnessApi(Reactor& reactor, RestOptions options, std::function<Value()> store_document)
    : options_(std::move(options)),
      replies_(options_),
      store_document_(std::move(store_document)),
      server_(reactor, server_options(options_), [this](http::Request request, Ctx) { return answer(request); }) {}

http::Response WitnessApi::answer(const http::Request& request) const {
  if (request.method == "GET" && request.path == "/store") return store_answer(store_document_, replies_);
  if (request.method == "GET" && request.path == "/metrics") return replies_.metrics(store_metrics(store_document_()));
  if (request.method != "GET" && request.method != "HEAD" && request.method != "OPTIONS")
    return unsupported_method(request.method);
  return status_only(request.path == "/liveness");
}

Task<Status> WitnessApi::start(Ctx ctx) {
  if (options_.tls()) {
    auto tls = http::TlsContext::for_server({.cert_file = options_.certfile,
                                             .key_file = options_.keyfile,
                                             .key_password = options_.keyfile_password,
                                             .ca_file = options_.cafile,
                                             .ciphers = options_.ciphers,
                                             .verify_client = options_.verify_client});
    if (!tls) co_return tls.error().in("restapi");
    server_.set_tls(std::move(*tls));
  }
  const auto bound = co_await server_.bind({options_.listen}, std::move(ctx));
  if (!bound) co_return bound.error().in("restapi.listen: choose an address of this host and a free port");
  server_.serve();
  co_return Status();
}

Task<void> WitnessApi::stop(Ctx grace) { co_await server_.stop(std::move(grace)); }

}  // namespace matriarch::rest
