// What the store makes of answers that a healthy etcd gives rarely: an old member's, an overtaken one's, a broken one's.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/wait.h"
#include "store/etcd3/etcd3_store.h"
#include "tests/unit/store/fake_etcd.h"

namespace matriarch::etcd3 {
namespace {

using namespace std::chrono_literals;
using test::FakeEtcd;
using test::key_values;
using test::with_header;

std::string keepalive(int term, int ttl = 30) {
  return R"({"result":)" +
         with_header(term, 1, ttl > 0 ? fmt::format(R"("ID":"77","TTL":"{}")", ttl) : R"("ID":"77")") + "}";
}

// The answer to a renewal's transaction.
std::string leader_is(int term, const std::string& name, const std::string& lease, bool succeeded = true) {
  return with_header(term, 10,
                     fmt::format(R"("succeeded":{},"responses":[{{"response_range":{{{}}}}}])", succeeded,
                                 key_values({{"/service/demo/leader", name, "5", lease}})));
}

class AnswersTest : public testing::Test {
 protected:
  AnswersTest() {
    etcd_.script["/v3/lease/grant"] = {{with_header(5, 1, R"("ID":"77","TTL":"30")")}};
    etcd_.script["/v3/lease/keepalive"] = {{keepalive(5)}};
    etcd_.script["/v3/kv/range"] = {{with_header(5, 9)}};
    options_ = {
        .endpoints = {etcd_.address()}, .use_proxies = true, .scope = "demo", .name = "me", .retry_timeout = 500ms};
    options_.cli = true;  // no watch: what is asked is what the test asks for
    options_.resume_lease = "77";
  }
  ~AnswersTest() override {
    if (store_) close();
  }
  void close() {
    reactor_.run_until_done([](Etcd3Store* store) -> Task<void> { co_await store->close(); }(store_.get()));
    store_.reset();
  }
  Etcd3Store* open() {
    store_ = Etcd3Store::create(reactor_, options_).value();
    return store_.get();
  }
  RenewOutcome renew(Duration patience = 500ms) {
    if (!store_) open();
    RenewOutcome outcome;
    reactor_.run_until_done([](Reactor* r, Store* s, Duration time, RenewOutcome* out) -> Task<void> {
      *out = co_await s->renew_leader({}, Ctx{.deadline = r->now() + time});
    }(&reactor_, store_.get(), patience, &outcome));
    return outcome;
  }
  Result<ClusterView> load(Duration patience = 500ms) {
    if (!store_) open();
    Result<ClusterView> result = Error(Errc::kFailed, "");
    reactor_.run_until_done([](Reactor* r, Store* s, Duration time, Result<ClusterView>* out) -> Task<void> {
      *out = co_await s->load(Ctx{.deadline = r->now() + time});
    }(&reactor_, store_.get(), patience, &result));
    return result;
  }

