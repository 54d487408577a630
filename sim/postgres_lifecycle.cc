// Starting, stopping, crashing, promoting.
#include <algorithm>
#include <utility>

#include "sim/postgres.h"

namespace matriarch::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::uint64_t kCheckpointRecord = 112;  // bytes
constexpr Duration kSenderTimeout = seconds(30);  // how long a stopping server waits for an unreachable standby

}  // namespace

void Postgres::start(std::optional<StandbyTarget> target, Done done) {
  if (running()) {
    done(accepting() ? Status() : Status(Error(Errc::kTimeout, "still starting or stopping")));
    return;
  }
  if (damaged_) world_.observer->started_half_rewound(*this);
  if (!has_complete_data() || faults_.disk_full) {
    done(Error(Errc::kFailed, faults_.disk_full ? "no space left on device" : "the data directory is not usable"));
    return;
  }
  ++incarnation_;
  ++launches_;
  start_time_ = to_iso8601(os_.wall_now());
  recovery_configured_ = target.has_value();
  target_ = std::move(target);
  if (recovery_configured_) sync_ = {};  // the configuration of a primary keeps them
  in_recovery_ = recovery_configured_;
  const ControlState before = control_.state;
  const bool dirty = before == ControlState::kInProduction;
  control_.state = recovery_configured_ ? ControlState::kInArchiveRecovery : dirty ? ControlState::kInCrashRecovery : ControlState::kStartingUp;
  world_.trace.line(name_, "postgres starts as {}", recovery_configured_ ? "standby" : "primary");
  set_phase(Phase::kStarting);
  announce();
  waiting_for_exit_.push_back([done](const Status&) { done(Error(Errc::kFailed, "ended while starting")); });
  if (faults_.start_fails) {
    after(random_.between(milliseconds(100), seconds(3)), [this, before] {
      world_.coverage.hit("postgres: start failed");
      control_.state = before;
      went_down();
    });
    return;
  }
  const bool slow = faults_.start_is_slow;
  if (slow) world_.coverage.hit("postgres: slow start");
  after(slow ? random_.between(seconds(10), seconds(90)) : random_.between(milliseconds(100), milliseconds(1500)),
        [this, done = std::move(done)]() mutable { accept(std::move(done)); });
}

void Postgres::accept(Done done) {
  waiting_for_exit_.clear();
  backup_label_ = false;
  if (!in_recovery_) {
    control_.state = ControlState::kInProduction;
    // Crash recovery ends with a checkpoint.
    control_.checkpoint_lsn = wal_.append(kCheckpointRecord, world_.next_serial++);
    control_.checkpoint_timeline = wal_.timeline();
    end_of_checkpoint_ = wal_.end();
  }
  world_.trace.line(name_, "postgres accepts connections, {} timeline {} at {:x}", in_recovery_ ? "standby" : "primary",
                    wal_.timeline(), wal_.end().value);
  set_phase(Phase::kAccepting);
  if (in_recovery_) seek_upstream();
  announce();
  done(Status());
}

void Postgres::stop(StopMode mode, StopHooks hooks, Done gone) {
  if (!running()) {
    if (hooks.at_safepoint) hooks.at_safepoint();
    gone(Status());
    return;
  }
  waiting_for_exit_.push_back(std::move(gone));
  hooks_ = std::move(hooks);
  world_.trace.line(name_, "postgres is told to stop ({})", mode == StopMode::kImmediate ? "immediate" : "fast");
  if (mode == StopMode::kImmediate) {
    ++incarnation_;  // whatever was under way ends here
    backends_left_ = false;
    set_phase(Phase::kStopping);
    commits_.clear();
    after(random_.between(milliseconds(5), milliseconds(150)), [this] { went_down(); });
    return;
  }
  if (phase_ == Phase::kStopping || phase_ == Phase::kDraining) return;
  ++incarnation_;
  promoting_ = false;
  backends_left_ = accepting();
  set_phase(Phase::kStopping);
  announce();
  const bool slow = faults_.stop_is_slow;
  if (slow) world_.coverage.hit("postgres: slow stop");
  after(slow ? random_.between(seconds(2), seconds(60)) : random_.between(milliseconds(5), milliseconds(100)),
        [this, mode] { client_backends_gone(mode); });
}

void Postgres::client_backends_gone(StopMode) {
  backends_left_ = false;
  set_phase(Phase::kStopping);
  commits_.clear();  // commits that still waited for standbys were never acknowledged
  if (hooks_.at_safepoint) std::exchange(hooks_.at_safepoint, nullptr)();
  after(faults_.stop_is_slow ? random_.between(seconds(1), seconds(30)) : random_.between(milliseconds(10), milliseconds(600)),
        [this] { shut_down(); });
}

