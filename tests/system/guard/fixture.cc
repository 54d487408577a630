#include "tests/system/guard/fixture.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <fmt/format.h>

#include "guard/place.h"

namespace matriarch::guard {

namespace fs = std::filesystem;

namespace {

constexpr int kPort = 15970;

fs::path server_programs() {
  for (int major = 18; major >= 13; --major) {
    const fs::path dir = fmt::format("/usr/lib/postgresql/{}/bin", major);
    if (fs::exists(dir / "postgres")) return dir;
  }
  return {};
}

std::string program(const char* name) { return std::string(std::getenv("GUARD_TEST_PROGRAMS")) + "/" + name; }

int exit_code_of(const ChildProcess& child) {
  wait_ended(child.pidfd(), 60'000);
  int status = -1;
  return waitpid(child.pid(), &status, 0) == child.pid() && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

std::string GuardSystemTest::root_;
std::string GuardSystemTest::data_dir_;

AgentProcess::AgentProcess(const std::string& data_dir, bool respawn) {
  int in[2];
  int out[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) std::abort();
  in_ = UniqueFd(in[1]);
  out_ = UniqueFd(out[0]);
  // Its standard input comes by way of a shell, because spawn() gives every child an empty one.
  const auto command = fmt::format("exec \"$0\" --agent \"$1\" \"$2\" {} < /proc/{}/fd/{}", respawn ? "respawn" : "once", getpid(), in[0]);
  auto child = spawn({.argv = {"/bin/sh", "-c", command, program("agent"), data_dir, program("matriarch-guardian")},
                      .stdout_fd = out[1],
                      .stderr_fd = STDERR_FILENO});
  if (!child) std::abort();
  child_.emplace(std::move(*child));
  // Both ends of the pipe stay open until the shell has opened its own.
  close(out[1]);
  tell("ready?");
  close(in[0]);
}

AgentProcess::~AgentProcess() {
  (void)child_->kill(SIGKILL);
  wait_ended(child_->pidfd(), 2000);
  waitpid(child_->pid(), nullptr, 0);
}

std::string AgentProcess::tell(const std::string& line) {
  const std::string text = line + "\n";
  if (write(in_.get(), text.data(), text.size()) < 0) return "error gone";
  while (read_.find('\n') == std::string::npos) {
    pollfd waiting{.fd = out_.get(), .events = POLLIN, .revents = 0};
    char buffer[512];
    const ssize_t n = poll(&waiting, 1, 10'000) > 0 ? read(out_.get(), buffer, sizeof buffer) : -1;
    if (n <= 0) return "error no answer";
    read_.append(buffer, static_cast<std::size_t>(n));
  }
  const auto newline = read_.find('\n');
  std::string answer = read_.substr(0, newline);
  read_.erase(0, newline + 1);
  return answer;
}

Nanos AgentProcess::deadline(const std::string& line) {
  const std::string answer = tell(line);
  EXPECT_TRUE(answer.starts_with("ok ")) << line << ": " << answer;
  return answer.starts_with("ok ") ? std::stoll(answer.substr(3)) : 0;
}

void GuardSystemTest::SetUpTestSuite() {
  signal(SIGPIPE, SIG_IGN);
  root_ = fmt::format("/tmp/guard-test.{}", getpid());
  data_dir_ = root_ + "/data";
  fs::create_directories(root_);
  const auto made = spawn({.argv = {server_programs() / "initdb", "-D", data_dir_, "-A", "trust", "-U", "postgres", "--no-sync"}});
  ASSERT_TRUE(made) << made.error().text();
  ASSERT_EQ(exit_code_of(*made), 0);
  std::ofstream(data_dir_ + "/postgresql.conf", std::ios::app)
      << "fsync = off\nmax_connections = 600\nlisten_addresses = ''\nport = " << kPort << "\nunix_socket_directories = '" << root_
      << "'\nshared_buffers = '32MB'\n";
}

void GuardSystemTest::TearDownTestSuite() { fs::remove_all(root_); }

void GuardSystemTest::SetUp() { start_server(); }

void GuardSystemTest::TearDown() {
  agents_.clear();
  stop_server();
  // Each test begins with a guardian of its own. (With privileges its executable is not for us to see, its title is.)
  for_each_process([](pid_t pid) {
    char title[256];
    if (read_text(ProcPath(pid, "/cmdline").text, title, sizeof title) > 0 && program("matriarch-guardian") == title) kill(pid, SIGKILL);
  });
}

void GuardSystemTest::start_server() {
  // Of a server that was killed: nothing runs.
  for (const auto& stale : {data_dir_ + "/postmaster.pid", fmt::format("{}/.s.PGSQL.{}.lock", root_, kPort)}) fs::remove(stale);
  auto started = spawn({.argv = {server_programs() / "postgres", "-D", data_dir_}, .new_session = true, .stdout_fd = -1});
  ASSERT_TRUE(started) << started.error().text();
  postmaster_.emplace(std::move(*started));
  ASSERT_TRUE(wait_for([this] { return server_answers(); }, 20'000 * kMilli));
}

void GuardSystemTest::stop_server() {
  strike(-1, server());
  ASSERT_TRUE(wait_for([this] { return server_processes() == 0; }));
  reap_server();
}

// A zombie still has its number, and the next server would take its lock files for valid.
void GuardSystemTest::reap_server() {
  if (!postmaster_) return;
  EXPECT_TRUE(wait_ended(postmaster_->pidfd(), 5000));
  waitpid(postmaster_->pid(), nullptr, 0);
  postmaster_.reset();
}

Connection GuardSystemTest::connect() const {
  return {PQconnectdb(fmt::format("host={} port={} user=postgres dbname=postgres", root_, kPort).c_str()), &PQfinish};
}

bool GuardSystemTest::server_answers() const { return PQstatus(connect().get()) == CONNECTION_OK; }

int GuardSystemTest::server_processes() const {
  int count = 0;
  const Server ours = server();
  for_each_process([&](pid_t pid) { count += belongs_to(pid, ours) ? 1 : 0; });
  return count;
}

Nanos GuardSystemTest::watch_end(Nanos patience) const {
  const Nanos end = boot_now() + patience;
  while (server_processes() > 0) {
    if (boot_now() < end) continue;
    ADD_FAILURE() << "the server still runs";
    break;
  }
  return boot_now();
}

AgentProcess& GuardSystemTest::agent(bool respawn) {
  agents_.push_back(std::make_unique<AgentProcess>(data_dir_, respawn));
  return *agents_.back();
}

pid_t GuardSystemTest::guardian_of(const std::string& hello) const {
  const auto at = hello.find("guardian=");
  EXPECT_NE(at, std::string::npos) << hello;
  return at == std::string::npos ? 0 : std::stoi(hello.substr(at + 9));
}

}  // namespace matriarch::guard
