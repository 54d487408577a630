#include "sim/virtual_scheduler.h"

#include <algorithm>

#include "sim/process.h"

namespace matriarch::sim {

TimerId Lane::add(Key key, Callback fn) {
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[slot].fn = std::move(fn);
  slots_[slot].used = true;
  heap_.push_back({.key = key, .slot = slot, .generation = slots_[slot].generation});
  std::push_heap(heap_.begin(), heap_.end(), Later{});
  return static_cast<TimerId>((std::uint64_t{slots_[slot].generation} << 32) | slot);
}

void Lane::cancel(TimerId id) {
  const auto raw = static_cast<std::uint64_t>(id);
  const auto slot = static_cast<std::uint32_t>(raw);
  const auto generation = static_cast<std::uint32_t>(raw >> 32);
  if (slot >= slots_.size() || !slots_[slot].used || slots_[slot].generation != generation) return;
  const Callback dropped = std::move(slots_[slot].fn);  // destroyed last: its destructor may come back to us
  free_slot(slot);
}

void Lane::free_slot(std::uint32_t slot) {
  slots_[slot].fn = nullptr;
  slots_[slot].used = false;
  ++slots_[slot].generation;
  free_slots_.push_back(slot);
}

void Lane::drop_cancelled() {
  while (!heap_.empty()) {
    const Timer& first = heap_.front();
    if (slots_[first.slot].used && slots_[first.slot].generation == first.generation) return;
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    heap_.pop_back();
  }
}

std::optional<Lane::Key> Lane::head() {
  drop_cancelled();
  if (posted_.empty() && heap_.empty()) return std::nullopt;
  if (posted_.empty()) return heap_.front().key;
  if (heap_.empty()) return posted_.front().key;
  return std::min(posted_.front().key, heap_.front().key);
}

Callback Lane::pop() {
  drop_cancelled();
  if (heap_.empty() || (!posted_.empty() && posted_.front().key < heap_.front().key)) {
    Callback fn = std::move(posted_.front().fn);
    posted_.pop_front();
    return fn;
  }
  const std::uint32_t slot = heap_.front().slot;
  std::pop_heap(heap_.begin(), heap_.end(), Later{});
  heap_.pop_back();
  Callback fn = std::move(slots_[slot].fn);
  free_slot(slot);
  return fn;
}

WallTime VirtualScheduler::wall_now() const {
  constexpr auto kEpoch = std::chrono::sys_days(std::chrono::year(2031) / 5 / 6);
  return WallTime(kEpoch) + std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch());
}

bool VirtualScheduler::run_one(Instant until) {
  std::optional<Lane::Key> best = world_.head();
  Process* owner = nullptr;
  for (Process* process : processes_) {
    const auto head = process->next_event();
    if (head && (!best || *head < *best)) {
      best = head;
      owner = process;
    }
  }
  if (!best || best->when > until) {
    now_ = std::max(now_, until);
    return false;
  }
  now_ = std::max(now_, best->when);
  ++events_run_;
  Callback fn = owner == nullptr ? world_.pop() : owner->lane_.pop();
  fn();
  return true;
}

}  // namespace matriarch::sim