void Postgres::shut_down() {
  set_phase(Phase::kDraining);
  if (in_recovery_) {
    control_.state = ControlState::kShutDownInRecovery;
    went_down();
    return;
  }
  control_.checkpoint_lsn = wal_.append(kCheckpointRecord, world_.next_serial++);
  control_.checkpoint_timeline = wal_.timeline();
  end_of_checkpoint_ = wal_.end();
  control_.state = ControlState::kShutDown;
  pump_all();
  if (hooks_.at_shutdown_checkpoint) {
    std::exchange(hooks_.at_shutdown_checkpoint, nullptr)(control_.checkpoint_lsn, control_.checkpoint_lsn);
  }
  drain(os_.now());
}

void Postgres::drain(Instant since) {
  const bool all_sent = std::ranges::all_of(senders_, [&](const auto& item) { return item.second.flushed >= wal_.end(); });
  if (all_sent || os_.now() >= since + kSenderTimeout) {
    went_down();
    return;
  }
  after(milliseconds(20), [this, since] { drain(since); });
}

void Postgres::went_down() {
  ++incarnation_;
  promoting_ = false;
  backends_left_ = false;
  disconnect_receiver();
  drop_senders();
  commits_.clear();
  set_phase(Phase::kDown);
  if (control_.state == ControlState::kInArchiveRecovery || control_.state == ControlState::kShutDownInRecovery) {
    control_.min_recovery_end = wal_.end();
    control_.min_recovery_timeline = wal_.timeline();
  }
  world_.trace.line(name_, "postgres is down");
  StopHooks hooks = std::exchange(hooks_, {});
  if (hooks.at_safepoint) hooks.at_safepoint();
  auto waiting = std::exchange(waiting_for_exit_, {});
  announce();
  for (const Done& done : waiting) done(Status());
}

void Postgres::kill() {
  if (!running()) return;
  world_.coverage.hit("postgres: killed");
  world_.trace.line(name_, "postgres is killed");
  went_down();
}

void Postgres::crash(std::string_view why) {
  if (!running()) return;
  world_.trace.line(name_, "postgres crashes: {}", why);
  went_down();
}

void Postgres::promote(Done done) {
  if (!accepting() || !in_recovery_ || promoting_) {
    done(accepting() && !in_recovery_ ? Status() : Status(Error(Errc::kFailed, "not a running standby")));
    return;
  }
  world_.trace.line(name_, "postgres is told to promote");
  const std::uint64_t started = incarnation_;
  if (faults_.promote_fails) {
    os_.call_at(os_.now() + random_.between(milliseconds(20), seconds(2)), [this, done = std::move(done)] {
      world_.coverage.hit("postgres: promotion failed");
      done(Error(Errc::kFailed, "could not promote"));
    });
    return;
  }
  promoting_ = true;
  const bool slow = faults_.promote_is_slow;
  if (slow) world_.coverage.hit("postgres: slow promotion");
  const Duration takes = slow ? random_.between(seconds(2), seconds(30)) : random_.between(milliseconds(30), milliseconds(400));
  os_.call_at(os_.now() + takes, [this, started, done = std::move(done)] {
    if (started != incarnation_) {
      done(Error(Errc::kFailed, "ended while promoting"));
      return;
    }
    finish_promotion();
    done(Status());
  });
}

void Postgres::finish_promotion() {
  disconnect_receiver();
  Timeline newest = wal_.timeline();
  for (const Wal::Branch& branch : wal_.history()) newest = std::max(newest, branch.timeline);
  wal_.branch(newest + 1, os_.wall_now());
  wal_.append(kCheckpointRecord, world_.next_serial++);
  promoting_ = false;
  recovery_configured_ = false;
  target_.reset();
  control_.state = ControlState::kInProduction;
  world_.trace.line(name_, "postgres is promoted: timeline {} from {:x}", wal_.timeline(), wal_.history().back().at.value);
  set_recovery(false);
  world_.observer->promoted(*this);
  pump_all();
  announce();
}

void Postgres::checkpoint(Done done) {
  if (!accepting()) {
    done(Error(Errc::kUnavailable, "not running"));
    return;
  }
  const std::uint64_t started = incarnation_;
  os_.call_at(os_.now() + random_.between(milliseconds(20), seconds(2)), [this, started, done = std::move(done)] {
    if (started != incarnation_ || !accepting()) {
      done(Error(Errc::kUnavailable, "the connection broke"));
      return;
    }
    if (!in_recovery_) {
      control_.checkpoint_lsn = wal_.append(kCheckpointRecord, world_.next_serial++);
      control_.checkpoint_timeline = wal_.timeline();
      end_of_checkpoint_ = wal_.end();
      pump_all();
    }
    done(Status());
  });
}

void Postgres::set_faults(PostgresFaults faults) {
  const bool lost_disk = (faults.disk_full && !faults_.disk_full && !in_recovery_) || (faults.directory_missing && !faults_.directory_missing);
  faults_ = faults;
  if (lost_disk) crash("the data directory failed");
}

}  // namespace matriarch::sim
