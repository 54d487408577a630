// One SQL text sent to one server. libpq is loaded when it is first needed: only `query` does, and loading it with all
// it depends on would take longer than any other command.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/secret.h"
#include "ctl/table.h"

namespace matriarch::ctl {

struct SqlTarget {
  std::string host;
  std::string port;
  std::string dbname;                        // empty: libpq's default
  std::string user;                          // empty: libpq's default
  std::optional<config::Secret> password;    // absent: libpq's defaults
  std::optional<bool> must_be_in_recovery;   // absent: any server will do (CTL-249)
};

struct SqlRows {
  Table table;                  // cells are PostgreSQL's texts. No columns: the statement gave no rows
  std::vector<unsigned> types;  // oid of each column
};

// Errors: kUnavailable: the server is in the wrong recovery state; kDenied: no connection, with the server's text;
// kFailed: the statement failed, text is "ERROR, SQLSTATE: <code>" or the message; kUnsupported: no libpq here.
// Blocks at most 5 seconds for the connection, and as long as the statement takes.
Result<SqlRows> run_sql(const SqlTarget& target, const std::string& sql);

// A value as text of PostgreSQL -> cell. `oid` is the type's; `machine`: for JSON and YAML (CTL-252, CTL-253).
Cell sql_value(unsigned oid, const std::string& text, bool machine);

}  // namespace matriarch::ctl
