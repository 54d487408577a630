// What the guardian believes about processes: nothing that a number alone says.
#include "guard/processes.h"

#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/process.h"
#include "guard/place.h"
#include "guard/respawn.h"
#include "guard/strike.h"

namespace matriarch::guard {
namespace {

namespace fs = std::filesystem;

class ProcessesTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("guard_processes." + std::to_string(getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override {
    for (const auto& child : children_) {
      (void)child.kill(SIGKILL);
      wait_ended(child.pidfd(), 2000);
    }
    fs::remove_all(folder_);
  }

  // A process of another program that runs in the folder.
  ChildProcess& sleeper(const std::string& argv0 = "/bin/sleep") {
    auto child = spawn({.argv = {argv0, "60"}, .cwd = folder_.string()});
    EXPECT_TRUE(child) << child.error().text();
    children_.push_back(std::move(*child));
    return children_.back();
  }
  // The same program under the name of a server.
  std::string as_postgres() {
    const auto copy = folder_ / "bin" / "postgres";
    fs::create_directories(copy.parent_path());
    fs::copy_file("/bin/sleep", copy, fs::copy_options::skip_existing);
    return copy.string();
  }
  void write_pid_file(pid_t pid) { std::ofstream(folder_ / "postmaster.pid") << pid << "\n" << folder_.string() << "\n"; }
  Refusal check(const ChildProcess& child, std::uint64_t ticks = 0) { return check_postmaster(child.pidfd(), ticks, server()); }
  Server server() { return {.data_dir = folder_.c_str(), .program = "postgres"}; }

  fs::path folder_;
  std::deque<ChildProcess> children_;
};

TEST_F(ProcessesTest, ReadsWhatTheKernelSays) {
  ProcessStat stat;
  ASSERT_TRUE(read_stat(getpid(), stat));
  const auto reference = process_info(getpid());
  ASSERT_TRUE(reference);
  EXPECT_EQ(stat.ppid, getppid());
  EXPECT_EQ(stat.start_ticks, reference->start_ticks);
  EXPECT_FALSE(read_stat(-1, stat));
  EXPECT_EQ(pid_of(open_process(getpid()).get()), getpid());
  EXPECT_EQ(pid_of(STDIN_FILENO), -1) << "no pidfd";
}

TEST_F(ProcessesTest, FindsChildrenAndAllProcesses) {
  const pid_t child = sleeper().pid();
  int found = 0;
  for_each_child(getpid(), [&](pid_t pid) { found += pid == child ? 1 : 0; });
  EXPECT_EQ(found, 1);
  found = 0;
  for_each_process([&](pid_t pid) { found += pid == child ? 1 : 0; });
  EXPECT_EQ(found, 1);
}

TEST_F(ProcessesTest, AcceptsTheServerOfTheDirectory) {
  const auto& child = sleeper(as_postgres());
  write_pid_file(child.pid());
  ProcessStat stat;
  ASSERT_TRUE(read_stat(child.pid(), stat));
  EXPECT_EQ(check(child), Refusal::kNone);
  EXPECT_EQ(check(child, stat.start_ticks), Refusal::kNone);
  EXPECT_EQ(pid_of(find_postmaster(server()).get()), child.pid());
}

TEST_F(ProcessesTest, RefusesWhateverElse) {
  const auto& other_program = sleeper();
  write_pid_file(other_program.pid());
  EXPECT_EQ(check(other_program), Refusal::kNotPostmaster);
  EXPECT_FALSE(find_postmaster(server())) << "a number that was reused";

  const auto& right = sleeper(as_postgres());
  write_pid_file(right.pid() + 1);
  EXPECT_EQ(check(right), Refusal::kNotPostmaster) << "postmaster.pid names another";
  write_pid_file(right.pid());
  ProcessStat stat;
  ASSERT_TRUE(read_stat(right.pid(), stat));
  EXPECT_EQ(check(right, stat.start_ticks + 1), Refusal::kNotPostmaster) << "an earlier bearer of the number was meant";

  const fs::path elsewhere = folder_ / "elsewhere";
  fs::create_directories(elsewhere);
  fs::copy_file(folder_ / "postmaster.pid", elsewhere / "postmaster.pid");
  EXPECT_EQ(check_postmaster(right.pidfd(), 0, {.data_dir = elsewhere.c_str(), .program = "postgres"}), Refusal::kNotPostmaster);

  ASSERT_TRUE(right.kill(SIGKILL));
  ASSERT_TRUE(wait_ended(right.pidfd(), 2000));
  EXPECT_EQ(check(right), Refusal::kNoSuchProcess);
}

TEST_F(ProcessesTest, StrikesTheServerAndNobodyElse) {
  const auto& bystander = sleeper();
  const auto& server_process = sleeper(as_postgres());
  const auto& orphan = sleeper(as_postgres());
  write_pid_file(server_process.pid());
  const auto result = strike(-1, server());
  EXPECT_TRUE(result.postmaster_found);
  EXPECT_TRUE(wait_ended(server_process.pidfd(), 1000));
  EXPECT_TRUE(wait_ended(orphan.pidfd(), 1000)) << "of the same directory";
  EXPECT_FALSE(has_ended(bystander.pidfd()));
}

TEST_F(ProcessesTest, StrikesWithoutPostmasterToo) {
  const auto& orphan = sleeper(as_postgres());
  write_pid_file(1);
  const auto result = strike(-1, server());
  EXPECT_FALSE(result.postmaster_found);
  EXPECT_EQ(result.signals, 1U);
  EXPECT_TRUE(wait_ended(orphan.pidfd(), 1000));
}

TEST_F(ProcessesTest, StartsAnAgentByItsRecipe) {
  const auto script = folder_ / "agent";
  std::ofstream(script) << "#!/bin/sh\necho \"$0 $1 $2 $COLOUR $(pwd)\"\n";
  fs::permissions(script, fs::perms::owner_all);
  std::string body;
  for (const std::string& word : {script.string(), folder_.string(), std::string("agent"), std::string("one"), std::string("two"),
                                  std::string("COLOUR=grey"), std::string("PATH=/bin")}) {
    body += word + '\0';
  }
  const RecipeHeader header{.size = static_cast<std::uint32_t>(sizeof header + body.size()), .arguments = 3, .variables = 2};
  AgentRecipe agent{.recipe = UniqueFd(memfd_create("recipe", MFD_CLOEXEC)), .out = UniqueFd(memfd_create("out", MFD_CLOEXEC))};
  ASSERT_EQ(write(agent.recipe.get(), &header, sizeof header), static_cast<ssize_t>(sizeof header));
  ASSERT_EQ(write(agent.recipe.get(), body.data(), body.size()), static_cast<ssize_t>(body.size()));

  const auto pidfd = start_agent(agent);
  ASSERT_TRUE(pidfd);
  ASSERT_TRUE(wait_ended(pidfd.get(), 5000));
  char text[512] = {};
  ASSERT_GT(pread(agent.out.get(), text, sizeof text - 1, 0), 0);
  EXPECT_EQ(std::string(text), script.string() + " one two grey " + fs::canonical(folder_).string() + "\n");
}

TEST_F(ProcessesTest, ABrokenRecipeStartsNothing) {
  for (const std::uint32_t arguments : {0U, 2U, 5000U}) {  // none, more than there are, too many
    const RecipeHeader header{.size = sizeof header + 4, .arguments = arguments, .variables = 0};
    AgentRecipe agent{.recipe = UniqueFd(memfd_create("recipe", MFD_CLOEXEC))};
    ASSERT_EQ(write(agent.recipe.get(), &header, sizeof header), static_cast<ssize_t>(sizeof header));
    ASSERT_EQ(write(agent.recipe.get(), "a\0b", 4), 4);
    EXPECT_FALSE(start_agent(agent)) << arguments;
  }
  EXPECT_FALSE(start_agent({}));
}

TEST_F(ProcessesTest, TheGuardiansFolderIsItsUsersAlone) {
  const auto private_folder = folder_ / "private";
  EXPECT_TRUE(make_private_folder(private_folder));
  struct stat found {};
  ASSERT_EQ(stat(private_folder.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0700U);
  EXPECT_TRUE(make_private_folder(private_folder)) << "again";
  fs::permissions(private_folder, fs::perms::all);
  EXPECT_FALSE(make_private_folder(private_folder)) << "others could put a socket there";
  fs::create_symlink(private_folder, folder_ / "link");
  EXPECT_FALSE(make_private_folder(folder_ / "link"));
  EXPECT_FALSE(connect_to_guardian(folder_ / "none"));
}

TEST(Place, DependsOnTheDirectoryNotOnItsSpelling) {
  const auto folder = fs::temp_directory_path();
  EXPECT_EQ(canonical_data_dir(folder / "x" / ".." / "data/"), canonical_data_dir(folder / "data"));
  const auto folders = guardian_folders("/srv/pg/data");
  ASSERT_EQ(folders.size(), 2U);
  EXPECT_EQ(folders[0].parent_path(), "/run/matriarch");
  EXPECT_EQ(folders[1].parent_path(), "/srv/pg");
  EXPECT_NE(guardian_folders("/srv/pg/data2")[1], folders[1]);
}

}  // namespace
}  // namespace matriarch::guard
