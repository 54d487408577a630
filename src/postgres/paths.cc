#include "postgres/paths.h"

#include <cstdlib>
#include <vector>

#include <arpa/inet.h>
#include <pwd.h>
#include <unistd.h>

#include "postgres/text.h"

namespace matriarch::postgres {

namespace fs = std::filesystem;

namespace {

fs::path home_directory() {
  if (const passwd* user = getpwuid(geteuid()); user != nullptr) return user->pw_dir;  // NOLINT(concurrency-mt-unsafe)
  const char* home = std::getenv("HOME");                                              // NOLINT(concurrency-mt-unsafe)
  return home != nullptr ? home : "/";
}

std::vector<std::string> comma_list(std::string_view text) {
  std::vector<std::string> items;
  for (auto item : split(text, ',')) {
    item = trimmed(item);
    if (item.size() >= 2 && item.starts_with('[') && item.ends_with(']')) item = item.substr(1, item.size() - 2);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

// Is this all of a list of addresses, so that what follows its colon is a port? "::1" is, the ":" before the 1 is not.
bool ends_address(std::string_view text) {
  const auto last = trimmed(text.substr(text.rfind(',') + 1));
  if (last.ends_with(']') || last.find(':') == std::string_view::npos) return true;
  in6_addr ignored{};
  return inet_pton(AF_INET6, std::string(last).c_str(), &ignored) == 1;
}

std::string tcp_host(const std::string& addresses) {
  const auto hosts = comma_list(addresses);
  for (const auto& host : hosts) {
    if (host == "*" || host == "localhost" || host == "0.0.0.0" || host == "127.0.0.1") return "localhost";
  }
  return hosts.empty() ? "localhost" : hosts.front();
}

}  // namespace

std::string program(const PostgresOptions& options, std::string_view name) {
  const auto renamed = options.bin_name.find(std::string(name));
  const std::string actual = renamed == options.bin_name.end() ? std::string(name) : renamed->second;
  return options.bin_dir.empty() ? actual : (options.bin_dir / actual).string();
}

fs::path config_dir(const PostgresOptions& options) {
  return options.config_dir.empty() ? options.data_dir : options.config_dir;
}

fs::path main_conf(const PostgresOptions& options) {
  return config_dir(options) / (options.config_base_name + ".conf");
}

fs::path base_conf(const PostgresOptions& options) {
  return config_dir(options) / (options.config_base_name + ".base.conf");
}

fs::path pgpass_path(const PostgresOptions& options) {
  return options.pgpass.empty() ? home_directory() / "pgpass" : options.pgpass;
}

fs::path wal_dir(const PostgresOptions& options) { return options.data_dir / "pg_wal"; }

Listen split_listen(std::string_view listen) {
  Listen result;
  const auto colon = listen.rfind(':');
  const bool has_port = colon != std::string_view::npos && ends_address(listen.substr(0, colon)) &&
                        listen.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
  std::string_view addresses = listen;
  if (has_port) {
    addresses = listen.substr(0, colon);
    result.port = listen.substr(colon + 1);
  }
  for (const auto& item : comma_list(addresses)) result.addresses += (result.addresses.empty() ? "" : ",") + item;
  return result;
}

LocalAddress local_address(std::string_view listen, bool use_socket, const Value* unix_socket_directories) {
  const auto parts = split_listen(listen);
  LocalAddress address{.host = tcp_host(parts.addresses), .port = parts.port};
  if (!use_socket) return address;
  if (unix_socket_directories == nullptr || unix_socket_directories->is_null()) {
    address.host.clear();
    return address;
  }
  for (const auto& directory : comma_list(string_form(*unix_socket_directories))) {
    if (directory.starts_with('/')) {
      address.host = directory;
      break;
    }
  }
  return address;
}

}  // namespace matriarch::postgres
