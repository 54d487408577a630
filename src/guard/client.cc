#include "guard/client.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "base/own_executable.h"
#include "guard/place.h"
#include "guard/respawn.h"

namespace matriarch::guard {

namespace fs = std::filesystem;

namespace {

constexpr Duration kAnswerPatience = std::chrono::seconds(2);  // a guardian that is silent for longer is replaced
constexpr Duration kOtherGuardianPause = std::chrono::milliseconds(10);

std::string_view text_of(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNone: return "accepted";
    case Refusal::kBadMessage: return "it did not understand the message";
    case Refusal::kWrongDirectory: return "it guards another data directory";
    case Refusal::kNotOwner: return "another agent has taken over";
    case Refusal::kNotArmed: return "it is not armed";
    case Refusal::kTooLate: return "the time to act has passed";
    case Refusal::kNoSuchProcess: return "the postmaster has ended";
    case Refusal::kNotPostmaster: return "the process is not the postmaster of this data directory";
  }
  return "unknown refusal";
}

Lease to_wire(const GuardedLease& lease) {
  Lease wire{.kill_at = lease.kill_at.time_since_epoch().count(), .end = lease.end.time_since_epoch().count()};
  std::memcpy(wire.id, lease.lease_id.data(), std::min(lease.lease_id.size(), kLeaseIdSize - 1));
  return wire;
}

GuardedLease from_wire(const Lease& wire) {
  return {.kill_at = Instant(Duration(wire.kill_at)),
          .end = Instant(Duration(wire.end)),
          .lease_id = std::string(wire.id, strnlen(wire.id, kLeaseIdSize))};
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

fs::path default_guardian() { return own_executable().parent_path() / "matriarch-guardian"; }

// As the process was started: the environment of that moment, not today's, from which secrets have been taken.
UniqueFd make_recipe() {
  const auto arguments = read_file("/proc/self/cmdline", kMaxRecipeSize / 2);
  const auto variables = read_file("/proc/self/environ", kMaxRecipeSize / 2);
  std::error_code error;
  const auto cwd = fs::current_path(error);
  if (!arguments || !variables || error) return {};
  std::string body = own_executable().string() + '\0' + cwd.string() + '\0' + *arguments + *variables;
  const auto words = [](const std::string& text) { return static_cast<std::uint32_t>(std::ranges::count(text, '\0')); };
  const RecipeHeader header{.size = static_cast<std::uint32_t>(sizeof(RecipeHeader) + body.size()),
                            .arguments = words(*arguments),
                            .variables = words(*variables)};
  UniqueFd fd(memfd_create("matriarch-agent", MFD_CLOEXEC));
  std::string head(sizeof header, '\0');
  std::memcpy(head.data(), &header, sizeof header);
  if (!fd || !write_all(fd.get(), head + body)) return {};
  return fd;
}

Client::Client(Reactor& reactor, ClientOptions options)
    : reactor_(reactor),
      options_(std::move(options)),
      data_dir_(canonical_data_dir(options_.data_dir)),
      opening_(reactor),
      background_(reactor) {}

Request Client::request(Ask ask) const {
  Request request{.ask = ask, .directory = directory_hash(data_dir_.c_str()), .epoch = epoch_};
  std::memcpy(request.program, options_.program.data(), std::min(options_.program.size(), kProgramSize - 1));
  return request;
}

// --- finding and starting

Task<Status> Client::open(Ctx ctx) { co_return co_await ensure_open(std::move(ctx)); }

Task<Status> Client::ensure_open(Ctx ctx) {
  auto only_one = co_await opening_.lock(ctx);
  if (!only_one) co_return only_one.error();
  if (socket_) co_return Status();
  if (closed_) co_return Error(Errc::kCancelled, "closed");
  auto opened = co_await connect_or_start(ctx);
  if (opened) opened = co_await hello(ctx);
  if (!opened) {
    problem_ = opened.error().text();
    co_return Error(Errc::kUnavailable, opened.error().text());
  }
  problem_.clear();
  co_return Status();
}

Task<Status> Client::connect_or_start(Ctx ctx) {
  while (true) {
    for (const auto& folder : guardian_folders(data_dir_)) {
      auto connected = connect_to_guardian(folder);
      if (!connected) continue;
      socket_ = std::make_shared<const UniqueFd>(std::move(*connected));
      co_return Status();
    }
    const auto started = co_await start_guardian(ctx);
    if (started) continue;
    if (started.error().code() != Errc::kConflict) co_return started;
    // Another one was started at the same moment, or one is just ending.
    if (const auto paused = co_await pause_for(reactor_, kOtherGuardianPause, ctx); !paused) co_return paused;
  }
}

// Completes when the guardian answers: it says so by a byte on its standard output. kConflict: there is another one.
Task<Status> Client::start_guardian(Ctx ctx) {
  std::string why;
  for (const auto& folder : guardian_folders(data_dir_)) {
    if (const auto made = make_private_folder(folder); !made) {
      why += (why.empty() ? "" : "; ") + made.error().text();
      continue;
    }
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) co_return errno_error(errno, "pipe");
    const UniqueFd ready(ends[0]);
    UniqueFd out(ends[1]);
    auto child = spawn({.argv = {options_.guardian.string(), folder.string(), data_dir_},
                        .new_session = true,
                        .stdout_fd = out.get(),
                        .stderr_fd = STDERR_FILENO});
    if (!child) co_return child.error();
    out.reset();
    auto shared = std::make_shared<ChildProcess>(std::move(*child));
    background_.spawn(reap(this, shared));
    if (const auto said = co_await reactor_.readable(ready.get(), ctx); !said) co_return said;
    char byte = 0;
    if (read(ready.get(), &byte, 1) == 1) co_return Status();
    co_return Error(Errc::kConflict, fmt::format("the guardian did not start in {}", folder.string()));
  }
  co_return Error(Errc::kDenied, fmt::format("no place for the guardian's socket: {}", why));
}

Task<void> Client::reap(Client* self, std::shared_ptr<ChildProcess> child) {
  (void)co_await child->wait(self->reactor_, Ctx{.stop = self->background_.stop_token()});
}

Task<Status> Client::hello(Ctx ctx) {
  listening_ = std::stop_source();
  asked_.clear();
  background_.spawn(listen(this, socket_, listening_.get_token()));

  auto message = request(Ask::kHello);
  const auto self = open_pidfd(getpid());
  if (!self) co_return self.error();
  std::vector<int> fds{self->get()};
  UniqueFd recipe;
  if (options_.respawn) {
    recipe = make_recipe();
    if (!recipe) {
      log::warning("guardian.respawn: cannot tell how this process was started; it will not be started again");
    } else {
      message.respawn = 1;
      fds.insert(fds.end(), {recipe.get(), STDOUT_FILENO, STDERR_FILENO});
    }
  }
  const auto reply = co_await ask(message, std::move(fds), ctx.until(reactor_.now() + kAnswerPatience));
  if (!reply || reply->refusal != Refusal::kNone) {
    const auto why = reply ? std::string(text_of(reply->refusal)) : reply.error().text();
    lost(why);
    co_return Error(Errc::kUnavailable, "the guardian did not accept this agent: " + why);
  }
  epoch_ = reply->epoch;
  if (auto pidfd = open_pidfd(reply->guardian_pid)) guardian_ = std::move(*pidfd);
  if (reply->phase == Phase::kArmed) inheritance_ = from_wire(reply->lease);
  co_return Status();
}

// --- messages

Status Client::send(Request message, const std::vector<int>& fds) {
  iovec data{.iov_base = &message, .iov_len = sizeof message};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> control{};
  msghdr header{.msg_iov = &data, .msg_iovlen = 1};
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    cmsghdr* c = CMSG_FIRSTHDR(&header);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(c), fds.data(), sizeof(int) * fds.size());
  }
  if (sendmsg(socket_->get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(sizeof message)) return {};
  return errno_error(errno, "cannot write to the guardian");
}

