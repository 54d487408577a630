// PostgreSQL refuses to run as root, and the agent runs as the servers' user: started by root, the tests become
// `postgres` by executing themselves again.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace {

// The file that GoogleTest is to write its results to may be where only root may write, or even look: it is opened now and
// handed on as a descriptor.
void keep_results_writable(const passwd& user) {
  const char* wanted = std::getenv("GTEST_OUTPUT");
  if (wanted == nullptr || std::strncmp(wanted, "xml:", 4) != 0) return;
  const int fd = open(wanted + 4, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || fchown(fd, user.pw_uid, user.pw_gid) != 0) return;  // GoogleTest will say what is wrong with the path
  setenv("GTEST_OUTPUT", ("xml:/proc/self/fd/" + std::to_string(fd)).c_str(), 1);
}

void become_postgres(char** argv) {
  const passwd* user = getpwnam("postgres");
  if (user == nullptr) {
    std::fputs("there is no user postgres to run the servers as\n", stderr);
    std::exit(1);
  }
  setenv("HOME", user->pw_dir, 1);
  keep_results_writable(*user);
  if (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
    std::perror("cannot become the user postgres");
    std::exit(1);
  }
  execv("/proc/self/exe", argv);
  std::fprintf(stderr, "cannot execute the tests as postgres: %s\n", std::strerror(errno));
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (geteuid() == 0) become_postgres(argv);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
