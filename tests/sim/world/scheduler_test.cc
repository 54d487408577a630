// Virtual time: order, clocks of machines, frozen and dead processes.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/task_group.h"
#include "base/wait.h"
#include "sim/process.h"
#include "sim/virtual_scheduler.h"

namespace matriarch::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void run_for(VirtualScheduler& scheduler, Duration duration) {
  const Instant until = scheduler.now() + duration;
  while (scheduler.run_one(until)) {
  }
}

TEST(VirtualScheduler, RunsByTimeAndThenByOrderOfArrival) {
  VirtualScheduler scheduler;
  std::string order;
  scheduler.after(seconds(2), [&] { order += 'c'; });
  scheduler.after(seconds(1), [&] { order += 'a'; });
  scheduler.after(seconds(1), [&] {
    order += 'b';
    scheduler.post([&] { order += '!'; });
  });
  run_for(scheduler, seconds(5));
  EXPECT_EQ(order, "ab!c");
}

TEST(VirtualScheduler, CancelledTimersDoNotRunAndTheirIdsAreNotReused) {
  VirtualScheduler scheduler;
  int runs = 0;
  const TimerId first = scheduler.after(seconds(1), [&] { runs += 1; });
  scheduler.cancel(first);
  scheduler.after(seconds(1), [&] { runs += 10; });  // takes the slot of the first
  scheduler.cancel(first);
  run_for(scheduler, seconds(5));
  EXPECT_EQ(runs, 10);
}

TEST(MachineClock, RunsFastOrSlowAndConvertsBothWays) {
  for (const std::int64_t ppm : {-1000, -7, 0, 13, 1000}) {
    const MachineClock clock(Instant(seconds(10)), Instant(seconds(5000)), ppm);
    for (const Duration passed : {Duration(1), Duration(999'999'999), Duration(seconds(86'400) + Duration(7))}) {
      const Instant local = Instant(seconds(5000)) + passed;
      const Instant when = clock.true_time(local);
      EXPECT_GE(clock.local(when), local) << ppm;
      EXPECT_LT(clock.local(when - Duration(2)), local) << ppm;
    }
  }
}

struct Machine {
  VirtualScheduler scheduler;
  MachineClock clock{scheduler.now(), Instant(seconds(100)), 0};
  Process process{scheduler, clock};
};

TEST(Process, FrozenEventsComeLateAndInOrder) {
  Machine m;
  std::vector<std::pair<char, Duration>> seen;
  const Instant start = m.process.now();
  const auto note = [&](char what) {
    return [&, what] { seen.emplace_back(what, m.process.now() - start); };
  };
  m.process.call_at(start + seconds(1), note('a'));
  m.process.call_at(start + seconds(3), note('b'));
  m.process.call_at(start + seconds(9), note('c'));
  m.process.freeze();
  m.scheduler.after(seconds(5), [&] { m.process.thaw(); });
  run_for(m.scheduler, seconds(20));
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0], std::pair('a', Duration(seconds(5))));
  EXPECT_EQ(seen[1], std::pair('b', Duration(seconds(5))));
  EXPECT_EQ(seen[2], std::pair('c', Duration(seconds(9))));
}

TEST(Process, DeadOnesRunDryWithoutWaiting) {
  Machine m;
  TaskGroup group(m.process);
  int reached = 0;
  const auto patient = [](Process* process, int* out) -> Task<void> {
    (void)co_await pause_for(*process, std::chrono::hours(5), Ctx{});  // nobody cancels it
    *out += 1;
    const auto outcome = co_await call<int>(*process, Ctx{}, [](const Completion<int>&) { return Callback(); });
    if (!outcome && outcome.error().code() == Errc::kCancelled) *out += 10;
  };
  const auto stuck = [](Process* process, int* out) -> Task<void> {
    const auto outcome = co_await call<int>(*process, Ctx{}, [](const Completion<int>&) { return Callback(); });
    if (!outcome && outcome.error().code() == Errc::kCancelled) *out += 100;
  };
  group.spawn(patient(&m.process, &reached));
  group.spawn(stuck(&m.process, &reached));
  run_for(m.scheduler, seconds(1));
  m.process.kill();
  EXPECT_TRUE(m.process.drain(1000));
  EXPECT_EQ(group.running(), 0u);
  EXPECT_EQ(reached, 111);
  EXPECT_LT(m.scheduler.now(), Instant(std::chrono::hours(2)));  // only its own time leapt
}

TEST(Process, ACallMadeWhileFrozenBeginsAfterwards) {
  Machine m;
  TaskGroup group(m.process);
  bool begun = false;
  const auto ask = [](Process* process, bool* out) -> Task<void> {
    process->freeze();  // as a SIGSTOP between two instructions
    (void)co_await call<int>(*process, Ctx{}, [out](const Completion<int>& done) {
      *out = true;
      done(1);
      return Callback();
    });
  };
  group.spawn(ask(&m.process, &begun));
  run_for(m.scheduler, seconds(1));
  EXPECT_FALSE(begun);
  m.process.thaw();
  run_for(m.scheduler, seconds(1));
  EXPECT_TRUE(begun);
  EXPECT_EQ(group.running(), 0u);
}

}  // namespace
}  // namespace matriarch::sim
