// Finding etcd by the SRV records of a domain (DCS-228).
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

// Targets of one SRV name by priority and weight; empty if there is none. Blocks: not for the reactor's thread.
std::vector<http::HostPort> lookup_srv(const std::string& name);

}  // namespace matriarch::etcd3
