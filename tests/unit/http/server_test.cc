#include "http/server.h"

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "tests/unit/http/support.h"

namespace matriarch::http {
namespace {

// Answers with what it was asked.
Response describe(const Request& request) {
  std::string text =
      fmt::format("{} {} [{}] from {}", request.method, request.path, request.body, request.peer_address);
  for (const auto& [name, value] : request.query) text += fmt::format(" {}={}", name, value);
  return text_response(text);
}

Answer describing_handler(Request request, Ctx) { return describe(request); }

// Runs `body(reactor, server, port)` against a server with these parts, and stops it.
using Body = Task<void> (*)(Reactor*, Server*, std::uint16_t);

Task<void> with_server(Reactor* reactor, Server* server, Body body) {
  const auto port = co_await start(reactor, server);
  co_await body(reactor, server, port);
  co_await server->stop(Ctx{.deadline = reactor->now()});
  EXPECT_EQ(server->connections(), 0U);
}

void run(ServerOptions options, Handler handler, Body body, Gate gate = {}) {
  Reactor reactor;
  Server server(reactor, std::move(options), std::move(handler), std::move(gate));
  reactor.run_until_done(with_server(&reactor, &server, body));
}

// One exchange on a connection of its own, until the server closes it.
Task<std::string> ask(Reactor* reactor, std::uint16_t port, std::string request) {
  auto peer = RawPeer::connect(reactor, port);
  peer.send(request);
  co_return co_await peer.read_to_end();
}

bool begins(const std::string& text, std::string_view prefix) { return text.starts_with(prefix); }

TEST(ServerTest, KeepsTheConnectionOfAnHttp11Client) {
  run(
      {.server_header = "Patroni"}, describing_handler,
      +[](Reactor* reactor, Server* server, std::uint16_t port) -> Task<void> {
        auto peer = RawPeer::connect(reactor, port);
        for (int i = 0; i < 3; ++i) {
          peer.send("GET /primary?lag=1MB&empty=&lag=2 HTTP/1.1\r\nHost: a\r\n\r\n");
          const auto answer = co_await peer.read_response();
          EXPECT_TRUE(begins(answer, "HTTP/1.1 200 OK\r\nServer: Patroni\r\nDate: ")) << answer;
          EXPECT_NE(answer.find("Content-Type: text/html\r\n"), std::string::npos);
          EXPECT_EQ(answer.find("Connection:"), std::string::npos);
          EXPECT_TRUE(answer.ends_with("\r\n\r\nGET /primary [] from 127.0.0.1 lag=1MB lag=2")) << answer;  // API-019
          EXPECT_EQ(server->connections(), 1U);
        }
        peer.send("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
        EXPECT_NE((co_await peer.read_to_end()).find("Connection: close\r\n"), std::string::npos);
      });
}

TEST(ServerTest, AnswersInTheVersionOfTheRequest) {
  run(
      {}, describing_handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        EXPECT_TRUE(begins(co_await ask(reactor, port, "GET / HTTP/1.0\r\n\r\n"), "HTTP/1.0 200 OK\r\n"));
        auto peer = RawPeer::connect(reactor, port);
        for (int i = 0; i < 2; ++i) {
          peer.send("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
          const auto answer = co_await peer.read_response();
          EXPECT_TRUE(begins(answer, "HTTP/1.0 200 OK\r\n")) << answer;
          EXPECT_NE(answer.find("Connection: keep-alive\r\n"), std::string::npos);
        }
      });
}

TEST(ServerTest, ClosesAfterEachRequestWhenToldSo) {  // API-014
  run(
      {.keep_alive = false}, describing_handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        const auto answer = co_await ask(reactor, port, "GET / HTTP/1.1\r\n\r\n");
        EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
      });
}

TEST(ServerTest, StatusOnlyAnswersAreExact) {  // API-021
  constexpr auto handler = [](Request request, Ctx) -> Answer {
    return Response{.status = request.path == "/up" ? 200 : 503, .status_line_only = true};
  };
  run(
      {.server_header = "X"}, handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        EXPECT_EQ(co_await ask(reactor, port, "OPTIONS /up HTTP/1.0\r\n\r\n"), "HTTP/1.0 200 OK\r\n\r\n");
        EXPECT_EQ(co_await ask(reactor, port, "GET /x HTTP/1.1\r\n\r\n"), "HTTP/1.0 503 Service Unavailable\r\n\r\n");
      });
}

TEST(ServerTest, HeadIsAnsweredWithoutBody) {
  run(
      {}, describing_handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        const auto answer = co_await ask(reactor, port, "HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n");
        EXPECT_NE(answer.find("Content-Length: 24\r\n"), std::string::npos) << answer;
        EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
        // The page for what comes after a HEAD has a body again.
        const auto both = co_await ask(reactor, port, "HEAD / HTTP/1.1\r\n\r\nnonsense\r\n\r\n");
        EXPECT_TRUE(both.ends_with("</html>\n")) << both;
      });
}

