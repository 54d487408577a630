#include "postgres/wal_reader.h"

#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/unique_fd.h"
#include "postgres/crc32c.h"

namespace matriarch::postgres {

namespace {

constexpr std::uint64_t kPageSize = 8192;
constexpr std::uint64_t kShortPageHeader = 24;
constexpr std::uint64_t kLongPageHeader = 40;  // on the first page of a segment
constexpr std::size_t kRecordHeader = 24;
constexpr std::size_t kCrcOffset = 20;
constexpr std::uint32_t kLongestRecord = 1 << 20;  // those looked at here are far shorter

constexpr std::uint8_t kXlogManager = 0;
constexpr std::uint8_t kCheckpointShutdown = 0x00;
constexpr std::uint8_t kSwitch = 0x40;
constexpr std::uint8_t kInfoOfManager = 0xF0;

template <class T>
T read_at(const std::string& bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

constexpr std::uint64_t aligned(std::uint64_t position) { return (position + 7) & ~std::uint64_t{7}; }

}  // namespace

std::string wal_file_name(Timeline timeline, Lsn lsn, std::uint32_t segment_size) {
  const std::uint64_t segment = lsn.value / segment_size;
  const std::uint64_t per_id = 0x100000000ULL / segment_size;
  return fmt::format("{:08X}{:08X}{:08X}", timeline, segment / per_id, segment % per_id);
}

// Reads `count` bytes of records from `*position` on, stepping over page headers, and moves `*position` behind them.
Result<std::string> WalReader::bytes(std::uint64_t* position, std::size_t count) const {
  std::string result;
  while (result.size() < count) {
    const std::uint64_t in_page = *position % kPageSize;
    if (in_page == 0) *position += *position % segment_size_ == 0 ? kLongPageHeader : kShortPageHeader;
    const std::uint64_t take = std::min<std::uint64_t>(count - result.size(), kPageSize - *position % kPageSize);
    const auto path = wal_dir_ / wal_file_name(timeline_, Lsn{*position}, segment_size_);
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return errno_error(errno, fmt::format("cannot read WAL {}", path.filename().string()));
    std::string piece(take, '\0');
    const ssize_t n = pread(fd.get(), piece.data(), take, static_cast<off_t>(*position % segment_size_));
    if (n != static_cast<ssize_t>(take)) return Error(Errc::kFailed, "the WAL ends here");
    result += piece;
    *position += take;
  }
  return result;
}

Result<WalRecord> WalReader::read(Lsn lsn) const {
  const Error none(Errc::kFailed, fmt::format("there is no WAL record at {}", to_string(lsn)));
  if (segment_size_ < kPageSize || lsn.value % 8 != 0) return none;
  std::uint64_t position = lsn.value;
  const auto header = bytes(&position, kRecordHeader);
  if (!header) return header.error();
  const auto length = read_at<std::uint32_t>(*header, 0);
  if (length < kRecordHeader || length > kLongestRecord) return none;
  const auto body = bytes(&position, length - kRecordHeader);
  if (!body) return body.error();
  // The checksum covers the data first, then the header up to the checksum itself.
  const auto crc = crc32c(std::string_view(*header).substr(0, kCrcOffset), crc32c(*body));
  if (crc != read_at<std::uint32_t>(*header, kCrcOffset)) return none;

  const auto info = static_cast<std::uint8_t>(static_cast<std::uint8_t>((*header)[16]) & kInfoOfManager);
  const bool of_xlog = static_cast<std::uint8_t>((*header)[17]) == kXlogManager;
  return WalRecord{.lsn = lsn,
                   .prev = Lsn{read_at<std::uint64_t>(*header, 8)},
                   .end = Lsn{aligned(position)},
                   .shutdown_checkpoint = of_xlog && info == kCheckpointShutdown,
                   .wal_switch = of_xlog && info == kSwitch};
}

ShutdownPositions shutdown_positions(const WalReader& reader, Lsn checkpoint) {
  ShutdownPositions result{.checkpoint = checkpoint, .before_checkpoint = checkpoint};
  const auto record = reader.read(checkpoint);
  if (!record || !record->shutdown_checkpoint) return result;
  const auto before = reader.read(record->prev);
  if (before && before->wal_switch) result.before_checkpoint = before->lsn;
  return result;
}

}  // namespace matriarch::postgres
