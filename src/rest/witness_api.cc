#include "rest/witness_api.h"

#include "rest/listening.h"
#include "rest/store_page.h"

namespace matriarch::rest {

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
  auto tls = load_tls(options_);
  if (!tls) co_return tls.error();
  server_.set_tls(std::move(*tls));
  const auto bound = co_await bind(server_, options_.listen, std::move(ctx));
  if (!bound) co_return bound;
  server_.serve();
  co_return Status();
}

Task<void> WitnessApi::stop(Ctx grace) { co_await server_.stop(std::move(grace)); }

}  // namespace matriarch::rest
