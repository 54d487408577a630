// Started by root, the tests become user `postgres`, since PostgreSQL refuses root; the guardian is copied to where that
// user may execute it.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <linux/capability.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/system/guard/agent.h"

namespace {

namespace fs = std::filesystem;

constexpr const char* kPrograms = "GUARD_TEST_PROGRAMS";

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

int become_postgres(char** argv) {
  const passwd* user = getpwnam("postgres");
  if (user == nullptr) {
    std::fputs("there is no user postgres to run the servers as\n", stderr);
    return 1;
  }
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
  if (geteuid() == 0) return become_postgres(argv);
  if (std::getenv(kPrograms) == nullptr) copy_programs(nullptr);
  testing::InitGoogleTest(&argc, argv);
  const int code = RUN_ALL_TESTS();
  fs::remove_all(std::getenv(kPrograms));
  return code;
}