  Reactor reactor_;
  FakeEtcd etcd_{reactor_};
  Etcd3Options options_;
  std::unique_ptr<Etcd3Store> store_;
};

TEST_F(AnswersTest, ARenewalInOneTermIsKept) {  // DESIGN 3
  etcd_.script["/v3/kv/txn"] = {{leader_is(5, "me", "77")}};
  const Instant before = reactor_.now();
  const RenewOutcome outcome = renew();
  EXPECT_EQ(outcome.verdict, RenewVerdict::kKept) << outcome.why;
  EXPECT_GE(outcome.lease.sent_at, before);
  EXPECT_EQ(etcd_.count("/v3/lease/keepalive"), 1);
  EXPECT_EQ(etcd_.count("/v3/kv/txn"), 1);
}

TEST_F(AnswersTest, AnotherTermMeansAnotherKeepalive) {  // B19
  etcd_.script["/v3/lease/keepalive"] = {{keepalive(5)}, {keepalive(6)}};
  etcd_.script["/v3/kv/txn"] = {{leader_is(6, "me", "77")}};
  const Instant before = reactor_.now();
  const RenewOutcome outcome = renew();
  EXPECT_EQ(outcome.verdict, RenewVerdict::kKept) << outcome.why;
  EXPECT_GT(outcome.lease.sent_at, before);
  EXPECT_EQ(etcd_.count("/v3/lease/keepalive"), 2);
}

TEST_F(AnswersTest, AKeepaliveFromAnEarlierTermIsNeverBelieved) {  // B19, DCS-232
  etcd_.script["/v3/kv/txn"] = {{leader_is(6, "me", "77")}};       // the majority is in term 6 ...
  const RenewOutcome outcome = renew();                            // ... but every keepalive is answered in term 5
  EXPECT_EQ(outcome.verdict, RenewVerdict::kUnknown);
  EXPECT_NE(outcome.why.find("left behind"), std::string::npos) << outcome.why;
}

TEST_F(AnswersTest, AKeepaliveAloneIsUnknown) {  // B19
  etcd_.script["/v3/kv/txn"] = {{R"({"error":"etcdserver: request timed out","code":14})", 503}};
  const RenewOutcome outcome = renew();
  EXPECT_EQ(outcome.verdict, RenewVerdict::kUnknown);
  EXPECT_NE(outcome.why.find("request timed out"), std::string::npos) << outcome.why;
  EXPECT_NE(outcome.why.find(to_string(etcd_.address())), std::string::npos) << outcome.why;
}

TEST_F(AnswersTest, ARefusalIsNoProofOfLoss) {
  etcd_.script["/v3/kv/txn"] = {{R"({"error":"etcdserver: mvcc: database space exceeded","code":8})", 429}};
  EXPECT_EQ(renew().verdict, RenewVerdict::kUnknown);
}

TEST_F(AnswersTest, WhatCannotBePublishedDoesNotCostTheLock) {  // HA-036
  etcd_.script["/v3/kv/txn"] = {{R"({"error":"etcdserver: mvcc: database space exceeded","code":8})", 429},
                                {leader_is(5, "me", "77")}};
  open();
  RenewOutcome outcome;
  reactor_.run_until_done([](Reactor* r, Store* s, RenewOutcome* out) -> Task<void> {
    LeaderReport report;
    report.status = StatusInfo{.optime = Lsn{1}};
    *out = co_await s->renew_leader(report, Ctx{.deadline = r->now() + 500ms});
  }(&reactor_, store_.get(), &outcome));
  EXPECT_EQ(outcome.verdict, RenewVerdict::kKept) << outcome.why;
}

TEST_F(AnswersTest, AForgottenLeaseIsLostOnlyIfAMajoritySaysSo) {  // DCS-247
  etcd_.script["/v3/lease/keepalive"] = {{keepalive(5, 0)}};
  etcd_.script["/v3/lease/grant"] = {{with_header(5, 1, R"("ID":"88","TTL":"30")")}};
  etcd_.script["/v3/kv/txn"] = {{with_header(5, 10, R"("responses":[{"response_range":{}}])")}};
  const RenewOutcome outcome = renew();
  EXPECT_EQ(outcome.verdict, RenewVerdict::kLost);
  EXPECT_TRUE(outcome.vacant);
  close();
  // The same, but the majority shows the key under our name with the old lease: it is bound to the new one.
  etcd_.script["/v3/lease/keepalive"] = {{keepalive(5, 0)}, {keepalive(5)}};
  etcd_.script["/v3/kv/txn"] = {{leader_is(5, "me", "77")}, {leader_is(5, "me", "88")}};
  const RenewOutcome rebound = renew();
  EXPECT_EQ(rebound.verdict, RenewVerdict::kKept) << rebound.why;
}

TEST_F(AnswersTest, AnErrorInsideAGoodStatusIsAnError) {  // DCS-465
  etcd_.script["/v3/lease/keepalive"] = {
      {R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}})"}};
  const RenewOutcome outcome = renew();
  EXPECT_EQ(outcome.verdict, RenewVerdict::kUnknown);
  EXPECT_EQ(etcd_.count("/v3/lease/grant"), 0) << "the lease is not thought lost";
}

TEST_F(AnswersTest, AnotherEndpointIsAskedWithinTheDeadline) {
  FakeEtcd other(reactor_);
  other.script["/v3/lease/keepalive"] = {{keepalive(6)}};
  other.script["/v3/kv/txn"] = {{leader_is(6, "me", "77")}};
  etcd_.script["/v3/kv/txn"] = {{R"({"error":"etcdserver: request timed out","code":14})", 503}};
  options_.endpoints.push_back(other.address());
  const RenewOutcome outcome = renew(1s);
  EXPECT_EQ(outcome.verdict, RenewVerdict::kKept) << outcome.why;
  EXPECT_EQ(other.count("/v3/lease/keepalive"), 1) << "that of the first endpoint was of another term";
}

TEST_F(AnswersTest, TheTrailerOfAReplyIsIgnored) {  // DCS-242
  etcd_.script["/v3/kv/range"] = {{with_header(5, 9, key_values({{"/service/demo/leader", "b", "3", ""}})) +
                                   "Grpc-Trailer-Content-Type: application/grpc"}};
  const auto view = load();
  ASSERT_TRUE(view.ok()) << view.error().text();
  EXPECT_EQ(view->leader_name(), "b");
}

TEST_F(AnswersTest, WhatIsNoJsonIsAnUnavailableEndpoint) {
  for (const auto& [body, status] :
       std::vector<std::pair<std::string, int>>{{"", 200}, {"<html>", 502}, {"{\"a\":", 200}, {"{}", 500}}) {
    etcd_.script["/v3/kv/range"] = {{body, status}};
    const auto view = load(200ms);
    ASSERT_FALSE(view.ok());
    EXPECT_EQ(view.error().code(), Errc::kTimeout) << view.error().text();  // it was sent: nobody knows
  }
}

TEST_F(AnswersTest, OldServersAreSpokenToInTheirWay) {  // DCS-240
  etcd_.script.erase("/v3/kv/range");
  etcd_.script["/v3beta/kv/range"] = {{with_header(5, 9)}};
  etcd_.script["/version"] = {{R"({"etcdserver":"3.3.25","etcdcluster":"3.3.0"})"}};
  EXPECT_TRUE(load().ok());
  EXPECT_TRUE(load().ok());
  EXPECT_EQ(etcd_.count("/version"), 1);
  close();
  etcd_.script.erase("/v3beta/kv/range");
  etcd_.script["/version"] = {{R"({"etcdserver":"2.3.8","etcdcluster":"2.3.0"})"}};
  const auto refused = load();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Errc::kUnsupported) << refused.error().text();
}