Task<Result<Reply>> Client::ask(Request message, std::vector<int> fds, Ctx ctx) {
  co_return co_await complete<Reply>(reactor_, std::move(ctx), [this, &message, &fds](Completion<Reply> done) {
    if (const auto sent = send(message, fds); !sent) {
      done(Error(Errc::kUnavailable, sent.error().text()));
      lost(sent.error().text());
    } else {
      asked_.push_back({.ask = message.ask, .at = reactor_.now(), .done = std::move(done)});
      watch_silence();
    }
    return Callback();
  });
}

Task<void> Client::listen(Client* self, std::shared_ptr<const UniqueFd> socket, std::stop_token stop) {
  const int fd = socket->get();
  while (true) {
    const auto ready = co_await self->reactor_.readable(fd, Ctx{.stop = stop});
    if (!ready || stop.stop_requested()) co_return;
    Reply reply;
    iovec data{.iov_base = &reply, .iov_len = sizeof reply};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr header{.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.data(), .msg_controllen = control.size()};
    const ssize_t n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    UniqueFd attached;
    if (const cmsghdr* c = n > 0 ? CMSG_FIRSTHDR(&header) : nullptr;
        c != nullptr && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int))) {
      int received = -1;
      std::memcpy(&received, CMSG_DATA(c), sizeof received);
      attached = UniqueFd(received);
    }
    if (n != static_cast<ssize_t>(sizeof reply) || reply.magic != kMagic || reply.version != kVersion) {
      self->lost(n == 0 ? "the guardian has ended" : "the guardian speaks another version of the protocol");
      co_return;
    }
    self->take(reply, std::move(attached));
  }
}

