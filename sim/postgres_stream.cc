// Streaming replication: who connects to whom, what is sent, what is confirmed.
#include <algorithm>
#include <utility>

#include "sim/postgres.h"

namespace matriarch::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr Duration kRetry = seconds(5);           // wal_retrieve_retry_interval
constexpr Duration kStallCheck = milliseconds(250);
constexpr Duration kReceiverTimeout = seconds(30);  // wal_receiver_timeout

}  // namespace

void Postgres::follow(const StandbyTarget& target) {
  target_ = target;
  disconnect_receiver();
  seek_upstream();
}

void Postgres::wake_receiver() {
  if (accepting() && in_recovery_ && !receiver_.connected) try_upstream();
}

void Postgres::seek_upstream() {
  if (receiver_.attempt_pending) return;
  receiver_.attempt_pending = true;
  os_.post([this] {
    receiver_.attempt_pending = false;
    try_upstream();
  });
}

void Postgres::try_upstream() {
  if (!accepting() || !in_recovery_ || receiver_.connected || !target_ || !target_->upstream) return;
  const auto found = world_.servers.find(target_->upstream->member);
  if (found != world_.servers.end() && found->second != this && join(*found->second)) return;
  if (receiver_.attempt_pending) return;
  receiver_.attempt_pending = true;
  os_.call_at(os_.now() + kRetry, [this] {
    receiver_.attempt_pending = false;
    try_upstream();
  });
}

bool Postgres::join(Postgres& upstream) {
  if (!upstream.accepting() || !upstream.reachable_from(endpoint_) || upstream.system_id() != system_id()) return false;
  Lsn from = wal_.end();
  const bool seems_to_fit = wal_.seems_to_lead_into(upstream.wal_);
  misfits_ = false;
  if (wal_.timeline() != upstream.wal_.timeline()) {
    const auto forked = upstream.wal_.ended(wal_.timeline());
    if (!forked || from > *forked) {
      world_.coverage.hit("postgres: standby refused, its timeline diverged");
      world_.trace.line(name_, "cannot stream from {}: diverged", upstream.name());
      return false;
    }
  }
  if (from > upstream.wal_.end()) {
    world_.trace.line(name_, "cannot stream from {}: ahead of it", upstream.name());
    misfits_ = seems_to_fit;
    return false;
  }
  if (!wal_.agrees_with(upstream.wal_, from)) {
    // The records do not fit together: a real standby stops at the first one with a wrong link to its predecessor.
    world_.coverage.hit("postgres: standby stuck at a record that does not fit");
    world_.observer->diverged_stream(*this, upstream);
    misfits_ = seems_to_fit;
    return false;
  }
  receiver_.upstream = &upstream;
  receiver_.connected = true;
  const std::uint64_t link = ++receiver_.link;
  upstream.senders_[name_] = {.standby = this, .sent = from, .flushed = from, .link = link, .synchronous = upstream.sync_};
  world_.trace.line(name_, "streams from {} at {:x}", upstream.name(), from.value);
  upstream.pump(name_);
  return true;
}

void Postgres::disconnect_receiver() {
  if (!receiver_.connected) return;
  receiver_.connected = false;
  ++receiver_.link;
  const auto sender = receiver_.upstream->senders_.find(name_);
  if (sender != receiver_.upstream->senders_.end() && sender->second.standby == this) {
    receiver_.upstream->senders_.erase(sender);
  }
  receiver_.upstream = nullptr;
}

void Postgres::drop_senders() {
  auto senders = std::exchange(senders_, {});
  for (auto& [name, sender] : senders) {
    Postgres& standby = *sender.standby;
    if (standby.receiver_.upstream != this || !standby.receiver_.connected) continue;
    standby.receiver_.connected = false;
    standby.receiver_.upstream = nullptr;
    ++standby.receiver_.link;
    standby.seek_upstream();
  }
}

void Postgres::pump_all() {
  for (const auto& item : senders_) pump(item.first);
}

// Sends what the standby does not have yet; one message at a time.
void Postgres::pump(const std::string& standby) {
  Sender& sender = senders_.at(standby);
  if (sender.sent >= wal_.end()) sender.caught_up = true;
  if (sender.busy || sender.sent >= wal_.end() || !running()) return;
  const Endpoint to = sender.standby->endpoint_;
  const auto transit = os_.frozen() ? std::nullopt : world_.network.transit(endpoint_, to);
  sender.busy = true;
  const std::uint64_t link = sender.link;
  const Instant now = world_.scheduler.now();
  if (transit && world_.network.open(to, endpoint_)) {
    sender.stalled_since = Instant();
    sender.standby->os_.call_at(sender.standby->os_.now() + *transit,
                                [this, standby, link, upto = wal_.end()] { deliver(standby, link, upto); });
    return;
  }
  if (sender.stalled_since == Instant()) sender.stalled_since = now;
  if (now - sender.stalled_since > kReceiverTimeout) {
    Postgres& cut_off = *sender.standby;
    cut_off.disconnect_receiver();  // this ends the sender, too
    cut_off.seek_upstream();
    return;
  }
  os_.call_at(os_.now() + kStallCheck, [this, standby, link] {
    const auto found = senders_.find(standby);
    if (found == senders_.end() || found->second.link != link) return;
    found->second.busy = false;
    pump(standby);
  });
}

// Runs on the standby's machine.
void Postgres::deliver(const std::string& standby, std::uint64_t link, Lsn upto) {
  const auto found = senders_.find(standby);
  if (found == senders_.end() || found->second.link != link) return;
  Sender& sender = found->second;
  Postgres& receiver = *sender.standby;
  sender.busy = false;
  if (receiver.faults_.disk_full) {
    receiver.crash("cannot write WAL");
    return;
  }
  receiver.wal_.copy_from(wal_, upto);
  sender.sent = std::max(sender.sent, upto);
  receiver.pump_all();
  const Lsn flushed = receiver.wal_.end();
  const auto back = world_.network.transit(receiver.endpoint_, endpoint_);
  const Duration delay = back.value_or(kStallCheck);  // TCP sends it again
  os_.call_at(os_.now() + delay, [this, standby, link, flushed] { acknowledged(standby, link, flushed); });
  pump(standby);
}

void Postgres::acknowledged(const std::string& standby, std::uint64_t link, Lsn flushed) {
  const auto found = senders_.find(standby);
  if (found == senders_.end() || found->second.link != link) return;
  if (!world_.network.open(found->second.standby->endpoint_, endpoint_)) {
    os_.call_at(os_.now() + kStallCheck, [this, standby, link, flushed] { acknowledged(standby, link, flushed); });
    return;
  }
  found->second.flushed = std::max(found->second.flushed, flushed);
  release_commits();
}

}  // namespace matriarch::sim
