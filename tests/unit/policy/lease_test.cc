#include "policy/lease.h"

#include <gtest/gtest.h>

namespace matriarch::policy {
namespace {

using namespace std::chrono_literals;

constexpr Instant kSent{1000s};

TEST(Lease, IsBelievedForALittleLessThanTheStorePromised) {  // DESIGN 3: clocks differ by up to 0.1 %
  const auto t = lease_times(kSent, 30s, 30s);
  EXPECT_EQ(t.end, kSent + 29970ms);
  EXPECT_EQ(t.kill_at, t.end - 300ms);
  EXPECT_EQ(t.fence_at, t.kill_at - 3s);
}

TEST(Lease, ShortOnesKeepTheirFloors) {
  const auto t = lease_times(kSent, 3s, 3s);
  EXPECT_EQ(t.end, kSent + 2997ms);
  EXPECT_EQ(t.kill_at, t.end - 150ms);
  EXPECT_EQ(t.fence_at, t.kill_at - 300ms);
}

TEST(Lease, AGrantShorterThanAskedForCounts) { EXPECT_EQ(lease_times(kSent, 2s, 30s).end, kSent + 1998ms); }

TEST(Lease, OrderIsAlwaysSentFenceKillEnd) {
  for (Duration ttl = 2s; ttl <= 300s; ttl += 100ms) {
    const auto t = lease_times(kSent, ttl, ttl);
    EXPECT_LT(kSent, t.fence_at);
    EXPECT_LT(t.fence_at, t.kill_at);
    EXPECT_LT(t.kill_at, t.end);
    EXPECT_LT(t.end, kSent + ttl);
  }
}

TEST(Lease, ATtlWithoutRoomForALoopIsRecognised) {
  EXPECT_TRUE(ttl_leaves_room(3s, 500ms));
  EXPECT_FALSE(ttl_leaves_room(2s, 2s));
}

TEST(Lease, RenewalsAreAtLeastThreePerTtl) {
  EXPECT_EQ(renew_interval(30s, 10s), 10s);
  EXPECT_EQ(renew_interval(3s, 2s), 1s);
  EXPECT_EQ(renew_interval(30s, 1s), 1s);
}

}  // namespace
}  // namespace matriarch::policy
