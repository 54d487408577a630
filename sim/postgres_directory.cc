// The data directory: made, copied, rewound, removed.
#include <utility>

#include "sim/postgres.h"

namespace matriarch::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

void Postgres::initdb(Done done) {
  if (running() || directory_ == Directory::kPresent || faults_.disk_full || faults_.directory_missing) {
    done(Error(Errc::kFailed, "initdb failed"));
    return;
  }
  ++job_;
  job_running_ = true;
  directory_ = Directory::kPartial;
  unannounced_ = true;
  world_.trace.line(name_, "initdb");
  job_after(random_.between(seconds(1), seconds(4)), [this, done = std::move(done)]() mutable {
    job_running_ = false;
    directory_ = Directory::kPresent;
    damaged_ = false;
    wal_ = Wal();
    wal_.append(4096, world_.next_serial++);
    control_ = {.state = ControlState::kShutDown,
                .system_id = std::to_string(7'000'000'000'000'000'000u + random_.below(1'000'000'000'000u)),
                .checkpoint_timeline = 1,
                .checkpoint_lsn = wal_.end(),
                .wal_log_hints = true};
    world_.observer->initialized(*this);
    start(std::nullopt, std::move(done));
  });
}

void Postgres::remove_directory(std::string_view how) {
  if (directory_ == Directory::kPresent) world_.observer->before_data_loss(*this, how);
  world_.trace.line(name_, "data directory removed ({})", how);
  ++job_;
  job_running_ = false;
  unannounced_ = false;
  directory_ = Directory::kEmpty;
  damaged_ = false;
  backup_label_ = false;
  recovery_configured_ = false;
  target_.reset();
  wal_ = Wal();
  control_ = {};
}

void Postgres::clone(std::string source, Done done) {
  if (running() || faults_.disk_full || faults_.directory_missing) {
    done(Error(Errc::kFailed, "the data directory cannot be written"));
    return;
  }
  const auto found = world_.servers.find(source);
  if (found == world_.servers.end() || !found->second->accepting() || !found->second->reachable_from(endpoint_)) {
    done(Error(Errc::kUnavailable, "the source cannot be reached"));
    return;
  }
  if (directory_ != Directory::kEmpty) remove_directory("clone");
  ++job_;
  job_running_ = true;
  directory_ = Directory::kPartial;
  unannounced_ = false;
  world_.trace.line(name_, "base backup from {}", source);
  const Instant until = os_.now() + random_.between(milliseconds(500), seconds(12));
  copy_until(std::move(source), until, found->second->launches(), std::move(done));
}

void Postgres::copy_until(std::string source, Instant until, std::uint64_t source_launches, Done done) {
  job_after(milliseconds(500), [this, source, until, source_launches, done = std::move(done)]() mutable {
    const Postgres& from = *world_.servers.at(source);
    const bool broken = !from.accepting() || from.launches() != source_launches || !from.reachable_from(endpoint_) ||
                        faults_.clone_fails || faults_.disk_full || faults_.directory_missing;
    if (broken) {
      world_.coverage.hit("postgres: base backup failed");
      remove_directory("base backup failed");
      done(Error(Errc::kFailed, "pg_basebackup failed"));
      return;
    }
    if (os_.now() < until) {
      copy_until(std::move(source), until, source_launches, std::move(done));
      return;
    }
    finish_clone(from);
    done(Status());
  });
}

void Postgres::finish_clone(const Postgres& source) {
  job_running_ = false;
  directory_ = Directory::kPresent;
  wal_ = source.wal_;
  control_ = source.control_;
  control_.state = source.in_recovery_ ? ControlState::kInArchiveRecovery : ControlState::kInProduction;
  backup_label_ = true;
  recovery_configured_ = false;
  world_.coverage.hit("postgres: cloned");
  world_.trace.line(name_, "base backup done: timeline {} at {:x}", wal_.timeline(), wal_.end().value);
}

void Postgres::rewind(std::string source, std::function<void(RewindOutcome)> done) {
  const auto found = world_.servers.find(source);
  const bool reachable = found != world_.servers.end() && found->second->accepting() && !found->second->in_recovery() &&
                         found->second->reachable_from(endpoint_);
  if (!reachable || !found->second->checkpoint_done()) {
    done(RewindOutcome::kSourceUnavailable);
    return;
  }
  if (running() || directory_ != Directory::kPresent || faults_.directory_missing || faults_.disk_full || found->second->system_id() != control_.system_id) {
    done(RewindOutcome::kFailed);
    return;
  }
  ++job_;
  job_running_ = true;
  damaged_ = true;  // from here on until it is done
  world_.trace.line(name_, "pg_rewind from {}", source);
  const std::uint64_t source_launches = found->second->launches();
  job_after(random_.between(milliseconds(300), seconds(6)), [this, source, source_launches, done = std::move(done)] {
    const Postgres& from = *world_.servers.at(source);
    job_running_ = false;
    if (faults_.rewind_fails) {
      world_.coverage.hit("postgres: rewind failed");
      done(RewindOutcome::kFailed);
    } else if (!from.accepting() || from.launches() != source_launches || !from.reachable_from(endpoint_)) {
      done(RewindOutcome::kSourceUnavailable);
    } else {
      finish_rewind(from);
      done(RewindOutcome::kDone);
    }
  });
}

void Postgres::finish_rewind(const Postgres& source) {
  damaged_ = false;
  if (wal_.seems_to_lead_into(source.wal_)) {
    world_.trace.line(name_, "pg_rewind: no rewind required");
    return;
  }
  wal_ = source.wal_;
  control_ = source.control_;
  control_.state = ControlState::kInArchiveRecovery;
  control_.min_recovery_end = wal_.end();
  control_.min_recovery_timeline = wal_.timeline();
  world_.coverage.hit("postgres: rewound");
  world_.trace.line(name_, "pg_rewind done: timeline {} at {:x}", wal_.timeline(), wal_.end().value);
}

void Postgres::crash_recovery(Done done) {
  if (running() || !has_complete_data() || faults_.disk_full || faults_.start_fails) {
    done(Error(Errc::kFailed, "single-user recovery failed"));
    return;
  }
  ++job_;
  job_running_ = true;
  world_.trace.line(name_, "single-user recovery");
  job_after(random_.between(milliseconds(300), seconds(4)), [this, done = std::move(done)] {
    job_running_ = false;
    recovery_configured_ = false;
    control_.checkpoint_lsn = wal_.append(112, world_.next_serial++);
    control_.checkpoint_timeline = wal_.timeline();
    end_of_checkpoint_ = wal_.end();
    control_.state = ControlState::kShutDown;
    world_.coverage.hit("postgres: single-user recovery");
    done(Status());
  });
}

void Postgres::abort_job() {
  if (!job_running_) return;
  ++job_;
  job_running_ = false;
  world_.coverage.hit("postgres: job killed half-way");
  world_.trace.line(name_, "a job on the data directory was killed half-way");
}

}  // namespace matriarch::sim
