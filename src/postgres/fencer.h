// The candidate's fence (DESIGN 3): the winner of the lock stops a former primary that still takes writes, by SQL.
//
// Only the server knows its own process number, and only through its port can another machine reach it when its agent is
// dead, frozen or cut off. COPY ... TO PROGRAM runs a shell in the data directory: it reads the number there and asks
// the postmaster for a fast shutdown, and for an immediate one a little later. The standbys drain its WAL meanwhile, so
// what was acknowledged is kept. Needs a superuser's session over TCP, or one with pg_execute_server_program.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "ports/server.h"
#include "postgres/core.h"

namespace matriarch::postgres {

class Fencer {
 public:
  explicit Fencer(Core& core) : core_(core), prepared_(core.reactor) {}

  // Begins to log in to the suspect; what comes of it is kept for some seconds.
  void prepare(const Upstream& suspect);
  // Uses the session prepared, or opens one. Bounded by the Ctx, whatever the suspect does.
  Task<FenceResult> fence(Upstream suspect, Instant answer_by, Ctx ctx);

 private:
  struct Prepared {
    Upstream suspect;
    std::uint64_t number = 0;
    bool done = false;
    std::unique_ptr<Connection> session;
    std::optional<Error> failure;
  };
  static Task<void> log_in(Fencer* self, Upstream suspect, std::uint64_t number);
  static Task<void> forget_later(Fencer* self, std::uint64_t number);

  // What the session says about the server behind it: an outcome if there is nothing to be done, or nothing can be.
  Task<std::optional<FenceResult>> examine(Connection& session, Ctx ctx);
  Task<Status> wait_until_gone(Upstream suspect, Ctx ctx);
  Task<void> drain(Ctx ctx);
  [[nodiscard]] ConnParams params_of(const Upstream& suspect) const;

  Core& core_;
  Broadcast prepared_;
  Prepared attempt_;
};

// The shell command that ends the postmaster whose data directory it runs in. Exposed for the tests.
std::string stop_program();

}  // namespace matriarch::postgres
