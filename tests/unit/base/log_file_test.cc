#include "base/log_file.h"

#include <cerrno>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/log.h"

namespace matriarch::log {
namespace {

namespace fs = std::filesystem;

class LogFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "log_file_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { fs::remove_all(dir_); }

  [[nodiscard]] fs::path path(int number = 0) const {
    return dir_ / (number == 0 ? "patroni.log" : fmt::format("patroni.log.{}", number));
  }
  [[nodiscard]] std::string content(int number = 0) const { return read_file(path(number)).value_or("(none)"); }
  std::unique_ptr<LogFile> open(int keep, std::int64_t size, std::optional<mode_t> mode = std::nullopt) {
    auto file = LogFile::open({.path = path(), .mode = mode, .keep = keep, .size = size});
    EXPECT_TRUE(file) << file.error().text();
    return std::move(*file);
  }
  static mode_t mode_of(const fs::path& file) {
    struct stat info {};
    EXPECT_EQ(::stat(file.c_str(), &info), 0) << file;
    return info.st_mode & 07777;
  }

  fs::path dir_;
};

TEST_F(LogFileTest, RotatesBeforeTheRecordThatWouldReachTheSize) {  // CFG-430
  const auto file = open(2, 10);
  for (const auto* line : {"1234\n", "678\n"}) ASSERT_TRUE(file->append(line));
  EXPECT_EQ(content(), "1234\n678\n") << "9 bytes stay below 10";
  ASSERT_TRUE(file->append("\n"));
  EXPECT_EQ(content(), "\n");
  EXPECT_EQ(content(1), "1234\n678\n");
  for (const auto* line : {"b23456789\n", "c23456789\n"}) ASSERT_TRUE(file->append(line));
  EXPECT_EQ(content(), "c23456789\n");
  EXPECT_EQ(content(1), "b23456789\n");
  EXPECT_EQ(content(2), "\n");
  EXPECT_FALSE(fs::exists(path(3)));
}

TEST_F(LogFileTest, NeverRotatesWithoutNumberOrSize) {  // CFG-430, CFG-020
  for (const auto& [keep, size] : {std::pair(0, 10), std::pair(4, 0)}) {
    const auto file = open(keep, size);
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(file->append("123456789\n"));
    EXPECT_FALSE(fs::exists(path(1)));
  }
  EXPECT_EQ(content().size(), 200u) << "the second one went on where the first one ended";
}

TEST_F(LogFileTest, CountsWhatTheFileHeldBefore) {  // CFG-430
  ASSERT_TRUE(open(1, 100)->append("old\n"));
  ASSERT_TRUE(open(1, 6)->append("new\n"));
  EXPECT_EQ(content(1), "old\n");
  EXPECT_EQ(content(), "new\n");
}

TEST_F(LogFileTest, ModeIsSetWhateverTheUmask) {  // CFG-018
  const mode_t former = ::umask(0077);
  const auto file = open(1, 4, 0644);
  ASSERT_TRUE(file->append("one\n"));
  ASSERT_TRUE(file->append("two\n"));
  ::umask(former);
  EXPECT_EQ(mode_of(path()), 0644u);
  EXPECT_EQ(mode_of(path(1)), 0644u);
}

TEST_F(LogFileTest, WithoutModeTheUmaskDecides) {  // CFG-018
  const mode_t former = ::umask(0027);
  const auto file = open(1, 100);
  ::umask(former);
  EXPECT_EQ(mode_of(path()), 0640u);
}

TEST_F(LogFileTest, BeginsAnewWhenTheFileWasRemoved) {
  const auto file = open(1, 100);
  ASSERT_TRUE(file->append("old\n"));
  fs::remove(path());
  ASSERT_TRUE(file->append("new\n"));
  EXPECT_EQ(content(), "new\n");
}

TEST_F(LogFileTest, GoesOnInTheSameFileWhenItCannotRotate) {
  fs::create_directories(path(1) / "in the way");
  const auto file = open(1, 4);
  ASSERT_TRUE(file->append("one\n"));
  ASSERT_TRUE(file->append("two\n"));
  EXPECT_EQ(content(), "one\ntwo\n");
}

TEST_F(LogFileTest, ErrorsNameThePath) {
  const auto missing = LogFile::open({.path = dir_ / "missing" / "patroni.log", .mode = {}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Errc::kNotFound);
  EXPECT_NE(missing.error().text().find("missing/patroni.log"), std::string::npos);

  const auto full = LogFile::open({.path = "/dev/full", .mode = {}});
  ASSERT_TRUE(full) << full.error().text();
  const auto written = (*full)->append("text\n");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().text().find("/dev/full"), std::string::npos);
}

TEST_F(LogFileTest, APipeWithoutReaderIsAnErrorAndNotAHang) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_FALSE(LogFile::open({.path = path(), .mode = {}}));
}

}  // namespace
}  // namespace matriarch::log
