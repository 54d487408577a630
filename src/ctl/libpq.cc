#include "ctl/libpq.h"

#include <charconv>
#include <cmath>

#include <dlfcn.h>
#include <libpq-fe.h>

namespace matriarch::ctl {
namespace {

// The few functions that are used, found at run time.
struct Library {
  decltype(&PQconnectdbParams) connect = nullptr;
  decltype(&PQstatus) status = nullptr;
  decltype(&PQerrorMessage) error_message = nullptr;
  decltype(&PQfinish) finish = nullptr;
  decltype(&PQexec) exec = nullptr;
  decltype(&PQresultStatus) result_status = nullptr;
  decltype(&PQresultErrorField) error_field = nullptr;
  decltype(&PQresultErrorMessage) result_message = nullptr;
  decltype(&PQclear) clear = nullptr;
  decltype(&PQnfields) nfields = nullptr;
  decltype(&PQntuples) ntuples = nullptr;
  decltype(&PQfname) fname = nullptr;
  decltype(&PQftype) ftype = nullptr;
  decltype(&PQgetisnull) getisnull = nullptr;
  decltype(&PQgetvalue) getvalue = nullptr;

  bool load() {
    void* handle = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);  // never closed: it is used to the end of the process
    if (handle == nullptr) return false;
    const auto find = [handle](auto& function, const char* name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
      return function != nullptr;
    };
    return find(connect, "PQconnectdbParams") && find(status, "PQstatus") && find(error_message, "PQerrorMessage") &&
           find(finish, "PQfinish") && find(exec, "PQexec") && find(result_status, "PQresultStatus") &&
           find(error_field, "PQresultErrorField") && find(result_message, "PQresultErrorMessage") &&
           find(clear, "PQclear") && find(nfields, "PQnfields") && find(ntuples, "PQntuples") &&
           find(fname, "PQfname") && find(ftype, "PQftype") && find(getisnull, "PQgetisnull") &&
           find(getvalue, "PQgetvalue");
  }
};

const Library* library() {
  static Library loaded;
  static const bool ok = loaded.load();
  return ok ? &loaded : nullptr;
}

// Owns the result of one statement.
class SqlResult {
 public:
  SqlResult(const Library& pq, PGresult* result) : pq_(pq), result_(result) {}
  SqlResult(const SqlResult&) = delete;
  SqlResult& operator=(const SqlResult&) = delete;
  ~SqlResult() { pq_.clear(result_); }

  [[nodiscard]] bool failed() const {
    const auto status = pq_.result_status(result_);
    return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY;
  }
  // CTL-255
  [[nodiscard]] std::string failure() const {
    const char* code = pq_.error_field(result_, PG_DIAG_SQLSTATE);
    if (code != nullptr) return fmt::format("ERROR, SQLSTATE: {}", code);
    return pq_.result_message(result_);
  }
  [[nodiscard]] SqlRows rows() const {
    SqlRows rows;
    for (int x = 0; x < pq_.nfields(result_); ++x) {
      rows.table.columns.push_back({pq_.fname(result_, x)});
      rows.types.push_back(pq_.ftype(result_, x));
    }
    for (int y = 0; y < pq_.ntuples(result_); ++y) {
      auto& cells = rows.table.rows.emplace_back();
      for (int x = 0; x < pq_.nfields(result_); ++x) {
        const bool null = pq_.getisnull(result_, y, x) == 1;
        cells.push_back(null ? Cell() : Cell(std::string(pq_.getvalue(result_, y, x))));
      }
    }
    return rows;
  }

