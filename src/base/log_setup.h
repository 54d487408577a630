// Where the log goes and what its lines look like, as section `log` of the configuration says (CFG-427..442).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/log.h"
#include "base/log_format.h"
#include "base/time.h"

namespace matriarch::log {

enum class Shape { kPlain, kJson };

struct Options {
  Level level = Level::kInfo;
  ComponentLevels components;
  Shape shape = Shape::kPlain;
  std::string format = std::string(kDefaultFormat);  // of plain lines
  JsonFormat::Pairs json_fields;                     // field -> key
  JsonFormat::Pairs json_constants;                  // key -> value as JSON text
  std::string dateformat;                            // strftime; empty: ISO date, comma, milliseconds
  std::size_t queue_capacity = 1000;                 // records, >= 1
  std::filesystem::path dir;                         // of patroni.log; empty: stderr
  std::optional<mode_t> mode;                        // of log files; none: 0666 & ~umask
  int file_num = 4;                                  // rotated files kept; 0: no rotation
  std::int64_t file_size = 25'000'000;               // bytes; 0: no rotation
  bool deduplicate_heartbeats = false;
};

// Puts `options` in force, at start and at every reload. From the first call on records go through a queue and a thread
// of their own. The file is opened anew each time, so that a reload follows an external rotation. Records still queued
// are written the new way already.
//
// Never fails as a whole: returns a text for each part that could not be honoured, naming key, value and what is done
// instead (CFG-438). A directory that cannot be used leaves the log where it was.
//
// Thread: one at a time.
std::vector<std::string> configure(const Options& options);

// Waits until what was logged before is written. False: not within `limit`.
bool flush(Duration limit);

// At the end of the process: as flush(), then the thread ends. False: records were left over, because the destination
// takes no more; the process shall exit with kExitRecordsLeft (CFG-432). What is logged later goes to stderr directly,
// or nowhere if false.
bool shut_down(Duration limit);
inline constexpr int kExitRecordsLeft = 5;

}  // namespace matriarch::log
