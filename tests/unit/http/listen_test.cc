// Listening sockets, and stopping.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <gtest/gtest.h>

#include "http/server.h"
#include "http/socket.h"
#include "tests/unit/http/support.h"

namespace matriarch::http {
namespace {

Answer echo_peer(Request request, Ctx) { return text_response(request.peer_address); }

Task<std::string> get(Client* client, Reactor* reactor, HostPort address) {
  Call call{.url = {.scheme = "http", .address = std::move(address)}, .new_connection = true};
  auto response = co_await client->request(std::move(call), soon(*reactor));
  co_return response ? response->body : response.error().text();
}

TEST(ListenTest, AStarMeansBothFamilies) {  // API-004, API-089
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    for (const char* host : {"*", ""}) {
      Server server(*r, {}, echo_peer);
      EXPECT_TRUE((co_await server.bind({{.host = host, .port = 0}}, soon(*r))).ok());
      server.serve();
      const auto port = server.bound().front().port;
      EXPECT_NE(port, 0);
      Client client(*r, {});
      EXPECT_EQ(co_await get(&client, r, {"127.0.0.1", port}), "127.0.0.1");
      EXPECT_EQ(co_await get(&client, r, {"::1", port}), "::1");
      co_await server.stop(soon(*r));
    }
  };
  reactor.run_until_done(body(&reactor));
}

TEST(ListenTest, SeveralAddressesAndNames) {
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    Server server(*r, {}, echo_peer);
    EXPECT_TRUE((co_await server.bind({{"localhost", 0}, {"::1", 0}, {"127.0.0.1", 0}}, soon(*r))).ok());
    server.serve();
    Client client(*r, {});
    EXPECT_EQ(server.bound().size(), 3U);
    for (const auto& address : server.bound()) EXPECT_EQ(co_await get(&client, r, address), address.host);
    co_await server.stop(soon(*r));
  };
  reactor.run_until_done(body(&reactor));
}

TEST(ListenTest, ABusyPortIsNamed) {  // API-007
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    RawListener other(r);
    Server server(*r, {}, echo_peer);
    const auto bound = co_await server.bind({{"127.0.0.1", other.port()}}, soon(*r));
    EXPECT_FALSE(bound.ok());
    if (bound.ok()) co_return;
    EXPECT_EQ(bound.error().code(), Errc::kUnavailable);
    EXPECT_EQ(bound.error().text(), fmt::format("cannot listen on 127.0.0.1:{}: Address already in use", other.port()));
    const auto all = co_await server.bind({{"*", other.port()}}, soon(*r));
    EXPECT_FALSE(all.ok());
    const auto unknown = co_await server.bind({{"no-such-host.invalid", 80}}, soon(*r));
    EXPECT_NE(unknown.error().text().find("no-such-host.invalid"), std::string::npos);
  };
  reactor.run_until_done(body(&reactor));
}

TEST(ListenTest, IsReplacedAtRunTimeAndRestoredWhenThatFails) {  // API-010
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    Server server(*r, {}, echo_peer);
    const auto first = co_await start(r, &server);
    auto kept = RawPeer::connect(r, first);
    kept.send("GET / HTTP/1.1\r\n\r\n");
    (void)co_await kept.read_response();

    RawListener other(r);
    EXPECT_FALSE((co_await server.bind({{"127.0.0.1", other.port()}}, soon(*r))).ok());
    Client client(*r, {});
    EXPECT_EQ(co_await get(&client, r, {"127.0.0.1", first}), "127.0.0.1");  // the old one is back

    // The same port on all interfaces: only possible when the old socket goes first.
    EXPECT_TRUE((co_await server.bind({{"*", first}}, soon(*r))).ok());
    EXPECT_EQ(co_await get(&client, r, {"::1", first}), "::1");
    EXPECT_EQ(co_await get(&client, r, {"127.0.0.1", first}), "127.0.0.1");
    EXPECT_TRUE((co_await server.bind({{"*", first}}, soon(*r))).ok());
    EXPECT_EQ(server.bound().size(), 1U);
    kept.send("GET / HTTP/1.1\r\n\r\n");
    EXPECT_TRUE((co_await kept.read_response()).starts_with("HTTP/1.1 200"));
    co_await server.stop(soon(*r));
  };
  reactor.run_until_done(body(&reactor));
}

TEST(ListenTest, ClientsQueueUntilServe) {  // API-008
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    Server server(*r, {}, echo_peer);
    EXPECT_TRUE((co_await server.bind({{"127.0.0.1", 0}}, soon(*r))).ok());
    auto early = RawPeer::connect(r, server.bound().front().port);
    early.send("GET / HTTP/1.0\r\n\r\n");
    co_await some_turns(r);
    EXPECT_EQ(server.connections(), 0U);
    server.serve();
    EXPECT_TRUE((co_await early.read_to_end()).ends_with("127.0.0.1"));
    co_await server.stop(soon(*r));
  };
  reactor.run_until_done(body(&reactor));
}

