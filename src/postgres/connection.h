// A connection to some PostgreSQL, without ever blocking the reactor: libpq's asynchronous interface, names resolved on
// a worker thread beforehand, deadlines of our own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/reactor.h"
#include "base/result.h"
#include "postgres/conninfo.h"

namespace matriarch::postgres {

struct Rows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;

  // Precondition: the cell exists. Null gives an empty text.
  [[nodiscard]] std::string text(std::size_t row, std::size_t column) const {
    return rows.at(row).at(column).value_or(std::string());
  }
};

class Connection {
 public:
  // kUnavailable: nothing answers there, or it refuses us (the text says which); kTimeout, kCancelled.
  static Task<Result<std::unique_ptr<Connection>>> open(Reactor& reactor, ConnParams params, Ctx ctx);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // One or more statements by the simple protocol (also of a replication connection); the rows of the last one.
  // kFailed: the server reported an error (see sqlstate()); kUnavailable: the connection is lost; kTimeout, kCancelled:
  // given up, and the connection with it. One query at a time.
  Task<Result<Rows>> query(std::string sql, Ctx ctx);

  [[nodiscard]] bool usable() const { return connection_ != nullptr; }
  [[nodiscard]] const std::string& sqlstate() const { return sqlstate_; }  // of the last kFailed
  [[nodiscard]] int server_version() const;                                // 150020

  // Completes when the connection, while no query runs, is closed by the other side (or the Ctx ends: an error).
  Task<Status> wait_for_loss(Ctx ctx);

  [[nodiscard]] std::string literal(std::string_view text) const;
  [[nodiscard]] std::string identifier(std::string_view text) const;

 private:
  struct Closer {
    void operator()(void* connection) const;
  };
  Connection(Reactor& reactor, void* connection) : reactor_(reactor), connection_(connection) {}

  Task<Status> send(std::string sql, Ctx ctx);
  Error lost();

  Reactor& reactor_;
  std::unique_ptr<void, Closer> connection_;  // PGconn; libpq-fe.h stays out of this header
  std::string sqlstate_;
};

// Replaces each host name in `host` (a comma list) by its addresses: adds "hostaddr", which keeps libpq from resolving.
Task<Result<ConnParams>> resolve(Reactor& reactor, ConnParams params, Ctx ctx);

}  // namespace matriarch::postgres
