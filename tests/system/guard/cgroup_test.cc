// A server with a control group of its own is killed as a whole, in one write; one that shares its group is not (guard/strike.h).
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/wait.h>

#include "tests/system/guard/fixture.h"

namespace matriarch::guard {
namespace {

namespace fs = std::filesystem;

struct CgroupTest : GuardSystemTest {
  void SetUp() override {
    const char* delegated = std::getenv("GUARD_TEST_CGROUP");
    if (delegated == nullptr || *delegated == '\0') {
      GTEST_SKIP() << "NOT TESTED: killing by cgroup.kill. It needs root, and cgroup v2 at /sys/fs/cgroup that root may write to";
    }
    group_ = fs::path(delegated) / "server";
    fs::create_directory(group_);
    GuardSystemTest::SetUp();
    // Again and again, because the postmaster makes children meanwhile.
    ASSERT_TRUE(wait_for([this] { return move_server_in() == 0; }));
    for (int i = 0; i < 20; ++i) backends_.push_back(connect());
  }

  void TearDown() override {
    if (group_.empty()) return;
    backends_.clear();
    GuardSystemTest::TearDown();
    if (bystander_) end_bystander();
    std::error_code error;
    EXPECT_TRUE(wait_for([&] { return fs::remove(group_, error); })) << error.message();
  }

  // How many were not in it before.
  int move_server_in() const {
    int moved = 0;
    const Server ours = server();
    for_each_process([&](pid_t pid) {
      if (belongs_to(pid, ours) && !is_in_group(pid) && move_in(pid)) ++moved;
    });
    return moved;
  }
  [[nodiscard]] bool move_in(pid_t pid) const { return static_cast<bool>(std::ofstream(group_ / "cgroup.procs") << pid << std::flush); }
  [[nodiscard]] bool is_in_group(pid_t pid) const {
    std::ifstream members(group_ / "cgroup.procs");
    for (pid_t member = 0; members >> member;) {
      if (member == pid) return true;
    }
    return false;
  }
  // Somebody who is none of the server's, in its group.
  void add_bystander() {
    auto child = spawn({.argv = {"tail", "-f", "/dev/null"}});
    ASSERT_TRUE(child) << child.error().text();
    bystander_.emplace(std::move(*child));
    EXPECT_TRUE(move_in(bystander_->pid()));
  }
  [[nodiscard]] bool bystander_lives() const { return !wait_ended(bystander_->pidfd(), 0); }
  void end_bystander() {
    (void)bystander_->kill(SIGKILL);
    waitpid(bystander_->pid(), nullptr, 0);
    bystander_.reset();
  }

  fs::path group_;
  std::vector<Connection> backends_;
  std::optional<ChildProcess> bystander_;
};

TEST_F(CgroupTest, AServerAloneInItsGroupIsKilledInOneWrite) {
  EXPECT_GT(server_processes(), 20);
  const auto result = strike(-1, server());
  EXPECT_TRUE(result.postmaster_found);
  EXPECT_TRUE(result.by_cgroup);
  EXPECT_EQ(result.signals, 1u);
  watch_end(3000 * kMilli);
}

TEST_F(CgroupTest, WhoElseIsInTheGroupIsSpared) {
  add_bystander();
  const auto result = strike(-1, server());
  EXPECT_TRUE(result.postmaster_found);
  EXPECT_FALSE(result.by_cgroup);
  watch_end(3000 * kMilli);
  EXPECT_TRUE(bystander_lives());
}

TEST_F(CgroupTest, GroupsBelowAreSpared) {
  const fs::path below = group_ / "below";
  fs::create_directory(below);
  add_bystander();
  EXPECT_TRUE(static_cast<bool>(std::ofstream(below / "cgroup.procs") << bystander_->pid() << std::flush));
  EXPECT_FALSE(strike(-1, server()).by_cgroup);
  watch_end(3000 * kMilli);
  EXPECT_TRUE(bystander_lives());
  end_bystander();
  EXPECT_TRUE(wait_for([&] { return fs::remove(below); }));
}

// As it is in production: the guardian does it at K, and agent and guardian, in the group above, live on.
TEST_F(CgroupTest, TheGuardianKillsTheGroupAtK) {
  auto& agent = this->agent();
  const pid_t guardian = guardian_of(agent.tell("hello"));
  const Nanos deadline = agent.deadline("arm 700 77");
  wait_for([&] { return boot_now() >= deadline - 50 * kMilli; });
  EXPECT_TRUE(server_answers()) << "nothing is killed before K";
  const Nanos gone = watch_end(3000 * kMilli);
  EXPECT_GE(gone, deadline);
  EXPECT_LT(gone - deadline, 500 * kMilli);
  EXPECT_FALSE(agent.ended_within(0));
  EXPECT_EQ(kill(guardian, 0), 0);
  EXPECT_TRUE(wait_for([&] { return std::stoll(agent.tell("struck")) >= deadline; }));
}

}  // namespace
}  // namespace matriarch::guard
