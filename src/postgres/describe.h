// What a running server says about itself, for a configuration that is to be made from it (CFG-407..411).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/reactor.h"
#include "postgres/conninfo.h"

namespace matriarch::postgres {

struct Description {
  int server_version = 0;                                     // 150020
  std::vector<std::pair<std::string, std::string>> settings;  // name, displayed text (CFG-408); by name
  std::string bin_dir;                                        // of the running postmaster; empty: not on this machine
  std::vector<std::string> pg_hba;  // without comments; empty: the file is in no default place, or cannot be read
  std::vector<std::string> pg_ident;

  // Empty if the server does not say.
  [[nodiscard]] std::string setting(std::string_view name) const;
};

// kUnavailable: no connection, the text says why (without a password); kDenied: the user is no superuser.
Task<Result<Description>> describe(Reactor& reactor, ConnParams params, Ctx ctx);

// The lines of a pg_hba.conf or pg_ident.conf that mean something. Directives that include other files count from version
// 16 on.
std::vector<std::string> significant_lines(std::string_view text, int server_version);

}  // namespace matriarch::postgres