TEST_F(AnswersTest, TokensAreSentBareAndRenewedOnce) {  // DCS-241, DCS-280, DCS-288
  options_.username = "u";
  options_.password = "pw";
  etcd_.script["/v3/auth/authenticate"] = {{with_header(5, 1, R"("token":"t1")")},
                                           {with_header(5, 1, R"("token":"t2")")}};
  etcd_.script["/v3/kv/range"] = {
      {with_header(5, 9)}, {R"({"error":"etcdserver: invalid auth token","code":16})", 401}, {with_header(5, 9)}};
  EXPECT_TRUE(load().ok());
  EXPECT_TRUE(load().ok());
  EXPECT_EQ(etcd_.count("/v3/auth/authenticate"), 2);
  std::vector<std::string> tokens;
  for (const auto& request : etcd_.requests) {
    const auto token = request.headers.find("Authorization");
    if (request.path == "/v3/kv/range") tokens.emplace_back(token.value_or("none"));
    if (request.path == "/v3/auth/authenticate") EXPECT_FALSE(token.has_value());
  }
  EXPECT_EQ(tokens, (std::vector<std::string>{"t1", "t1", "t2"}));
}

TEST_F(AnswersTest, PermissionsThatStayDeniedEndTheCall) {
  options_.username = "u";
  options_.password = "pw-secret";
  etcd_.script["/v3/auth/authenticate"] = {{with_header(5, 1, R"("token":"t1")")}};
  etcd_.script["/v3/kv/range"] = {{R"({"error":"etcdserver: permission denied","code":7})", 403}};
  const Instant begin = reactor_.now();
  const auto view = load(5s);
  ASSERT_FALSE(view.ok());
  EXPECT_EQ(view.error().code(), Errc::kDenied);
  EXPECT_LT(reactor_.now() - begin, 2s);
  EXPECT_EQ(view.error().text().find("pw-secret"), std::string::npos);
}

