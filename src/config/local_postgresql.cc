#include <array>
#include <cstdlib>

#include <pwd.h>
#include <unistd.h>

#include <fmt/format.h>

#include "config/local_parts.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

namespace fs = std::filesystem;

constexpr int kPostgresPort = 5432;

std::string without_brackets(const std::string& host) {
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  return bracketed ? host.substr(1, host.size() - 2) : host;
}

// "host[,host...][:port]" (CFG-036): the port is behind the last host.
Status read_listen(const Reader& postgresql, PostgresqlLocal& local) {
  const std::string text = postgresql.text("listen");
  if (text.empty()) {
    return Error(Errc::kInvalid, "postgresql.listen is not defined; give <host>:<port>, for example 0.0.0.0:5432");
  }
  std::vector<std::string> hosts = split(text, ',');
  const auto last = parse_host_port(hosts.back(), kPostgresPort);
  if (!last) return last.error().in("postgresql.listen");
  hosts.back() = last->host;
  for (std::string& host : hosts) host = without_brackets(std::string(trimmed(host)));
  local.listen_addresses = joined(hosts, ",");
  local.port = last->port;
  return {};
}

std::optional<HostPort> read_address(const Reader& postgresql, std::string_view key) {
  const std::string text = postgresql.text(key);
  if (text.empty()) return std::nullopt;
  auto address = parse_host_port(text, kPostgresPort);
  if (address && !address->host.empty()) return std::move(*address);
  postgresql.wrong(key, Value(text), "must be <host>:<port>");
  return std::nullopt;
}

fs::path absolute(const std::string& text) {
  std::error_code failure;
  auto path = fs::absolute(text, failure).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();  // "/data/" and "/data" are the same
  return path;
}

// PG-159.
fs::path home_directory() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? "/" : found->pw_dir;
}

// CFG-074..083: only these names are ever used.
PgUser read_user(const Reader& user) {
  return {
      .username = user.text("username"),
      .password = user.secret("password"),
      .sslmode = user.text("sslmode"),
      .sslcert = user.text("sslcert"),
      .sslkey = user.text("sslkey"),
      .sslrootcert = user.text("sslrootcert"),
      .sslcrl = user.text("sslcrl"),
      .sslcrldir = user.text("sslcrldir"),
      .gssencmode = user.text("gssencmode"),
      .channel_binding = user.text("channel_binding"),
      .sslnegotiation = user.text("sslnegotiation"),
      .sslpassword = user.secret("sslpassword"),
  };
}

}  // namespace

Result<PostgresqlLocal> read_postgresql_local(const Reader& postgresql) {
  PostgresqlLocal local;
  if (const Status status = read_listen(postgresql, local); !status) return status.error();
  if (const auto address = read_address(postgresql, "connect_address")) local.connect_address = *address;
  local.proxy_address = read_address(postgresql, "proxy_address");
  const std::string data_dir = postgresql.text("data_dir");
  if (data_dir.empty())
    return Error(Errc::kInvalid, "postgresql.data_dir is not defined; give the path of the data directory");
  local.data_dir = absolute(data_dir);
  const std::string config_dir = postgresql.text("config_dir");
  local.config_dir = config_dir.empty() ? local.data_dir : absolute(config_dir);
  const std::string pgpass = postgresql.text("pgpass");
  local.pgpass = pgpass.empty() ? home_directory() / "pgpass" : absolute(pgpass);
  const Reader authentication = postgresql.section("authentication");
  local.superuser = read_user(authentication.section("superuser"));
  local.replication = read_user(authentication.section("replication"));
  if (authentication.has("rewind")) local.rewind = read_user(authentication.section("rewind"));
  if (const Value* parameters = postgresql.find("parameters"); parameters != nullptr && !parameters->is_map()) {
    return Error(Errc::kInvalid, "postgresql.parameters is not a dictionary");  // CFG-050
  }
  return local;
}

}  // namespace matriarch::config
