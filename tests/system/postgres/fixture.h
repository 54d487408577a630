// Real servers for tests: each with a PostgresServer of its own, all on one reactor, below one temporary folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/log.h"
#include "base/reactor.h"
#include "base/task_group.h"
#include "base/wait.h"
#include "postgres/connection.h"
#include "postgres/postgres_server.h"

namespace matriarch::postgres {

// A server of the test and what the agent would know about it.
struct Node {
  PostgresOptions options;
  Value dynamic;  // last given to apply_settings
  std::unique_ptr<PostgresServer> server;
  int changes = 0;
  Instant changed_at;

  [[nodiscard]] MemberAddress address() const {
    return {.host = "127.0.0.1", .port = options.listen.substr(options.listen.rfind(':') + 1), .dbname = "postgres"};
  }
  [[nodiscard]] Upstream upstream() const { return {.member = options.name, .address = address()}; }
};

class PostgresTest : public testing::Test {
 public:  // the bodies of the tests are coroutines without captures: they are given the test and use it from outside
  void SetUp() override;
  void TearDown() override;

  // Port 25500 + number, data in <root>/<name>. Options may be changed until the first use of `server`.
  Node& add_node(const std::string& name);
  // The agent's process is gone and a new one begins: same options, new object.
  void restart_agent(Node& node);

  // Runs a coroutine on the reactor to its end. Fails the test when it takes longer than a minute.
  void run(Task<void> task);

  Ctx within(Duration limit) { return {.deadline = reactor.now() + limit}; }
  Task<void> bootstrap(Node* node);                    // a primary that accepts connections, with its users
  Task<void> make_standby(Node* node, Node* primary);  // cloned, started, streaming
  // Rows of a query as superuser, cells separated by '|', rows by newlines. An error's text begins with "ERROR".
  Task<std::string> sql(Node* node, std::string statement);
  Task<bool> wait_for_sql(Node* node, std::string statement, std::string expected, Duration limit);
  // Waits until the condition holds; false at the deadline.
  template <class Condition>
  Task<bool> wait_until(Condition condition, Duration limit) {
    const Ctx ctx = within(limit);
    while (!condition()) {
      if (!co_await pause_for(reactor, std::chrono::milliseconds(1), ctx)) co_return false;
    }
    co_return true;
  }
  pid_t postmaster_pid(const Node& node);
  void kill_server(const Node& node);  // SIGKILL of every process of it, at once
  void print_ms(const char* what, Duration took);

  Reactor reactor;
  std::filesystem::path root;
  std::vector<std::unique_ptr<Node>> nodes;
};

inline double ms(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

}  // namespace matriarch::postgres

// gtest's ASSERT returns without a value, which a coroutine cannot.
#define CO_ASSERT_OK(expression)                                        \
  do {                                                                  \
    const auto& co_status = (expression);                               \
    if (!co_status) {                                                   \
      ADD_FAILURE() << #expression << ": " << co_status.error().text(); \
      co_return;                                                        \
    }                                                                   \
  } while (false)
#define CO_ASSERT_TRUE(condition)  \
  do {                             \
    if (!(condition)) {            \
      ADD_FAILURE() << #condition; \
      co_return;                   \
    }                              \
  } while (false)
