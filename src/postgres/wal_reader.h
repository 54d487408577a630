// Looks at single records of the local WAL: only what is needed to know where a cleanly stopped server really ended.
// The record header is the same from PostgreSQL 13 to 18, and each record is proved by its checksum.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "model/lsn.h"

namespace matriarch::postgres {

struct WalRecord {
  Lsn lsn;
  Lsn prev;
  Lsn end;  // where the next record begins, page headers not counted
  bool shutdown_checkpoint = false;
  bool wal_switch = false;
};

class WalReader {
 public:
  WalReader(std::filesystem::path wal_dir, std::uint32_t segment_size, Timeline timeline)
      : wal_dir_(std::move(wal_dir)), segment_size_(segment_size), timeline_(timeline) {}

  // kNotFound: the segment is not there (any more); kFailed: there is no valid record at this position.
  [[nodiscard]] Result<WalRecord> read(Lsn lsn) const;

 private:
  [[nodiscard]] Result<std::string> bytes(std::uint64_t* position, std::size_t count) const;

  std::filesystem::path wal_dir_;
  std::uint32_t segment_size_;
  Timeline timeline_;
};

// HA-237, PG-088: of a server that was shut down cleanly.
struct ShutdownPositions {
  Lsn checkpoint;
  Lsn before_checkpoint;  // of the WAL switch before the checkpoint, if there is one; else as `checkpoint`
};
ShutdownPositions shutdown_positions(const WalReader& reader, Lsn checkpoint);

std::string wal_file_name(Timeline timeline, Lsn lsn, std::uint32_t segment_size);

}  // namespace matriarch::postgres
