// postmaster.pid, by line position (PG-029).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/result.h"

namespace matriarch::postgres {

struct PidFile {
  pid_t pid = 0;             // never 0
  bool single_user = false;  // the file has it negative
  std::string data_dir;
  std::int64_t start_time = 0;  // seconds since 1970; 0 = not a number
  std::string port;
  std::string socket_dir;  // empty: no socket
  std::string listen;      // first listening address, or empty
  std::string status;      // "starting", "stopping", "ready", "standby"; empty while not yet written
};

// kNotFound: no file; kInvalid: no usable pid in it. Both mean "nothing running".
Result<PidFile> parse_pid_file(std::string_view text);
Result<PidFile> read_pid_file(const std::filesystem::path& data_dir);

}  // namespace matriarch::postgres
