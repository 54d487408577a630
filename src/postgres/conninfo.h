// libpq connection parameters: made from credentials and addresses, printed, parsed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/codec.h"
#include "postgres/options.h"

namespace matriarch::postgres {

// Parameter -> value, names as libpq has them.
using ConnParams = std::map<std::string, std::string, std::less<>>;

// user, password and the TLS parameters (PG-120); nothing else of the configuration gets in (PG-128).
ConnParams login(const Credentials& credentials);
// login + host, port, dbname of a member (PG-130).
ConnParams member_params(const MemberAddress& address, const Credentials& credentials);

// Adds what every session of ours to a database has (PG-127): search_path, a statement timeout (0: none).
void add_session_options(ConnParams& params, int statement_timeout_ms);

// "key=value key=value" in the contract's order of keys (PG-200), leaving out what `major_version` (150000; 0: unknown,
// nothing is left out) does not know yet (PG-121). Never with a password.
std::string print_conninfo(const ConnParams& params, int major_version);

// Both forms: "key=value ..." and "postgresql://...". kInvalid if libpq would refuse it.
Result<ConnParams> parse_conninfo(std::string_view text);

}  // namespace matriarch::postgres
