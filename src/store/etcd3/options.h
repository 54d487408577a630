// What the etcd v3 store must be told. A plain struct: the application maps its configuration onto it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "http/url.h"

namespace matriarch::etcd3 {

struct Etcd3Options {
  // Where etcd is (DCS-225 ff.).
  std::vector<http::HostPort> endpoints;  // may be empty only with `srv`
  bool https = false;
  bool expand_host = false;  // each address of the one name in `endpoints` is an endpoint; not with https (DCS-227)
  std::string srv;           // domain; its SRV records win over `endpoints` (DCS-228)
  std::string srv_suffix;
  bool use_proxies = false;  // `endpoints` is all there is: the members are not asked for

  std::string username;  // empty: no authentication
  std::string password;  // a secret
  std::string cacert;    // empty: the server's certificate is not verified (DCS-233)
  std::string cert;
  std::string key;           // empty: in `cert`
  std::string key_password;  // a secret

  // Whose keys (DCS-007, DCS-008).
  std::string name_space = "service";
  std::string scope;
  std::optional<int> group;  // of Citus
  std::string name;          // of this node

  Duration ttl = std::chrono::seconds(30);
  Duration retry_timeout = std::chrono::seconds(10);  // of calls without a deadline; bounds a single request

  bool cli = false;  // no lease, no watch, no search for members: reads and rare writes (DCS-216)

  // A lease of a former process of this node that is to be gone on with; empty, or no number: none.
  std::string resume_lease;
};

// "/service/demo/" or, with Citus, "/service/demo/0/": runs of slashes made one (DCS-007, DCS-008).
std::string base_path(const Etcd3Options& options);

}  // namespace matriarch::etcd3
