#include "postgres/probe.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/unique_fd.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

constexpr std::string_view kDefaultSocketDirectory = "/var/run/postgresql";  // of the packaged libpq
constexpr std::string_view kCannotConnectNow = "57P03";
constexpr std::uint32_t kProtocol3 = 196608;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

std::string value_of(const ConnParams& params, std::string_view key, std::string_view fallback) {
  const auto found = params.find(key);
  return found == params.end() || found->second.empty() ? std::string(fallback) : found->second;
}

std::optional<Address> socket_address(const std::string& directory, const std::string& port) {
  Address address;
  auto* local = reinterpret_cast<sockaddr_un*>(&address.storage);
  const std::string path = fmt::format("{}/.s.PGSQL.{}", directory, port);
  if (path.size() >= sizeof local->sun_path) return std::nullopt;
  local->sun_family = AF_UNIX;
  std::memcpy(local->sun_path, path.c_str(), path.size() + 1);
  if (path.starts_with('@')) local->sun_path[0] = '\0';
  address.length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (path.starts_with('@') ? 0 : 1));
  return address;
}

std::optional<Address> tcp_address(const std::string& host, const std::string& port) {
  std::uint16_t number = 0;
  std::from_chars(port.data(), port.data() + port.size(), number);
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(number);
    address.length = sizeof *v4;
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return std::nullopt;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(number);
  address.length = sizeof *v6;
  return address;
}

std::vector<Address> addresses_of(const ConnParams& resolved) {
  const std::string port = value_of(resolved, "port", "5432");
  const auto host_list = value_of(resolved, "host", kDefaultSocketDirectory);
  const auto number_list = value_of(resolved, "hostaddr", "");
  const auto hosts = split(host_list, ',');
  const auto numbers = split(number_list, ',');
  const auto ports = split(port, ',');
  std::vector<Address> result;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const std::string own_port(i < ports.size() ? ports[i] : ports.front());
    const auto address = i < numbers.size() && !numbers[i].empty() ? tcp_address(std::string(numbers[i]), own_port)
                                                                   : socket_address(std::string(hosts[i]), own_port);
    if (address) result.push_back(*address);
  }
  return result;
}

std::string startup_packet(const std::string& user, const std::string& database) {
  std::string body;
  const auto add_number = [&body](std::uint32_t number) {
    const std::uint32_t network = htonl(number);
    body.append(reinterpret_cast<const char*>(&network), sizeof network);
  };
  add_number(kProtocol3);
  for (const auto& text : {std::string("user"), user, std::string("database"), database})
    body.append(text.c_str(), text.size() + 1);
  body.push_back('\0');
  std::string rest = std::exchange(body, {});
  add_number(static_cast<std::uint32_t>(rest.size() + 4));
  return body + rest;
}

Task<Readiness> probe_address(Reactor& reactor, Address address, std::string packet, Ctx ctx) {
  const UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) co_return Readiness::kNoResponse;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) {
    if (errno != EINPROGRESS) co_return Readiness::kNoResponse;
    if (!co_await reactor.writable(fd.get(), ctx)) co_return Readiness::kNoResponse;
  }
  if (::send(fd.get(), packet.data(), packet.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(packet.size())) {
    co_return Readiness::kNoResponse;
  }
  std::string answer;
  while (readiness_of_answer(answer) == Readiness::kNoResponse) {
    if (!co_await reactor.readable(fd.get(), ctx)) break;
    std::array<char, 1024> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recv
    const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (n <= 0 && errno != EAGAIN) break;
    if (n == 0) break;
    if (n > 0) answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  co_return readiness_of_answer(answer);
}

}  // namespace

Readiness readiness_of_answer(std::string_view answer) {
  constexpr std::size_t kHeader = 5;  // type and length
  if (answer.empty()) return Readiness::kNoResponse;
  if (answer[0] == 'R') return Readiness::kAccepting;
  if (answer[0] != 'E' || answer.size() < kHeader) return Readiness::kNoResponse;
  std::uint32_t network = 0;
  std::memcpy(&network, answer.data() + 1, sizeof network);
  if (answer.size() < std::size_t{ntohl(network)} + 1) return Readiness::kNoResponse;  // not all of it yet
  for (std::size_t at = kHeader; at < answer.size() && answer[at] != '\0';) {
    const auto end = answer.find('\0', at);
    if (end == std::string_view::npos) break;
    if (answer[at] == 'C' && answer.substr(at + 1, end - at - 1) == kCannotConnectNow) return Readiness::kRejecting;
    at = end + 1;
  }
  return Readiness::kAccepting;  // refused for a reason of its own: but somebody is there who decides
}

Task<Readiness> probe(Reactor& reactor, ConnParams params, Ctx ctx) {
  const auto resolved = co_await resolve(reactor, std::move(params), ctx);
  if (!resolved) co_return Readiness::kNoResponse;
  const std::string user = value_of(*resolved, "user", "postgres");
  const std::string packet = startup_packet(user, value_of(*resolved, "dbname", user));
  for (const auto& address : addresses_of(*resolved)) {
    const auto readiness = co_await probe_address(reactor, address, packet, ctx);
    if (readiness != Readiness::kNoResponse) co_return readiness;
  }
  co_return Readiness::kNoResponse;
}

}  // namespace matriarch::postgres
