#include "guard/machine.h"

namespace matriarch::guard {

void Machine::hello(bool respawn, Nanos now) {
  ++epoch_;
  agent_ = Agent::kConnected;
  may_respawn_ = respawn;
  respawn_at_ = 0;
  agent_since_ = now;
}

Refusal Machine::arm(std::uint64_t epoch, const Lease& lease, Nanos now) {
  if (agent_ != Agent::kConnected || epoch != epoch_) return Refusal::kNotOwner;
  if (lease.kill_at <= now) return Refusal::kTooLate;
  // What was armed and is overdue is struck first, whatever is asked meanwhile.
  if (phase_ == Phase::kArmed && lease_.kill_at <= now) return Refusal::kTooLate;
  phase_ = Phase::kArmed;
  lease_ = lease;
  return Refusal::kNone;
}

Refusal Machine::renew(std::uint64_t epoch, const Lease& lease, Nanos now) {
  if (phase_ != Phase::kArmed) return Refusal::kNotArmed;
  return arm(epoch, lease, now);
}

Refusal Machine::disarm(std::uint64_t epoch) {
  if (agent_ != Agent::kConnected || epoch != epoch_) return Refusal::kNotOwner;
  phase_ = Phase::kDisarmed;
  lease_ = {};
  failed_starts_ = 0;  // whoever disarms is well and may end when it likes
  return Refusal::kNone;
}

void Machine::agent_away(Agent now_is, Nanos now) {
  agent_ = now_is;
  idle_since_ = now;
}

void Machine::disconnected(Nanos now) {
  if (agent_ == Agent::kConnected) agent_away(Agent::kDetached, now);
}

void Machine::agent_ended(Nanos now) {
  if (agent_ == Agent::kNone) return;
  agent_away(Agent::kNone, now);
  const bool settled = now - agent_since_ >= kAgentSettled;
  if (settled) failed_starts_ = 0;
  // An agent that ended with nothing armed wanted to end; one that we started ourselves was meant to live.
  if (!may_respawn_ || (phase_ != Phase::kArmed && failed_starts_ == 0)) return;
  if (failed_starts_ >= kRespawnAttempts) {
    failed_starts_ = 0;
    return;
  }
  Nanos pause = 0;
  if (failed_starts_ > 0) {
    pause = kRespawnPause;
    for (int i = 1; i < failed_starts_ && pause < kRespawnPauseMax; ++i) pause *= 2;
    if (pause > kRespawnPauseMax) pause = kRespawnPauseMax;
  }
  respawn_at_ = now + pause;
}

Machine::Action Machine::next(Nanos now) {
  if (phase_ == Phase::kArmed && now >= lease_.kill_at) {
    phase_ = Phase::kStruck;
    ++strikes_;
    return Action::kStrike;
  }
  if (respawn_at_ != 0 && now >= respawn_at_) {
    respawn_at_ = 0;
    ++failed_starts_;
    ++respawns_;
    agent_ = Agent::kDetached;
    agent_since_ = idle_since_ = now;
    return Action::kRespawn;
  }
  const bool idle = phase_ != Phase::kArmed && agent_ != Agent::kConnected && respawn_at_ == 0;
  return idle && now - idle_since_ >= kIdleGrace ? Action::kExit : Action::kNothing;
}

Nanos Machine::wake_at() const {
  Nanos at = 0;
  const auto sooner = [&at](Nanos when) {
    if (at == 0 || when < at) at = when;
  };
  if (phase_ == Phase::kArmed) sooner(lease_.kill_at);
  if (respawn_at_ != 0) sooner(respawn_at_);
  if (phase_ != Phase::kArmed && agent_ != Agent::kConnected && respawn_at_ == 0) sooner(idle_since_ + kIdleGrace);
  return at;
}

}  // namespace matriarch::guard
