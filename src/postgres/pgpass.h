// The manager's own password file (PG-187..190): passwords reach programs and primary_conninfo only through it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "postgres/conninfo.h"

namespace matriarch::postgres {

// One line per host of `params`; empty if they have no password.
std::string pgpass_content(const ConnParams& params);

// Mode 0600, truncating. Blocking, but small.
Status write_pgpass(const std::filesystem::path& path, std::string_view content);

}  // namespace matriarch::postgres
