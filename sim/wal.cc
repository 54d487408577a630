#include "sim/wal.h"

#include <algorithm>

namespace matriarch::sim {

std::optional<Lsn> Wal::ended(Timeline timeline) const {
  for (const Branch& branch : history_) {
    if (branch.timeline == timeline) return branch.at;
  }
  return std::nullopt;
}

Lsn Wal::append(std::uint64_t bytes, std::uint64_t serial) {
  const Lsn begin = end();
  records_.push_back({.end = {begin.value + bytes}, .timeline = timeline_, .serial = serial});
  return begin;
}

void Wal::branch(Timeline to, WallTime when) {
  history_.push_back({.timeline = timeline_, .at = end(), .when = when});
  timeline_ = to;
}

void Wal::truncate(Lsn lsn) {
  while (!records_.empty() && records_.back().end > lsn) records_.pop_back();
  while (!history_.empty() && history_.back().at > lsn) {
    timeline_ = history_.back().timeline;
    history_.pop_back();
  }
}

void Wal::copy_from(const Wal& from, Lsn upto) {
  const auto first = std::ranges::upper_bound(from.records_, end(), {}, &WalRecord::end);
  for (auto record = first; record != from.records_.end() && record->end <= upto; ++record) records_.push_back(*record);
  // A standby is on the timeline of what it has reached.
  history_.clear();
  timeline_ = from.timeline_;
  for (const Branch& branch : from.history_) {
    if (branch.at > end()) {
      timeline_ = branch.timeline;
      return;
    }
    history_.push_back(branch);
  }
}

const WalRecord* Wal::ending_at(Lsn lsn) const {
  const auto found = std::ranges::lower_bound(records_, lsn, {}, &WalRecord::end);
  return found == records_.end() || found->end != lsn ? nullptr : &*found;
}

bool Wal::agrees_with(const Wal& other, Lsn lsn) const {
  if (lsn.value == kFirst) return true;
  const WalRecord* mine = ending_at(lsn);
  const WalRecord* theirs = other.ending_at(lsn);
  return mine != nullptr && theirs != nullptr && mine->serial == theirs->serial;
}

bool Wal::seems_to_lead_into(const Wal& other) const {
  for (const Branch& mine : history_) {
    if (other.ended(mine.timeline) != mine.at) return false;
  }
  if (timeline_ == other.timeline_) return true;
  const auto ended_at = other.ended(timeline_);
  return ended_at && end() <= *ended_at;
}

bool Wal::contains(Lsn end, std::uint64_t serial) const {
  const WalRecord* record = ending_at(end);
  return record != nullptr && record->serial == serial;
}

}  // namespace matriarch::sim
