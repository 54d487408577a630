// The candidate's fence against real servers (DESIGN 3): a primary that still writes is stopped by SQL, everybody else is
// left alone.
#include <csignal>

#include <fmt/format.h>

#include "tests/system/postgres/fixture.h"

namespace matriarch::postgres {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kAnswer = milliseconds(500);
constexpr auto kLimit = seconds(2);

class Fence : public PostgresTest {
 public:
  Task<FenceResult> fence(Node* candidate, Node* suspect) {
    const Instant now = reactor.now();
    co_return co_await candidate->server->fence(suspect->upstream(), now + kAnswer, within(kLimit));
  }

  // Commits one row after the other until the server is gone.
  static Task<void> write(Fence* test, Node* node, int* acknowledged) {
    ConnParams params = {{"host", "127.0.0.1"}, {"port", node->address().port}, {"dbname", "postgres"},
                         {"user", node->options.superuser.username},
                         {"password", node->options.superuser.password.value_or("")}};
    auto session = co_await Connection::open(test->reactor, std::move(params), test->within(seconds(5)));
    CO_ASSERT_TRUE(session.ok());
    for (int n = 1;; ++n) {
      if (!co_await (*session)->query(fmt::format("INSERT INTO t VALUES ({})", n), test->within(seconds(5)))) co_return;
      *acknowledged = n;
    }
  }
};

}  // namespace

TEST_F(Fence, AFormerPrimaryIsStoppedAndNothingItAcknowledgedIsLost) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  constexpr auto body = [](Fence* test, Node* a, Node* b) -> Task<void> {
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    EXPECT_EQ(co_await test->sql(a, "CREATE TABLE t (n int)"), "");
    int acknowledged = 0;
    TaskGroup writers(test->reactor);
    writers.spawn(write(test, a, &acknowledged));
    EXPECT_TRUE(co_await test->wait_until([&] { return acknowledged > 100; }, seconds(10)));

    b->server->prepare_fence(a->upstream());
    const Instant begun = test->reactor.now();
    const auto result = co_await test->fence(b, a);
    test->print_ms("fence by SQL", test->reactor.now() - begun);
    EXPECT_EQ(result.outcome, FenceOutcome::kStopped) << result.why;
    co_await writers.join();
    EXPECT_TRUE(co_await test->wait_until([&] { return !a->server->postmaster(); }, seconds(5)));

    CO_ASSERT_OK(co_await b->server->promote(test->within(seconds(20))));
    EXPECT_EQ(co_await test->sql(b, fmt::format("SELECT count(*) FROM t WHERE n <= {}", acknowledged)),
              std::to_string(acknowledged));
  };
  run(body(this, &a, &b));
}

TEST_F(Fence, AServerThatDoesNotStopInGoodOrderIsStoppedAtOnce) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  Node& c = add_node("c");
  constexpr auto body = [](Fence* test, Node* a, Node* b, Node* c) -> Task<void> {
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    co_await test->make_standby(c, a);
    // A fast shutdown waits for every standby to receive the end of the WAL: this one never will.
    const pid_t frozen = static_cast<pid_t>(std::stol(co_await test->sql(c, "SELECT pid FROM pg_stat_wal_receiver")));
    kill(frozen, SIGSTOP);
    const Instant begun = test->reactor.now();
    const auto result = co_await test->fence(b, a);
    const Duration took = test->reactor.now() - begun;
    kill(frozen, SIGCONT);
    EXPECT_EQ(result.outcome, FenceOutcome::kStopped) << result.why;
    EXPECT_GE(took, milliseconds(300));
    EXPECT_LT(took, milliseconds(1000));
  };
  run(body(this, &a, &b, &c));
}

TEST_F(Fence, WhoTakesNoWritesIsLeftAlone) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  Node& c = add_node("c");
  Node& other = add_node("other");
  constexpr auto body = [](Fence* test, Node* a, Node* b, Node* c, Node* other) -> Task<void> {
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    co_await test->make_standby(c, a);
    co_await test->bootstrap(other);

    EXPECT_EQ((co_await test->fence(b, c)).outcome, FenceOutcome::kNotNeeded);
    EXPECT_EQ(co_await test->sql(c, "SELECT pg_is_in_recovery()"), "t");

    EXPECT_EQ((co_await test->fence(b, other)).outcome, FenceOutcome::kNotNeeded);
    EXPECT_EQ(co_await test->sql(other, "SELECT 1"), "1") << "a server of another cluster was stopped";

    // Promoted without us: a timeline this standby never saw.
    CO_ASSERT_OK(co_await c->server->promote(test->within(seconds(20))));
    EXPECT_EQ((co_await test->fence(b, c)).outcome, FenceOutcome::kNotNeeded);
    EXPECT_EQ(co_await test->sql(c, "SELECT 1"), "1");

    CO_ASSERT_OK(co_await a->server->stop({.mode = StopMode::kFast}, test->within(seconds(20))));
    const auto refused = co_await test->fence(b, a);
    EXPECT_EQ(refused.outcome, FenceOutcome::kNotNeeded) << refused.why;
  };
  run(body(this, &a, &b, &c, &other));
}

TEST_F(Fence, WhatCannotBeDoneIsSaidInTime) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  constexpr auto body = [](Fence* test, Node* a, Node* b) -> Task<void> {
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    EXPECT_EQ(co_await test->sql(a, "CREATE ROLE plain LOGIN PASSWORD 'plain'"), "");
    EXPECT_TRUE(co_await test->wait_for_sql(b, "SELECT count(*) FROM pg_roles WHERE rolname = 'plain'", "1", seconds(5)));
    PostgresOptions options = b->options;
    const Credentials superuser = options.superuser;
    options.superuser = {.username = "plain", .password = "plain"};
    CO_ASSERT_OK(co_await b->server->reconfigure(options, false, test->within(seconds(10))));
    const auto weak = co_await test->fence(b, a);
    EXPECT_EQ(weak.outcome, FenceOutcome::kNotPossible);
    EXPECT_NE(weak.why, "");
    EXPECT_EQ(co_await test->sql(a, "SELECT 1"), "1");
    options.superuser = superuser;
    CO_ASSERT_OK(co_await b->server->reconfigure(options, false, test->within(seconds(10))));

    // The kernel still completes the handshake of a frozen server; nothing answers after that.
    const pid_t frozen = test->postmaster_pid(*a);
    kill(frozen, SIGSTOP);
    const Instant begun = test->reactor.now();
    const auto silent = co_await test->fence(b, a);
    EXPECT_LT(test->reactor.now() - begun, kAnswer + milliseconds(200));
    kill(frozen, SIGCONT);
    EXPECT_EQ(silent.outcome, FenceOutcome::kNotPossible);
  };
  run(body(this, &a, &b));
}

}  // namespace matriarch::postgres
