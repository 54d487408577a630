// How this node calls the other members' REST APIs (API-321, API-323).
#pragma once

#include <string>

namespace matriarch::peers {

struct PeersOptions {
  std::string username;  // basic authentication; empty: none
  std::string password;  // a secret
  std::string cacert;    // PEM; used only with a client certificate
  std::string certfile;  // client certificate; empty: none, and the servers are not verified
  std::string keyfile;
  std::string keyfile_password;  // a secret
  std::string user_agent = "Matriarch";
};

}  // namespace matriarch::peers
