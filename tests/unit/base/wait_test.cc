#include "base/wait.h"

#include <gtest/gtest.h>

#include "base/reactor.h"
#include "base/task_group.h"

namespace matriarch {
namespace {

using namespace std::chrono_literals;

TEST(SleepUntil, EndsAtTheTimeByBoottime) {
  Reactor reactor;
  const Instant begin = reactor.now();
  constexpr auto body = [](Reactor* r) -> Task<void> {
    const auto slept = co_await pause_for(*r, 30ms, Ctx{});
    EXPECT_TRUE(slept.ok());
  };
  reactor.run_until_done(body(&reactor));
  EXPECT_GE(reactor.now() - begin, 30ms);
}

TEST(SleepUntil, IsCancelledByStop) {
  Reactor reactor;
  std::stop_source stop;
  reactor.call_at(reactor.now() + 5ms, [&] { stop.request_stop(); });
  constexpr auto body = [](Reactor* r, std::stop_token token) -> Task<void> {
    const auto slept = co_await pause_for(*r, 100s, Ctx{.stop = token});
    EXPECT_EQ(slept.error().code(), Errc::kCancelled);
  };
  reactor.run_until_done(body(&reactor, stop.get_token()));
}

TEST(WakeUpTest, ASetBeforeTheWaitIsNotLost) {
  Reactor reactor;
  WakeUp wake(reactor);
  wake.set();
  wake.set();
  constexpr auto body = [](Reactor* r, WakeUp* w) -> Task<void> {
    EXPECT_TRUE((co_await w->wait(Ctx{.deadline = r->now() + 1s})).ok());
    const auto again = co_await w->wait(Ctx{.deadline = r->now() + 5ms});
    EXPECT_EQ(again.error().code(), Errc::kTimeout);
    w->set();  // after a waiter gave up, the next one gets it
    EXPECT_TRUE((co_await w->wait(Ctx{.deadline = r->now() + 1s})).ok());
  };
  reactor.run_until_done(body(&reactor, &wake));
}

Task<void> append_locked(Reactor* reactor, AsyncMutex* mutex, std::string* log, char name) {
  auto guard = co_await mutex->lock(Ctx{});
  EXPECT_TRUE(guard.ok());
  log->push_back(name);
  co_await yield_now(*reactor);
  log->push_back(name);
}

TEST(AsyncMutexTest, ServesInOrderOneAtATime) {
  Reactor reactor;
  AsyncMutex mutex(reactor);
  std::string log;
  constexpr auto body = [](Reactor* r, AsyncMutex* m, std::string* l) -> Task<void> {
    TaskGroup group(*r);
    for (const char name : {'a', 'b', 'c'}) group.spawn(append_locked(r, m, l, name));
    co_await group.join();
  };
  reactor.run_until_done(body(&reactor, &mutex, &log));
  EXPECT_EQ(log, "aabbcc");
  EXPECT_FALSE(mutex.is_locked());
}

TEST(RunBlocking, ResultArrivesOnTheReactor) {
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    const auto result = co_await r->run_blocking(Ctx{}, [] { return 42; });
    EXPECT_EQ(*result, 42);
  };
  reactor.run_until_done(body(&reactor));
}

}  // namespace
}  // namespace matriarch
