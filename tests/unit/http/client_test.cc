#include "http/client.h"

#include <gtest/gtest.h>

#include "http/client_connection.h"
#include "http/server.h"
#include "tests/unit/http/support.h"

namespace matriarch::http {
namespace {

Answer echo(Request request, Ctx) { return text_response(request.method + " " + request.target + " " + request.body); }

// A coroutine that plays one scene against a peer that the test scripts.
using Scene = Task<void> (*)(Reactor*);

void run(Scene scene) {
  Reactor reactor;
  reactor.run_until_done(scene(&reactor));
}

// Begins an exchange beside the test's own coroutine.
Task<void> exchange_into(Client* client, Call call, Ctx ctx, std::optional<Exchange>* outcome) {
  *outcome = co_await client->exchange(std::move(call), std::move(ctx));
}

TEST(ClientTest, KeepsConnections) {
  run(+[](Reactor* r) -> Task<void> {
    Server server(*r, {}, echo);
    const auto port = co_await start(r, &server);
    Client client(*r, {});
    for (int i = 0; i < 5; ++i) {
      const auto response = co_await client.request(
          {.method = "POST", .url = local_url(port, "/v3/kv/range"), .body = std::string(100'000, 'x')}, soon(*r));
      EXPECT_TRUE(response.ok());
      if (!response) continue;
      EXPECT_EQ(response->status, 200);
      EXPECT_EQ(response->reason, "OK");
      EXPECT_EQ(response->content_type, "text/html");
      EXPECT_EQ(response->body, "POST /v3/kv/range " + std::string(100'000, 'x'));
      EXPECT_EQ(server.connections(), 1U);
    }
    client.close_idle();
    EXPECT_TRUE(co_await eventually(r, [&server] { return server.connections() == 0; }));
    co_await server.stop(soon(*r));
  });
}

TEST(ClientTest, SendsWhatIsExpected) {
  run(+[](Reactor* r) -> Task<void> {
    RawListener listener(r);
    Client client(*r, {.user_agent = "Agent/1"});
    std::optional<Exchange> outcome;
    TaskGroup group(*r);
    Call call{.method = "POST", .url = local_url(listener.port(), "/a?b=c"), .headers = {{"X", "y"}}};
    group.spawn(exchange_into(&client, call, soon(*r), &outcome));
    std::string request;
    auto peer = co_await listener.accept_request(&request);
    EXPECT_EQ(request, fmt::format("POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUser-Agent: Agent/1\r\nX: y\r\n"
                                   "Content-Length: 0\r\n\r\n",
                                   listener.port()));
    peer.send("HTTP/1.1 204 No Content\r\n\r\n");
    co_await group.join();
    EXPECT_EQ(outcome->delivery, Delivery::kAnswered);
    EXPECT_EQ(outcome->response->status, 204);
  });
}

struct Answered {
  std::string bytes;
  int status;
  std::string body;
  std::string method = "GET";
};

TEST(ClientTest, UnderstandsEveryFraming) {
  run(+[](Reactor* r) -> Task<void> {
    const Answered cases[] = {
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, "until the end"},  // API-015: no length at all
        {"HTTP/1.0 503 Service Unavailable\r\n\r\n", 503, ""},           // API-021
        {"HTTP/1.0 501 Unsupported method ('FOO')\r\nServer: x\r\n\r\n<html>", 501, "<html>"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", 200, "abcdefg"},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
         "2\r\n\r\nhi",
         200, "hi"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 200, "", "HEAD"},
        {"HTTP/1.1 304 Not Modified\r\n\r\n", 304, ""},
    };
    for (const auto& c : cases) {
      for (const bool in_pieces : {false, true}) {
        RawListener listener(r);
        Client client(*r, {});
        std::optional<Exchange> outcome;
        TaskGroup group(*r);
        group.spawn(
            exchange_into(&client, {.method = c.method, .url = local_url(listener.port())}, soon(*r), &outcome));
        auto peer = co_await listener.accept_request();
        for (std::size_t i = 0; i < c.bytes.size(); i += in_pieces ? 1 : c.bytes.size()) {
          peer.send(in_pieces ? c.bytes.substr(i, 1) : c.bytes);
          co_await yield_now(*r);
        }
        peer.close();
        co_await group.join();
        EXPECT_TRUE(outcome->response.ok()) << c.bytes << outcome->response.error().text();
        if (!outcome->response) continue;
        EXPECT_EQ(outcome->response->status, c.status);
        EXPECT_EQ(outcome->response->body, c.body);
        EXPECT_EQ(outcome->delivery, Delivery::kAnswered);
      }
    }
  });
}

struct Refused {
  std::string bytes;
  Errc code;
};

TEST(ClientTest, TellsBadAnswersApart) {
  run(+[](Reactor* r) -> Task<void> {
    const Refused cases[] = {
        {"SSH-2.0-OpenSSH\r\n", Errc::kProtocol},
        {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", Errc::kProtocol},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", Errc::kProtocol},
        {"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", Errc::kTooLarge},
        {"HTTP/1.0 200 OK\r\n\r\n" + std::string(101, 'x'), Errc::kTooLarge},
        {"HTTP/1.1 200 OK\r\nX: " + std::string(3000, 'x'), Errc::kTooLarge},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Errc::kUnavailable},
        {"HTTP/1.1 20", Errc::kUnavailable},
        {"", Errc::kUnavailable},
    };
    for (const auto& c : cases) {
      RawListener listener(r);
      Client client(*r, {.max_response_bytes = 100, .max_head_bytes = 2000});
      std::optional<Exchange> outcome;
      TaskGroup group(*r);
      group.spawn(exchange_into(&client, {.url = local_url(listener.port())}, soon(*r), &outcome));
      auto peer = co_await listener.accept_request();
      peer.send(c.bytes);
      peer.shut_down();
      co_await group.join();
      EXPECT_FALSE(outcome->response.ok()) << c.bytes;
      if (outcome->response) continue;
      EXPECT_EQ(outcome->response.error().code(), c.code) << c.bytes << " -> " << outcome->response.error().text();
      EXPECT_NE(outcome->response.error().text().find(fmt::format("127.0.0.1:{}", listener.port())), std::string::npos);
      EXPECT_EQ(outcome->delivery, Delivery::kSent);
    }
  });
}

TEST(ClientTest, ARefusedConnectionIsUnavailableAndNothingWasSent) {
  run(+[](Reactor* r) -> Task<void> {
    std::uint16_t port = 0;
    {
      const RawListener gone(r);
      port = gone.port();
    }
    Client client(*r, {});
    const auto outcome = co_await client.exchange({.method = "POST", .url = local_url(port)}, soon(*r));
    EXPECT_EQ(outcome.delivery, Delivery::kNotSent);
    EXPECT_EQ(outcome.response.error().code(), Errc::kUnavailable);
    EXPECT_EQ(outcome.response.error().text(),
              fmt::format("POST http://127.0.0.1:{0}: cannot connect to 127.0.0.1:{0}: Connection refused", port));
  });
}

// Its backlog is full: the kernel answers no further SYN.
struct BlackHole {
  explicit BlackHole(Reactor* r) : listener(r, 0) {
    const auto address = *numeric_address({"127.0.0.1", listener.port()});
    for (int i = 0; i < 8; ++i) {
      fillers.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      connect(fillers.back().get(), address.native(), address.size);
    }
  }
  RawListener listener;
  std::vector<UniqueFd> fillers;
};

TEST(ClientTest, ConnectingHasItsOwnTimeLimit) {
  run(+[](Reactor* r) -> Task<void> {
    const BlackHole hole(r);
    Client client(*r, {.connect_timeout = 50ms});
    const auto outcome = co_await client.exchange({.url = local_url(hole.listener.port())}, soon(*r));
    EXPECT_EQ(outcome.delivery, Delivery::kNotSent);
    EXPECT_EQ(outcome.response.error().code(), Errc::kTimeout) << outcome.response.error().text();
  });
}

TEST(ClientTest, ADeadAddressLeavesTimeForTheNext) {  // DCS-231
  run(+[](Reactor* r) -> Task<void> {
    const BlackHole hole(r);
    const RawListener good(r);
    const std::vector addresses{*numeric_address({"127.0.0.1", hole.listener.port()}),
                                *numeric_address({"127.0.0.1", good.port()})};
    const ClientConnection::Settings settings{.options = std::make_shared<const ClientOptions>()};
    const auto connection =
        co_await ClientConnection::open(*r, addresses, local_url(1), settings, Ctx{.deadline = r->now() + 200ms});
    EXPECT_TRUE(connection.ok()) << connection.error().text();
  });
}

TEST(ClientTest, TheDeadlineEndsAnExchangeAndClosesTheConnection) {
  run(+[](Reactor* r) -> Task<void> {
    RawListener listener(r);
    Client client(*r, {});
    std::optional<Exchange> outcome;
    TaskGroup group(*r);
    group.spawn(
        exchange_into(&client, {.url = local_url(listener.port())}, Ctx{.deadline = r->now() + 50ms}, &outcome));
    auto peer = co_await listener.accept_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    EXPECT_EQ(co_await peer.read_to_end(), "");
    co_await group.join();
    EXPECT_EQ(outcome->response.error().code(), Errc::kTimeout);
    EXPECT_EQ(outcome->delivery, Delivery::kSent);
  });
}

TEST(ClientTest, AStopEndsAnExchangeAtOnce) {
  run(+[](Reactor* r) -> Task<void> {
    RawListener listener(r);
    Client client(*r, {});
    std::optional<Exchange> outcome;
    std::stop_source stop;
    TaskGroup group(*r);
    group.spawn(exchange_into(&client, {.url = local_url(listener.port())}, Ctx{.stop = stop.get_token()}, &outcome));
    auto peer = co_await listener.accept_request();
    stop.request_stop();
    EXPECT_EQ(co_await peer.read_to_end(), "");
    co_await group.join();
    EXPECT_EQ(outcome->response.error().code(), Errc::kCancelled);
  });
}

TEST(ClientTest, ARequestTheServerDoesNotReadIsCancelledToo) {
  run(+[](Reactor* r) -> Task<void> {
    RawListener listener(r);
    Client client(*r, {});
    std::optional<Exchange> outcome;
    std::stop_source stop;
    TaskGroup group(*r);
    Call call{.method = "PUT", .url = local_url(listener.port()), .body = std::string(32 << 20, 'x')};
    group.spawn(exchange_into(&client, std::move(call), Ctx{.stop = stop.get_token()}, &outcome));
    auto peer = co_await listener.accept_request();
    stop.request_stop();
    co_await group.join();
    EXPECT_EQ(outcome->response.error().code(), Errc::kCancelled);
    EXPECT_EQ(outcome->delivery, Delivery::kSent);
  });
}

TEST(ClientTest, SeesTheAnswerOfAServerThatStoppedReading) {
  run(+[](Reactor* r) -> Task<void> {
    RawListener listener(r);
    Client client(*r, {});
    std::optional<Exchange> outcome;
    TaskGroup group(*r);
    Call call{.method = "PUT", .url = local_url(listener.port()), .body = std::string(32 << 20, 'x')};
    group.spawn(exchange_into(&client, std::move(call), soon(*r), &outcome));
    {
      auto peer = co_await listener.accept_request();
      peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch");
      peer.shut_down();
      // The rest of the request is read and thrown away, as a careful server does.
      (void)co_await peer.read_while([](std::string_view text) { return std::max<std::size_t>(text.size(), 1 << 20); });
    }
    co_await group.join();
    if (outcome->response.ok()) {
      EXPECT_EQ(outcome->response->status, 413);
    } else {
      EXPECT_EQ(outcome->response.error().code(), Errc::kUnavailable);
    }
  });
}

// Answers the first request on a connection, reads the second and closes without a byte: what a server does that ends
// a kept connection just when it is used again. Then serves a second connection normally.
Task<void> stale_server(RawListener* listener) {
  {
    auto peer = co_await listener->accept_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    (void)co_await peer.read_until("\r\n\r\n");
  }
  auto peer = co_await listener->accept_request();
  peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
}

Task<Exchange> second_on_a_stale_connection(Reactor* r, std::string method, StaleRetry retry) {
  RawListener listener(r);
  TaskGroup group(*r);
  group.spawn(stale_server(&listener));
  Client client(*r, {});
  Call call{.method = std::move(method), .url = local_url(listener.port()), .stale_retry = retry};
  const auto first = co_await client.request(call, soon(*r));
  EXPECT_TRUE(first.ok());
  auto second = co_await client.exchange(call, soon(*r));
  if (!second.response) {  // let the server's script come to its end
    call.new_connection = true;
    EXPECT_TRUE((co_await client.request(call, soon(*r))).ok());
  }
  co_await group.join();
  co_return second;
}

TEST(ClientTest, AStaleConnectionIsRetriedOnlyWhenThatIsHarmless) {
  run(+[](Reactor* r) -> Task<void> {
    const auto get = co_await second_on_a_stale_connection(r, "GET", StaleRetry::kIfIdempotent);
    EXPECT_EQ(get.response.value_or({}).body, "2");

    const auto post = co_await second_on_a_stale_connection(r, "POST", StaleRetry::kIfIdempotent);
    EXPECT_FALSE(post.response.ok());
    EXPECT_EQ(post.delivery, Delivery::kSent);
    EXPECT_EQ(post.response.error().code(), Errc::kUnavailable);

    const auto harmless_post = co_await second_on_a_stale_connection(r, "POST", StaleRetry::kAlways);
    EXPECT_EQ(harmless_post.response.value_or({}).body, "2");

    const auto never = co_await second_on_a_stale_connection(r, "GET", StaleRetry::kNever);
    EXPECT_FALSE(never.response.ok());
  });
}

TEST(ClientTest, AConnectionTheServerHasClosedIsNotUsedAgain) {
  run(+[](Reactor* r) -> Task<void> {
    Server server(*r, {.idle_timeout = 20ms}, echo);
    const auto port = co_await start(r, &server);
    Client client(*r, {});
    for (int i = 0; i < 2; ++i) {
      const auto outcome = co_await client.exchange(
          {.method = "POST", .url = local_url(port), .stale_retry = StaleRetry::kNever}, soon(*r));
      EXPECT_TRUE(outcome.response.ok());
      EXPECT_TRUE(co_await eventually(r, [&server] { return server.connections() == 0; }));
    }
    co_await server.stop(soon(*r));
  });
}

TEST(ClientTest, ThePoolIsBoundedInNumberAndTime) {
  run(+[](Reactor* r) -> Task<void> {
    Server server(*r, {.backlog = 64}, echo);
    const auto port = co_await start(r, &server);
    Client client(*r, {.max_idle_connections = 3, .idle_timeout = 300ms});
    std::vector<std::optional<Exchange>> outcomes(20);
    TaskGroup group(*r);
    for (auto& outcome : outcomes) group.spawn(exchange_into(&client, {.url = local_url(port)}, soon(*r), &outcome));
    co_await group.join();
    for (const auto& outcome : outcomes) EXPECT_TRUE(outcome->response.ok());
    EXPECT_TRUE(co_await eventually(r, [&server] { return server.connections() <= 3; }));
    EXPECT_TRUE(co_await eventually(r, [&server] { return server.connections() == 0; }));
    co_await server.stop(soon(*r));
  });
}

TEST(ClientTest, RefusesCallsThatWouldBreakTheProtocol) {
  run(+[](Reactor* r) -> Task<void> {
    Client client(*r, {});
    const Call calls[] = {
        {.url = local_url(1, "/a b")},
        {.url = local_url(1, "no-slash")},
        {.method = "GET /x HTTP/1.1\r\n", .url = local_url(1)},
        {.url = local_url(1), .headers = {{"A", "secret\r\nB: c"}}},
        {.url = local_url(1), .headers = {{"A: b\r\nC", "d"}}},
        {.url = local_url(0)},
        {},
    };
    for (const auto& call : calls) {
      const auto outcome = co_await client.exchange(call, soon(*r));
      EXPECT_EQ(outcome.response.error().code(), Errc::kInvalid);
      EXPECT_EQ(outcome.response.error().text().find("secret"), std::string::npos);
      EXPECT_EQ(outcome.delivery, Delivery::kNotSent);
    }
  });
}

TEST(ClientTest, ResolvesNamesAndTriesEachAddress) {
  run(+[](Reactor* r) -> Task<void> {
    Server server(*r, {}, echo);  // on 127.0.0.1 only, while localhost may be ::1 first
    const auto port = co_await start(r, &server);
    Client client(*r, {});
    auto url = local_url(port, "/x");
    url.address.host = "localhost";
    for (int i = 0; i < 2; ++i) {
      const auto response = co_await client.request({.url = url, .new_connection = true}, soon(*r));
      EXPECT_TRUE(response.ok()) << response.error().text();
    }
    url.address.host = "no-such-host.invalid";
    const auto outcome = co_await client.exchange({.url = url}, soon(*r));
    EXPECT_EQ(outcome.response.error().code(), Errc::kUnavailable);
    EXPECT_NE(outcome.response.error().text().find("no-such-host.invalid"), std::string::npos);
    EXPECT_EQ(outcome.delivery, Delivery::kNotSent);

    std::stop_source stopped;
    stopped.request_stop();
    const auto cancelled = co_await client.exchange({.url = url}, Ctx{.stop = stopped.get_token()});
    EXPECT_EQ(cancelled.response.error().code(), Errc::kCancelled);
    co_await server.stop(soon(*r));
  });
}

TEST(ClientTest, MayGoBeforeItsCalls) {
  run(+[](Reactor* r) -> Task<void> {
    RawListener listener(r);
    auto client = std::make_unique<Client>(*r, ClientOptions{});
    std::optional<Exchange> outcome;
    TaskGroup group(*r);
    group.spawn(exchange_into(client.get(), {.url = local_url(listener.port())}, soon(*r), &outcome));
    auto peer = co_await listener.accept_request();
    client.reset();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    co_await group.join();
    EXPECT_TRUE(outcome->response.ok());
  });
}

}  // namespace
}  // namespace matriarch::http