TEST(ServerTest, ReadsBodies) {
  run(
      {}, describing_handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        auto peer = RawPeer::connect(reactor, port);
        peer.send("POST /a HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        peer.send("he");
        co_await some_turns(reactor);
        peer.send("llo");
        const auto answer = co_await peer.read_response();
        EXPECT_TRUE(begins(answer, "HTTP/1.1 200")) << answer;  // no 100 Continue: API-016
        EXPECT_NE(answer.find("POST /a [hello]"), std::string::npos);
        peer.send("PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        EXPECT_NE((co_await peer.read_response()).find("PUT /b [abcde]"), std::string::npos);
      });
}

TEST(ServerTest, AnswersPipelinedRequestsInOrderAndRefusesTheJunkBehindThem) {
  run(
      {}, describing_handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        std::string requests;
        for (int i = 0; i < 500; ++i) requests += fmt::format("POST /{} HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", i);
        auto peer = RawPeer::connect(reactor, port);
        peer.send(requests + "\r\n\r\n\x01junk\r\n\r\n");
        for (int i = 0; i < 500; ++i) {
          EXPECT_NE((co_await peer.read_response()).find(fmt::format("POST /{} [x]", i)), std::string::npos);
        }
        EXPECT_TRUE(begins(co_await peer.read_to_end(), "HTTP/1.1 400 Bad Request\r\n"));
      });
}

TEST(ServerTest, AcceptsBareLineFeeds) {
  run(
      {}, describing_handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        const auto answer = co_await ask(reactor, port, "POST /x HTTP/1.0\nContent-Length: 2\n\nhi");
        EXPECT_NE(answer.find("POST /x [hi]"), std::string::npos) << answer;
      });
}

TEST(ServerTest, RefusesWhatItCannotServe) {  // API-063, API-064
  run(
      {.max_body_bytes = 1000}, describing_handler,
      +[](Reactor* reactor, Server* server, std::uint16_t port) -> Task<void> {
        const std::string get = "GET / HTTP/1.1\r\n";
        std::string many = get;
        for (int i = 0; i < 101; ++i) many += fmt::format("h{}: v\r\n", i);
        const std::pair<std::string, std::string_view> cases[] = {
            {"GET /" + std::string(70000, 'a') + " HTTP/1.1\r\n\r\n", "HTTP/1.1 414 URI Too Long\r\n"},
            {get + "a: " + std::string(70000, 'b') + "\r\n\r\n", "HTTP/1.1 431 "},
            {many + "\r\n", "HTTP/1.1 431 "},
            {"GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505 "},
            {"GET / HTTP/x.1\r\n\r\n", "HTTP/1.1 400 "},
            {"GET /\r\n\r\n", "HTTP/1.1 400 "},
            {std::string("\x16\x03\x01\x02\n\n", 6), "HTTP/1.1 400 "},
            {"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 "},
            {"POST / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x'), "HTTP/1.1 413 "},
            {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'x'), "HTTP/1.1 413 "},
            {"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 501 "},
        };
        for (const auto& [request, status_line] : cases) {
          const auto answer = co_await ask(reactor, port, request);
          EXPECT_TRUE(begins(answer, status_line)) << request.substr(0, 60) << " -> " << answer;
          EXPECT_NE(answer.find("Content-Type: text/html;charset=utf-8\r\n"), std::string::npos);  // API-023
          EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
        }
        // 65536 bytes are still taken.
        const auto longest = co_await ask(reactor, port, "GET /" + std::string(65500, 'a') + " HTTP/1.0\r\n\r\n");
        EXPECT_TRUE(begins(longest, "HTTP/1.0 200")) << longest.substr(0, 40);
        EXPECT_TRUE(co_await eventually(reactor, [server] { return server->connections() == 0; }));
      });
}

