#include "rest/network.h"

#include <bit>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

namespace matriarch::rest {

namespace {

IpAddress from_v4(const void* four_bytes) {
  IpAddress ip{.v4 = true};
  std::memcpy(ip.bytes.data(), four_bytes, 4);
  return ip;
}

IpAddress from_v6(const void* sixteen_bytes) {
  IpAddress ip;
  std::memcpy(ip.bytes.data(), sixteen_bytes, 16);
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(kMapped.begin(), kMapped.end(), ip.bytes.begin()) ? from_v4(&ip.bytes[12]) : ip;
}

// "24" or "255.255.255.0".
std::optional<int> parse_prefix(std::string_view text, const IpAddress& address) {
  int prefix = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), prefix);
  if (failure == std::errc() && end == text.data() + text.size()) {
    return prefix >= 0 && prefix <= (address.v4 ? 32 : 128) ? std::optional(prefix) : std::nullopt;
  }
  const auto mask = parse_ip(text);
  if (!address.v4 || !mask || !mask->v4) return std::nullopt;
  std::uint32_t bits = 0;
  for (int i = 0; i < 4; ++i) bits = (bits << 8) | mask->bytes[static_cast<std::size_t>(i)];
  return std::countl_one(bits) == std::popcount(bits) ? std::optional(std::popcount(bits)) : std::nullopt;
}

std::vector<IpAddress> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::vector<IpAddress> addresses;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (one->ai_family == AF_INET) {
      sockaddr_in in{};
      std::memcpy(&in, one->ai_addr, sizeof in);
      addresses.push_back(from_v4(&in.sin_addr));
    } else if (one->ai_family == AF_INET6) {
      sockaddr_in6 in{};
      std::memcpy(&in, one->ai_addr, sizeof in);
      addresses.push_back(from_v6(&in.sin6_addr));
    }
  }
  ::freeaddrinfo(found);
  return addresses;
}

Task<Result<std::vector<IpAddress>>> resolve(Reactor& reactor, std::string host, Ctx ctx) {
  auto found = co_await reactor.run_blocking(ctx, [host] { return look_up(host); });
  if (found && found->empty()) co_return Error(Errc::kNotFound, "host name \"" + host + "\" has no address");
  co_return found;
}

}  // namespace

std::optional<IpAddress> parse_ip(std::string_view text) {
  const std::string address(text.substr(0, text.find('%')));
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return from_v4(bytes.data());
  if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return from_v6(bytes.data());
  return std::nullopt;
}

bool Network::contains(const IpAddress& ip) const {
  if (ip.v4 != address.v4) return false;
  const auto whole = static_cast<std::size_t>(prefix / 8);
  if (!std::equal(ip.bytes.begin(), ip.bytes.begin() + static_cast<std::ptrdiff_t>(whole), address.bytes.begin())) {
    return false;
  }
  const int rest = prefix % 8;
  return rest == 0 || (ip.bytes[whole] >> (8 - rest)) == (address.bytes[whole] >> (8 - rest));
}

std::optional<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == text.npos) return Network{*address, address->v4 ? 32 : 128};
  const auto prefix = parse_prefix(text.substr(slash + 1), *address);
  if (!prefix) return std::nullopt;
  return Network{*address, *prefix};
}

Resolver system_resolver(Reactor& reactor) {
  return [&reactor](std::string host, Ctx ctx) { return resolve(reactor, std::move(host), std::move(ctx)); };
}

}  // namespace matriarch::rest
