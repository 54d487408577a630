#include "http/resolver.h"

#include <gtest/gtest.h>

#include "tests/unit/http/support.h"

namespace matriarch::http {
namespace {

constexpr Resolver::Lifetime kMinute{.success = 1min, .failure = 1min};

Task<void> resolve_into(Resolver* resolver, HostPort address, Ctx ctx, std::vector<std::string>* found) {
  auto addresses = co_await resolver->resolve(std::move(address), kMinute, std::move(ctx));
  if (!addresses) {
    found->push_back(std::string(to_string(addresses.error().code())));
    co_return;
  }
  for (const auto& one : *addresses) found->push_back(to_string(to_host_port(one)));
}

TEST(ResolverTest, NumericAddressesTakeNoThread) {
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    Resolver resolver(*r);
    // Without a turn of the reactor: a lookup would need one.
    std::vector<std::string> found;
    co_await resolve_into(&resolver, {"::1", 80}, Ctx{.deadline = r->now() + 1s}, &found);
    co_await resolve_into(&resolver, {"127.0.0.1", 81}, Ctx{.deadline = r->now() + 1s}, &found);
    EXPECT_EQ(found, (std::vector<std::string>{"[::1]:80", "127.0.0.1:81"}));
  };
  reactor.run_until_done(body(&reactor));
}

TEST(ResolverTest, ManyMayAskForOneName) {
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    Resolver resolver(*r);
    std::vector<std::vector<std::string>> found(20);
    TaskGroup group(*r);
    for (std::uint16_t i = 0; i < 20; ++i) {
      group.spawn(resolve_into(&resolver, {"localhost", static_cast<std::uint16_t>(i + 1)}, soon(*r), &found[i]));
    }
    co_await group.join();
    for (std::size_t i = 0; i < 20; ++i) {
      EXPECT_NE(std::ranges::find(found[i], fmt::format("127.0.0.1:{}", i + 1)), found[i].end());
    }
  };
  reactor.run_until_done(body(&reactor));
}

TEST(ResolverTest, AStopDoesNotWaitForTheNameServer) {
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    std::vector<std::string> found;
    {
      Resolver resolver(*r);
      std::stop_source stop;
      TaskGroup group(*r);
      group.spawn(resolve_into(&resolver, {"no-such-host.invalid", 80}, Ctx{.stop = stop.get_token()}, &found));
      co_await yield_now(*r);
      co_await yield_now(*r);
      stop.request_stop();
      co_await group.join();
    }  // the lookup may still be running: nobody waits for it
    EXPECT_EQ(found.size(), 1U);
    EXPECT_TRUE(found.front() == to_string(Errc::kCancelled) || found.front() == to_string(Errc::kUnavailable));
  };
  reactor.run_until_done(body(&reactor));
}

TEST(ResolverTest, FailuresAreRememberedUntilTheyExpire) {  // DCS-231
  Reactor reactor;
  constexpr auto body = [](Reactor* r) -> Task<void> {
    Resolver resolver(*r);
    std::vector<std::string> found;
    co_await resolve_into(&resolver, {"no-such-host.invalid", 80}, soon(*r), &found);
    // Now it is known: no lookup, so not even a deadline in the past matters.
    co_await resolve_into(&resolver, {"no-such-host.invalid", 80}, Ctx{.deadline = r->now()}, &found);
    resolver.expire("no-such-host.invalid");
    co_await resolve_into(&resolver, {"no-such-host.invalid", 80}, Ctx{.deadline = r->now()}, &found);
    const std::string unavailable(to_string(Errc::kUnavailable));
    EXPECT_EQ(found, (std::vector{unavailable, unavailable, std::string(to_string(Errc::kTimeout))}));
  };
  reactor.run_until_done(body(&reactor));
}

}  // namespace
}  // namespace matriarch::http