TEST_F(AnswersTest, ANameIsExpandedToItsAddresses) {  // DCS-227
  options_.endpoints = {{"localhost", etcd_.address().port}};
  options_.expand_host = true;
  EXPECT_TRUE(load(2s).ok());
  close();
  options_.endpoints = {{"no such name", 1}};
  const auto view = load(2s);
  ASSERT_FALSE(view.ok());
  EXPECT_EQ(view.error().code(), Errc::kUnavailable);
}

TEST_F(AnswersTest, MembersFromBeforeStatusAreServed) {  // DCS-029
  etcd_.script["/v3/kv/range"] = {
      {with_header(5, 9, key_values({{"/service/demo/members/old", R"({"version":"2.0.2"})", "3", ""}}))}};
  etcd_.script["/v3/kv/txn"] = {{leader_is(5, "me", "77")}};
  ASSERT_TRUE(load().ok());
  reactor_.run_until_done([](Reactor* r, Store* s) -> Task<void> {
    LeaderReport report;
    report.status = StatusInfo{.optime = Lsn{4711}};
    EXPECT_EQ((co_await s->renew_leader(report, Ctx{.deadline = r->now() + 500ms})).verdict, RenewVerdict::kKept);
  }(&reactor_, store_.get()));
  const std::string& sent = etcd_.requests.back().body;
  EXPECT_NE(sent.find(to_json(put("/service/demo/optime/leader", "4711", {}))), std::string::npos) << sent;
}

TEST_F(AnswersTest, WhatIsNoLeaseIsNotResumed) {
  options_.resume_lease = "77;drop";
  etcd_.script["/v3/kv/txn"] = {{leader_is(5, "me", "77")}};
  EXPECT_EQ(renew().verdict, RenewVerdict::kKept);
  EXPECT_EQ(etcd_.count("/v3/lease/grant"), 1);
}

TEST_F(AnswersTest, ACancelledCallIsNotTheEndpointsFault) {
  FakeEtcd other(reactor_);
  options_.endpoints.push_back(other.address());
  etcd_.script["/v3/kv/range"] = {{.body = with_header(5, 9), .delay = 10s}, {with_header(5, 9)}};
  open();
  reactor_.run_until_done([](Reactor* r, Store* s) -> Task<void> {
    std::stop_source stop;
    const Instant begin = r->now();
    r->call_at(begin + 50ms, [&stop] { stop.request_stop(); });
    const auto view = co_await s->load(Ctx{.deadline = begin + 5s, .stop = stop.get_token()});
    EXPECT_FALSE(view.ok());
    EXPECT_EQ(view.error().code(), Errc::kCancelled);
    EXPECT_LT(r->now() - begin, 2s);
  }(&reactor_, store_.get()));
  EXPECT_TRUE(load().ok());
  EXPECT_EQ(other.requests.size(), 0u);
}

