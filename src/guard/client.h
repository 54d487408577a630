// The agent's side of the guardian: finds it or starts it, takes over from a former agent, and keeps it informed.
#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/completion.h"
#include "base/process.h"
#include "base/reactor.h"
#include "base/task_group.h"
#include "base/wait.h"
#include "guard/protocol.h"
#include "ports/guard.h"

namespace matriarch::guard {

// The running postmaster, as the agent knows it.
struct Postmaster {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;
  UniqueFd pidfd;
};

struct ClientOptions {
  std::filesystem::path data_dir;
  std::string program = "postgres";  // base name of the server's executable
  std::filesystem::path guardian;    // the program; see default_guardian()
  bool respawn = false;              // start this process again, as it was started, should it die while armed
  std::function<std::optional<Postmaster>()> postmaster;  // none: nothing runs
};

// Beside this program's executable.
std::filesystem::path default_guardian();

// How this process was started, for the guardian; empty if the system does not tell.
UniqueFd make_recipe();

// Thread: the reactor's. Await close() before it is destroyed.
class Client final : public Guard {
 public:
  Client(Reactor& reactor, ClientOptions options);
  ~Client() override = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Finds the guardian or starts one, and says hello: a former agent is dead afterwards.
  Task<Status> open(Ctx ctx);
  // Lets go; what is armed stays armed.
  Task<void> close();

  Task<Status> arm(GuardedLease lease, Ctx ctx) override;
  void renew(GuardedLease lease) override;
  Task<Status> disarm(Ctx ctx) override;
  [[nodiscard]] GuardState state() const override;
  void on_change(std::function<void()> changed) override { changed_ = std::move(changed); }
  std::optional<GuardedLease> take_inheritance() override { return std::exchange(inheritance_, std::nullopt); }

  // The same, to look at.
  [[nodiscard]] const std::optional<GuardedLease>& inheritance() const { return inheritance_; }
  // The postmaster that was armed when this agent took over; none if it has ended. Once.
  [[nodiscard]] UniqueFd take_postmaster() { return std::move(inherited_postmaster_); }

 private:
  struct Asked {
    Ask ask = Ask::kNone;
    Instant at;
    std::optional<Completion<Reply>> done;  // none: nobody waits for it
  };

  Task<Status> ensure_open(Ctx ctx);
  Task<Status> connect_or_start(Ctx ctx);
  Task<Status> start_guardian(Ctx ctx);
  Task<Status> hello(Ctx ctx);
  Task<Result<Reply>> ask(Request request, std::vector<int> fds, Ctx ctx);
  Status send(Request request, const std::vector<int>& fds);
  static Task<void> listen(Client* self, std::shared_ptr<const UniqueFd> socket, std::stop_token stop);
  static Task<void> reap(Client* self, std::shared_ptr<ChildProcess> child);
  void take(const Reply& reply, UniqueFd attached);
  void lost(const std::string& why);
  void watch_silence();
  [[nodiscard]] Request request(Ask ask) const;

  Reactor& reactor_;
  ClientOptions options_;
  std::string data_dir_;
  std::function<void()> changed_;
  AsyncMutex opening_;
  TaskGroup background_;

  std::shared_ptr<const UniqueFd> socket_;  // null: no guardian
  UniqueFd guardian_;  // its pidfd
  std::stop_source listening_;
  std::deque<Asked> asked_;
  TimerId silence_ = TimerId::kNone;
  Reply last_;
  std::string problem_ = "not started yet";
  std::uint64_t epoch_ = 0;
  std::uint64_t losses_ = 0;
  bool closed_ = false;

  std::optional<GuardedLease> inheritance_;
  UniqueFd inherited_postmaster_;
};

}  // namespace matriarch::guard
