// The log as the agent uses it: from log::info() to the destination.
#include "base/log_setup.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/unique_fd.h"

namespace matriarch::log {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
constexpr Duration kPlenty = 10s;

// Puts another descriptor in the place of stderr, for as long as it lives.
class Stderr {
 public:
  explicit Stderr(int fd) : former_(::dup(STDERR_FILENO)) { ::dup2(fd, STDERR_FILENO); }
  ~Stderr() { ::dup2(former_.get(), STDERR_FILENO); }
  Stderr(const Stderr&) = delete;
  Stderr& operator=(const Stderr&) = delete;

 private:
  UniqueFd former_;
};

class LogSetup : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = fs::temp_directory_path() / "log_setup_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    fs::create_directory(dir_ / "other");
    stderr_file_ = UniqueFd(::open((dir_ / "stderr").c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    stderr_.emplace(stderr_file_.get());
  }
  void TearDown() override {
    shut_down(kPlenty);
    set_level(Level::kInfo);
    stderr_.reset();
    fs::remove_all(dir_);
  }

  static Options with(std::string format) {
    Options options;
    options.format = std::move(format);
    return options;
  }
  [[nodiscard]] Options to_file(const fs::path& dir) const {
    Options options = with("%(levelname)s %(message)s");
    options.dir = dir;
    return options;
  }
  [[nodiscard]] std::string written(const fs::path& name) const {
    EXPECT_TRUE(flush(kPlenty));
    return read_file(dir_ / name).value_or("(none)");
  }
  static std::vector<std::string> none() { return {}; }

  fs::path dir_;
  UniqueFd stderr_file_;
  std::optional<Stderr> stderr_;
};

TEST_F(LogSetup, BeforeTheConfigurationIsReadTheLogIsOnStderr) {  // CFG-428
  info("hello {}", 1);
  debug("not wanted");
  const std::string line = written("stderr");
  ASSERT_GT(line.size(), 24u);
  EXPECT_EQ(line.substr(24), "INFO: hello 1\n") << line;
}

TEST_F(LogSetup, GoesToPatroniLogInTheDirectory) {  // CFG-427
  EXPECT_EQ(configure(to_file(dir_)), none());
  warning("careful");
  EXPECT_EQ(written("patroni.log"), "WARNING careful\n");
  EXPECT_EQ(written("stderr"), "");
}

TEST_F(LogSetup, ReloadSwitchesDestinationFormatAndLevel) {  // CFG-429
  EXPECT_EQ(configure(with("1 %(message)s")), none());
  info("on stderr");
  EXPECT_EQ(written("stderr"), "1 on stderr\n");

  EXPECT_EQ(configure(to_file(dir_)), none());
  info("in the file");
  EXPECT_EQ(written("patroni.log"), "INFO in the file\n");

  EXPECT_EQ(configure(to_file(dir_ / "other")), none());
  info("in another directory");
  EXPECT_EQ(written("other/patroni.log"), "INFO in another directory\n");
  EXPECT_EQ(written("patroni.log"), "INFO in the file\n");

  Options quiet = with("2 %(message)s");
  quiet.level = Level::kError;
  EXPECT_EQ(configure(quiet), none());
  info("not wanted any more");
  error("on stderr again");
  EXPECT_EQ(written("stderr"), "1 on stderr\n2 on stderr again\n");
}

TEST_F(LogSetup, ReloadFollowsAnExternalRotation) {
  EXPECT_EQ(configure(to_file(dir_)), none());
  info("before");
  EXPECT_TRUE(flush(kPlenty));
  fs::rename(dir_ / "patroni.log", dir_ / "moved");
  EXPECT_EQ(configure(to_file(dir_)), none());
  info("after");
  EXPECT_EQ(written("moved"), "INFO before\n");
  EXPECT_EQ(written("patroni.log"), "INFO after\n");
}

TEST_F(LogSetup, ABadFormatIsNamedAndTheDefaultUsed) {  // CFG-438
  const auto problems = configure(with("%(mesage)s"));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_TRUE(problems[0].starts_with("log.format: there is no field \"mesage\"")) << problems[0];
  EXPECT_TRUE(problems[0].ends_with("in \"%(mesage)s\"; the default format is used")) << problems[0];
  info("text");
  EXPECT_TRUE(written("stderr").ends_with(" INFO: text\n"));
}

TEST_F(LogSetup, AnUnusableDirectoryLeavesTheLogWhereItWas) {  // CFG-017
  for (const auto& where : {std::string("stderr"), (dir_ / "patroni.log").string()}) {
    if (where != "stderr") EXPECT_EQ(configure(to_file(dir_)), none());
    const auto problems = configure(to_file(dir_ / "missing"));
    ASSERT_EQ(problems.size(), 1u);
    EXPECT_TRUE(problems[0].starts_with("log.dir: ")) << problems[0];
    EXPECT_NE(problems[0].find("missing/patroni.log"), std::string::npos) << problems[0];
    EXPECT_NE(problems[0].find("the log stays on " + where), std::string::npos) << problems[0];
    info("still here");
    EXPECT_TRUE(flush(kPlenty));
  }
  EXPECT_EQ(written("stderr"), "INFO still here\n");
  EXPECT_EQ(written("patroni.log"), "INFO still here\n");
}

TEST_F(LogSetup, Json) {  // CFG-436
  Options options;
  options.shape = Shape::kJson;
  options.json_fields = {{"levelname", "level"}, {"message", "message"}};
  options.json_constants = {{"app", "\"db\""}};
  EXPECT_EQ(configure(options), none());
  info("say \"{}\"", "hi");
  EXPECT_EQ(written("stderr"), "{\"level\": \"INFO\", \"message\": \"say \\\"hi\\\"\", \"app\": \"db\"}\n");
}

TEST_F(LogSetup, LevelsOfComponents) {  // CFG-440
  Options options = with("%(message)s");
  options.level = Level::kWarning;
  options.components = {{"matriarch.tests.unit.base.log_setup_test", Level::kDebug}, {"urllib3", Level::kDebug}};
  EXPECT_EQ(configure(options), none());
  debug("of this file");
  options.components = {{"matriarch.tests.unit.base.log_setup", Level::kDebug}, {"matriarch.tests", Level::kError}};
  EXPECT_EQ(configure(options), none());
  warning("the folder decides, not a name that only begins alike");
  options.components = {{"patroni", Level::kInfo}};
  EXPECT_EQ(configure(options), none());
  info("of the whole program");
  options.components = {};
  EXPECT_EQ(configure(options), none());
  info("back to the inherited level");
  EXPECT_EQ(written("stderr"), "of this file\nof the whole program\n");
}

TEST_F(LogSetup, HeartbeatsAreHeldBackAtInfoOnly) {  // CFG-441, CFG-442
  Options options = with("%(message)s");
  options.deduplicate_heartbeats = true;
  EXPECT_EQ(configure(options), none());
  for (int cycle = 0; cycle < 3; ++cycle) {
    info("Lock owner: a; I am a");
    info("no action. I am (a), the leader with the lock");
  }
  EXPECT_EQ(written("stderr"), "no action. I am (a), the leader with the lock\n");
  options.level = Level::kDebug;
  EXPECT_EQ(configure(options), none());
  info("Lock owner: a; I am a");
  info("no action. I am (a), the leader with the lock");
  EXPECT_TRUE(written("stderr").ends_with("\nLock owner: a; I am a\nno action. I am (a), the leader with the lock\n"));
}

TEST_F(LogSetup, AFullDiskSendsTheLogToStderr) {
  fs::create_symlink("/dev/full", dir_ / "patroni.log");
  EXPECT_EQ(configure(to_file(dir_)), none());
  info("one");
  info("two");
  const std::string text = written("stderr");
  EXPECT_TRUE(text.starts_with("ERROR the log file cannot be written, the log goes to stderr meanwhile: ")) << text;
  EXPECT_TRUE(text.ends_with("No space left on device\nINFO one\nINFO two\n")) << text;
}

TEST_F(LogSetup, EverythingIsWrittenAtTheEnd) {
  EXPECT_EQ(configure(with("%(message)s")), none());
  for (int i = 0; i < 500; ++i) info("{}", i);
  EXPECT_TRUE(shut_down(kPlenty));
  error("after the end");
  const std::string text = written("stderr");
  EXPECT_NE(text.find("\n499\n"), std::string::npos);
  EXPECT_TRUE(text.ends_with(" ERROR: after the end\n"));
}

// A pipe that nobody reads, and that takes less than one record.
class FullPipe {
 public:
  FullPipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    read_end = UniqueFd(ends[0]);
    write_end = UniqueFd(ends[1]);
    ::fcntl(write_end.get(), F_SETPIPE_SZ, 4096);
  }
  void wait_for_data() const {
    pollfd ready{.fd = read_end.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&ready, 1, 10'000), 1);
  }
  std::string read_until(std::string_view text) const {
    std::string all;
    std::array<char, 4096> part{};
    pollfd ready{.fd = read_end.get(), .events = POLLIN, .revents = 0};
    while (all.find(text) == std::string::npos && ::poll(&ready, 1, 10'000) > 0) {
      const auto n = ::read(read_end.get(), part.data(), part.size());
      if (n <= 0) break;
      all.append(part.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

  UniqueFd read_end;
  UniqueFd write_end;
};

TEST_F(LogSetup, ABlockedStderrDoesNotBlockTheAgent) {  // CFG-431, CFG-432
  const FullPipe pipe;
  const Stderr blocked(pipe.write_end.get());
  Options options = with("%(message)s");
  options.queue_capacity = 10;
  EXPECT_EQ(configure(options), none());
  info("{}", std::string(8192, 'x'));
  pipe.wait_for_data();  // that one is in the writer's hands
  for (int i = 0; i < 15; ++i) info("{}", std::string(8192, 'y'));
  EXPECT_EQ(queue_size(), 10u);
  EXPECT_EQ(records_lost(), 5u);
  const std::string notice = "QueueHandler has lost 5 log records\n";
  EXPECT_NE(pipe.read_until(notice).find(notice), std::string::npos);
  EXPECT_EQ(records_lost(), 0u);
}

TEST_F(LogSetup, ABlockedStderrDoesNotBlockTheEnd) {  // CFG-432: exit code 5
  FullPipe pipe;
  const Stderr blocked(pipe.write_end.get());
  EXPECT_EQ(configure(with("%(message)s")), none());
  info("{}", std::string(4096, 'x'));  // with its newline one byte more than fits
  pipe.wait_for_data();
  info("left over");
  EXPECT_FALSE(shut_down(1ms));
  error("after the end: discarded, not waited for");
  pipe.read_end.reset();  // lets the writer's thread go
}

}  // namespace
}  // namespace matriarch::log