// Whoever sends a large body without reading still gets the refusal: the connection is not reset under it.
TEST(ServerTest, TheRefusalOfALargeBodyArrives) {
  run(
      {}, describing_handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        auto peer = RawPeer::connect(reactor, port);
        peer.send("POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n");
        co_await yield_now(*reactor);
        for (int i = 0; i < 20; ++i) {
          peer.send(std::string(50000, 'x'));
          co_await some_turns(reactor);
        }
        peer.shut_down();
        EXPECT_TRUE(begins(co_await peer.read_to_end(), "HTTP/1.1 413 "));
      });
}

TEST(ServerTest, SlowClientsAreClosed) {  // API-361
  const ServerOptions options{.request_timeout = 100ms, .idle_timeout = 100ms, .write_timeout = 100ms};
  constexpr auto handler = [](Request request, Ctx) -> Answer {
    return text_response(request.path == "/large" ? std::string(16 << 20, 'x') : "small");
  };
  run(
      options, handler, +[](Reactor* reactor, Server* server, std::uint16_t port) -> Task<void> {
        auto silent = RawPeer::connect(reactor, port);
        auto half_head = RawPeer::connect(reactor, port);
        half_head.send("GET / HTTP/1.1\r\nHo");
        auto half_body = RawPeer::connect(reactor, port);
        half_body.send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
        auto idle = RawPeer::connect(reactor, port);
        idle.send("GET / HTTP/1.1\r\n\r\n");
        auto never_reads = RawPeer::connect(reactor, port);
        never_reads.send("GET /large HTTP/1.1\r\n\r\n");
        EXPECT_TRUE(begins(co_await idle.read_response(), "HTTP/1.1 200"));

        EXPECT_EQ(co_await silent.read_to_end(), "");
        EXPECT_TRUE(begins(co_await half_head.read_to_end(), "HTTP/1.1 408 Request Timeout\r\n"));
        EXPECT_TRUE(begins(co_await half_body.read_to_end(), "HTTP/1.1 408 Request Timeout\r\n"));
        EXPECT_EQ(co_await idle.read_to_end(), "");
        half_head.close();
        half_body.close();
        EXPECT_TRUE(co_await eventually(reactor, [server] { return server->connections() == 0; }));
        EXPECT_LT((co_await never_reads.read_to_end()).size(), std::size_t{16 << 20});
      });
}

TEST(ServerTest, DripFeedingDoesNotExtendTheTime) {
  run(
      {.request_timeout = 100ms}, describing_handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        auto peer = RawPeer::connect(reactor, port);
        peer.send("GET /");
        EXPECT_TRUE(co_await eventually(reactor, [&peer] {
          peer.send("a");
          char byte = 0;
          return recv(peer.fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
        }));
        peer.close();
      });
}

Task<Response> answer_when_woken(WakeUp* wake, Ctx ctx) {
  const auto woken = co_await wake->wait(ctx);
  co_return text_response(woken ? "woken" : "stopped");
}

