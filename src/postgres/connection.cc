#include "postgres/connection.h"

#include <libpq-fe.h>

#include <fmt/format.h>

namespace matriarch::postgres {

namespace {

PGconn* pg(const auto& connection) { return static_cast<PGconn*>(connection.get()); }

std::string one_line(const char* text) {
  std::string line(text != nullptr ? text : "");
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  std::ranges::replace(line, '\n', ' ');
  return line;
}

struct ResultDeleter {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ResultDeleter>;

Rows rows_of(const PGresult* result) {
  Rows rows;
  const int columns = PQnfields(result);
  for (int c = 0; c < columns; ++c) rows.columns.emplace_back(PQfname(result, c));
  for (int r = 0; r < PQntuples(result); ++r) {
    auto& row = rows.rows.emplace_back();
    for (int c = 0; c < columns; ++c) {
      if (PQgetisnull(result, r, c) != 0) {
        row.emplace_back(std::nullopt);
      } else {
        row.emplace_back(std::string(PQgetvalue(result, r, c), static_cast<std::size_t>(PQgetlength(result, r, c))));
      }
    }
  }
  return rows;
}

void drop_notice(void* /*argument*/, const char* /*message*/) {}

}  // namespace

void Connection::Closer::operator()(void* connection) const { PQfinish(static_cast<PGconn*>(connection)); }

Connection::~Connection() = default;

int Connection::server_version() const { return connection_ ? PQserverVersion(pg(connection_)) : 0; }

Task<Result<std::unique_ptr<Connection>>> Connection::open(Reactor& reactor, ConnParams params, Ctx ctx) {
  // Asking for Kerberos encryption costs a look at the credential cache, and mostly a round trip, for nothing.
  if (!params.contains("krbsrvname")) params.try_emplace("gssencmode", "disable");
  auto resolved = co_await resolve(reactor, std::move(params), ctx);
  if (!resolved) co_return resolved.error();
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : *resolved) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);

  std::unique_ptr<Connection> self(new Connection(reactor, PQconnectStartParams(keys.data(), values.data(), 0)));
  if (!self->connection_) co_return Error(Errc::kUnavailable, "out of memory");
  PGconn* const conn = pg(self->connection_);
  PQsetNoticeProcessor(conn, drop_notice, nullptr);
  auto state = PQstatus(conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) co_return Error(Errc::kUnavailable, one_line(PQerrorMessage(conn)));
    // The socket may be another one after each step: the next host, or the next try without TLS.
    const int fd = PQsocket(conn);
    Status ready;
    if (state == PGRES_POLLING_READING) {
      ready = co_await reactor.readable(fd, ctx);
    } else {
      ready = co_await reactor.writable(fd, ctx);
    }
    if (!ready) co_return ready.error().in("connecting to PostgreSQL");
    state = PQconnectPoll(conn);
  }
  PQsetnonblocking(conn, 1);
  co_return self;
}

Error Connection::lost() {
  Error error(Errc::kUnavailable, connection_ ? one_line(PQerrorMessage(pg(connection_))) : "the connection is closed");
  connection_.reset();
  return error;
}

Task<Status> Connection::send(std::string sql, Ctx ctx) {
  if (!connection_ || PQsendQuery(pg(connection_), sql.c_str()) == 0) co_return lost();
  while (true) {
    const int left = PQflush(pg(connection_));
    if (left < 0) co_return lost();
    if (left == 0) co_return Status();
    const auto ready = co_await reactor_.writable(PQsocket(pg(connection_)), ctx);
    if (!ready) {
      connection_.reset();
      co_return ready;
    }
  }
}

Task<Result<Rows>> Connection::query(std::string sql, Ctx ctx) {
  if (const auto sent = co_await send(std::move(sql), ctx); !sent) co_return sent.error();
  Rows rows;
  std::optional<Error> failure;
  while (true) {
    while (PQisBusy(pg(connection_)) != 0) {
      const auto ready = co_await reactor_.readable(PQsocket(pg(connection_)), ctx);
      if (!ready) {
        connection_.reset();  // an answer that nobody waits for any more would be taken for the next one's
        co_return ready.error().in("waiting for PostgreSQL");
      }
      if (PQconsumeInput(pg(connection_)) == 0) co_return lost();
    }
    const ResultPtr result(PQgetResult(pg(connection_)));
    if (!result) break;
    switch (PQresultStatus(result.get())) {
      case PGRES_TUPLES_OK: rows = rows_of(result.get()); break;
      case PGRES_COMMAND_OK:
      case PGRES_EMPTY_QUERY: rows = Rows(); break;
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH: connection_.reset(); co_return Error(Errc::kProtocol, "COPY is not spoken here");
      default: {
        const char* state = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE);
        sqlstate_ = state != nullptr ? state : "";
        const char* primary = PQresultErrorField(result.get(), PG_DIAG_MESSAGE_PRIMARY);
        failure = Error(Errc::kFailed, fmt::format("{} ({})", one_line(primary), sqlstate_));
        break;
      }
    }
  }
  if (PQstatus(pg(connection_)) == CONNECTION_BAD) {
    auto error = lost();
    co_return failure ? Error(Errc::kUnavailable, failure->text()) : std::move(error);
  }
  if (failure) co_return *failure;
  co_return rows;
}

Task<Status> Connection::wait_for_loss(Ctx ctx) {
  while (connection_) {
    const auto ready = co_await reactor_.readable(PQsocket(pg(connection_)), ctx);
    if (!ready) co_return ready;
    // A query that began since then owns the socket, and what is there to read is its answer.
    if (ctx.stop.stop_requested()) co_return Error(Errc::kCancelled, "cancelled");
    if (!connection_ || PQconsumeInput(pg(connection_)) == 0) break;
    if (PQstatus(pg(connection_)) == CONNECTION_BAD) break;
    while (PQisBusy(pg(connection_)) == 0) {
      const ResultPtr result(PQgetResult(pg(connection_)));  // an asynchronous FATAL comes as a result
      if (!result) break;
    }
    if (PQstatus(pg(connection_)) == CONNECTION_BAD) break;
  }
  connection_.reset();
  co_return Status();
}

std::string Connection::literal(std::string_view text) const {
  if (!connection_) return "''";
  char* quoted = PQescapeLiteral(pg(connection_), text.data(), text.size());
  std::string result(quoted != nullptr ? quoted : "''");
  PQfreemem(quoted);
  return result;
}

std::string Connection::identifier(std::string_view text) const {
  if (!connection_) return "\"\"";
  char* quoted = PQescapeIdentifier(pg(connection_), text.data(), text.size());
  std::string result(quoted != nullptr ? quoted : "\"\"");
  PQfreemem(quoted);
  return result;
}

}  // namespace matriarch::postgres
