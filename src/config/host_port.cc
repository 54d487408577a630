#include <arpa/inet.h>

#include <fmt/format.h>

#include "config/local_config.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

bool is_ipv6(std::string_view text) {
  in6_addr address{};
  const std::string copy(text.substr(0, text.find('%')));  // a zone may follow
  return inet_pton(AF_INET6, copy.c_str(), &address) == 1;
}

// Where the port's colon is; npos: there is no port.
std::size_t port_colon(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    return close + 1 < text.size() ? close + 1 : text.npos;
  }
  const std::size_t last = text.rfind(':');
  const bool several = last != text.npos && text.find(':') != last;
  return several && is_ipv6(text) && !is_ipv6(text.substr(0, last)) ? text.npos : last;
}

Result<int> parse_port(std::string_view digits, std::string_view whole) {
  const bool numeric = !digits.empty() && digits.size() <= 5 && digits.find_first_not_of("0123456789") == digits.npos;
  const int port = numeric ? std::stoi(std::string(digits)) : 0;
  if (port < 1 || port > 65535) {
    return Error(Errc::kInvalid,
                 fmt::format("'{}' has no valid port after the colon; a port is a number from 1 to 65535", whole));
  }
  return port;
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text, int default_port) {
  text = trimmed(text);
  if (text.empty()) return Error(Errc::kInvalid, "the address is empty; give <host>:<port>");
  const bool bracketed = text.starts_with('[');
  if (bracketed && text.find(']') == text.npos) {
    return Error(Errc::kInvalid, fmt::format("'{}' has no closing bracket", text));
  }
  const std::size_t colon = port_colon(text);
  HostPort address{.host = std::string(text.substr(0, colon)), .port = default_port};
  if (colon != text.npos) {
    if (text[colon] != ':')
      return Error(Errc::kInvalid, fmt::format("'{}' has something else than :<port> after the bracket", text));
    const auto port = parse_port(text.substr(colon + 1), text);
    if (!port) return port.error();
    address.port = *port;
  }
  if (bracketed) address.host = address.host.substr(1, address.host.size() - 2);
  return address;
}

std::string to_string(const HostPort& address) {
  const bool brackets = address.host.find(':') != std::string::npos;
  std::string text = brackets ? "[" + address.host + "]" : address.host;
  if (address.port != 0) text += fmt::format(":{}", address.port);
  return text;
}

}  // namespace matriarch::config