TEST(ServerTest, ASuspendedHandlerHoldsUpNobody) {
  static WakeUp* wake;
  constexpr auto handler = [](Request request, Ctx ctx) -> Answer {
    if (request.path == "/wait") return answer_when_woken(wake, ctx);
    return text_response("at once");
  };
  run(
      {}, handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        WakeUp here(*reactor);
        wake = &here;
        auto waiting = RawPeer::connect(reactor, port);
        waiting.send("GET /wait HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
        auto other = RawPeer::connect(reactor, port);
        other.send("GET / HTTP/1.1\r\n\r\n");
        EXPECT_TRUE((co_await other.read_response()).ends_with("at once"));
        here.set();
        EXPECT_TRUE((co_await waiting.read_response()).ends_with("woken"));
        EXPECT_TRUE((co_await waiting.read_response()).ends_with("at once"));
      });
}

Task<Response> throw_later() {
  throw std::runtime_error("a bug");
  co_return Response();
}

TEST(ServerTest, ABugInAHandlerIsA500) {  // API-066
  constexpr auto handler = [](Request request, Ctx) -> Answer {
    if (request.path == "/later") return throw_later();
    throw std::runtime_error("a bug");
  };
  run(
      {}, handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        for (const char* path : {"/", "/later"}) {
          const auto answer = co_await ask(reactor, port, fmt::format("GET {} HTTP/1.1\r\n\r\n", path));
          EXPECT_TRUE(begins(answer, "HTTP/1.1 500 Internal Server Error\r\n")) << answer;
          EXPECT_EQ(answer.find("a bug"), std::string::npos);
        }
      });
}

TEST(ServerTest, TheGateRefusesBeforeTheBodyIsRead) {  // API-077
  constexpr auto gate = [](const Request& request) -> std::optional<Response> {
    if (request.method == "GET") return std::nullopt;
    if (request.path == "/bug") throw std::runtime_error("a bug");
    return text_response("Access is denied", 403);
  };
  run(
      {}, describing_handler,
      +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        const auto refused = co_await ask(reactor, port, "POST /x HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
        EXPECT_TRUE(begins(refused, "HTTP/1.1 403 Forbidden\r\n")) << refused;
        EXPECT_TRUE(refused.ends_with("Access is denied"));
        EXPECT_TRUE(begins(co_await ask(reactor, port, "POST /bug HTTP/1.1\r\n\r\n"), "HTTP/1.1 500 "));
        auto peer = RawPeer::connect(reactor, port);
        peer.send("POST /x HTTP/1.1\r\n\r\nGET /y HTTP/1.1\r\n\r\n");
        EXPECT_TRUE(begins(co_await peer.read_response(), "HTTP/1.1 403 "));  // no body: the connection is kept
        EXPECT_TRUE(begins(co_await peer.read_response(), "HTTP/1.1 200 "));
      },
      gate);
}

TEST(ServerTest, HeadersCannotBeSplit) {
  constexpr auto handler = [](Request, Ctx) -> Answer {
    Response response{.reason = "A\r\nB: c", .headers = {{"X", "a\r\nSet-Cookie: b"}}};
    return response;
  };
  run(
      {}, handler, +[](Reactor* reactor, Server*, std::uint16_t port) -> Task<void> {
        const auto answer = co_await ask(reactor, port, "GET / HTTP/1.0\r\n\r\n");
        EXPECT_NE(answer.find("X: a  Set-Cookie: b\r\n"), std::string::npos) << answer;
        EXPECT_TRUE(begins(answer, "HTTP/1.0 200 A  B: c\r\n"));
      });
}

