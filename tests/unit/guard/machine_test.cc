// The guardian's decisions (DESIGN 3, INV-1): what is struck, when, and what nothing can talk it out of.
#include "guard/machine.h"

#include <cstring>
#include <random>

#include <gtest/gtest.h>

namespace matriarch::guard {
namespace {

using Action = Machine::Action;

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kStart = 1000 * kSecond;

Lease lease(Nanos kill_at) {
  Lease result{.kill_at = kill_at, .end = kill_at + kSecond};
  std::strcpy(result.id, "77");
  return result;
}

struct MachineTest : testing::Test {
  Machine machine{kStart};
  Nanos now = kStart;

  void hello(bool respawn = false) { machine.hello(respawn, now); }
  void arm_for(Nanos duration) { ASSERT_EQ(machine.arm(machine.epoch(), lease(now + duration), now), Refusal::kNone); }
  Action next() { return machine.next(now); }
};

TEST_F(MachineTest, StrikesAtTheDeadlineAndNotBefore) {
  hello();
  arm_for(5 * kSecond);
  EXPECT_EQ(machine.wake_at(), now + 5 * kSecond);
  now += 5 * kSecond - 1;
  EXPECT_EQ(next(), Action::kNothing);
  now += 1;
  EXPECT_EQ(next(), Action::kStrike);
  EXPECT_EQ(machine.phase(), Phase::kStruck);
  EXPECT_EQ(next(), Action::kNothing) << "once is enough";
  EXPECT_EQ(machine.strikes(), 1U);
}

TEST_F(MachineTest, RenewalMovesTheDeadlineBothWays) {
  hello();
  arm_for(5 * kSecond);
  EXPECT_EQ(machine.renew(1, lease(now + 9 * kSecond), now), Refusal::kNone);
  EXPECT_EQ(machine.wake_at(), now + 9 * kSecond);
  EXPECT_EQ(machine.renew(1, lease(now + 2 * kSecond), now), Refusal::kNone);
  now += 2 * kSecond;
  EXPECT_EQ(next(), Action::kStrike);
}

TEST_F(MachineTest, ALateRenewalSavesNothing) {
  hello();
  arm_for(5 * kSecond);
  now += 5 * kSecond;  // due, and the message arrives before the timer was looked at
  EXPECT_EQ(machine.renew(1, lease(now + 9 * kSecond), now), Refusal::kTooLate);
  EXPECT_EQ(machine.arm(1, lease(now + 9 * kSecond), now), Refusal::kTooLate);
  EXPECT_EQ(next(), Action::kStrike);
  EXPECT_EQ(machine.renew(1, lease(now + 9 * kSecond), now), Refusal::kNotArmed);
}

TEST_F(MachineTest, ADeadlineThatHasPassedIsRefused) {
  hello();
  EXPECT_EQ(machine.arm(1, lease(now), now), Refusal::kTooLate);
  EXPECT_EQ(machine.phase(), Phase::kDisarmed);
}

TEST_F(MachineTest, TheAgentsEndChangesNothingAboutTheDeadline) {
  hello();
  arm_for(5 * kSecond);
  machine.disconnected(now);
  machine.agent_ended(now);
  EXPECT_EQ(next(), Action::kNothing);
  now += 5 * kSecond;
  EXPECT_EQ(next(), Action::kStrike);
  EXPECT_EQ(machine.wake_at(), kStart + kIdleGrace);
  now = kStart + kIdleGrace;
  EXPECT_EQ(next(), Action::kExit);
}

TEST_F(MachineTest, ANewAgentInheritsWhatIsArmed) {
  hello();
  arm_for(5 * kSecond);
  machine.agent_ended(now);
  now += kSecond;
  hello();
  EXPECT_EQ(machine.epoch(), 2U);
  EXPECT_EQ(machine.phase(), Phase::kArmed);
  EXPECT_STREQ(machine.lease().id, "77");
  EXPECT_EQ(machine.lease().kill_at, kStart + 5 * kSecond);
}

TEST_F(MachineTest, AFormerAgentHasNoSay) {
  hello();
  arm_for(5 * kSecond);
  hello();
  EXPECT_EQ(machine.renew(1, lease(now + 60 * kSecond), now), Refusal::kNotOwner);
  EXPECT_EQ(machine.disarm(1), Refusal::kNotOwner);
  EXPECT_EQ(machine.arm(1, lease(now + 60 * kSecond), now), Refusal::kNotOwner);
  EXPECT_EQ(machine.wake_at(), kStart + 5 * kSecond);
}

TEST_F(MachineTest, WithoutAgentNobodyHasASay) {
  EXPECT_EQ(machine.arm(0, lease(now + kSecond), now), Refusal::kNotOwner);
  hello();
  arm_for(5 * kSecond);
  machine.disconnected(now);
  EXPECT_EQ(machine.disarm(1), Refusal::kNotOwner);
}

TEST_F(MachineTest, DisarmedNothingHappens) {
  hello();
  arm_for(5 * kSecond);
  EXPECT_EQ(machine.disarm(1), Refusal::kNone);
  EXPECT_EQ(machine.wake_at(), 0);
  now += 60 * kSecond;
  EXPECT_EQ(next(), Action::kNothing) << "neither strike, nor end while an agent is there";
  machine.agent_ended(now);
  now += kIdleGrace;
  EXPECT_EQ(next(), Action::kExit);
}

TEST_F(MachineTest, AnUnusedGuardianEnds) {
  now += kIdleGrace - 1;
  EXPECT_EQ(next(), Action::kNothing);
  now += 1;
  EXPECT_EQ(next(), Action::kExit);
}

TEST_F(MachineTest, ArmedItNeverEnds) {
  hello();
  arm_for(60 * kSecond);
  machine.agent_ended(now);
  now += 59 * kSecond;
  EXPECT_EQ(next(), Action::kNothing);
}

TEST_F(MachineTest, StartsADeadAgentAgainOnlyIfAskedToAndArmed) {
  hello(false);
  arm_for(60 * kSecond);
  machine.agent_ended(now);
  EXPECT_EQ(next(), Action::kNothing);

  hello(true);
  machine.agent_ended(now);
  EXPECT_EQ(next(), Action::kRespawn);
  hello(true);
  ASSERT_EQ(machine.disarm(machine.epoch()), Refusal::kNone);
  machine.agent_ended(now);
  now += kAgentSettled;
  EXPECT_NE(next(), Action::kRespawn);
}

TEST_F(MachineTest, StartsAtOnceThenLessAndLessOftenThenNoMore) {
  hello(true);
  arm_for(1000 * kSecond);
  machine.agent_ended(now);
  std::vector<Nanos> pauses;
  for (int i = 0; i < kRespawnAttempts; ++i) {
    const Nanos asked_at = now;
    if (machine.wake_at() > now) now = machine.wake_at();
    pauses.push_back(now - asked_at);
    ASSERT_EQ(next(), Action::kRespawn);
    machine.agent_ended(now);  // it ends at once, without a word
  }
  EXPECT_EQ(pauses, (std::vector<Nanos>{0, kSecond, 2 * kSecond, 4 * kSecond, 8 * kSecond, 16 * kSecond, 30 * kSecond,
                                        30 * kSecond, 30 * kSecond, 30 * kSecond}));
  now += 200 * kSecond;
  EXPECT_EQ(next(), Action::kNothing) << "left to people";
  EXPECT_EQ(machine.phase(), Phase::kArmed) << "and still guarded";
}

TEST_F(MachineTest, AnAgentThatLivedForAWhileIsStartedAtOnceAgain) {
  hello(true);
  arm_for(1000 * kSecond);
  for (int i = 0; i < 3 * kRespawnAttempts; ++i) {
    machine.agent_ended(now);
    ASSERT_EQ(next(), Action::kRespawn) << i;
    hello(true);
    now += kAgentSettled;
  }
}

TEST_F(MachineTest, TheStrikeComesBeforeTheStart) {
  hello(true);
  arm_for(kSecond);
  now += kSecond;
  machine.agent_ended(now);
  EXPECT_EQ(next(), Action::kStrike);
  EXPECT_EQ(next(), Action::kRespawn);
}

// INV-1: whatever is sent in whatever order, an armed deadline that passes is struck, unless its owner moved or took it
// back in time; and nothing else is ever struck.
TEST(MachineProperty, StrikesExactlyTheDeadlinesThatPass) {
  std::mt19937_64 random(20311);
  const auto pick = [&random](Nanos below) { return static_cast<Nanos>(random() % static_cast<std::uint64_t>(below)); };
  for (int run = 0; run < 300; ++run) {
    Nanos now = kStart;
    Machine machine(now);
    std::uint64_t epoch = 0;
    bool connected = false;
    Nanos due = 0;  // what the model believes is armed; 0: nothing
    for (int step = 0; step < 200; ++step) {
      now += pick(2 * kSecond);
      const std::uint64_t said = pick(4) == 0 && epoch > 0 ? epoch - 1 : epoch;
      const Nanos wanted = now + pick(6 * kSecond) - kSecond;
      const bool heard = connected && said == epoch;
      const bool overdue = due != 0 && due <= now;
      switch (pick(6)) {
        case 0:
          machine.hello(pick(2) == 0, now);
          ++epoch;
          connected = true;
          break;
        case 1:
          if (machine.arm(said, lease(wanted), now) == Refusal::kNone) {
            ASSERT_TRUE(heard && wanted > now && !overdue);
            due = wanted;
          } else {
            ASSERT_TRUE(!heard || wanted <= now || overdue);
          }
          break;
        case 2:
          if (machine.renew(said, lease(wanted), now) == Refusal::kNone) {
            ASSERT_TRUE(heard && wanted > now && due > now);
            due = wanted;
          }
          break;
        case 3:
          ASSERT_EQ(machine.disarm(said) == Refusal::kNone, heard);
          if (heard) due = 0;
          break;
        case 4:
          machine.disconnected(now);
          connected = false;
          break;
        default:
          machine.agent_ended(now);
          connected = false;
          break;
      }
      bool struck = false;
      for (auto action = machine.next(now); action != Action::kNothing && action != Action::kExit; action = machine.next(now)) {
        struck = struck || action == Action::kStrike;
      }
      ASSERT_EQ(struck, due != 0 && due <= now);
      if (struck) due = 0;
      ASSERT_EQ(machine.phase() == Phase::kArmed, due != 0);
      if (due != 0) {
        ASSERT_GT(machine.wake_at(), 0);
        ASSERT_LE(machine.wake_at(), due);
      }
    }
  }
}

}  // namespace
}  // namespace matriarch::guard
