// One record on its way from log::write() to the destination.
#pragma once

#include <source_location>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "base/log.h"
#include "base/time.h"

namespace matriarch::log {

struct Record {
  Level level = Level::kInfo;
  std::string text;
  std::source_location where;
  WallTime when{};
  pid_t thread = 0;  // of the caller, as the kernel numbers it
};

// A record of the calling thread, now.
Record make_record(Level level, std::string_view text, std::source_location where);

// Where a record comes from, as the repository names it: "src/agent/act.cc", wherever it was compiled.
std::string_view source_path(const std::source_location& where);
// "matriarch.agent.act". Of apps/matriarch/daemon.cc: "matriarch.daemon".
std::string component_name(const std::source_location& where);

// All of `data`, also to a slow or non-blocking descriptor. False: the descriptor takes no more (see errno).
bool write_all(int fd, std::string_view data);

// What log::write() does with a record that is wanted; nullptr: formatted and written to stderr at once.
using Backend = void (*)(Record record);
void set_backend(Backend backend);

}  // namespace matriarch::log
