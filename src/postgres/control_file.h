// global/pg_control: what the data directory is and how its server ended.
//
// Read directly, because it is looked at every few milliseconds while a server stops, and a program run takes longer
// than that. The layout is the same for PostgreSQL 13 to 18 up to one byte, and the checksum proves each reading; where
// it does not (another version, a vendor's layout) the answer of pg_controldata is used (PG-006).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/server_view.h"

namespace matriarch::postgres {

struct ControlFile {
  ControlData data;
  Lsn redo_lsn;
  std::uint32_t wal_segment_size = 0;
  // Settings that a standby must not undercut (PG-179).
  int max_connections = 0;
  int max_worker_processes = 0;
  int max_wal_senders = 0;
  int max_prepared_xacts = 0;
  int max_locks_per_xact = 0;
};

// kNotFound; kUnsupported: not a layout known here; kIo.
Result<ControlFile> read_control_file(const std::filesystem::path& data_dir);

// kUnsupported: unknown layout or wrong checksum.
Result<ControlFile> parse_control_file(std::string_view bytes);

// The output of pg_controldata, in the C locale.
ControlFile parse_pg_controldata(std::string_view text);

}  // namespace matriarch::postgres
