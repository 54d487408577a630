#include "http/tls.h"

#include <fstream>

#include <gtest/gtest.h>

#include "http/client.h"
#include "http/server.h"
#include "tests/unit/http/certificates.h"
#include "tests/unit/http/support.h"

namespace matriarch::http {
namespace {

constexpr auto kLocalNames = "DNS:localhost,IP:127.0.0.1";

// A small public key infrastructure on disk.
struct Certificates {
  TemporaryFolder folder;
  Identity ca{{.name = "ca", .serial = 1, .is_ca = true}};
  Identity other_ca{{.name = "other ca", .serial = 2, .is_ca = true}};
  Identity server{{.name = "server", .serial = 0x1234, .alternative_names = kLocalNames}, &ca};
  Identity new_server{{.name = "server", .serial = 0x5678, .alternative_names = kLocalNames}, &ca};
  Identity elsewhere{{.name = "elsewhere", .serial = 5, .alternative_names = "DNS:elsewhere.example"}, &ca};
  Identity client{{.name = "client", .serial = 6}, &ca};
  Identity stranger{{.name = "stranger", .serial = 7}, &other_ca};

  std::string ca_file = ca.write_certificate(folder.file("ca.pem"));
  std::string other_ca_file = other_ca.write_certificate(folder.file("other-ca.pem"));
  std::string server_file = server.write(folder.file("server.pem"));
  std::string new_server_file = new_server.write(folder.file("new-server.pem"));
  std::string elsewhere_file = elsewhere.write(folder.file("elsewhere.pem"));
  std::string client_file = client.write(folder.file("client.pem"));
  std::string stranger_file = stranger.write(folder.file("stranger.pem"));
};

using ContextPtr = std::shared_ptr<const TlsContext>;

ContextPtr server_context(const TlsServerOptions& options) {
  auto made = TlsContext::for_server(options);
  EXPECT_TRUE(made.ok()) << made.error().text();
  return made.value_or(nullptr);
}

ContextPtr client_context(const TlsClientOptions& options) {
  auto made = TlsContext::for_client(options);
  EXPECT_TRUE(made.ok()) << made.error().text();
  return made.value_or(nullptr);
}

Answer tell(Request request, Ctx) {
  return text_response(
      fmt::format("tls={} certificate={} {}", request.tls, request.client_certificate, request.body.size()));
}

struct Scene {
  Reactor reactor;
  Certificates pki;
};

// What a client with this context gets to know from a server with that one: the body, or the error.
Task<std::string> ask(Scene* scene, ContextPtr server_tls, ContextPtr client_tls, std::string host = "localhost") {
  Reactor* r = &scene->reactor;
  Server server(*r, {.tls = std::move(server_tls)}, tell);
  const auto port = co_await start(r, &server);
  ClientOptions options;
  options.tls = std::move(client_tls);
  Client client(*r, options);
  auto url = local_url(port, "/", "https");
  url.address.host = host;
  std::string told;
  for (int i = 0; i < 2; ++i) {  // the second time on the kept connection
    const auto response = co_await client.request({.url = url}, soon(*r));
    told =
        response ? response->body : fmt::format("{}: {}", to_string(response.error().code()), response.error().text());
    if (response) {
      EXPECT_EQ(server.connections(), 1U);
    }
  }
  co_await server.stop(soon(*r));
  co_return told;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

void run(Task<void> (*body)(Scene*)) {
  Scene scene;
  scene.reactor.run_until_done(body(&scene));
}

TEST(TlsTest, TheServerIsVerified) {
  run(+[](Scene* scene) -> Task<void> {
    const auto& pki = scene->pki;
    const auto server = server_context({.cert_file = pki.server_file});
    const auto verifying = client_context({.ca = pki.ca_file});
    EXPECT_EQ(co_await ask(scene, server, verifying), "tls=true certificate=false 0");
    EXPECT_EQ(co_await ask(scene, server, verifying, "127.0.0.1"), "tls=true certificate=false 0");

    const auto untrusted = co_await ask(scene, server, client_context({.ca = pki.other_ca_file}));
    EXPECT_TRUE(untrusted.starts_with(to_string(Errc::kProtocol))) << untrusted;
    EXPECT_TRUE(contains(untrusted, "certificate verify failed")) << untrusted;
    const auto by_system_store = co_await ask(scene, server, nullptr);
    EXPECT_TRUE(contains(by_system_store, "certificate verify failed")) << by_system_store;

    const auto elsewhere = server_context({.cert_file = pki.elsewhere_file});
    const auto wrong_name = co_await ask(scene, elsewhere, verifying);
    EXPECT_TRUE(contains(wrong_name, "hostname mismatch")) << wrong_name;
    const auto wrong_ip = co_await ask(scene, elsewhere, verifying, "127.0.0.1");
    EXPECT_TRUE(contains(wrong_ip, "IP address mismatch")) << wrong_ip;

    // API-323: chain without host name, and nothing at all.
    const auto chain_only = client_context({.ca = pki.ca_file, .verify_host = false});
    EXPECT_EQ(co_await ask(scene, elsewhere, chain_only), "tls=true certificate=false 0");
    const auto insecure = client_context({.verify_chain = false});
    EXPECT_EQ(co_await ask(scene, elsewhere, insecure), "tls=true certificate=false 0");
  });
}

TEST(TlsTest, ClientCertificates) {  // API-072, API-073
  run(+[](Scene* scene) -> Task<void> {
    const auto& pki = scene->pki;
    const auto none = client_context({.ca = pki.ca_file});
    const auto good = client_context({.ca = pki.ca_file, .cert_file = pki.client_file});
    const auto bad = client_context({.ca = pki.ca_file, .cert_file = pki.stranger_file});
    struct Expected {
      ClientCertificates verify;
      bool none_works;
      bool bad_works;
      std::string_view with_good;
    };
    const Expected cases[] = {
        {ClientCertificates::kNone, true, true, "tls=true certificate=false 0"},
        {ClientCertificates::kOptional, true, false, "tls=true certificate=true 0"},
        {ClientCertificates::kRequired, false, false, "tls=true certificate=true 0"},
    };
    for (const auto& c : cases) {
      const auto server =
          server_context({.cert_file = pki.server_file, .ca_file = pki.ca_file, .verify_client = c.verify});
      EXPECT_EQ(co_await ask(scene, server, good), c.with_good);
      const auto without = co_await ask(scene, server, none);
      EXPECT_EQ(without == "tls=true certificate=false 0", c.none_works) << without;
      const auto with_bad = co_await ask(scene, server, bad);
      EXPECT_EQ(with_bad == "tls=true certificate=false 0", c.bad_works) << with_bad;
      if (!c.bad_works) EXPECT_TRUE(contains(with_bad, "alert")) << with_bad;
    }
    // Without a CA nobody is trusted: API-069.
    const auto no_ca = server_context({.cert_file = pki.server_file, .verify_client = ClientCertificates::kRequired});
    EXPECT_TRUE(contains(co_await ask(scene, no_ca, good), "alert"));
  });
}

TEST(TlsTest, OneSelfSignedCertificateForEverything) {  // API-351
  run(+[](Scene* scene) -> Task<void> {
    for (const bool is_ca : {true, false}) {
      const Identity self({.name = "self", .serial = 9, .alternative_names = kLocalNames, .is_ca = is_ca});
      const auto file = self.write(scene->pki.folder.file("self.pem"));
      const auto server =
          server_context({.cert_file = file, .ca_file = file, .verify_client = ClientCertificates::kRequired});
      EXPECT_EQ(co_await ask(scene, server, client_context({.ca = file, .cert_file = file})),
                "tls=true certificate=true 0");
    }
  });
}

TEST(TlsTest, NewConnectionsGetTheNewCertificate) {  // API-071
  run(+[](Scene* scene) -> Task<void> {
    const auto& pki = scene->pki;
    Reactor* r = &scene->reactor;
    const auto old_context = server_context({.cert_file = pki.server_file});
    const auto new_context = server_context({.cert_file = pki.new_server_file});
    EXPECT_EQ(old_context->serial(), "1234");
    EXPECT_EQ(new_context->serial(), "5678");
    EXPECT_EQ(certificate_serial(pki.new_server_file).value_or(""), "5678");

    Server server(*r, {.tls = old_context}, tell);
    const auto port = co_await start(r, &server);
    ClientOptions options;
    options.tls = client_context({.ca = pki.ca_file});
    Client client(*r, options);
    const Call call{.url = local_url(port, "/", "https")};
    EXPECT_TRUE((co_await client.request(call, soon(*r))).ok());
    server.set_tls(new_context);
    EXPECT_TRUE((co_await client.request(call, soon(*r))).ok());  // the old connection goes on
    EXPECT_EQ(server.connections(), 1U);
    client.close_idle();
    EXPECT_TRUE((co_await client.request(call, soon(*r))).ok());
    client.close_idle();
    server.set_tls(nullptr);
    EXPECT_TRUE((co_await client.request({.url = local_url(port)}, soon(*r))).ok());
    EXPECT_EQ((co_await client.request(call, soon(*r))).error().code(), Errc::kProtocol);
    co_await server.stop(soon(*r));
  });
}

TEST(TlsTest, PlainHttpAndSilenceOnATlsPort) {  // API-068, API-070
  run(+[](Scene* scene) -> Task<void> {
    Reactor* r = &scene->reactor;
    const auto tls = server_context({.cert_file = scene->pki.server_file});
    Server server(*r, {.request_timeout = 200ms, .tls = tls}, tell);
    const auto port = co_await start(r, &server);
    auto stalled = RawPeer::connect(r, port);
    auto plain = RawPeer::connect(r, port);
    plain.send("GET / HTTP/1.0\r\n\r\n");
    EXPECT_FALSE(contains(co_await plain.read_to_end(), "HTTP/1."));
    EXPECT_EQ(co_await stalled.read_to_end(), "");
    co_await server.stop(soon(*r));
  });
}

TEST(TlsTest, LargeBodiesBothWays) {
  run(+[](Scene* scene) -> Task<void> {
    Reactor* r = &scene->reactor;
    const auto tls = server_context({.cert_file = scene->pki.server_file});
    constexpr auto echo = [](Request request, Ctx) -> Answer { return text_response(request.body); };
    Server server(*r, {.max_body_bytes = 8 << 20, .tls = tls}, echo);
    const auto port = co_await start(r, &server);
    ClientOptions options;
    options.tls = client_context({.ca = scene->pki.ca_file});
    Client client(*r, options);
    std::string body;
    for (int i = 0; body.size() < 4 << 20; ++i) body += std::to_string(i);
    const auto response =
        co_await client.request({.method = "PUT", .url = local_url(port, "/", "https"), .body = body}, soon(*r));
    EXPECT_TRUE(response.ok() && response->body == body);
    auto stream =
        co_await client.open_stream({.method = "PUT", .url = local_url(port, "/", "https"), .body = body}, soon(*r));
    EXPECT_TRUE(stream.ok());
    if (stream) EXPECT_TRUE((co_await stream->read_all(8 << 20, soon(*r))).value_or("") == body);
    co_await server.stop(soon(*r));
  });
}

TEST(TlsTest, ASilentServerIsATimeoutAndNothingWasSent) {
  run(+[](Scene* scene) -> Task<void> {
    Reactor* r = &scene->reactor;
    RawListener silent(r);
    Client client(*r, {.connect_timeout = 50ms});
    const auto outcome =
        co_await client.exchange({.method = "POST", .url = local_url(silent.port(), "/", "https")}, soon(*r));
    EXPECT_EQ(outcome.response.error().code(), Errc::kTimeout);
    EXPECT_EQ(outcome.delivery, Delivery::kNotSent);
  });
}

TEST(TlsContextTest, EncryptedKeysNeedTheirPassword) {
  const Certificates pki;
  const auto certificate = pki.server.write_certificate(pki.folder.file("c.pem"));
  const auto key = pki.server.write_key(pki.folder.file("k.pem"), "pass phrase");
  EXPECT_TRUE(TlsContext::for_server({.cert_file = certificate, .key_file = key, .key_password = "pass phrase"}).ok());
  for (const char* password : {"", "wrong"}) {
    const auto made = TlsContext::for_server({.cert_file = certificate, .key_file = key, .key_password = password});
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code(), Errc::kInvalid);
    EXPECT_TRUE(contains(made.error().text(), key)) << made.error().text();
    EXPECT_FALSE(contains(made.error().text(), "wrong\""));
  }
}

TEST(TlsContextTest, ErrorsNameFileAndSetting) {
  const Certificates pki;
  const auto missing = pki.folder.file("missing.pem");
  const auto nonsense = pki.folder.file("nonsense.pem");
  std::ofstream(nonsense) << "nonsense\n";
  const auto no_file = TlsContext::for_server({.cert_file = missing});
  EXPECT_EQ(no_file.error().code(), Errc::kNotFound);
  EXPECT_TRUE(contains(no_file.error().text(), missing)) << no_file.error().text();
  const TlsServerOptions bad[] = {
      {.cert_file = nonsense},
      {.cert_file = pki.server_file, .key_file = nonsense},
      {.cert_file = pki.server_file, .key_file = pki.client_file},
      {.cert_file = pki.server_file, .ca_file = nonsense},
      {.cert_file = pki.server_file, .ciphers = "no-such-cipher"},
  };
  for (const auto& options : bad) {
    const auto made = TlsContext::for_server(options);
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().code(), Errc::kInvalid) << made.error().text();
  }
  EXPECT_EQ(TlsContext::for_client({.ca = missing}).error().code(), Errc::kNotFound);
  EXPECT_TRUE(TlsContext::for_client({.ca = pki.folder.file("")}).ok());  // a directory of hashed certificates
  EXPECT_FALSE(certificate_serial(nonsense).ok());
}

}  // namespace
}  // namespace matriarch::http
