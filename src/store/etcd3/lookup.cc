#include "store/etcd3/lookup.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

#include <arpa/nameser.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>

namespace matriarch::etcd3 {

std::vector<SrvName> srv_names(const std::string& domain, const std::string& suffix) {
  std::vector<SrvName> names;
  for (const std::string kind : {"-client-ssl", "-client", "-ssl", "", "-server-ssl", "-server"}) {
    const std::string service = suffix.empty() ? kind : kind + "-" + suffix;
    names.push_back({.name = fmt::format("_etcd{}._tcp.{}", service, domain),
                     .https = kind.ends_with("-ssl"),
                     .peers = kind.starts_with("-server")});
  }
  return names;
}

namespace {

struct Record {
  int priority;
  int weight;
  http::HostPort target;
};

// Data of a SRV record: priority, weight, port, name.
bool read_record(ns_msg& message, int index, Record& record) {
  ns_rr rr;
  if (ns_parserr(&message, ns_s_an, index, &rr) != 0 || ns_rr_type(rr) != ns_t_srv || ns_rr_rdlen(rr) < 7) return false;
  const unsigned char* data = ns_rr_rdata(rr);
  record.priority = static_cast<int>(ns_get16(data));
  record.weight = static_cast<int>(ns_get16(data + 2));
  record.target.port = static_cast<std::uint16_t>(ns_get16(data + 4));
  std::array<char, NS_MAXDNAME> name{};
  if (dn_expand(ns_msg_base(message), ns_msg_end(message), data + 6, name.data(), name.size()) < 0) return false;
  record.target.host = name.data();
  return !record.target.host.empty() && record.target.port != 0;
}

}  // namespace

std::vector<http::HostPort> lookup_srv(const std::string& name) {
  struct __res_state resolver;
  std::memset(&resolver, 0, sizeof resolver);
  if (res_ninit(&resolver) != 0) return {};
  std::vector<unsigned char> answer(65536);
  const int length =
      res_nquery(&resolver, name.c_str(), ns_c_in, ns_t_srv, answer.data(), static_cast<int>(answer.size()));
  res_nclose(&resolver);
  ns_msg message;
  if (length < 0 || ns_initparse(answer.data(), length, &message) != 0) return {};
  std::vector<Record> records;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    Record record;
    if (read_record(message, i, record)) records.push_back(record);
  }
  std::sort(records.begin(), records.end(), [](const Record& a, const Record& b) {
    return std::tuple(a.priority, -a.weight, a.target.host) < std::tuple(b.priority, -b.weight, b.target.host);
  });
  std::vector<http::HostPort> targets;
  for (Record& record : records) targets.push_back(std::move(record.target));
  return targets;
}

std::vector<http::HostPort> lookup_addresses(const http::HostPort& name) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(name.host.c_str(), nullptr, &wanted, &found) != 0) return {};
  std::vector<http::HostPort> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(each->ai_addr, each->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    addresses.push_back({text.data(), name.port});
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace matriarch::etcd3