TEST_F(AnswersTest, ASlowEndpointGetsItsShareOnly) {  // DCS-234
  FakeEtcd other(reactor_);
  other.script["/v3/kv/range"] = {{with_header(5, 9)}};
  options_.endpoints.push_back(other.address());
  options_.retry_timeout = 1s;
  etcd_.script["/v3/kv/range"] = {{.body = with_header(5, 9), .delay = 10s}};
  const Instant begin = reactor_.now();
  EXPECT_TRUE(load(1s).ok());
  EXPECT_GE(reactor_.now() - begin, 500ms);
  EXPECT_EQ(other.requests.size(), 1u);
}

TEST_F(AnswersTest, NobodyThereHadNoEffect) {
  options_.endpoints = {{"127.0.0.1", 1}};
  const auto view = load(300ms);
  ASSERT_FALSE(view.ok());
  EXPECT_EQ(view.error().code(), Errc::kUnavailable);
  EXPECT_NE(view.error().text().find("127.0.0.1:1"), std::string::npos) << view.error().text();
}

// --- the watch

class WatchTest : public AnswersTest {
 protected:
  WatchTest() {
    options_.cli = false;
    etcd_.script["/v3/kv/range"] = {{with_header(5, 9, key_values({{"/service/demo/leader", "b", "3", ""}}))}};
  }
  bool eventually(const std::function<bool()>& condition) {
    const Instant end = reactor_.now() + 3s;
    while (!condition() && reactor_.now() < end) {
      reactor_.run_until_done(
          [](Reactor* r) -> Task<void> { (void)co_await sleep_until(*r, r->now() + 5ms, Ctx{}); }(&reactor_));
    }
    return condition();
  }
};

TEST_F(WatchTest, AnErrorInTheStreamBringsAFreshRange) {  // DCS-273
  const std::vector<std::string> endings{
      R"({"result":{"header":{"raft_term":"5"},"canceled":true,"compact_revision":"50"}})",
      R"({"result":{"header":{"raft_term":"5"},"watch_id":"-1","canceled":true,"cancel_reason":"etcdserver: permission denied"}})",
      R"({"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}})", "garbage {]", ""};
  for (const std::string& ending : endings) {
    SCOPED_TRACE(ending);
    etcd_.requests.clear();
    etcd_.script["/v3/watch"] = {{R"({"result":{"header":{"raft_term":"5"},"created":true}})"
                                  "\n" +
                                  ending}};
    ASSERT_TRUE(load().ok());
    EXPECT_TRUE(eventually([&] { return etcd_.count("/v3/watch") >= 2 && etcd_.count("/v3/kv/range") >= 2; }));
    close();
  }
}

TEST_F(WatchTest, EventsChangeTheViewAndAreTold) {
  etcd_.script["/v3/watch"] = {
      {R"({"result":{"header":{"raft_term":"5"},"created":true}})"
       R"({"result":{"header":{"raft_term":"5","revision":"12"},"events":[{"type":"DELETE","kv":{"key":")" +
       std::string("L3NlcnZpY2UvZGVtby9sZWFkZXI=") + R"(","mod_revision":"12"}}]}})"}};
  open();
  int told = 0;
  store_->on_change([&told] { ++told; });
  ASSERT_TRUE(load().ok());
  EXPECT_TRUE(eventually([&] { return told > 0; }));
}

TEST_F(WatchTest, AMemberThatWasLeftBehindIsNotWatched) {  // DCS-275
  etcd_.script["/v3/watch"] = {{R"({"result":{"header":{"raft_term":"4"},"created":true}})"}};
  ASSERT_TRUE(load().ok());
  EXPECT_TRUE(eventually([&] { return etcd_.count("/v3/watch") >= 1; }));
  const int before = etcd_.count("/v3/kv/range");
  ASSERT_TRUE(load().ok());
  EXPECT_GT(etcd_.count("/v3/kv/range"), before) << "memory must not answer";
}

}  // namespace
}  // namespace matriarch::etcd3
