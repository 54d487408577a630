// The port Peers against real HTTP servers on loopback.
#include "peers/http_peers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/wait.h"
#include "http/server.h"

namespace matriarch::peers {
namespace {

using namespace std::chrono_literals;

// A member's REST API as far as peers call it.
class FakeMember {
 public:
  explicit FakeMember(Reactor& reactor)
      : reactor_(reactor), server_(reactor, {}, [this](http::Request request, Ctx ctx) {
          return answer(std::move(request), std::move(ctx));
        }) {
    reactor_.run_until_done([](Reactor* r, http::Server* s) -> Task<void> {
      EXPECT_TRUE((co_await s->bind({{"127.0.0.1", 0}}, Ctx{.deadline = r->now() + 2s})).ok());
      s->serve();
    }(&reactor_, &server_));
  }
  ~FakeMember() { stop(); }
  void stop() {
    reactor_.run_until_done([](Reactor* r, http::Server* s) -> Task<void> {
      co_await s->stop(Ctx{.deadline = r->now()});
    }(&reactor_, &server_));
  }
  [[nodiscard]] std::string url(const std::string& path = "/patroni") const { return url_of(server_, path); }

  http::Response response{.status = 200, .body = R"({"role":"replica","timeline":2,"xlog":{"replayed_location":55}})"};
  Duration delay = Duration::zero();
  std::vector<http::Request> requests;

 private:
  static std::string url_of(const http::Server& server, const std::string& path) {
    return fmt::format("http://{}{}", to_string(server.bound().front()), path);
  }
  http::Answer answer(http::Request request, Ctx ctx) {
    requests.push_back(std::move(request));
    if (delay == Duration::zero()) return response;
    return later(&reactor_, delay, response, std::move(ctx));
  }
  static Task<http::Response> later(Reactor* reactor, Duration delay, http::Response response, Ctx ctx) {
    (void)co_await sleep_until(*reactor, reactor->now() + delay, ctx);
    co_return response;
  }

  Reactor& reactor_;
  http::Server server_;
};

class HttpPeersTest : public testing::Test {
 protected:
  HttpPeers& peers(PeersOptions options = {}) {
    peers_ = HttpPeers::create(reactor_, options).value();
    return *peers_;
  }
  std::vector<PeerStatus> poll(std::vector<std::string> urls, Duration patience = 2s) {
    std::vector<Member> members;
    for (std::size_t i = 0; i < urls.size(); ++i) {
      members.push_back({.name = fmt::format("m{}", i), .data = {.api_url = std::move(urls[i])}});
    }
    if (!peers_) peers();
    std::vector<PeerStatus> result;
    reactor_.run_until_done(
        [](Reactor* r, Peers* p, std::vector<Member> list, Duration time, std::vector<PeerStatus>* out) -> Task<void> {
          *out = co_await p->poll(std::move(list), Ctx{.deadline = r->now() + time});
        }(&reactor_, peers_.get(), std::move(members), patience, &result));
    return result;
  }
  std::vector<FailsafeAnswer> post(std::vector<std::pair<std::string, std::string>> whom, Duration patience = 2s) {
    if (!peers_) peers();
    std::vector<FailsafeAnswer> result;
    reactor_.run_until_done([](Reactor* r, Peers* p, std::vector<std::pair<std::string, std::string>> list,
                               Duration time, std::vector<FailsafeAnswer>* out) -> Task<void> {
      const FailsafeMessage message{
          .name = "me", .conn_url = "postgres://h/db", .api_url = "http://h/patroni", .slots = {{"b", Lsn{7}}}};
      *out = co_await p->post_failsafe(std::move(list), message, Ctx{.deadline = r->now() + time});
    }(&reactor_, peers_.get(), std::move(whom), patience, &result));
    return result;
  }
  bool is_alive(const std::string& url) {
    if (!peers_) peers();
    bool alive = false;
    reactor_.run_until_done([](Reactor* r, Peers* p, std::string api_url, bool* out) -> Task<void> {
      *out = co_await p->is_alive({.name = "me", .data = {.api_url = std::move(api_url)}},
                                  Ctx{.deadline = r->now() + 500ms});
    }(&reactor_, peers_.get(), url, &alive));
    return alive;
  }

  Reactor reactor_;
  std::unique_ptr<HttpPeers> peers_;
};

TEST_F(HttpPeersTest, AllAreAskedAtOnceAndAnswerInOrder) {  // HA-184, B17
  std::vector<std::unique_ptr<FakeMember>> members;
  std::vector<std::string> urls;
  for (int i = 0; i < 8; ++i) {
    members.push_back(std::make_unique<FakeMember>(reactor_));
    members.back()->delay = 150ms;
    members.back()->response.body = fmt::format(R"({{"role":"replica","xlog":{{"replayed_location":{}}}}})", 100 + i);
    urls.push_back(members.back()->url());
  }
  const Instant begin = reactor_.now();
  const auto answers = poll(urls);
  EXPECT_LT(reactor_.now() - begin, 600ms) << "one after the other they take 1.2 s";
  ASSERT_EQ(answers.size(), 8u);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].name, fmt::format("m{}", i));
    EXPECT_EQ(answers[i].position, Lsn{100 + i});
  }
  EXPECT_EQ(members[0]->requests.at(0).method, "GET");
  EXPECT_EQ(members[0]->requests.at(0).target, "/patroni");  // API-317: as published
}