 private:
  const Library& pq_;
  PGresult* result_;
};

class Connection {
 public:
  // CTL-248
  Connection(const Library& pq, const SqlTarget& target) : pq_(pq) {
    std::vector<const char*> keys;
    std::vector<const char*> values;
    const auto add = [&](const char* key, const char* value) {
      if (*value == '\0') return;
      keys.push_back(key);
      values.push_back(value);
    };
    add("host", target.host.c_str());
    add("port", target.port.c_str());
    add("dbname", target.dbname.c_str());
    add("user", target.user.c_str());
    if (target.password) add("password", target.password->reveal().c_str());
    add("connect_timeout", "5");
    add("fallback_application_name", "Patroni ctl");
    keys.push_back(nullptr);
    values.push_back(nullptr);
    connection_ = pq_.connect(keys.data(), values.data(), 0);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { pq_.finish(connection_); }

  [[nodiscard]] bool ok() const { return pq_.status(connection_) == CONNECTION_OK; }
  [[nodiscard]] std::string error() const { return pq_.error_message(connection_); }

  Result<SqlRows> run(const char* sql) {
    const SqlResult result(pq_, pq_.exec(connection_, sql));
    if (result.failed()) return Error(Errc::kFailed, result.failure());
    return result.rows();
  }

 private:
  const Library& pq_;
  PGconn* connection_ = nullptr;
};

// PostgreSQL's types as far as they are not printed as they come.
enum Oid : unsigned {
  kBool = 16, kInt8 = 20, kInt2 = 21, kInt4 = 23, kOid = 26, kFloat4 = 700, kFloat8 = 701,
  kTimestamp = 1114, kTimestampTz = 1184,
  kBoolArray = 1000, kInt2Array = 1005, kInt4Array = 1007, kTextArray = 1009, kInt8Array = 1016, kVarcharArray = 1015,
  kNameArray = 1003, kFloat4Array = 1021, kFloat8Array = 1022, kOidArray = 1028,
};

std::optional<unsigned> element_of(unsigned oid) {
  switch (oid) {
    case kBoolArray: return kBool;
    case kInt2Array: return kInt2;
    case kInt4Array: return kInt4;
    case kInt8Array: return kInt8;
    case kOidArray: return kOid;
    case kFloat4Array: return kFloat4;
    case kFloat8Array: return kFloat8;
    case kTextArray: case kVarcharArray: case kNameArray: return 25;
    default: return std::nullopt;
  }
}

// "2026-03-01 10:00:00.12+00" -> fraction of six digits, offset with minutes.
std::string timestamp_text(std::string text) {
  if (const auto dot = text.find('.'); dot != std::string::npos) {
    const auto end = std::min(text.find_first_not_of("0123456789", dot + 1), text.size());
    text.insert(end, std::string(7 - std::min<std::size_t>(end - dot, 7), '0'));
  }
  const auto sign = text.find_last_of("+-");
  if (sign != std::string::npos && sign > 10 && text.size() - sign == 3) text += ":00";
  return text;
}

// The elements of "{1,NULL,\"a b\"}"; nested arrays are not taken apart.
std::optional<Value> array_value(std::string_view text, unsigned element) {
  if (text.size() < 2 || text.front() != '{' || text.back() != '}' || text.find('{', 1) != text.npos) {
    return std::nullopt;
  }
  Value::List list;
  text = text.substr(1, text.size() - 2);
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string item;
    const bool quoted = text[at] == '"';
    for (at += quoted ? 1 : 0; at < text.size() && text[at] != (quoted ? '"' : ','); ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) ++at;
      item += text[at];
    }
    if (quoted) ++at;  // now at the comma or the end
    const bool null = !quoted && item == "NULL";
    list.push_back(null ? Value() : sql_value(element, item, /*machine=*/true).value_or(Value()));
  }
  return Value(std::move(list));
}

}  // namespace

Result<SqlRows> run_sql(const SqlTarget& target, const std::string& sql) {
  const Library* pq = library();
  if (pq == nullptr) {
    return Error(Errc::kUnsupported, "libpq.so.5 cannot be loaded; install the PostgreSQL client library (libpq5)");
  }
  Connection connection(*pq, target);
  if (!connection.ok()) return Error(Errc::kDenied, connection.error());
  if (target.must_be_in_recovery) {
    auto recovery = connection.run("SELECT pg_catalog.pg_is_in_recovery()");
    if (!recovery) return recovery;
    const bool in_recovery = recovery->table.rows.at(0).at(0)->as_string() == "t";
    if (in_recovery != *target.must_be_in_recovery) return Error(Errc::kUnavailable, "wrong role");
  }
  return connection.run(sql.c_str());
}

Cell sql_value(unsigned oid, const std::string& text, bool machine) {
  switch (oid) {
    case kBool:
      return Value(text == "t");
    case kInt2: case kInt4: case kInt8: case kOid: {
      std::int64_t number = 0;
      std::from_chars(text.data(), text.data() + text.size(), number);
      return Value(number);
    }
    case kFloat4: case kFloat8: {
      double number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || !std::isfinite(number)) return Value(text);
      return Value(number);
    }
    case kTimestamp: case kTimestampTz:
      return Value(timestamp_text(text));
    default:
      break;
  }
  if (const auto element = element_of(oid)) {
    if (auto list = array_value(text, *element)) return machine ? *list : Value(string_form(*list));
  }
  return Value(text);
}

}  // namespace matriarch::ctl
