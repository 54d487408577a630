#include <array>

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "postgres/connection.h"

#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

constexpr std::size_t kMostAddresses = 8;  // of one name
// The way to the own server must not depend on a worker thread or a name service.
constexpr std::string_view kLocalhost = "localhost";

std::vector<std::string> items_of(std::string_view list) {
  std::vector<std::string> items;
  for (const auto item : split(list, ',')) items.emplace_back(item);
  return items;
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> buffer{};
  return inet_pton(AF_INET, host.c_str(), buffer.data()) == 1 || inet_pton(AF_INET6, host.c_str(), buffer.data()) == 1;
}

std::vector<std::string> look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  std::vector<std::string> addresses;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return addresses;
  for (const auto* entry = list; entry != nullptr && addresses.size() < kMostAddresses; entry = entry->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  freeaddrinfo(list);
  return addresses;
}

// Blocking.
std::vector<std::vector<std::string>> look_up_all(std::vector<std::string> hosts) {
  std::vector<std::vector<std::string>> result;
  for (const auto& host : hosts) {
    if (host.empty() || host.starts_with('/') || host.starts_with('@')) {
      result.push_back({""});  // a socket directory has no address
    } else if (is_address(host)) {
      result.push_back({host});
    } else if (host == kLocalhost) {
      result.push_back({"127.0.0.1", "::1"});
    } else {
      result.push_back(look_up(host));
    }
  }
  return result;
}

}  // namespace

Task<Result<ConnParams>> resolve(Reactor& reactor, ConnParams params, Ctx ctx) {
  const auto host = params.find("host");
  if (host == params.end() || host->second.empty() || params.contains("hostaddr")) co_return params;
  const auto hosts = items_of(host->second);
  std::vector<std::vector<std::string>> addresses;
  const bool plain = std::ranges::all_of(hosts, [](const std::string& name) {
    return name.empty() || name.starts_with('/') || name.starts_with('@') || name == kLocalhost || is_address(name);
  });
  if (plain) {
    addresses = look_up_all(hosts);
  } else {
    auto found = co_await reactor.run_blocking(ctx, [hosts] { return look_up_all(hosts); });
    if (!found) co_return found.error().in(fmt::format("resolving {}", host->second));
    addresses = std::move(*found);
  }
  const auto ports = items_of(params.contains("port") ? params.find("port")->second : "");
  std::string new_hosts;
  std::string new_addresses;
  std::string new_ports;
  std::size_t count = 0;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const auto& port = ports.size() == hosts.size() ? ports[i] : ports.front();
    for (const auto& address : addresses[i]) {
      const char* comma = count++ == 0 ? "" : ",";
      new_hosts += comma + hosts[i];
      new_addresses += comma + address;
      new_ports += comma + port;
    }
  }
  if (count == 0) co_return Error(Errc::kUnavailable, fmt::format("cannot resolve {}", host->second));
  params["host"] = new_hosts;
  if (new_addresses.find_first_not_of(',') != std::string::npos) params["hostaddr"] = new_addresses;
  if (params.contains("port")) params["port"] = new_ports;
  co_return params;
}

}  // namespace matriarch::postgres