TEST_F(HttpPeersTest, AnyStatusCounts) {  // API-317
  FakeMember member(reactor_);
  member.response.status = 503;
  EXPECT_TRUE(poll({member.url()})[0].reachable);
}

TEST_F(HttpPeersTest, WhoDoesNotAnswerIsUnreachableAtTheDeadline) {
  FakeMember slow(reactor_);
  FakeMember quick(reactor_);
  slow.delay = 10s;
  std::string dead;
  {
    FakeMember gone(reactor_);
    dead = gone.url();
  }
  const Instant begin = reactor_.now();
  const auto answers = poll({slow.url(), quick.url(), dead, "", "not a url", "ftp://x/"}, 200ms);
  EXPECT_LT(reactor_.now() - begin, 1s);
  EXPECT_FALSE(answers[0].reachable);
  EXPECT_TRUE(answers[1].reachable);
  for (std::size_t i = 2; i < answers.size(); ++i) EXPECT_FALSE(answers[i].reachable) << i;
  EXPECT_TRUE(answers[2].refused);
  EXPECT_FALSE(answers[0].refused) << "it does listen";
}

TEST_F(HttpPeersTest, AnAnswerIsBounded) {
  FakeMember member(reactor_);
  member.response.body = R"({"xlog":{},"x":")" + std::string(2u << 20, 'x') + "\"}";
  EXPECT_FALSE(poll({member.url()})[0].reachable);
}

TEST_F(HttpPeersTest, CredentialsAndAgentAreSent) {  // API-321
  FakeMember member(reactor_);
  peers({.username = "u", .password = "p", .user_agent = "Matriarch/1"});
  poll({member.url()});
  EXPECT_EQ(member.requests.at(0).headers.find("Authorization"), "Basic dTpw");
  EXPECT_EQ(member.requests.at(0).headers.find("User-Agent"), "Matriarch/1");
}

TEST_F(HttpPeersTest, FailsafeAsksEverybody) {  // HA-295, DCS-417, DCS-418
  FakeMember yes(reactor_);
  FakeMember no(reactor_);
  FakeMember other_text(reactor_);
  yes.response = {.status = 200, .headers = {{"lsn", "4711"}}, .body = "Accepted"};
  no.response = {.status = 500, .body = "Running as a leader"};
  other_text.response = {.status = 200, .body = "accepted"};
  const auto answers = post(
      {{"y", yes.url()}, {"n", no.url()}, {"t", other_text.url()}, {"x", "http://127.0.0.1:1/patroni"}, {"z", "?"}});
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_TRUE(answers[0].accepted);
  EXPECT_EQ(answers[0].lsn, Lsn{4711});
  for (std::size_t i = 1; i < answers.size(); ++i) EXPECT_FALSE(answers[i].accepted) << answers[i].name;
  const http::Request& request = yes.requests.at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/failsafe");              // API-319
  EXPECT_TRUE(request.headers.has("Content-Length"));  // DCS-422
  EXPECT_EQ(request.body, R"({"name":"me","conn_url":"postgres://h/db","api_url":"http://h/patroni","slots":{"b":7}})");
}

TEST_F(HttpPeersTest, AnyAnswerMeansAlive) {  // HA-044, DCS-203
  FakeMember member(reactor_);
  member.response.status = 503;
  EXPECT_TRUE(is_alive(member.url()));
  EXPECT_EQ(member.requests.at(0).target, "/liveness");
  const std::string url = member.url();
  member.stop();
  EXPECT_FALSE(is_alive(url));
  EXPECT_FALSE(is_alive(""));
}

TEST_F(HttpPeersTest, HandsChangesOfTheConfigurationOn) {  // ADR 10
  FakeMember leader(reactor_);
  leader.response = {.status = 412, .body = "not now"};
  const auto ask = [this](std::string url) {
    std::optional<Result<PeerReply>> answer;
    reactor_.run_until_done([](Reactor* r, Peers* p, std::string to, std::optional<Result<PeerReply>>* out) -> Task<void> {
      *out = co_await p->change_config(Member{.name = "l", .data = {.api_url = std::move(to)}}, "PATCH",
                                       parse_json(R"({"pause":null})").value(), Ctx{.deadline = r->now() + 2s});
    }(&reactor_, &peers(), std::move(url), &answer));
    return *answer;
  };
  const auto answer = ask(leader.url());
  ASSERT_TRUE(answer.ok()) << answer.error().text();
  EXPECT_EQ(answer->status, 412);
  EXPECT_EQ(answer->text, "not now");
  ASSERT_EQ(leader.requests.size(), 1u);
  EXPECT_EQ(leader.requests[0].method, "PATCH");
  EXPECT_EQ(leader.requests[0].target, "/config");
  EXPECT_EQ(leader.requests[0].body, R"({"pause":null})");
  EXPECT_FALSE(ask("http://127.0.0.1:1/patroni").ok());
}

TEST_F(HttpPeersTest, AMissingCertificateIsNamed) {
  const auto made = HttpPeers::create(reactor_, {.certfile = "/nonexistent/client.pem"});
  ASSERT_FALSE(made.ok());
  EXPECT_NE(made.error().text().find("/nonexistent/client.pem"), std::string::npos) << made.error().text();
}

}  // namespace
}  // namespace matriarch::peers
