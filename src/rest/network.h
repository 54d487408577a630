// IP addresses, networks, and names turned into addresses: what the allowlist is made of (API-079, API-087).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/reactor.h"
#include "base/result.h"
#include "base/task.h"

namespace matriarch::rest {

// IPv4-mapped IPv6 addresses are IPv4 (API-089).
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  // IPv4: the first four
  bool v4 = false;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

// Numeric only; a scope ("%eth0") is cut off.
std::optional<IpAddress> parse_ip(std::string_view text);

struct Network {
  IpAddress address;
  int prefix = 0;  // bits that count

  [[nodiscard]] bool contains(const IpAddress& ip) const;
};

// "10.0.0.0/8", "10.0.0.0/255.0.0.0", "fd00::/8"; host bits are ignored. No '/': a single address.
std::optional<Network> parse_network(std::string_view text);

// All addresses of a host name. kNotFound: it has none; kTimeout, kCancelled.
using Resolver = std::function<Task<Result<std::vector<IpAddress>>>(std::string host, Ctx ctx)>;

// By the system's resolver, on a worker thread. The reactor must outlive it.
Resolver system_resolver(Reactor& reactor);

}  // namespace matriarch::rest
