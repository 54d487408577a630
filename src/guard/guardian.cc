#include "guard/guardian.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "guard/say.h"

namespace matriarch::guard {

namespace {

constexpr Nanos kFormerAgentPatience = 1'000'000'000;  // to die of SIGKILL before the next one is answered

volatile std::sig_atomic_t told_to_end = 0;

bool permitted(int connection) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

bool is_peer(int connection, int pidfd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid > 0 && pid_of(pidfd) == peer.pid;
}

}  // namespace

Guardian::Guardian(const char* data_dir, UniqueFd listener, Privileges privileges)
    : data_dir_(data_dir),
      listener_(std::move(listener)),
      privileges_(privileges),
      timer_(timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)),
      machine_(boot_now()) {}

void Guardian::run() {
  std::signal(SIGTERM, [](int) { told_to_end = 1; });
  for (const int ignored : {SIGINT, SIGHUP, SIGPIPE, SIGCHLD, SIGQUIT}) std::signal(ignored, SIG_IGN);
  while (!done_) {
    carry_out();
    if (done_ || (told_to_end != 0 && machine_.phase() != Phase::kArmed)) break;
    wait();
  }
}

// --- acting

void Guardian::carry_out() {
  while (true) {
    switch (machine_.next(boot_now())) {
      case Machine::Action::kNothing: return;
      case Machine::Action::kStrike: strike_now(); break;
      case Machine::Action::kRespawn: respawn(); break;
      case Machine::Action::kExit: done_ = true; return;
    }
  }
}

void Guardian::strike_now() {
  struck_at_ = boot_now();
  last_strike_ = strike(postmaster_.get(), server());
  postmaster_.reset();
  if (owner_ >= 0) send_reply(connections_[owner_].get(), Ask::kNone, Refusal::kNone);
  Say line;
  if (last_strike_.signals == 0) {
    line << "the lease was not renewed in time; no PostgreSQL ran in " << data_dir_;
    return;
  }
  line << "the lease was not renewed in time: PostgreSQL in " << data_dir_ << " was killed (" << last_strike_.signals
       << " processes, all stopped after " << (last_strike_.last_stop_at - struck_at_) / 1000 << " us and killed after "
       << (last_strike_.last_signal_at - struck_at_) / 1000 << " us, begun "
       << (struck_at_ - machine_.lease().kill_at) / 1000 << " us after the deadline)";
}

void Guardian::respawn() {
  const OomScore as_it_was(privileges_.oom_score_adj);  // the agent is not as dear as the guardian
  agent_ = start_agent(recipe_);
  Say() << "the agent of " << data_dir_ << " ended with its server guarded: " << (agent_ ? "started again" : "could not be started again");
  if (!agent_) machine_.agent_ended(boot_now());
}

// --- waiting

void Guardian::wait() {
  itimerspec when{};
  if (const Nanos at = machine_.wake_at(); at != 0) {
    when.it_value.tv_sec = at / 1'000'000'000;
    when.it_value.tv_nsec = at % 1'000'000'000;
  }
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);

  pollfd polled[kConnections + 3];
  polled[0] = {.fd = timer_.get(), .events = POLLIN, .revents = 0};
  polled[1] = {.fd = listener_.get(), .events = POLLIN, .revents = 0};
  polled[2] = {.fd = agent_.get(), .events = POLLIN, .revents = 0};
  for (int i = 0; i < kConnections; ++i) polled[i + 3] = {.fd = connections_[i].get(), .events = POLLIN, .revents = 0};
  if (poll(polled, kConnections + 3, -1) < 0) return;  // a signal

  carry_out();  // an overdue deadline comes before whatever was sent meanwhile
  if (polled[2].revents != 0) {
    agent_.reset();
    machine_.agent_ended(boot_now());
  }
  for (int i = 0; i < kConnections; ++i) {
    if (polled[i + 3].revents != 0) serve(i);
  }
  if (polled[1].revents != 0) accept_one();
}

void Guardian::accept_one() {
  UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection || !permitted(connection.get())) return;
  for (int i = 0; i < kConnections; ++i) {
    if (connections_[i]) continue;
    connections_[i] = std::move(connection);
    return;
  }
  // All places taken: a stranger makes room, the agent does not.
  const int victim = owner_ == 0 ? 1 : 0;
  hang_up(victim);
  connections_[victim] = std::move(connection);
}

void Guardian::hang_up(int index) {
  connections_[index].reset();
  if (index != owner_) return;
  owner_ = -1;
  machine_.disconnected(boot_now());
}

// --- messages

bool Guardian::receive(int fd, Message& message) {
  iovec data{.iov_base = &message.request, .iov_len = sizeof message.request};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  msghdr header{.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  const ssize_t n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  for (cmsghdr* c = n < 0 ? nullptr : CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count && message.fd_count < kMaxDescriptors; ++i) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(c) + i * sizeof(int), sizeof received);
      message.fds[message.fd_count++] = UniqueFd(received);
    }
  }
  const Request& request = message.request;
  return n == static_cast<ssize_t>(sizeof request) && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
         request.magic == kMagic && request.version == kVersion;
}