TEST(ServerTest, ANewConnectionReplacesTheLongestIdleOne) {
  static WakeUp* wake;
  constexpr auto handler = [](Request request, Ctx ctx) -> Answer {
    if (request.path == "/wait") return answer_when_woken(wake, ctx);
    return text_response("at once");
  };
  run(
      {.max_connections = 3}, handler, +[](Reactor* reactor, Server* server, std::uint16_t port) -> Task<void> {
        WakeUp here(*reactor);
        wake = &here;
        auto busy = RawPeer::connect(reactor, port);
        busy.send("GET /wait HTTP/1.1\r\n\r\n");
        auto first = RawPeer::connect(reactor, port);
        first.send("GET / HTTP/1.1\r\n\r\n");
        (void)co_await first.read_response();
        auto second = RawPeer::connect(reactor, port);
        second.send("GET / HTTP/1.1\r\n\r\n");
        (void)co_await second.read_response();
        EXPECT_EQ(server->connections(), 3U);

        auto third = RawPeer::connect(reactor, port);
        third.send("GET / HTTP/1.1\r\n\r\n");
        EXPECT_TRUE(begins(co_await third.read_response(), "HTTP/1.1 200"));
        EXPECT_EQ(co_await first.read_to_end(), "");
        second.send("GET / HTTP/1.1\r\n\r\n");
        EXPECT_TRUE(begins(co_await second.read_response(), "HTTP/1.1 200"));
        here.set();
        EXPECT_TRUE((co_await busy.read_response()).ends_with("woken"));
      });
}

TEST(ServerTest, WithNothingButRunningRequestsANewConnectionIsTurnedAway) {
  static WakeUp* wake;
  constexpr auto handler = [](Request, Ctx ctx) -> Answer { return answer_when_woken(wake, ctx); };
  run(
      {.max_connections = 1}, handler, +[](Reactor* reactor, Server* server, std::uint16_t port) -> Task<void> {
        WakeUp here(*reactor);
        wake = &here;
        auto busy = RawPeer::connect(reactor, port);
        busy.send("GET / HTTP/1.0\r\n\r\n");
        // The handler runs as soon as the request has been read; a connection made before that could replace it.
        EXPECT_TRUE(co_await eventually(reactor, [server] { return server->running_handlers() == 1; }));
        auto turned_away = RawPeer::connect(reactor, port);
        EXPECT_EQ(co_await turned_away.read_to_end(), "");
        here.set();
        EXPECT_TRUE((co_await busy.read_to_end()).ends_with("woken"));
      });
}

TEST(ServerTest, WithoutFileDescriptorsTheLongestIdleConnectionGivesWay) {
  run(
      {}, describing_handler, +[](Reactor* reactor, Server* server, std::uint16_t port) -> Task<void> {
        auto idle = RawPeer::connect(reactor, port);
        idle.send("GET / HTTP/1.1\r\n\r\n");
        (void)co_await idle.read_response();
        auto next = RawPeer::connect(reactor, port);
        next.send("GET / HTTP/1.1\r\n\r\n");

        rlimit before{};
        getrlimit(RLIMIT_NOFILE, &before);
        const int lowest_free = UniqueFd(dup(next.fd())).get();
        const rlimit exhausted{.rlim_cur = static_cast<rlim_t>(lowest_free), .rlim_max = before.rlim_max};
        setrlimit(RLIMIT_NOFILE, &exhausted);
        const bool answered = co_await eventually(reactor, [&next] {
          char byte = 0;
          return recv(next.fd(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 1;
        });
        setrlimit(RLIMIT_NOFILE, &before);
        EXPECT_TRUE(answered);
        EXPECT_EQ(co_await idle.read_to_end(), "");
        EXPECT_EQ(server->connections(), 1U);
      });
}

TEST(ServerTest, ServesHundredsOfConnections) {
  run(
      {.backlog = 512, .max_connections = 400}, describing_handler,
      +[](Reactor* reactor, Server* server, std::uint16_t port) -> Task<void> {
        std::vector<RawPeer> peers;
        for (int i = 0; i < 400; ++i) peers.push_back(RawPeer::connect(reactor, port));
        for (int round = 0; round < 3; ++round) {
          for (auto& peer : peers) peer.send("GET /x HTTP/1.1\r\n\r\n");
          for (auto& peer : peers) EXPECT_TRUE(begins(co_await peer.read_response(), "HTTP/1.1 200"));
        }
        EXPECT_EQ(server->connections(), 400U);
        peers.clear();
        EXPECT_TRUE(co_await eventually(reactor, [server] { return server->connections() == 0; }));
      });
}

}  // namespace
}  // namespace matriarch::http
