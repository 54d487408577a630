// pg_control, WAL records, postmaster.pid, titles of processes: what others wrote, read exactly.
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "postgres/control_file.h"
#include "postgres/crc32c.h"
#include "postgres/data_directory.h"
#include "postgres/pid_file.h"
#include "postgres/postmaster.h"
#include "postgres/probe.h"
#include "postgres/rewinder.h"
#include "postgres/slot_plan.h"
#include "postgres/wal_reader.h"

namespace matriarch::postgres {
namespace {

namespace fs = std::filesystem;

class Folder : public testing::Test {
 protected:
  void SetUp() override {
    dir = fs::temp_directory_path() /
          fmt::format("matriarch.{}.{}", getpid(), testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(dir);
  }
  void TearDown() override { fs::remove_all(dir); }
  void write(const fs::path& path, std::string_view content) {
    fs::create_directories((dir / path).parent_path());
    ASSERT_TRUE(write_file_atomically(dir / path, content).ok());
  }
  fs::path dir;
};

template <class T>
void put(std::string& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

TEST(Crc32c, KnownValue) { EXPECT_EQ(crc32c("123456789"), 0xE3069283U); }

TEST(Crc32c, InPieces) { EXPECT_EQ(crc32c("6789", crc32c("12345")), crc32c("123456789")); }

std::string control_bytes(std::uint32_t version, std::size_t crc_offset) {
  std::string bytes(8192, '\0');
  put<std::uint64_t>(bytes, 0, 7300000000000000001);
  put<std::uint32_t>(bytes, 8, version);
  put<std::uint32_t>(bytes, 16, 1);
  put<std::uint64_t>(bytes, 32, 0x3000028);
  put<std::uint32_t>(bytes, 48, 4);
  put<std::uint32_t>(bytes, 180, 150);
  put<std::uint32_t>(bytes, 252, 1);
  put<std::uint32_t>(bytes, crc_offset, crc32c(std::string_view(bytes).substr(0, crc_offset)));
  return bytes;
}

TEST(ControlFileTest, OfBothLayouts) {
  for (const auto& [version, crc] : {std::pair(1300U, 288U), std::pair(1800U, 292U)}) {
    const auto file = parse_control_file(control_bytes(version, crc));
    ASSERT_TRUE(file) << version;
    EXPECT_EQ(file->data.system_id, "7300000000000000001");
    EXPECT_EQ(file->data.state, ControlState::kShutDown);
    EXPECT_EQ(file->data.checkpoint_lsn.value, 0x3000028U);
    EXPECT_EQ(file->data.checkpoint_timeline, 4U);
    EXPECT_EQ(file->max_connections, 150);
    EXPECT_TRUE(file->data.data_checksums);
    EXPECT_FALSE(file->data.wal_log_hints);
  }
}

TEST(ControlFileTest, TornAndUnknownOnesAreRefused) {
  auto torn = control_bytes(1300, 288);
  torn[17] = 1;
  EXPECT_FALSE(parse_control_file(torn));
  EXPECT_FALSE(parse_control_file(control_bytes(1201, 288)));
  EXPECT_FALSE(parse_control_file("short"));
  EXPECT_FALSE(parse_control_file(""));
}

TEST(ControlFileTest, OutputOfTheTool) {  // PG-006
  const auto file = parse_pg_controldata(
      "Database system identifier:           7300000000000000001\n"
      "Database cluster state:               in archive recovery\n"
      "Latest checkpoint location:           0/3000028\n"
      "Latest checkpoint's TimeLineID:       3\n"
      "Minimum recovery ending location:     1/A0\n"
      "Min recovery ending loc's timeline:   2\n"
      "wal_log_hints setting:                on\n"
      "Current max_connections setting:      120\n"
      "Data page checksum version:           0\n"
      "no colon here\n");
  EXPECT_EQ(file.data.system_id, "7300000000000000001");
  EXPECT_EQ(file.data.state, ControlState::kInArchiveRecovery);
  EXPECT_EQ(file.data.min_recovery_end.value, 0x1000000A0U);
  EXPECT_EQ(file.data.min_recovery_timeline, 2U);
  EXPECT_TRUE(file.data.wal_log_hints);
  EXPECT_EQ(file.max_connections, 120);
  EXPECT_FALSE(file.data.data_checksums);
}

constexpr std::uint32_t kSegment = 1 << 20;

// A record with `data_size` bytes of data, as it stands in the WAL apart from page headers.
std::string wal_record(Lsn prev, std::uint8_t info, std::uint8_t manager, std::size_t data_size) {
  std::string record(24 + data_size, 'd');
  put<std::uint32_t>(record, 0, static_cast<std::uint32_t>(record.size()));
  put<std::uint32_t>(record, 4, 0);
  put<std::uint64_t>(record, 8, prev.value);
  put<std::uint8_t>(record, 16, info);
  put<std::uint8_t>(record, 17, manager);
  put<std::uint16_t>(record, 18, 0);
  put<std::uint32_t>(record, 20,
                     crc32c(std::string_view(record).substr(0, 20), crc32c(std::string_view(record).substr(24))));
  return record;
}

using Wal = Folder;

TEST_F(Wal, ShutdownCheckpointAfterASwitch) {  // PG-088, PG-089
  std::string first(kSegment, '\0');
  const auto switched = wal_record(Lsn{kSegment + 40}, 0x40, 0, 0);
  first.replace(0x2000 + 24, switched.size(), switched);  // first record of the second page
  std::string second(kSegment, '\0');
  const Lsn switch_lsn{kSegment + 0x2000 + 24};
  const auto checkpoint = wal_record(switch_lsn, 0x00, 0, 90);
  second.replace(40, checkpoint.size(), checkpoint);
  write(wal_file_name(1, switch_lsn, kSegment), first);
  const Lsn checkpoint_lsn{2 * kSegment + 40};
  write(wal_file_name(1, checkpoint_lsn, kSegment), second);

  const WalReader reader(dir, kSegment, 1);
  const auto record = reader.read(checkpoint_lsn);
  ASSERT_TRUE(record);
  EXPECT_TRUE(record->shutdown_checkpoint);
  EXPECT_EQ(record->prev, switch_lsn);
  EXPECT_EQ(record->end.value, checkpoint_lsn.value + 120);  // 114 bytes, aligned to 8
  EXPECT_FALSE(reader.read(record->end));
  const auto positions = shutdown_positions(reader, checkpoint_lsn);
  EXPECT_EQ(positions.checkpoint, checkpoint_lsn);
  EXPECT_EQ(positions.before_checkpoint, switch_lsn);

  fs::remove(dir / wal_file_name(1, switch_lsn, kSegment));  // recycled already
  EXPECT_EQ(shutdown_positions(reader, checkpoint_lsn).before_checkpoint, checkpoint_lsn);
}

TEST_F(Wal, RecordsGoOnBehindPageHeaders) {
  std::string segment(kSegment, '\0');
  const auto record = wal_record(Lsn{kSegment + 40}, 0x30, 1, 9000);
  constexpr std::size_t kBegin = 0x2000 - 16;  // even the record's header is split
  segment.replace(kBegin, 16, record.substr(0, 16));
  segment.replace(0x2000 + 24, 0x2000 - 24, record.substr(16, 0x2000 - 24));
  const std::size_t rest = record.size() - 16 - (0x2000 - 24);
  segment.replace(0x4000 + 24, rest, record.substr(record.size() - rest));
  write(wal_file_name(1, Lsn{kSegment}, kSegment), segment);
  const auto read = WalReader(dir, kSegment, 1).read(Lsn{kSegment + kBegin});
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_FALSE(read->shutdown_checkpoint);
  EXPECT_EQ(read->end.value, kSegment + 0x4000 + 24 + (rest + 7) / 8 * 8);
}

TEST_F(Wal, DamageAndAbsence) {
  std::string segment(kSegment, '\0');
  auto record = wal_record(Lsn{8}, 0, 0, 90);
  record[50] = 'x';
  segment.replace(40, record.size(), record);
  write(wal_file_name(1, Lsn{kSegment}, kSegment), segment);
  const WalReader reader(dir, kSegment, 1);
  EXPECT_EQ(reader.read(Lsn{kSegment + 40}).error().code(), Errc::kFailed);
  EXPECT_EQ(reader.read(Lsn{5 * kSegment + 40}).error().code(), Errc::kNotFound);
  EXPECT_FALSE(reader.read(Lsn{kSegment + 41}));
  EXPECT_FALSE(WalReader(dir, 0, 1).read(Lsn{40}));
}

TEST(WalFileName, OfSegmentSizes) {
  EXPECT_EQ(wal_file_name(1, Lsn{0x3000028}, 16 << 20), "000000010000000000000003");
  EXPECT_EQ(wal_file_name(0xA, Lsn{0x1FF000000}, 16 << 20), "0000000A00000001000000FF");
}

TEST(PidFileTest, ByLine) {  // PG-029
  const auto file = parse_pid_file("123\n/data\n1700000000\n5432\n/run\n*\n  5432001  32768\nready   \nmore\n");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->pid, 123);
  EXPECT_EQ(file->port, "5432");
  EXPECT_EQ(file->status, "ready");
  EXPECT_FALSE(file->single_user);
  const auto single = parse_pid_file("-123\n/data\nx\n");
  ASSERT_TRUE(single);
  EXPECT_TRUE(single->single_user);
  EXPECT_EQ(single->pid, 123);
  EXPECT_EQ(single->start_time, 0);
  for (const char* bad : {"", "0\n", "x\n", "12x\n", "\n123\n"}) EXPECT_FALSE(parse_pid_file(bad)) << bad;
}

TEST_F(Folder, NothingRunsWithoutAProvenPostmaster) {  // PG-030..033
  const ServerProcesses processes(dir, "postgres");
  EXPECT_FALSE(processes.find_postmaster());
  for (const pid_t pid : {getpid(), getppid(), 1, 4194303}) {
    write("postmaster.pid", fmt::format("{}\n{}\n0\n", pid, dir.string()));
    EXPECT_FALSE(processes.find_postmaster()) << pid;
  }
  write("postmaster.pid", fmt::format("{}\n{}\n0\n", getppid(), dir.string()));
  EXPECT_EQ(processes.foreign_pid_in_pid_file(), getppid());  // PG-056
  write("postmaster.pid", "4194303\n");
  EXPECT_FALSE(processes.foreign_pid_in_pid_file());
  EXPECT_TRUE(processes.orphans().empty());
}

TEST(Titles, AuxiliaryOrClient) {  // PG-082
  for (const char* title :
       {"postgres: checkpointer", "postgres: demo: checkpointer ", "postgres: my: odd: name: startup recovering 0001",
        "postgres: walsender repl 10.0.0.1(5) streaming 0/3", "postgres: demo: logical replication launcher",
        "postgres: autovacuum worker postgres", "postgres: stats collector process", "postgres: io worker 1",
        "postgres: demo: walreceiver streaming 0/30", "postgres: bgworker: citus"}) {
    EXPECT_TRUE(is_auxiliary_title(title)) << title;
  }
  for (const char* title :
       {"postgres: demo: app app 10.0.0.1(5) idle", "postgres: app app [local] COMMIT", "postgres -D /data", "", "psql",
        "postgres: startupx app [local] idle", "postgres: parallel worker for PID 5"}) {
    EXPECT_FALSE(is_auxiliary_title(title)) << title;
  }
}

TEST(Versions, Major) {  // PG-001
  EXPECT_EQ(parse_major_version("15\n"), 150000);
  EXPECT_EQ(parse_major_version("9.6"), 90600);
  EXPECT_EQ(parse_major_version("10"), 100000);
  for (const char* bad : {"", "9", "x", "9.6.1", "15.1", "-1"}) EXPECT_EQ(parse_major_version(bad), 0) << bad;
}

TEST_F(Folder, EmptyOrNot) {  // PG-236
  EXPECT_EQ(look_at_directory(dir / "none").state, DataDirectory::kEmpty);
  EXPECT_EQ(look_at_directory(dir).state, DataDirectory::kEmpty);
  fs::create_directory(dir / "lost+found");
  write(".hidden", "");
  EXPECT_EQ(look_at_directory(dir).state, DataDirectory::kEmpty);
  write("something", "");
  EXPECT_EQ(look_at_directory(dir).state, DataDirectory::kPresent);
  write("file/x", "");
  const auto broken = look_at_directory(dir / "something");
  EXPECT_EQ(broken.state, DataDirectory::kInaccessible);
  EXPECT_NE(broken.problem.find("something"), std::string::npos);
}

TEST_F(Folder, RemovingTakesLinkedDirectoriesAlong) {  // PG-237
  for (const char* path : {"data/PG_VERSION", "wal/000000010000000000000001", "space/PG_15/1/2", "other/kept"})
    write(path, "x");
  fs::create_directory(dir / "data/pg_tblspc");
  fs::create_directory_symlink(dir / "wal", dir / "data/pg_wal");
  fs::create_directory_symlink(dir / "space", dir / "data/pg_tblspc/16384");
  fs::create_directory_symlink(dir / "other", dir / "data/pg_tblspc/name");
  ASSERT_TRUE(remove_directory_tree(dir / "data/").ok());
  EXPECT_FALSE(fs::exists(dir / "data"));
  EXPECT_FALSE(fs::exists(dir / "wal"));
  EXPECT_FALSE(fs::exists(dir / "space"));
  EXPECT_TRUE(fs::exists(dir / "other/kept"));
  EXPECT_TRUE(remove_directory_tree(dir / "data").ok());
}

TEST_F(Folder, ASymlinkedDataDirectoryIsOnlyUnlinked) {  // PG-237
  write("real/PG_VERSION", "15");
  fs::create_directory_symlink(dir / "real", dir / "data");
  ASSERT_TRUE(remove_directory_tree(dir / "data").ok());
  EXPECT_FALSE(fs::exists(dir / "data"));
  EXPECT_TRUE(fs::exists(dir / "real/PG_VERSION"));
}

TEST_F(Folder, MovingAwayRepointsLinks) {  // PG-238
  for (const char* path : {"data/PG_VERSION", "wal/1", "space/2", "data.failed/old"}) write(path, "x");
  fs::create_directory(dir / "data/pg_tblspc");
  fs::create_directory_symlink(dir / "wal", dir / "data/pg_wal");
  fs::create_directory_symlink(dir / "space", dir / "data/pg_tblspc/16384");
  ASSERT_TRUE(move_directory_away(dir / "data/").ok());
  EXPECT_FALSE(fs::exists(dir / "data"));
  EXPECT_FALSE(fs::exists(dir / "data.failed/old"));
  EXPECT_TRUE(fs::exists(dir / "data.failed/pg_wal/1"));
  EXPECT_EQ(fs::read_symlink(dir / "data.failed/pg_tblspc/16384"), dir / "space.failed");
}

TEST_F(Folder, ModesFollowTheDirectory) {  // PG-234
  fs::permissions(dir, fs::perms(0700));
  EXPECT_EQ(modes_in(dir).file, 0600U);
  fs::permissions(dir, fs::perms(0750));
  EXPECT_EQ(modes_in(dir).file, 0640U);
  EXPECT_EQ(modes_in(dir).directory, 0750U);
}

TEST(Probe, AnswersOfAServer) {  // PG-063
  const auto error = [](std::string_view fields) {
    std::string message = "E";
    const auto length = static_cast<std::uint32_t>(fields.size() + 5);
    for (int shift = 24; shift >= 0; shift -= 8) message += static_cast<char>(length >> shift);
    return message.append(fields).append(1, '\0');
  };
  using namespace std::string_view_literals;
  EXPECT_EQ(readiness_of_answer(""), Readiness::kNoResponse);
  EXPECT_EQ(readiness_of_answer("R\0\0\0\x08\0\0\0\0"sv), Readiness::kAccepting);
  EXPECT_EQ(readiness_of_answer(error("SFATAL\0C57P03\0Mthe database system is starting up\0"sv)),
            Readiness::kRejecting);
  EXPECT_EQ(readiness_of_answer(error("SFATAL\0C28000\0Mno pg_hba.conf entry\0"sv)), Readiness::kAccepting);
  EXPECT_EQ(readiness_of_answer(error("SFATAL\0C57P03\0"sv).substr(0, 8)), Readiness::kNoResponse);
  EXPECT_EQ(readiness_of_answer("HTTP/1.1 400"), Readiness::kNoResponse);
}

TEST(Rewind, MissingSegment) {  // PG-328
  EXPECT_EQ(missing_segment("pg_rewind: x\npg_rewind: error: could not open file "
                            "\"/data/pg_wal/000000010000000000000002\": No such file\n"),
            "000000010000000000000002");
  EXPECT_EQ(missing_segment("could not open file \"/data/base/1/2\": No such file"), "");
  EXPECT_EQ(missing_segment("could not open file \"/data/pg_wal/short\": x"), "");
  EXPECT_EQ(missing_segment(""), "");
}

TEST(SlotPlans, RowsOfAnyVersion) {  // PG-342
  const auto slots = parse_slots(
      R"([{"slot_name":"a","plugin":null,"slot_type":"physical","datoid":null,"temporary":false,"active":true,"xmin":null,"restart_lsn":"0/3000028","wal_status":"lost"},)"
      R"({"slot_name":"l","plugin":"pgoutput","slot_type":"logical","datoid":5,"temporary":false,"active":false,"xmin":7,"confirmed_flush_lsn":"1/0","failover":true,"synced":false},)"
      R"({"slot_name":"t","slot_type":"physical","temporary":true},{"slot_name":"s","slot_type":"logical","failover":true,"synced":true}])");
  ASSERT_EQ(slots.size(), 2U);
  EXPECT_EQ(slots[0].name, "a");
  EXPECT_TRUE(slots[0].active);
  EXPECT_TRUE(slots[0].lost);
  EXPECT_FALSE(slots[0].has_xmin);
  EXPECT_EQ(slots[0].restart_lsn.value, 0x3000028U);
  EXPECT_EQ(slots[1].database_oid, "5");
  EXPECT_EQ(slots[1].confirmed_flush_lsn.value, 0x100000000U);
  EXPECT_TRUE(slots[1].has_xmin);
  EXPECT_TRUE(slots[1].failover);
  EXPECT_TRUE(parse_slots("").empty());
  EXPECT_TRUE(parse_slots("{}").empty());
}

TEST(SlotPlans, CreateAdvanceDrop) {  // PG-362..370
  const std::vector<SlotRow> present{
      {.name = "unknown", .type = "physical"},
      {.name = "ignored", .type = "logical", .plugin = "wal2json", .database = "app"},
      {.name = "failover", .type = "logical", .failover = true},
      {.name = "active", .type = "physical", .active = true, .restart_lsn = Lsn{5}},
      {.name = "behind", .type = "physical", .restart_lsn = Lsn{5}},
      {.name = "ahead", .type = "physical", .restart_lsn = Lsn{50}},
      {.name = "xmin", .type = "physical", .has_xmin = true, .restart_lsn = Lsn{5}},
      {.name = "empty", .type = "physical"},
      {.name = "lost", .type = "physical", .restart_lsn = Lsn{5}, .lost = true},
      {.name = "wrong", .type = "logical"},
  };
  Server::SlotPlan plan;
  for (const char* name : {"active", "behind", "ahead", "xmin", "empty", "lost", "wrong", "missing"})
    plan.physical[name] = Lsn{9};
  for (const char* name : {"behind", "ahead", "xmin", "empty"}) plan.keep_inactive[name] = true;
  Value::Map matcher;
  matcher.set("type", "logical");
  matcher.set("plugin", "wal2json");
  const Value::List ignore{Value(matcher)};

  const auto steps = plan_slots(present, plan, ignore);
  EXPECT_EQ(steps.drop, (std::vector<std::string>{"unknown", "xmin", "empty", "lost", "wrong"}));
  EXPECT_EQ(steps.create, (std::vector<std::string>{"empty", "lost", "missing", "wrong", "xmin"}));
  EXPECT_EQ(steps.advance, (std::map<std::string, Lsn>{{"behind", Lsn{9}}}));

  plan.drop_unknown = false;  // paused
  EXPECT_EQ(plan_slots(present, plan, ignore).drop, (std::vector<std::string>{"xmin", "empty", "wrong"}));
}

}  // namespace
}  // namespace matriarch::postgres
