// Finding etcd in the DNS: SRV records of a domain (DCS-228), all addresses of a name (DCS-227).
#pragma once

#include <string>
#include <vector>

#include "http/url.h"

namespace matriarch::etcd3 {

// The names to ask for, in order: "_etcd-client-ssl._tcp.example.com", ...
struct SrvName {
  std::string name;
  bool https = false;
  bool peers = false;  // its records are members' peer addresses, to be asked for client addresses
};
std::vector<SrvName> srv_names(const std::string& domain, const std::string& suffix);

// Both block: not for the reactor's thread. Empty if there is none.
std::vector<http::HostPort> lookup_srv(const std::string& name);  // targets of one SRV name by priority and weight
std::vector<http::HostPort> lookup_addresses(const http::HostPort& name);

}  // namespace matriarch::etcd3