int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(fd, level, name, &value, &size);
  return value;
}

TEST(ListenTest, AcceptedSocketsHaveTheirOptions) {  // API-062
  auto listener = listen_on(*numeric_address({"127.0.0.1", 0}), 5);
  ASSERT_TRUE(listener.ok());
  Reactor reactor;
  const auto client = RawPeer::connect(&reactor, local_address(listener->get()).port);
  pollfd ready{.fd = listener->get(), .events = POLLIN};
  ASSERT_EQ(poll(&ready, 1, 10000), 1);
  const UniqueFd accepted(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_NE(option_of(accepted.get(), IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_NE(option_of(accepted.get(), SOL_SOCKET, SO_KEEPALIVE), 0);
  EXPECT_EQ(option_of(accepted.get(), IPPROTO_TCP, TCP_KEEPIDLE), 3);
  EXPECT_EQ(option_of(accepted.get(), IPPROTO_TCP, TCP_KEEPINTVL), 2);
  EXPECT_EQ(option_of(accepted.get(), IPPROTO_TCP, TCP_KEEPCNT), 3);
  EXPECT_EQ(option_of(accepted.get(), IPPROTO_TCP, TCP_USER_TIMEOUT), 10000);
  EXPECT_NE(option_of(listener->get(), SOL_SOCKET, SO_REUSEADDR), 0);
}

TEST(ListenTest, NoSocketIsInheritedByChildren) {  // API-005
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    Server server(*r, {}, echo_peer);
    const auto port = co_await start(r, &server);
    Client client(*r, {});
    EXPECT_TRUE((co_await client.request({.url = local_url(port)}, soon(*r))).ok());
    EXPECT_EQ(server.connections(), 1U);
    int sockets = 0;
    for (int fd = 3; fd < 256; ++fd) {
      if (option_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM || option_of(fd, SOL_SOCKET, SO_DOMAIN) != AF_INET)
        continue;
      ++sockets;
      EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << fd;
    }
    EXPECT_GE(sockets, 3);  // listening, accepted, the client's
    co_await server.stop(soon(*r));
  };
  reactor.run_until_done(body(&reactor));
}

Task<Response> answer_late(Reactor* reactor, Duration after, Ctx ctx) {
  const auto slept = co_await sleep_until(*reactor, reactor->now() + after, ctx);
  co_return text_response(slept ? "finished" : "told to stop");
}

struct StopScene {
  Reactor reactor;
  Duration handler_time;
  Duration grace;
  std::string answer;
  Duration stop_took{};
};

Task<void> answer_of(Reactor*, RawPeer* peer, std::string* answer) { *answer = co_await peer->read_to_end(); }

Task<void> play(StopScene* scene) {
  Reactor* r = &scene->reactor;
  Server server(*r, {}, [r, scene](Request, Ctx ctx) -> Answer { return answer_late(r, scene->handler_time, ctx); });
  const auto port = co_await start(r, &server);
  auto running = RawPeer::connect(r, port);
  running.send("GET / HTTP/1.1\r\n\r\n");
  auto idle = RawPeer::connect(r, port);
  EXPECT_TRUE(
      co_await eventually(r, [&server] { return server.connections() == 2 && server.running_handlers() == 1; }));

  TaskGroup group(*r);
  group.spawn(answer_of(r, &running, &scene->answer));
  const Instant begin = r->now();
  co_await server.stop(Ctx{.deadline = begin + scene->grace});
  scene->stop_took = r->now() - begin;
  EXPECT_EQ(server.connections(), 0U);
  EXPECT_EQ(co_await idle.read_to_end(), "");
  co_await group.join();
  Client client(*r, {});
  const auto late = co_await client.request({.url = local_url(port)}, soon(*r));
  EXPECT_EQ(late.error().code(), Errc::kUnavailable);  // refused at once, not left hanging: API-012
}

TEST(StopTest, RunningRequestsFinish) {  // API-012
  StopScene scene{.handler_time = 50ms, .grace = 20s};
  scene.reactor.run_until_done(play(&scene));
  EXPECT_TRUE(scene.answer.starts_with("HTTP/1.1 200")) << scene.answer;
  EXPECT_TRUE(scene.answer.ends_with("finished"));
  EXPECT_LT(scene.stop_took, 10s);
}

TEST(StopTest, IsBoundedByItsGrace) {
  StopScene scene{.handler_time = 1h, .grace = 50ms};
  scene.reactor.run_until_done(play(&scene));
  EXPECT_EQ(scene.answer, "");
  EXPECT_GE(scene.stop_took, 50ms);
  EXPECT_LT(scene.stop_took, 10s);
}

}  // namespace
}  // namespace matriarch::http