void Guardian::serve(int index) {
  Message message;
  const int fd = connections_[index].get();
  if (!receive(fd, message)) {
    if (errno == EAGAIN || errno == EINTR) errno = 0;
    hang_up(index);
    return;
  }
  message.request.lease.id[kLeaseIdSize - 1] = '\0';
  message.request.program[kProgramSize - 1] = '\0';
  const Refusal refusal = message.request.directory == directory_hash(data_dir_) ? handle(index, message) : Refusal::kWrongDirectory;
  const bool hands_over = message.request.ask == Ask::kHello && refusal == Refusal::kNone;
  send_reply(fd, message.request.ask, refusal, hands_over && postmaster_ && !has_ended(postmaster_.get()) ? postmaster_.get() : -1);
}

Refusal Guardian::handle(int index, Message& message) {
  const Request& request = message.request;
  switch (request.ask) {
    case Ask::kState: return Refusal::kNone;
    case Ask::kHello: return hello(index, message);
    default: break;
  }
  if (index != owner_) return Refusal::kNotOwner;
  switch (request.ask) {
    case Ask::kArm: return arm(message);
    case Ask::kRenew: return machine_.renew(request.epoch, request.lease, boot_now());
    case Ask::kDisarm: {
      const Refusal refusal = machine_.disarm(request.epoch);
      if (refusal == Refusal::kNone) postmaster_.reset();
      return refusal;
    }
    default: return Refusal::kBadMessage;
  }
}

// Whoever says hello is the agent from now on. The former one must not act any more, so it dies before anything is handed
// over; a process that merely lost its connection, or executed another program, is no former one.
Refusal Guardian::hello(int index, Message& message) {
  const bool respawn = message.request.respawn != 0;
  if (message.fd_count < (respawn ? 4 : 1) || !is_peer(connections_[index].get(), message.fds[0].get())) return Refusal::kBadMessage;
  if (agent_ && !has_ended(agent_.get()) && pid_of(agent_.get()) != pid_of(message.fds[0].get())) {
    send_signal(agent_.get(), SIGKILL);
    Nanos patience = kFormerAgentPatience;
    if (machine_.phase() == Phase::kArmed) patience = std::min(patience, machine_.lease().kill_at - boot_now());
    if (patience > 0) wait_ended(agent_.get(), static_cast<int>(patience / 1'000'000));
    Say() << "another agent took over " << data_dir_ << ": the former one was killed";
  }
  if (owner_ >= 0 && owner_ != index) connections_[owner_].reset();
  owner_ = index;
  agent_ = std::move(message.fds[0]);
  recipe_ = {};
  if (respawn) recipe_ = {.recipe = std::move(message.fds[1]), .out = std::move(message.fds[2]), .err = std::move(message.fds[3])};
  carry_out();  // the deadline may have passed while the former agent died
  machine_.hello(respawn, boot_now());
  return Refusal::kNone;
}

Refusal Guardian::arm(Message& message) {
  const Request& request = message.request;
  std::memcpy(program_, request.program, sizeof program_);
  if (request.pid != 0) {
    if (message.fd_count != 1) return Refusal::kBadMessage;
    if (pid_of(message.fds[0].get()) != request.pid) return Refusal::kNoSuchProcess;
    const Refusal wrong = check_postmaster(message.fds[0].get(), request.start_ticks, server());
    if (wrong != Refusal::kNone) return wrong;
  }
  const Refusal refusal = machine_.arm(request.epoch, request.lease, boot_now());
  if (refusal == Refusal::kNone) postmaster_ = std::move(message.fds[0]);  // none: looked for when it comes to that
  return refusal;
}

void Guardian::send_reply(int fd, Ask to, Refusal refusal, int attached) const {
  Reply reply{.to = to,
              .refusal = refusal,
              .phase = machine_.phase(),
              .guardian_pid = getpid(),
              .epoch = machine_.epoch(),
              .lease = machine_.lease(),
              .strikes = machine_.strikes(),
              .struck_at = struck_at_,
              .last_signal_at = last_strike_.last_signal_at,
              .signals = last_strike_.signals,
              .respawns = machine_.respawns(),
              .real_time = privileges_.real_time ? 1U : 0U,
              .locked = privileges_.locked ? 1U : 0U};
  if (postmaster_) {
    const pid_t pid = pid_of(postmaster_.get());
    ProcessStat stat;
    if (pid > 0 && read_stat(pid, stat)) {
      reply.pid = pid;
      reply.start_ticks = stat.start_ticks;
    }
  }
  iovec data{.iov_base = &reply, .iov_len = sizeof reply};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{.msg_iov = &data, .msg_iovlen = 1};
  if (attached >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &attached, sizeof attached);
  }
  // An agent that does not read its replies loses them; it notices by what it does not hear.
  (void)sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace matriarch::guard
