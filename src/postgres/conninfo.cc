#include "postgres/conninfo.h"

#include <array>
#include <memory>

#include <fmt/format.h>
#include <libpq-fe.h>

namespace matriarch::postgres {

namespace {

struct KnownKey {
  std::string_view name;
  int since = 0;
};

// PG-200 with the versions of PG-121.
constexpr std::array<KnownKey, 19> kKeys = {{{"dbname"},
                                             {"user"},
                                             {"passfile"},
                                             {"host"},
                                             {"port"},
                                             {"sslmode"},
                                             {"sslcompression"},
                                             {"sslcert"},
                                             {"sslkey"},
                                             {"sslpassword", 130000},
                                             {"sslrootcert"},
                                             {"sslcrl"},
                                             {"sslcrldir", 140000},
                                             {"application_name"},
                                             {"krbsrvname"},
                                             {"gssencmode", 120000},
                                             {"channel_binding", 130000},
                                             {"target_session_attrs", 100000},
                                             {"sslnegotiation", 170000}}};

constexpr std::array<std::string_view, 10> kCredentialKeys = {
    "sslmode", "sslcert",   "sslkey",     "sslpassword",     "sslrootcert",
    "sslcrl",  "sslcrldir", "gssencmode", "channel_binding", "sslnegotiation"};

// Any kind of blank ends a value that is not in quotes.
std::string escaped(std::string_view value) {
  constexpr std::string_view kSpecial = "'\\ \t\r\n\v\f";
  if (value.empty()) return "''";
  std::string result;
  for (const char c : value) {
    if (kSpecial.contains(c)) result += '\\';
    result += c;
  }
  return result;
}

struct OptionsDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

}  // namespace

ConnParams login(const Credentials& credentials) {
  ConnParams params;
  if (!credentials.username.empty()) params["user"] = credentials.username;
  if (credentials.password) params["password"] = *credentials.password;
  for (const auto key : kCredentialKeys) {
    const auto found = credentials.params.find(std::string(key));
    if (found != credentials.params.end() && !found->second.empty()) params.emplace(key, found->second);
  }
  return params;
}

ConnParams member_params(const MemberAddress& address, const Credentials& credentials) {
  ConnParams params = login(credentials);
  if (!address.host.empty()) params["host"] = address.host;
  if (!address.port.empty()) params["port"] = address.port;
  if (!address.dbname.empty()) params["dbname"] = address.dbname;
  return params;
}

void add_session_options(ConnParams& params, int statement_timeout_ms) {
  std::string& options = params["options"];
  if (!options.empty()) options += ' ';
  options += fmt::format("-c statement_timeout={} -c search_path=pg_catalog", statement_timeout_ms);
  params.try_emplace("fallback_application_name", "Patroni");
}

std::string print_conninfo(const ConnParams& params, int major_version) {
  std::string text;
  for (const auto& key : kKeys) {
    const auto found = params.find(key.name);
    if (found == params.end() || (major_version != 0 && major_version < key.since)) continue;
    if (!text.empty()) text += ' ';
    text += fmt::format("{}={}", key.name, escaped(found->second));
  }
  return text;
}

Result<ConnParams> parse_conninfo(std::string_view text) {
  char* problem = nullptr;
  const std::unique_ptr<PQconninfoOption, OptionsDeleter> options(PQconninfoParse(std::string(text).c_str(), &problem));
  PQfreemem(problem);
  // The text of the problem may quote the input, and so a password: it is not passed on.
  if (!options) return Error(Errc::kInvalid, "not a connection string");
  ConnParams params;
  for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) params.emplace(option->keyword, option->val);
  }
  return params;
}

}  // namespace matriarch::postgres
