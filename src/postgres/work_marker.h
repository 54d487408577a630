// Remembers, over the end of the agent or of the machine, that the data directory is being made or rewound: what such
// work leaves when it is cut off looks like a data directory and is none.
//
// The mark is a file beside the data directory (nothing of ours is inside: initdb and pg_basebackup want it empty, and
// pg_rewind deletes what it does not know); where that folder is not ours to write, in the folder of the password file.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "model/server_view.h"

namespace matriarch::postgres {

class WorkMarker {
 public:
  WorkMarker(const std::filesystem::path& data_dir, const std::filesystem::path& second_folder);

  // On disk when this returns. Blocking.
  Status begin(Interrupted work);
  // The work was carried through, or what it left is gone. Blocking.
  Status end();

  // While work is going on, the mark tells nothing. Work that gave up halfway leaves it, and from then on it tells.
  void set_running(bool running) { running_ = running; }
  // Work of a former process, or given up.
  [[nodiscard]] Interrupted left_over() const;

 private:
  std::filesystem::path beside_;
  std::filesystem::path second_;
  bool running_ = false;
};

// Ends programs of a former agent that still work on this data directory (initdb, pg_basebackup, pg_rewind): they live in
// sessions of their own. Returns how many there were; call again until 0.
int end_leftover_programs(const std::filesystem::path& data_dir);

}  // namespace matriarch::postgres
