// A server to point a load generator at:
//
//   http_server_bench 8008 [cert.pem]
//   wrk -t1 -c16 -d5 --latency http://127.0.0.1:8008/       answered at once
//   wrk -t1 -c16 -d5 --latency http://127.0.0.1:8008/task   answered by a coroutine
#include <cstdio>
#include <cstdlib>

#include "base/reactor.h"
#include "http/server.h"

namespace {

using namespace matriarch;

http::Response small_document() {
  http::Response response;
  response.content_type = "application/json";
  response.body = R"({"state": "running", "role": "primary", "timeline": 1})";
  return response;
}

Task<http::Response> small_document_later(http::Request) { co_return small_document(); }

Task<void> serve(Reactor* reactor, std::uint16_t port, std::string certificate) {
  http::ServerOptions options{.backlog = 128};
  if (!certificate.empty()) {
    auto tls = http::TlsContext::for_server({.cert_file = certificate});
    if (!tls) {
      fmt::print(stderr, "{}\n", tls.error().text());
      co_return;
    }
    options.tls = *tls;
  }
  http::Server server(*reactor, options, [](http::Request request, Ctx) -> http::Answer {
    if (request.path == "/task") return small_document_later(std::move(request));
    return small_document();
  });
  if (auto bound = co_await server.bind({{.host = "", .port = port}}, Ctx{}); !bound) {
    fmt::print(stderr, "{}\n", bound.error().text());
    co_return;
  }
  server.serve();
  std::stop_source stop;
  reactor->on_signal(SIGTERM, [&stop] { stop.request_stop(); });
  reactor->on_signal(SIGINT, [&stop] { stop.request_stop(); });
  (void)co_await complete<std::monostate>(*reactor, Ctx{.stop = stop.get_token()},
                                          [](const Completion<std::monostate>&) { return Callback(); });
  co_await server.stop(Ctx{.deadline = reactor->now() + std::chrono::seconds(1)});
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} PORT [CERTIFICATE_AND_KEY.pem]\n", argv[0]);
    return 2;
  }
  Reactor reactor;
  reactor.run_until_done(serve(&reactor, static_cast<std::uint16_t>(std::atoi(argv[1])), argc > 2 ? argv[2] : ""));
  return 0;
}