void Client::take(const Reply& reply, UniqueFd attached) {
  last_ = reply;
  if (reply.to == Ask::kNone) {
    log::critical("the guardian has killed PostgreSQL: the lease was not renewed in time");
    if (changed_) changed_();
    return;
  }
  if (reply.to == Ask::kHello) inherited_postmaster_ = std::move(attached);
  if (asked_.empty() || asked_.front().ask != reply.to) return lost("the guardian answered out of turn");
  Asked asked = std::move(asked_.front());
  asked_.pop_front();
  if (asked.done) {
    (*asked.done)(reply);
  } else if (reply.refusal != Refusal::kNone) {
    log::warning("the guardian refused a renewal: {}", text_of(reply.refusal));
    if (changed_) changed_();
  }
}

// A guardian that is frozen is no better than none, and its socket does not tell.
void Client::watch_silence() {
  if (silence_ != TimerId::kNone) return;
  silence_ = reactor_.call_at(reactor_.now() + kAnswerPatience, [this] {
    silence_ = TimerId::kNone;
    if (asked_.empty()) return;
    if (reactor_.now() - asked_.front().at < kAnswerPatience) return watch_silence();
    if (guardian_) (void)signal_pidfd(guardian_.get(), SIGKILL);  // its lock must be free for the next one
    lost("the guardian does not answer");
  });
}

void Client::lost(const std::string& why) {
  if (!socket_) return;
  log::error("guardian: {}", why);
  listening_.request_stop();
  socket_.reset();
  guardian_.reset();
  reactor_.cancel(std::exchange(silence_, TimerId::kNone));
  last_ = {};
  problem_ = why;
  ++losses_;
  for (auto& asked : std::exchange(asked_, {})) {
    if (asked.done) (*asked.done)(Error(Errc::kUnavailable, why));
  }
  if (changed_) changed_();
}

// --- the port

Task<Status> Client::arm(GuardedLease lease, Ctx ctx) {
  if (const auto opened = co_await ensure_open(ctx); !opened) co_return opened;
  auto message = request(Ask::kArm);
  message.lease = to_wire(lease);
  auto postmaster = options_.postmaster ? options_.postmaster() : std::nullopt;
  std::vector<int> fds;
  if (postmaster) {
    message.pid = postmaster->pid;
    message.start_ticks = postmaster->start_ticks;
    fds.push_back(postmaster->pidfd.get());
  }
  auto reply = co_await ask(message, fds, ctx.until(reactor_.now() + kAnswerPatience));
  if (!reply && !socket_) {  // it was gone already, or just ended: another one is as good
    if (const auto opened = co_await ensure_open(ctx); !opened) co_return opened;
    message.epoch = epoch_;
    reply = co_await ask(message, fds, ctx.until(reactor_.now() + kAnswerPatience));
  }
  if (!reply) co_return Error(Errc::kUnavailable, reply.error().text());
  if (reply->refusal != Refusal::kNone) {
    co_return Error(Errc::kInvalid, fmt::format("the guardian refused: {}", text_of(reply->refusal)));
  }
  co_return Status();
}

void Client::renew(GuardedLease lease) {
  if (!socket_ || last_.phase != Phase::kArmed) return;
  auto message = request(Ask::kRenew);
  message.lease = to_wire(lease);
  if (const auto sent = send(message, {}); !sent) return lost(sent.error().text());
  asked_.push_back({.ask = Ask::kRenew, .at = reactor_.now(), .done = std::nullopt});
  watch_silence();
}

Task<Status> Client::disarm(Ctx ctx) {
  if (!socket_) co_return Status();  // none, or one that has ended: nothing is armed, or nobody is there to ask
  const auto reply = co_await ask(request(Ask::kDisarm), {}, ctx.until(reactor_.now() + kAnswerPatience));
  if (!reply) co_return Error(Errc::kUnavailable, reply.error().text());
  if (reply->refusal != Refusal::kNone) co_return Error(Errc::kInvalid, std::string(text_of(reply->refusal)));
  co_return Status();
}

GuardState Client::state() const {
  GuardState state{.connected = socket_ && epoch_ != 0 && last_.guardian_pid != 0,
                   .armed = socket_ && last_.phase == Phase::kArmed,
                   .pid = last_.guardian_pid,
                   .epoch = epoch_,
                   .struck_at = Instant(Duration(last_.struck_at)),
                   .strikes = last_.strikes,
                   .respawns = last_.respawns,
                   .losses = losses_,
                   .real_time = last_.real_time != 0,
                   .locked_memory = last_.locked != 0,
                   .problem = problem_};
  if (state.armed) state.kill_at = Instant(Duration(last_.lease.kill_at));
  return state;
}

Task<void> Client::close() {
  closed_ = true;
  listening_.request_stop();
  reactor_.cancel(std::exchange(silence_, TimerId::kNone));
  background_.request_stop();
  co_await background_.join();
  socket_.reset();
  for (auto& asked : std::exchange(asked_, {})) {
    if (asked.done) (*asked.done)(Error(Errc::kCancelled, "closed"));
  }
}

}  // namespace matriarch::guard
