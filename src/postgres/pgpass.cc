#include "postgres/pgpass.h"

#include <fmt/format.h>

#include "base/files.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

std::string field(std::string_view text) {
  if (text.empty()) return "*";
  std::string result;
  for (const char c : text) {
    if (c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string value_of(const ConnParams& params, std::string_view key) {
  const auto found = params.find(key);
  return found == params.end() ? std::string() : found->second;
}

}  // namespace

std::string pgpass_content(const ConnParams& params) {
  const auto password = params.find("password");
  if (password == params.end()) return {};
  std::vector<std::string> hosts;
  bool needs_localhost = false;
  const std::string list = value_of(params, "host");
  for (const auto host : split(list, ',')) {
    hosts.emplace_back(host);
    if (host.starts_with('/')) needs_localhost = true;
  }
  // libpq looks the default socket directory up as localhost.
  if (needs_localhost && !contains(hosts, "localhost")) hosts.emplace_back("localhost");
  std::string text;
  for (const auto& host : hosts) {
    text += fmt::format("{}:{}:*:{}:{}\n", field(host), field(value_of(params, "port")),
                        field(value_of(params, "user")), field(password->second));
  }
  return text;
}

Status write_pgpass(const std::filesystem::path& path, std::string_view content) {
  const auto written = update_file(path, content, 0600);
  if (!written) return written.error();
  return {};
}

}  // namespace matriarch::postgres
