// matriarch-guardian <folder> <data directory>: started by the agent, one for a data directory. Everything that can fail
// fails here, before the first agent is answered; afterwards no memory is allocated.
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "guard/guardian.h"
#include "guard/say.h"

extern "C" char __executable_start;  // by the linker: all of the program
extern "C" char _end;

namespace {

using namespace matriarch;
using namespace matriarch::guard;

constexpr int kOtherGuardian = 3;  // exit code: one runs already

int fail(const char* what) {
  Say() << what << ": error " << errno;
  return 1;
}

// The program, and as much of the stack as it can need: mlockall() would fill the stack's whole first 132 kB.
bool lock_memory() {
  constexpr std::size_t kStack = 64 << 10;
  char here = 0;
  const auto program_size = static_cast<std::size_t>(&_end - &__executable_start);
  return mlock(&__executable_start, program_size) == 0 && mlock(&here - kStack, kStack) == 0;
}

Privileges take_privileges() {
  Privileges got{.oom_score_adj = OomScore::read()};
  got.locked = lock_memory();
  const sched_param lowest{.sched_priority = 1};
  got.real_time = sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &lowest) == 0;
  if (!got.real_time) (void)setpriority(PRIO_PROCESS, 0, -20);
  (void)OomScore::write(-1000);
  return got;
}

// The folder is entered, so that a socket in it can be named however long its path is.
UniqueFd listen_here() {
  UniqueFd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  std::strcpy(address.sun_path, kSocketName);
  (void)unlink(kSocketName);  // of a former guardian: we hold the lock
  const mode_t former = umask(0177);
  const bool bound = listener && bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                     listen(listener.get(), 8) == 0;
  umask(former);
  if (!bound) listener.reset();
  return listener;
}

// By a byte on standard output: connections are answered from now on.
void tell_agent() {
  (void)!write(STDOUT_FILENO, "1", 1);
  const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
  dup2(nothing, STDOUT_FILENO);
  close(nothing);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    Say() << "usage: matriarch-guardian <folder> <data directory> (started by the agent)";
    return 2;
  }
  if (chdir(argv[1]) != 0) return fail(argv[1]);
  const UniqueFd lock(open(kLockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return fail("cannot open the lock file");
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return errno == EWOULDBLOCK ? kOtherGuardian : fail("flock");
  const Privileges privileges = take_privileges();
  UniqueFd listener = listen_here();
  if (!listener) return fail("cannot listen");
  tell_agent();
  Guardian(argv[2], std::move(listener), privileges).run();
  (void)unlink(kSocketName);
  return 0;
}
