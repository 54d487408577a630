#include "tests/unit/store/fake_etcd.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/wait.h"
#include "http/encoding.h"

namespace matriarch::test {

using namespace std::chrono_literals;

FakeEtcd::FakeEtcd(Reactor& reactor)
    : reactor_(reactor), server_(reactor, {}, [this](http::Request request, Ctx ctx) {
        return answer(std::move(request), std::move(ctx));
      }) {
  constexpr auto body = [](Reactor* r, http::Server* server) -> Task<void> {
    const Status bound = co_await server->bind({{"127.0.0.1", 0}}, Ctx{.deadline = r->now() + 2s});
    EXPECT_TRUE(bound.ok());
    server->serve();
  };
  reactor_.run_until_done(body(&reactor_, &server_));
}

FakeEtcd::~FakeEtcd() {
  constexpr auto body = [](Reactor* r, http::Server* server) -> Task<void> {
    co_await server->stop(Ctx{.deadline = r->now()});
  };
  reactor_.run_until_done(body(&reactor_, &server_));
}

int FakeEtcd::count(const std::string& path) const {
  return static_cast<int>(
      std::count_if(requests.begin(), requests.end(), [&](const auto& r) { return r.path == path; }));
}

namespace {

Task<http::Response> later(Reactor* reactor, Duration delay, http::Response response, Ctx ctx) {
  (void)co_await sleep_until(*reactor, reactor->now() + delay, ctx);
  co_return response;
}

}  // namespace

http::Answer FakeEtcd::answer(http::Request request, Ctx ctx) {
  const auto scripted = script.find(request.path);
  requests.push_back(std::move(request));
  if (scripted == script.end() || scripted->second.empty()) {
    return http::Response{.status = 404, .content_type = "text/plain", .body = "Not Found\n"};
  }
  const Scripted next = scripted->second.front();
  if (scripted->second.size() > 1) scripted->second.pop_front();
  http::Response response{.status = next.status, .content_type = "application/json", .body = next.body};
  if (next.delay > Duration::zero()) return later(&reactor_, next.delay, std::move(response), std::move(ctx));
  return response;
}

std::string with_header(int term, int revision, const std::string& rest) {
  return fmt::format(R"({{"header":{{"cluster_id":"1","revision":"{}","raft_term":"{}"}}{}{}}})", revision, term,
                     rest.empty() ? "" : ",", rest);
}

std::string key_values(const std::vector<std::array<std::string, 4>>& rows) {
  std::string list;
  for (const auto& [key, value, revision, lease] : rows) {
    list += fmt::format(R"({}{{"key":"{}","value":"{}","mod_revision":"{}","lease":"{}"}})", list.empty() ? "" : ",",
                        http::base64_encode(key), http::base64_encode(value), revision, lease);
  }
  return "\"kvs\":[" + list + "]";
}

}  // namespace matriarch::test
