// Addresses of --validate-config: CFG-391..393, CFG-397.
#include <arpa/inet.h>

#include <fmt/format.h>

#include "config/text.h"
#include "config/validate_report.h"

namespace matriarch::config {

namespace {

constexpr std::string_view kWrong = "contains a wrong value";
constexpr std::string_view kLocal[] = {"127.0.0.1", "0.0.0.0", "*", "::1", "localhost"};

void check_port_is_free(Validation& v, std::string_view path, const Value& value, const std::string& host, int port) {
  if (v.options.ignore_listen_port) return;
  const auto accepts = v.probes.accepts_connections(host, port);
  if (!accepts && accepts.error().code() == Errc::kNotFound) {
    v.report.invalid(path, value, accepts.error().text());
  } else if (accepts && *accepts) {
    v.report.invalid(path, value, fmt::format("Port {} is already in use.", port));
  }
}

}  // namespace

void check_listen(Validation& v, std::string_view path, const Value& value, bool port_required, bool several) {
  if (!value.is_string()) return v.report.add(path, value, "is not a string");
  std::vector<std::string> hosts =
      several ? split(value.as_string(), ',') : std::vector<std::string>{value.as_string()};
  const auto last = parse_host_port(hosts.back(), port_required ? 0 : 5432);
  if (!last || last->port == 0) return v.report.invalid(path, value, kWrong);
  hosts.back() = last->host;
  for (std::string& host : hosts) {
    host = trimmed(host);
    if (host.size() > 1 && host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host == "*" && hosts.size() > 1) return v.report.invalid(path, value, "expecting '*' alone");
    if (host.empty() && several) return v.report.invalid(path, value, kWrong);
  }
  for (const std::string& host : hosts) {
    check_port_is_free(v, path, value, host == "*" || host.empty() ? "127.0.0.1" : host, last->port);
  }
}

void check_connect_address(Validation& v, std::string_view path, const Value& value) {
  if (!value.is_string()) return v.report.add(path, value, "is not a string");
  const auto address = parse_host_port(value.as_string(), 1);
  if (!address || address->host.empty()) return v.report.invalid(path, value, kWrong);
  if (std::find(std::begin(kLocal), std::end(kLocal), address->host) != std::end(kLocal)) {
    v.report.invalid(path, value, R"(must not contain "127.0.0.1", "0.0.0.0", "*", "::1", "localhost")");
  }
}

void check_endpoint(Validation& v, std::string_view path, const Value& value) {
  if (!value.is_string()) return v.report.add(path, value, "is not a string");
  const auto address = parse_host_port(value.as_string(), 1);
  if (!address || address->host.empty()) return v.report.invalid(path, value, kWrong);
  const auto accepts = v.probes.accepts_connections(address->host, address->port);
  if (accepts && *accepts) return;
  const bool unresolvable = !accepts && accepts.error().code() == Errc::kNotFound;
  v.report.invalid(path, value,
                   unresolvable ? accepts.error().text() : fmt::format("{} is not reachable", value.as_string()));
}

void check_endpoints(Validation& v, std::string_view path, const Value& value) {
  Value::List items;
  if (value.is_string()) {
    for (const std::string& part : split(value.as_string(), ',')) items.emplace_back(trimmed(part));
  } else if (value.is_list()) {
    items = value.as_list();
  } else {
    return v.report.add(path, value, "is not a list");
  }
  if (items.empty()) return v.report.add(path, value, "is an empty list");
  for (std::size_t i = 0; i < items.size(); ++i) check_endpoint(v, fmt::format("{}.{}", path, i), items[i]);
}

void check_ip(Validation& v, std::string_view path, const Value& value) {
  in_addr four{};
  in6_addr six{};
  const std::string text = value.is_string() ? value.as_string() : std::string();
  if (inet_pton(AF_INET, text.c_str(), &four) == 1 || inet_pton(AF_INET6, text.c_str(), &six) == 1) return;
  v.report.invalid(path, value, "Is not a valid ipv4 address");
  v.report.invalid(path, value, "Is not a valid ipv6 address");
}

}  // namespace matriarch::config
