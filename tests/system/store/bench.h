// What the tests of a store stand on: a reactor, a running engine, and nodes of one cluster.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/reactor.h"
#include "base/wait.h"
#include "ports/store.h"

// ASSERT_* return from the function, which a coroutine cannot do.
#define CO_ASSERT(condition)                \
  if (!(condition)) {                       \
    ADD_FAILURE() << "not so: " #condition; \
    co_return;                              \
  }                                         \
  static_assert(true)

namespace matriarch::test {

// A store engine under test: how to reach its server, and the server's own view of the keys.
class Engine {
 public:
  virtual ~Engine() = default;
  // A node's client of the cluster `scope`. Closed and destroyed by close_all().
  virtual Store* open(const std::string& scope, const std::string& name, Duration ttl) = 0;
  virtual void close_all() = 0;
  virtual void put_raw(const std::string& scope, const std::string& key, const std::string& value) = 0;
  virtual std::optional<std::string> get_raw(const std::string& scope, const std::string& key) = 0;
  virtual void delete_raw(const std::string& scope, const std::string& key) = 0;
};

inline Ctx within(Reactor& reactor, Duration time) { return {.deadline = reactor.now() + time}; }

// Looks, and takes the leader key on what it saw, as a node does.
inline Task<Result<LeaseHeld>> look_and_acquire(Store* store, Ctx ctx) {
  const auto view = co_await store->load(ctx);
  if (!view.ok()) co_return view.error();
  co_return co_await store->acquire_leader(view->basis, ctx);
}

inline MemberData member_data(std::uint64_t position = 0) {
  MemberData data;
  data.conn_url = "postgres://127.0.0.1:5432/postgres";
  data.api_url = "http://127.0.0.1:8008/patroni";
  data.state = PgState::kRunning;
  data.role = Role::kReplica;
  data.version = "4.1.4";
  data.has_wal_position = true;
  data.xlog_location = Lsn{position};
  return data;
}

}  // namespace matriarch::test
