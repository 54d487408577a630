// Virtual time. One queue of events in effect, ordered by (time, sequence); kept as one lane for the world itself and one
// for each simulated process, so that a process can be frozen (its lane is passed over, its events come late) or die (its
// lane is run dry without touching the world).
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/scheduler.h"

namespace matriarch::sim {

// Events of one process, or of the world. `when` is true time.
class Lane {
 public:
  struct Key {
    Instant when;
    std::uint64_t sequence = 0;
    auto operator<=>(const Key&) const = default;
  };

  // Events posted for "now"; `key.when` must not go back from one call to the next.
  void post(Key key, Callback fn) { posted_.push_back({key, std::move(fn)}); }
  TimerId add(Key key, Callback fn);
  void cancel(TimerId id);

  [[nodiscard]] std::optional<Key> head();
  // Precondition: head() has a value.
  Callback pop();

 private:
  struct Posted {
    Key key;
    Callback fn;
  };
  struct Timer {
    Key key;
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
  };
  struct Slot {
    Callback fn;
    std::uint32_t generation = 1;
    bool used = false;
  };
  struct Later {
    bool operator()(const Timer& a, const Timer& b) const { return b.key < a.key; }
  };

  void drop_cancelled();
  void free_slot(std::uint32_t slot);

  std::deque<Posted> posted_;
  std::vector<Timer> heap_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
};

class Process;

// Scheduler of the world: its now() is true time, which no process of the cluster can see.
class VirtualScheduler final : public Scheduler {
 public:
  VirtualScheduler() = default;
  VirtualScheduler(const VirtualScheduler&) = delete;
  VirtualScheduler& operator=(const VirtualScheduler&) = delete;

  [[nodiscard]] Instant now() const override { return now_; }
  [[nodiscard]] WallTime wall_now() const override;
  void post(Callback fn) override { world_.post(next_key(now_), std::move(fn)); }
  TimerId call_at(Instant when, Callback fn) override { return world_.add(next_key(std::max(when, now_)), std::move(fn)); }
  void cancel(TimerId id) override { world_.cancel(id); }
  TimerId after(Duration delay, Callback fn) { return call_at(now_ + delay, std::move(fn)); }

  // Runs the next event if it is not later than `until`; otherwise sets the clock to `until` and returns false.
  bool run_one(Instant until);
  [[nodiscard]] std::uint64_t events_run() const { return events_run_; }

 private:
  friend class Process;

  Lane::Key next_key(Instant when) { return {.when = when, .sequence = ++sequence_}; }
  void attach(Process& process) { processes_.push_back(&process); }
  void detach(Process& process) { std::erase(processes_, &process); }

  Instant now_ = Instant(std::chrono::hours(1));
  std::uint64_t sequence_ = 0;
  std::uint64_t events_run_ = 0;
  Lane world_;
  std::vector<Process*> processes_;
};

}  // namespace matriarch::sim
