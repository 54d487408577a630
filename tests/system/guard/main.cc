// Started by root, the tests become user `postgres`, since PostgreSQL refuses root; the guardian is copied to where that
// user may execute it, and a control group is delegated to that user.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <sys/wait.h>
#include <linux/capability.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/process.h"
#include "tests/system/guard/agent.h"

namespace {

namespace fs = std::filesystem;

constexpr const char* kPrograms = "GUARD_TEST_PROGRAMS";
constexpr const char* kCgroup = "GUARD_TEST_CGROUP";  // empty: there is none

// As a package may: real-time priority, locked memory and protection from the OOM killer for the guardian alone.
void grant_privileges(const std::string& guardian) {
  constexpr unsigned kCapabilities = 1U << CAP_SYS_NICE | 1U << CAP_IPC_LOCK | 1U << CAP_SYS_RESOURCE;
  for (const unsigned wanted : {kCapabilities, 1U << CAP_SYS_NICE}) {  // a container may lack some
    vfs_cap_data caps{.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE};
    caps.data[0].permitted = wanted;
    if (setxattr(guardian.c_str(), "security.capability", &caps, XATTR_CAPS_SZ_2, 0) == 0 &&
        std::system((guardian + " >/dev/null 2>&1; test $? = 2").c_str()) == 0) {
      return;
    }
  }
  (void)removexattr(guardian.c_str(), "security.capability");
}

void copy_programs(const passwd* owner) {
  std::string folder = "/tmp/guard-programs.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) std::exit(1);
  fs::copy_file(GUARDIAN_PROGRAM, folder + "/matriarch-guardian");
  fs::copy_file("/proc/self/exe", folder + "/agent");
  fs::permissions(folder + "/agent", fs::perms::owner_all | fs::perms::group_all | fs::perms::others_read | fs::perms::others_exec);
  if (owner != nullptr && chown(folder.c_str(), owner->pw_uid, owner->pw_gid) != 0) std::exit(1);
  if (owner != nullptr && std::getenv("UNPRIVILEGED") == nullptr) grant_privileges(folder + "/matriarch-guardian");
  setenv(kPrograms, folder.c_str(), 1);
}

bool move_into(const fs::path& group) { return static_cast<bool>(std::ofstream(group / "cgroup.procs") << getpid() << std::flush); }

// A group that belongs to `owner`, as systemd's Delegate= makes it, with this process in it. Empty: this system permits none.
fs::path delegate_cgroup(const passwd* owner) {
  for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    const fs::path group = fs::path(mount) / ("matriarch-guard-test." + std::to_string(getpid()));
    std::error_code error;
    if (!fs::exists(fs::path(mount) / "cgroup.controllers") || !fs::create_directory(group, error)) continue;
    bool delegated = fs::exists(group / "cgroup.kill") && move_into(group);
    for (const fs::path& path : {group, group / "cgroup.procs"}) {
      delegated = delegated && chown(path.c_str(), owner->pw_uid, owner->pw_gid) == 0;
    }
    if (delegated) return group;
    move_into(mount);
    fs::remove(group, error);
  }
  return {};
}

// Root stays behind to remove the group.
int run_in_cgroup(const passwd* owner, int argc, char** argv) {
  const fs::path group = delegate_cgroup(owner);
  std::vector<std::string> command{"/proc/self/exe"};
  command.insert(command.end(), argv + 1, argv + argc);
  const auto child = matriarch::spawn({.argv = std::move(command),
                                       .env = {{kCgroup, group.string()}},
                                       .stdout_fd = STDOUT_FILENO,
                                       .stderr_fd = STDERR_FILENO});
  int status = 1;
  if (child) waitpid(child->pid(), &status, 0);
  if (!group.empty()) move_into(group.parent_path());
  std::error_code error;
  if (!group.empty() && !fs::remove(group, error)) std::fputs("the control group was not removed\n", stderr);
  return child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int become_postgres(int argc, char** argv) {
  const passwd* user = getpwnam("postgres");
  if (user == nullptr) {
    std::fputs("there is no user postgres to run the servers as\n", stderr);
    return 1;
  }
  if (std::getenv(kCgroup) == nullptr) return run_in_cgroup(user, argc, argv);
  copy_programs(user);
  unsetenv("GTEST_OUTPUT");  // a file of root's
  setenv("HOME", user->pw_dir, 1);
  if (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
    std::perror("cannot become the user postgres");
    return 1;
  }
  execv((std::string(std::getenv(kPrograms)) + "/agent").c_str(), argv);
  std::perror("cannot execute the tests as postgres");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "--agent") == 0) {
    return matriarch::guard::run_agent(argv[2], argv[3], std::strcmp(argv[4], "respawn") == 0);
  }
  if (geteuid() == 0) return become_postgres(argc, argv);
  if (std::getenv(kPrograms) == nullptr) copy_programs(nullptr);
  testing::InitGoogleTest(&argc, argv);
  const int code = RUN_ALL_TESTS();
  fs::remove_all(std::getenv(kPrograms));
  return code;
}
