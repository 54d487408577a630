#include "init.h"

#include <csignal>
#include <cstring>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

namespace matriarch::app {

namespace {

constexpr int kPassedOn[] = {SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGTERM, SIGUSR1, SIGUSR2};

int exit_code(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// The daemon's exit code, if it is among the dead.
std::optional<int> reap(pid_t daemon) {
  int status = 0;
  for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
    log::info("Reaped pid={}, exit status={}", pid, exit_code(status));
    if (pid == daemon) return exit_code(status);
  }
  return std::nullopt;
}

}  // namespace

std::optional<int> become_init(char** argv) {
  if (getpid() != 1) return std::nullopt;
  sigset_t watched;
  sigset_t former;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  for (const int signal : kPassedOn) sigaddset(&watched, signal);
  sigprocmask(SIG_BLOCK, &watched, &former);  // before there is a child, so that nothing is missed

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask(&attributes, &former);
  pid_t daemon = 0;
  const int failed = posix_spawn(&daemon, "/proc/self/exe", nullptr, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    log::critical("cannot start the daemon as a child of process 1: {}", std::strerror(failed));
    return 1;
  }
  while (true) {
    const int signal = sigwaitinfo(&watched, nullptr);
    if (signal > 0 && signal != SIGCHLD) kill(daemon, signal);
    if (signal != SIGCHLD) continue;
    if (const auto code = reap(daemon)) return code;
  }
}

}  // namespace matriarch::app
