#include "sim/process.h"

#include <algorithm>

namespace matriarch::sim {

Instant MachineClock::true_time(Instant local_time) const {
  constexpr Duration kFar = std::chrono::hours(24 * 365);
  if (local_time > boot_value_ + kFar) return Instant::max();  // "never": and the product below would overflow
  const Duration passed = local_time - boot_value_;
  Instant guess = boot_ + (passed - passed * ppm_ / (1'000'000 + ppm_)) - Duration(4);  // integer division: start early
  while (local(guess) < local_time) guess += Duration(1);
  return guess;
}

Instant Process::now() const { return clock_.local(dead_ ? std::max(drain_time_, world_.now()) : world_.now()); }

WallTime Process::wall_now() const {
  return world_.wall_now() + std::chrono::duration_cast<std::chrono::microseconds>(clock_.wall_shift());
}

void Process::post(Callback fn) {
  lane_.post(world_.next_key(dead_ ? std::max(drain_time_, world_.now()) : world_.now()), std::move(fn));
}

TimerId Process::call_at(Instant when, Callback fn) {
  return lane_.add(world_.next_key(std::max(clock_.true_time(when), world_.now())), std::move(fn));
}

std::optional<Lane::Key> Process::next_event() {
  if (frozen_ || dead_) return std::nullopt;
  auto head = lane_.head();
  if (head) head->when = std::max({head->when, not_before_, world_.now()});
  return head;
}

bool Process::drain(std::uint64_t limit) {
  death_.request_stop();
  for (std::uint64_t i = 0; i < limit; ++i) {
    const auto head = lane_.head();
    if (!head) return true;
    drain_time_ = std::max(drain_time_, head->when);
    Callback fn = lane_.pop();
    fn();
  }
  return false;
}

}  // namespace matriarch::sim
