// Where the files and programs of one server are, and how this node itself connects to it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "postgres/options.h"

namespace matriarch::postgres {

// <bin_dir>/<name>, with the configured name if there is one (PG-005).
std::string program(const PostgresOptions& options, std::string_view name);

std::filesystem::path config_dir(const PostgresOptions& options);
std::filesystem::path main_conf(const PostgresOptions& options);  // <config_dir>/<config_base_name>.conf
std::filesystem::path base_conf(const PostgresOptions& options);  // <config_base_name>.base.conf
std::filesystem::path pgpass_path(const PostgresOptions& options);
std::filesystem::path wal_dir(const PostgresOptions& options);

struct Listen {
  std::string addresses;  // as listen_addresses wants them
  std::string port = "5432";
};
Listen split_listen(std::string_view listen);

struct LocalAddress {
  std::string host;  // empty: libpq's default socket directory
  std::string port;
};
// PG-115..117; `unix_socket_directories` is the server's setting, absent if not configured.
LocalAddress local_address(std::string_view listen, bool use_socket, const Value* unix_socket_directories);

}  // namespace matriarch::postgres
