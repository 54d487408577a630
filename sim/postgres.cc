#include "sim/postgres.h"

#include <algorithm>
#include <utility>

namespace matriarch::sim {

using std::chrono::milliseconds;

Postgres::Postgres(PostgresWorld& world, Process& os, Random random, std::string name, Endpoint endpoint)
    : world_(world), os_(os), random_(random), name_(std::move(name)), endpoint_(endpoint) {
  world_.servers[name_] = this;
}

void Postgres::after(Duration delay, Callback fn) {
  os_.call_at(os_.now() + delay, [this, incarnation = incarnation_, fn = std::move(fn)]() mutable {
    if (incarnation == incarnation_) fn();
  });
}

void Postgres::job_after(Duration delay, Callback fn) {
  os_.call_at(os_.now() + delay, [this, job = job_, fn = std::move(fn)]() mutable {
    if (job == job_) fn();
  });
}

void Postgres::announce() {
  if (changed_) changed_();
}

void Postgres::set_phase(Phase phase) {
  phase_ = phase;
  if (was_writable_ != writable()) {
    was_writable_ = writable();
    world_.observer->writable_changed(*this);
  }
}

void Postgres::set_recovery(bool in_recovery) {
  in_recovery_ = in_recovery;
  set_phase(phase_);
}

// --- clients

bool Postgres::reachable_from(Endpoint from) const {
  return !os_.frozen() && (from == endpoint_ || world_.network.connected(from, endpoint_));
}

void Postgres::write(std::uint64_t bytes, std::function<void(bool, Lsn, std::uint64_t)> answered) {
  if (os_.frozen()) {  // it lies in the socket's buffer until the machine goes on
    os_.post([this, bytes, answered = std::move(answered)]() mutable { write(bytes, std::move(answered)); });
    return;
  }
  if (!writable()) {
    answered(false, Lsn(), 0);
    return;
  }
  if (faults_.disk_full || faults_.directory_missing) {
    answered(false, Lsn(), 0);
    crash("cannot write WAL");
    return;
  }
  const std::uint64_t serial = world_.next_serial++;
  wal_.append(bytes, serial);
  const Lsn end = wal_.end();
  // The flush takes a moment; what is not flushed yet is not sent and not acknowledged.
  const Duration flush = random_.between(std::chrono::microseconds(200), milliseconds(3));
  os_.call_at(os_.now() + flush, [this, end, serial, launch = launches_, answered = std::move(answered)]() mutable {
    if (launch != launches_ || !writable()) return;
    commits_.push_back({.end = end, .serial = serial, .answered = std::move(answered)});
    pump_all();
    release_commits();
  });
}

// --- observing

ServerView Postgres::view() const {
  ServerView view;
  view.major_version = world_.major * 10'000;
  if (faults_.directory_missing) {
    view.directory = DataDirectory::kInaccessible;
    view.directory_problem = "not mounted";
  } else {
    view.directory = directory_ == Directory::kEmpty ? DataDirectory::kEmpty : DataDirectory::kPresent;
  }
  if (directory_ == Directory::kPresent && !faults_.directory_missing) view.control = control_;
  if (directory_ == Directory::kPartial) view.interrupted = unannounced_ ? Interrupted::kInitdb : Interrupted::kCopy;
  if (directory_ == Directory::kPresent && unannounced_) view.interrupted = Interrupted::kBootstrap;
  if (directory_ == Directory::kPresent && damaged_) view.interrupted = Interrupted::kRewind;
  view.recovery_configured = recovery_configured_;
  view.backup_label = backup_label_;
  view.postmaster_alive = running();
  if (!running()) return view;
  view.postmaster_start_time = start_time_;
  view.readiness = accepting() ? Readiness::kAccepting : Readiness::kRejecting;
  if (!accepting() || faults_.queries_hang) return view;
  view.queried = true;
  view.in_recovery = in_recovery_;
  view.server_version = world_.major * 10'000 + 20;
  if (in_recovery_) {
    view.control.min_recovery_end = wal_.end();
    view.control.min_recovery_timeline = wal_.timeline();
    view.receive_lsn = wal_.end();
    view.replay_lsn = wal_.end();
    if (receiver_.connected) {
      view.replication_state = "streaming";
      view.received_timeline = wal_.timeline();
    }
  } else {
    view.timeline = wal_.timeline();
    view.wal_lsn = wal_.end();
    for (const auto& [name, sender] : senders_) view.slots[slot_name_of_member(name)] = sender.flushed;
    describe_synchronous(view);
  }
  return view;
}

}  // namespace matriarch::sim
