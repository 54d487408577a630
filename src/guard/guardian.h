// The guardian process: the machine (machine.h) with a socket, a timer and a hand to kill with. One for a data directory.
#pragma once

#include "base/unique_fd.h"
#include "guard/machine.h"
#include "guard/processes.h"
#include "guard/respawn.h"
#include "guard/strike.h"

namespace matriarch::guard {

struct Privileges {
  bool real_time = false;  // SCHED_FIFO
  bool locked = false;     // mlockall
  int oom_score_adj = 0;   // as it was found; what the agent gets back when it is started again
};

class Guardian {
 public:
  // `listener`: a listening, nonblocking seqpacket socket. `data_dir` must outlive this object.
  Guardian(const char* data_dir, UniqueFd listener, Privileges privileges);

  // Until there is nothing to guard and no agent, or SIGTERM with nothing armed.
  void run();

 private:
  static constexpr int kConnections = 8;

  struct Message {
    Request request;
    UniqueFd fds[kMaxDescriptors];
    int fd_count = 0;
  };

  void wait();
  void accept_one();
  void serve(int index);
  void hang_up(int index);
  bool receive(int fd, Message& message);
  void send_reply(int fd, Ask to, Refusal refusal, int attached = -1) const;

  Refusal hello(int index, Message& message);
  Refusal arm(Message& message);
  Refusal handle(int index, Message& message);
  void carry_out();
  void strike_now();
  void respawn();
  void watch_agent();

  [[nodiscard]] Server server() const { return {.data_dir = data_dir_, .program = program_}; }

  const char* data_dir_;
  UniqueFd listener_;
  Privileges privileges_;
  UniqueFd timer_;
  Machine machine_;

  UniqueFd connections_[kConnections];
  int owner_ = -1;           // index of the agent's connection
  UniqueFd agent_;           // its pidfd
  AgentRecipe recipe_;
  UniqueFd postmaster_;      // checked when armed
  char program_[kProgramSize] = {};
  StrikeResult last_strike_;
  Nanos struck_at_ = 0;
  bool done_ = false;
};

}  // namespace matriarch::guard
