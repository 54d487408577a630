#include "postgres/control_file.h"

#include <charconv>
#include <cstring>
#include <map>

#include "base/files.h"
#include "postgres/crc32c.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

// Offsets in bytes, for 64-bit builds. 18 added one bool before the authentication nonce.
constexpr std::size_t kCrcOffset13To17 = 288;
constexpr std::size_t kCrcOffset18 = 292;

template <class T>
T read_at(std::string_view bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

bool checksum_fits(std::string_view bytes, std::size_t crc_offset) {
  return bytes.size() >= crc_offset + 4 &&
         crc32c(bytes.substr(0, crc_offset)) == read_at<std::uint32_t>(bytes, crc_offset);
}

bool layout_known(std::string_view bytes) {
  if (bytes.size() < kCrcOffset18 + 4) return false;
  switch (read_at<std::uint32_t>(bytes, 8)) {
    case 1300: return checksum_fits(bytes, kCrcOffset13To17);
    case 1800: return checksum_fits(bytes, kCrcOffset18);
    default: return false;
  }
}

ControlState state_of(std::uint32_t number) {
  switch (number) {
    case 0: return ControlState::kStartingUp;
    case 1: return ControlState::kShutDown;
    case 2: return ControlState::kShutDownInRecovery;
    case 3: return ControlState::kShuttingDown;
    case 4: return ControlState::kInCrashRecovery;
    case 5: return ControlState::kInArchiveRecovery;
    case 6: return ControlState::kInProduction;
    default: return ControlState::kUnknown;
  }
}

ControlState state_of(std::string_view text) {
  if (text == "starting up") return ControlState::kStartingUp;
  if (text == "shut down") return ControlState::kShutDown;
  if (text == "shut down in recovery") return ControlState::kShutDownInRecovery;
  if (text == "shutting down") return ControlState::kShuttingDown;
  if (text == "in crash recovery") return ControlState::kInCrashRecovery;
  if (text == "in archive recovery") return ControlState::kInArchiveRecovery;
  if (text == "in production") return ControlState::kInProduction;
  return ControlState::kUnknown;
}

// "Key:   value" lines; the first "Current " of a key is left out (PG-006).
std::map<std::string, std::string, std::less<>> fields_of(std::string_view text) {
  std::map<std::string, std::string, std::less<>> fields;
  for (const auto line : lines_of(text)) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string key(line.substr(0, colon));
    if (const auto at = key.find("Current "); at != std::string::npos) key.erase(at, 8);
    fields.insert_or_assign(std::move(key), std::string(trimmed(line.substr(colon + 1))));
  }
  return fields;
}

}  // namespace

Result<ControlFile> parse_control_file(std::string_view bytes) {
  if (!layout_known(bytes)) return Error(Errc::kUnsupported, "pg_control has an unknown layout or a wrong checksum");
  ControlFile file;
  file.data.system_id = std::to_string(read_at<std::uint64_t>(bytes, 0));
  file.data.state = state_of(read_at<std::uint32_t>(bytes, 16));
  file.data.checkpoint_lsn = Lsn{read_at<std::uint64_t>(bytes, 32)};
  file.redo_lsn = Lsn{read_at<std::uint64_t>(bytes, 40)};
  file.data.checkpoint_timeline = read_at<std::uint32_t>(bytes, 48);
  file.data.min_recovery_end = Lsn{read_at<std::uint64_t>(bytes, 136)};
  file.data.min_recovery_timeline = read_at<std::uint32_t>(bytes, 144);
  file.data.wal_log_hints = bytes[176] != 0;
  file.max_connections = read_at<std::int32_t>(bytes, 180);
  file.max_worker_processes = read_at<std::int32_t>(bytes, 184);
  file.max_wal_senders = read_at<std::int32_t>(bytes, 188);
  file.max_prepared_xacts = read_at<std::int32_t>(bytes, 192);
  file.max_locks_per_xact = read_at<std::int32_t>(bytes, 196);
  file.wal_segment_size = read_at<std::uint32_t>(bytes, 228);
  file.data.data_checksums = read_at<std::uint32_t>(bytes, 252) != 0;
  return file;
}

Result<ControlFile> read_control_file(const std::filesystem::path& data_dir) {
  // The server overwrites the file in place, so one reading may be torn; two in a row are not.
  constexpr int kAttempts = 5;
  for (int attempt = 1;; ++attempt) {
    const auto bytes = read_file(data_dir / "global" / "pg_control", 64 << 10);
    if (!bytes) return bytes.error();
    auto file = parse_control_file(*bytes);
    if (file || attempt == kAttempts) return file;
  }
}

ControlFile parse_pg_controldata(std::string_view text) {
  const auto fields = fields_of(text);
  const auto value = [&fields](std::string_view key) -> std::string_view {
    const auto found = fields.find(key);
    return found == fields.end() ? std::string_view() : std::string_view(found->second);
  };
  const auto number = [&value](std::string_view key) {
    std::uint32_t result = 0;
    const auto digits = value(key);
    std::from_chars(digits.data(), digits.data() + digits.size(), result);
    return result;
  };
  const auto lsn = [&value](std::string_view key) { return parse_lsn(value(key)).value_or(Lsn{}); };
  const auto setting = [&number](std::string_view key) { return static_cast<int>(number(key)); };

  ControlFile file;
  file.data.system_id = value("Database system identifier");
  file.data.state = state_of(value("Database cluster state"));
  file.data.checkpoint_lsn = lsn("Latest checkpoint location");
  file.redo_lsn = lsn("Latest checkpoint's REDO location");
  file.data.checkpoint_timeline = number("Latest checkpoint's TimeLineID");
  file.data.min_recovery_end = lsn("Minimum recovery ending location");
  file.data.min_recovery_timeline = number("Min recovery ending loc's timeline");
  file.data.wal_log_hints = value("wal_log_hints setting") == "on";
  file.data.data_checksums = number("Data page checksum version") != 0;
  file.max_connections = setting("max_connections setting");
  file.max_worker_processes = setting("max_worker_processes setting");
  file.max_wal_senders = setting("max_wal_senders setting");
  file.max_prepared_xacts = setting("max_prepared_xacts setting");
  file.max_locks_per_xact = setting("max_locks_per_xact setting");
  file.wal_segment_size = number("Bytes per WAL segment");
  return file;
}

}  // namespace matriarch::postgres
