// The API over real sockets: exact bytes, TLS, changing the configuration, stopping.
#include "rest/rest_api.h"

#include "base/log.h"
#include "tests/unit/http/certificates.h"
#include "tests/unit/http/support.h"
#include "tests/unit/rest/support.h"

namespace matriarch::rest::testing {
namespace {

using http::soon;

// An agent in real time.
struct Scene {
  Reactor reactor;
  ManualScheduler unused;
  FakeAgent agent{unused};

  Scene() {
    AgentSnapshot s = primary_snapshot(reactor.now());
    s.state = PgState::kRunning;
    agent.publish(std::move(s));
  }
};

RestOptions local() {
  RestOptions options;
  options.listen = {.host = "127.0.0.1", .port = 0};
  return options;
}

std::uint16_t port_of(const RestApi& api) { return api.bound().front().port; }

Task<std::string> raw(Reactor* reactor, std::uint16_t port, std::string bytes) {
  auto peer = http::RawPeer::connect(reactor, port);
  peer.send(bytes);
  co_return co_await peer.read_to_end();
}

// The first line and the body.
std::string brief(const std::string& response) {
  const auto end = response.find("\r\n\r\n");
  return response.substr(0, response.find("\r\n")) + " | " + (end == response.npos ? "" : response.substr(end + 4));
}

bool has_line(const std::string& response, std::string_view line) {
  return response.find(fmt::format("\r\n{}\r\n", line)) != response.npos;
}

Task<void> check_bytes(Scene* scene) {
  Reactor* r = &scene->reactor;
  RestOptions options = local();
  options.http_extra_headers = {{"X-Extra", "yes"}};
  RestApi api(*r, scene->agent, options);
  const auto started = co_await api.start(soon(*r));
  EXPECT_TRUE(started.ok());
  api.serve();
  const auto port = port_of(api);
  // API-021, API-352: exactly this, then the end.
  EXPECT_EQ(co_await raw(r, port, "OPTIONS / HTTP/1.0\r\n\r\n"), "HTTP/1.0 200 OK\r\n\r\n");
  EXPECT_EQ(co_await raw(r, port, "HEAD /primary HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"), "HTTP/1.0 200 OK\r\n\r\n");
  EXPECT_EQ(co_await raw(r, port, "HEAD /replica HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.0 503 Service Unavailable\r\n\r\n");
  EXPECT_EQ(co_await raw(r, port, "GET /liveness HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.0 200 OK\r\n\r\n");
  // API-014: the connection closes, whatever the client wants (read_to_end would not end otherwise).
  const auto health = co_await raw(r, port, "GET //primary;x?a=b HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(health.starts_with("HTTP/1.1 200 OK\r\n") || health.starts_with("HTTP/1.0 200 OK\r\n")) << health;
  EXPECT_TRUE(has_line(health, "Content-Type: application/json"));
  EXPECT_TRUE(has_line(health, "X-Extra: yes"));
  EXPECT_TRUE(has_line(health, "Server: Matriarch/0.1.0"));
  const auto refused = co_await raw(r, port, "BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(refused.find(" 501 Unsupported method ('BREW')\r\n"), refused.npos) << refused;
  EXPECT_FALSE(has_line(refused, "X-Extra: yes"));
  EXPECT_TRUE(has_line(refused, "Connection: close"));
  const auto missing = co_await raw(r, port, "PATCH /config HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_NE(missing.find(" 411 Length Required\r\n"), missing.npos);
  const auto bad = co_await raw(r, port, "PATCH /config HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{");
  EXPECT_NE(bad.find(" 400 Bad Request\r\n"), bad.npos);
  const auto huge = co_await raw(r, port, "PATCH /config HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n");
  EXPECT_NE(huge.find(" 413 "), huge.npos);
  const auto reload = co_await raw(r, port, "POST /reload HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(brief(reload), "HTTP/1.0 200 OK | done");
  co_await api.stop(soon(*r));
  EXPECT_TRUE(api.bound().empty());
}

TEST(RestApiTest, Bytes) {
  Scene scene;
  scene.reactor.run_until_done(check_bytes(&scene));
}

Task<void> check_reconfigure(Scene* scene) {
  Reactor* r = &scene->reactor;
  RestOptions options = local();
  RestApi api(*r, scene->agent, options);
  EXPECT_TRUE((co_await api.start(soon(*r))).ok());
  api.serve();
  const auto port = port_of(api);
  options.username = "u";
  options.password = "p";
  options.server_tokens = ServerTokens::kMinimal;
  EXPECT_TRUE((co_await api.reconfigure(options, soon(*r))).ok());
  EXPECT_EQ(port_of(api), port);  // API-010: the listener stayed
  const auto refused = co_await raw(r, port, "POST /reload HTTP/1.0\r\n\r\n");
  EXPECT_EQ(brief(refused), "HTTP/1.0 401 Unauthorized | no auth header received");
  EXPECT_TRUE(has_line(refused, "WWW-Authenticate: Basic realm=\"Patroni\""));
  EXPECT_TRUE(has_line(refused, "Server: Patroni/4.1.4"));
  EXPECT_EQ(brief(co_await raw(r, port, "POST /reload HTTP/1.0\r\nAuthorization: Basic dTpw\r\n\r\n")), "HTTP/1.0 200 OK | done");
  options.certfile = "/nonexistent/server.pem";
  const auto failed = co_await api.reconfigure(options, soon(*r));
  EXPECT_FALSE(failed.ok());
  EXPECT_NE(failed.error().text().find("/nonexistent/server.pem"), std::string::npos);
  EXPECT_EQ(co_await raw(r, port, "HEAD / HTTP/1.0\r\n\r\n"), "HTTP/1.0 200 OK\r\n\r\n");  // as it was
  RestApi second(*r, scene->agent, [&] {
    RestOptions taken = local();
    taken.listen.port = port;
    return taken;
  }());
  const auto taken = co_await second.start(soon(*r));  // API-007
  EXPECT_FALSE(taken.ok());
  EXPECT_NE(taken.error().text().find("restapi.listen"), std::string::npos) << taken.error().text();
  EXPECT_NE(taken.error().text().find(std::to_string(port)), std::string::npos) << taken.error().text();
  co_await second.stop(soon(*r));
  co_await api.stop(soon(*r));
}

TEST(RestApiTest, Reconfigure) {
  Scene scene;
  scene.reactor.run_until_done(check_reconfigure(&scene));
}

struct Pki {
  http::TemporaryFolder folder;
  http::Identity ca{{.name = "ca", .serial = 1, .is_ca = true}};
  http::Identity server{{.name = "server", .serial = 2, .alternative_names = "IP:127.0.0.1"}, &ca};
  http::Identity client{{.name = "client", .serial = 3}, &ca};
  std::string ca_file = ca.write_certificate(folder.file("ca.pem"));
  std::string server_file = server.write(folder.file("server.pem"));
  std::string client_file = client.write(folder.file("client.pem"));
};

Task<std::string> call(Reactor* r, std::uint16_t port, const Pki* pki, bool with_certificate, std::string method, std::string target) {
  http::ClientOptions options;
  auto tls = http::TlsContext::for_client({.ca = pki->ca_file, .cert_file = with_certificate ? pki->client_file : ""});
  EXPECT_TRUE(tls.ok());
  options.tls = tls.value_or(nullptr);
  http::Client client(*r, options);
  const auto response = co_await client.request(
      {.method = std::move(method), .url = http::local_url(port, std::move(target), "https")}, soon(*r));
  co_return response ? fmt::format("{} {}", response->status, response->status == 200 ? "" : response->body) : "no answer";
}

Task<void> check_tls(Scene* scene, const Pki* pki) {
  Reactor* r = &scene->reactor;
  RestOptions options = local();
  options.certfile = pki->server_file;
  options.cafile = pki->ca_file;
  options.verify_client = http::ClientCertificates::kOptional;
  RestApi api(*r, scene->agent, options);
  EXPECT_TRUE((co_await api.start(soon(*r))).ok());
  api.serve();
  const auto port = port_of(api);
  EXPECT_EQ(co_await call(r, port, pki, false, "GET", "/primary"), "200 ");  // API-072, API-076
  EXPECT_EQ(co_await call(r, port, pki, false, "POST", "/reload"), "403 client certificate required");  // API-081
  EXPECT_EQ(co_await call(r, port, pki, true, "POST", "/reload"), "200 ");
  const auto plain = co_await raw(r, port, "GET / HTTP/1.0\r\n\r\n");  // API-068
  EXPECT_EQ(plain.find("HTTP/1"), plain.npos);
  options.verify_client = http::ClientCertificates::kRequired;
  EXPECT_TRUE((co_await api.reconfigure(options, soon(*r))).ok());
  EXPECT_EQ(co_await call(r, port, pki, false, "GET", "/primary"), "no answer");
  EXPECT_EQ(co_await call(r, port, pki, true, "GET", "/primary"), "200 ");
  options.certfile.clear();  // back to plain HTTP
  EXPECT_TRUE((co_await api.reconfigure(options, soon(*r))).ok());
  EXPECT_EQ(co_await raw(r, port, "HEAD / HTTP/1.0\r\n\r\n"), "HTTP/1.0 200 OK\r\n\r\n");
  co_await api.stop(soon(*r));
}

TEST(RestApiTest, Tls) {
  Scene scene;
  const Pki pki;
  scene.reactor.run_until_done(check_tls(&scene, &pki));
}

}  // namespace
}  // namespace matriarch::rest::testing
