// What the guardian knows and when it acts: no I/O, no clock, no memory but its own. Everything that is dangerous about the
// guardian is decided here; guardian.cc only carries it out.
#pragma once

#include <cstdint>

#include "guard/protocol.h"

namespace matriarch::guard {

// After this long without an agent and with nothing to guard the guardian ends.
inline constexpr Nanos kIdleGrace = 10'000'000'000;
// Between attempts to start a dead agent again: none, 1 s, 2 s, 4 s, ... at most 30 s. An agent that lived for ten seconds
// counts as started; after ten failures in a row it is left to people.
inline constexpr Nanos kRespawnPause = 1'000'000'000;
inline constexpr Nanos kRespawnPauseMax = 30'000'000'000;
inline constexpr Nanos kAgentSettled = 10'000'000'000;
inline constexpr int kRespawnAttempts = 10;

class Machine {
 public:
  explicit Machine(Nanos now) : idle_since_(now) {}

  // --- what happened. Messages carry the epoch they were given at hello; an older one means a former agent.
  // The sender is the agent now; the caller has seen to it that no other process is.
  void hello(bool respawn, Nanos now);
  Refusal arm(std::uint64_t epoch, const Lease& lease, Nanos now);
  Refusal renew(std::uint64_t epoch, const Lease& lease, Nanos now);
  Refusal disarm(std::uint64_t epoch);
  void disconnected(Nanos now);  // the agent's connection; its process may live on
  void agent_ended(Nanos now);   // its process

  // --- what is to be done now
  enum class Action : std::uint8_t { kNothing, kStrike, kRespawn, kExit };
  // Each call gives one action and takes it for carried out; call again until kNothing.
  Action next(Nanos now);
  // When next() may have something else to say, if nothing happens before; 0: never.
  [[nodiscard]] Nanos wake_at() const;

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] const Lease& lease() const { return lease_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  [[nodiscard]] std::uint32_t strikes() const { return strikes_; }
  [[nodiscard]] std::uint32_t respawns() const { return respawns_; }

 private:
  enum class Agent : std::uint8_t { kNone, kConnected, kDetached };  // kDetached: alive, without a connection

  void agent_away(Agent now_is, Nanos now);

  Phase phase_ = Phase::kDisarmed;
  Lease lease_;
  std::uint64_t epoch_ = 0;
  Agent agent_ = Agent::kNone;
  Nanos idle_since_;

  bool may_respawn_ = false;
  Nanos respawn_at_ = 0;    // 0: not due
  Nanos agent_since_ = 0;   // hello, or the start by us
  int failed_starts_ = 0;

  std::uint32_t strikes_ = 0;
  std::uint32_t respawns_ = 0;
};

}  // namespace matriarch::guard
