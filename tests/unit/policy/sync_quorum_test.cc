// The worked examples of QRM-025..QRM-038, and what is not in them: corrupted input.
#include "policy/sync/quorum.h"

#include <algorithm>
#include <climits>
#include <random>

#include <gtest/gtest.h>

#include "sync_quorum_cases.h"

namespace matriarch::policy::sync {
namespace {

struct Case {
  std::string_view V;
  int Q = 0;
  std::string_view S;
  int R = 0;
  int C = 0;
  std::string_view A;
  int W = 1;
  std::string L = "p";
  std::string M = "p";

  QuorumInput input() const {
    return {.leader = L,
            .voters = nodes(V),
            .quorum = Q,
            .listed = nodes(S),
            .required = R,
            .me = M,
            .active = nodes(A),
            .confirmed = C,
            .wanted = W};
  }
};

std::string plan(const Case& it) {
  const QuorumPlan plan = quorum_plan(it.input());
  EXPECT_EQ(plan.repaired, "");
  return show(plan);
}

TEST(Quorum, TheFirstStandbyIsWaitedForBeforeItMayVote) {  // QRM-025
  EXPECT_EQ(plan({.A = "x"}), "SYNC 1(x); RESTART");
  EXPECT_EQ(plan({.S = "x", .R = 1, .A = "x"}), "RESTART");
  EXPECT_EQ(plan({.S = "x", .R = 1, .C = 1, .A = "x"}), "QUORUM 0(x)");
}

TEST(Quorum, ThreeStandbysAtOnce) {  // QRM-026
  EXPECT_EQ(plan({.A = "xyz", .W = 2}), "SYNC 2(xyz); RESTART");
  EXPECT_EQ(plan({.S = "xyz", .R = 2, .C = 1, .A = "xyz", .W = 2}), "QUORUM 2(xyz)");
  EXPECT_EQ(plan({.V = "xyz", .Q = 2, .S = "xyz", .R = 2, .C = 1, .A = "xyz", .W = 2}), "");
  EXPECT_EQ(plan({.V = "xyz", .Q = 2, .S = "xyz", .R = 2, .C = 2, .A = "xyz", .W = 2}), "QUORUM 1(xyz)");
  EXPECT_EQ(plan({.V = "xyz", .Q = 2, .S = "xyz", .R = 2, .C = 3, .A = "xyz", .W = 2}), "QUORUM 1(xyz)");
}

TEST(Quorum, AnotherStandbyGetsItsVoteBeforeItsAcknowledgementCounts) {  // QRM-027
  EXPECT_EQ(plan({.V = "x", .S = "x", .R = 1, .C = 1, .A = "xy"}), "QUORUM 1(xy); SYNC 1(xy)");
}

TEST(Quorum, AnotherStandbyThatAllCommitsWillWaitFor) {  // QRM-028
  EXPECT_EQ(plan({.V = "x", .S = "x", .R = 1, .C = 1, .A = "xy", .W = 2}), "SYNC 2(xy); QUORUM 1(xy)");
  EXPECT_EQ(plan({.V = "xy", .Q = 1, .S = "xy", .R = 2, .C = 1, .A = "xy", .W = 2}), "");
  EXPECT_EQ(plan({.V = "xy", .Q = 1, .S = "xy", .R = 2, .C = 2, .A = "xy", .W = 2}), "QUORUM 0(xy)");
}

TEST(Quorum, OneOfThreeLeaves) {  // QRM-029
  EXPECT_EQ(plan({.V = "xyz", .Q = 1, .S = "xyz", .R = 2, .C = 2, .A = "xy", .W = 2}), "SYNC 2(xy); QUORUM 0(xy)");
}

TEST(Quorum, MoreLeaveThanTheQuorumCanSpare) {  // QRM-018
  EXPECT_EQ(plan({.V = "wxyz", .Q = 1, .S = "wxyz", .R = 3, .C = 2, .A = "wx", .W = 3}),
            "SYNC 3(wxy); QUORUM 0(wx); SYNC 2(wx)");
}

TEST(Quorum, MoreAreWanted) {  // QRM-030
  EXPECT_EQ(plan({.V = "xyz", .Q = 2, .S = "xyz", .R = 1, .C = 3, .A = "xyz", .W = 2}), "SYNC 2(xyz); QUORUM 1(xyz)");
  EXPECT_EQ(plan({.V = "xyz", .Q = 2, .S = "xyz", .R = 1, .C = 1, .A = "xyz", .W = 2}), "SYNC 2(xyz)");
  EXPECT_EQ(plan({.V = "xyz", .Q = 2, .S = "xyz", .R = 2, .C = 2, .A = "xyz", .W = 2}), "QUORUM 1(xyz)");
}

TEST(Quorum, FewerAreWanted) {  // QRM-031
  for (const int confirmed : {0, 1, 2, 3}) {
    EXPECT_EQ(plan({.V = "xyz", .Q = 1, .S = "xyz", .R = 2, .C = confirmed, .A = "xyz"}), "QUORUM 2(xyz); SYNC 1(xyz)");
  }
}

TEST(Quorum, TheLastStandbyIsGone) {  // QRM-032
  EXPECT_EQ(plan({.V = "x", .S = "x", .R = 1}), "QUORUM 0(); SYNC 0()");
}

TEST(Quorum, OneOfTwoIsGoneAndBothWereWaitedFor) {  // QRM-033
  EXPECT_EQ(plan({.V = "xy", .S = "xy", .R = 2, .C = 1, .A = "x", .W = 2}), "QUORUM 0(x); SYNC 1(x)");
}

TEST(Quorum, TheOnlyStandbyIsReplaced) {  // QRM-034
  EXPECT_EQ(plan({.V = "x", .S = "x", .R = 1, .A = "y"}), "QUORUM 0(); SYNC 1(y); RESTART");
  EXPECT_EQ(plan({.S = "y", .R = 1, .C = 1, .A = "y"}), "QUORUM 0(y)");
}

TEST(Quorum, AVoterTakesOver) {  // QRM-035, QRM-038
  EXPECT_EQ(show(quorum_before_promotion("p", nodes("xyz"), 1, "y", 0)), "SYNC 2(pxz)");
  EXPECT_EQ(plan({.V = "xyz", .Q = 1, .S = "pxz", .R = 2, .W = 2, .M = "y"}), "QUORUM y:1(pxz)");
  EXPECT_EQ(plan({.V = "pxz", .Q = 1, .S = "pxz", .R = 2, .A = "xz", .W = 2, .L = "y", .M = "y"}),
            "SYNC 2(xz); QUORUM y:0(xz)");
}

TEST(Quorum, ANodeWithoutVoteTakesOver) {  // QRM-036, QRM-038
  EXPECT_EQ(show(quorum_before_promotion("p", nodes("xy"), 1, "w", 0)), "SYNC 2(pxy)");
  EXPECT_EQ(plan({.V = "xy", .Q = 1, .S = "pxy", .R = 2, .W = 2, .M = "w"}), "QUORUM w:1(pxy)");
}

TEST(Quorum, ANewLeaderWithoutAnyRequirementSetsItFirst) {  // QRM-011
  EXPECT_EQ(plan({.V = "xy", .Q = 1, .W = 2, .M = "w"}), "SYNC 2(pxy); QUORUM w:1(pxy)");
  EXPECT_EQ(plan({.W = 1, .M = "w"}), "SYNC 1(p); QUORUM w:0(p)");
  EXPECT_EQ(plan({.W = 1, .L = "", .M = "w"}), "QUORUM w:0()");
}

TEST(Quorum, TooSmallAQuorumIsRepaired) {  // QRM-037
  for (const int confirmed : {0, 1, 2}) {
    const auto plan = quorum_plan(Case{.V = "xy", .Q = 0, .S = "xy", .R = 1, .C = confirmed, .A = "xy"}.input());
    EXPECT_EQ(show(plan), "QUORUM 1(xy)");
    EXPECT_NE(plan.repaired, "");
  }
}

TEST(Quorum, DeadEndsOfThePhasesAreLeftByTheLongWay) {  // QRM-022, QRM-023
  Case dead_end{.V = "bc", .Q = 1, .S = "bcd", .R = 2, .C = 1, .A = "bd", .W = 2};
  const auto plan = quorum_plan(dead_end.input());
  EXPECT_EQ(show(plan), "QUORUM 2(bc); SYNC 2(bd); QUORUM 1(bd)");
  EXPECT_NE(plan.repaired, "");
  dead_end.A = "b";
  EXPECT_EQ(show(quorum_plan(dead_end.input())), "QUORUM 2(bc); SYNC 1(b); QUORUM 0(b)");
}

TEST(Quorum, TheLongWayEndsWhereNobodyIsConfirmed) {  // QRM-023 (4)
  EXPECT_EQ(show(quorum_plan(Case{.V = "bc", .Q = 2, .S = "bd", .R = 1, .C = 0, .A = "d"}.input())),
            "QUORUM 3(bc); SYNC 1(d); RESTART");
  EXPECT_EQ(show(quorum_plan(Case{.V = "bc", .Q = 2, .S = "d", .R = 1, .C = 0, .A = "d"}.input())), "RESTART");
  EXPECT_EQ(show(quorum_plan(Case{.V = "bc", .Q = 3, .S = "d", .R = 1, .C = 1, .A = "d"}.input())), "QUORUM 0(d)");
}

std::string durable_plan(const Case& it, const char* confirmed) {
  return show(durable_quorum_plan(it.input(), nodes(confirmed)));
}

TEST(Quorum, VotersAreReliedOnOnlyForCommitsTheyAreKnownToHave) {
  const Case one_of_three_leaves{.V = "xyz", .Q = 1, .S = "xyz", .R = 2, .A = "xy", .W = 2};
  EXPECT_EQ(durable_plan(one_of_three_leaves, "xyz"),
            "SYNC 2(xy); RESTART");  // else "..; QUORUM 0(xy)": z may have been one of 2
  const Case left{.V = "xyz", .Q = 1, .S = "xy", .R = 2, .A = "xy", .W = 2};
  EXPECT_EQ(durable_plan(left, ""), "RESTART");
  EXPECT_EQ(durable_plan(left, "x"), "QUORUM 1(xy)");
  EXPECT_EQ(durable_plan(left, "xy"), "QUORUM 0(xy)");
  EXPECT_EQ(durable_plan({.V = "xy", .S = "xy", .R = 2, .A = "x", .W = 2}, ""),
            "QUORUM 0(x); SYNC 1(x)");  // all have all
  EXPECT_EQ(durable_plan({.V = "x", .S = "x", .R = 1, .A = "xy"}, "x"), "QUORUM 1(xy); SYNC 1(xy)");
}

TEST(Quorum, WhoCannotConfirmAnyMoreIsPassedBy) {
  Case stuck{.V = "abc", .Q = 2, .S = "c", .R = 1, .A = "a"};  // c went away, the only one that commits wait for
  EXPECT_EQ(durable_plan(stuck, ""), "QUORUM 3(abc); SYNC 1(a); RESTART");
  stuck.Q = 3, stuck.S = "a";
  EXPECT_EQ(durable_plan(stuck, "a"), "QUORUM 0(a)");
  EXPECT_EQ(durable_plan(stuck, ""), "QUORUM 1(a)");  // a cannot win alone: nobody has to have anything
  stuck.V = "a", stuck.Q = 1;
  EXPECT_EQ(durable_plan(stuck, ""), "");
  EXPECT_EQ(durable_plan(stuck, "a"), "QUORUM 0(a)");
}

TEST(Quorum, OverlapCountsTheLeaderAndMe) {  // QRM-001
  const auto safe = [](const char* leader, int quorum, const char* voters, int required, const char* listed) {
    return overlaps({.leader = leader, .quorum = quorum, .voters = nodes(voters)},
                    {.count = required, .names = nodes(listed)}, "p");
  };
  EXPECT_TRUE(safe("p", 1, "xy", 1, "xy"));
  EXPECT_FALSE(safe("p", 0, "xy", 1, "xy"));
  EXPECT_TRUE(safe("p", 0, "", 1, "xy"));   // only I may lead
  EXPECT_FALSE(safe("x", 0, "", 1, "xy"));  // x may lead, and a commit be on y only
  EXPECT_TRUE(safe("x", 0, "", 1, "x"));
  EXPECT_FALSE(safe("x", 0, "y", 1, "xy"));
  EXPECT_TRUE(safe("x", 0, "y", 2, "xy"));
  EXPECT_FALSE(safe("p", INT_MIN, "xy", 2, "xy"));
  EXPECT_TRUE(safe("p", INT_MAX, "xy", 2, "xy"));
}

TEST(Quorum, BeforeAPromotionNothingIsRequiredWithoutQuorumCommitUnlessStrict) {  // QRM-038
  EXPECT_EQ(quorum_before_promotion("", nodes("xy"), 1, "w", 0), RequireStandbys{});
  EXPECT_EQ(quorum_before_promotion("", {}, 0, "w", 1), (RequireStandbys{.count = 1}));
  EXPECT_EQ(quorum_before_promotion("p", {}, 0, "p", 0), RequireStandbys{});
  EXPECT_EQ(quorum_before_promotion("p", {}, 0, "p", 1), (RequireStandbys{.count = 1}));
  EXPECT_EQ(quorum_before_promotion("p", nodes("x"), 0, "p", 0), (RequireStandbys{.count = 1, .names = nodes("x")}));
  EXPECT_EQ(quorum_before_promotion("p", nodes("xy"), 2, "x", 0), RequireStandbys{});  // PostgreSQL knows no ANY 0
  EXPECT_EQ(quorum_before_promotion("p", nodes("xy"), 2, "x", 1), (RequireStandbys{.count = 1, .names = nodes("py")}));
  EXPECT_EQ(quorum_before_promotion("p", nodes("xy"), INT_MIN, "w", 1),
            (RequireStandbys{.count = 3, .names = nodes("pxy")}));
  EXPECT_EQ(quorum_before_promotion("p", nodes("xy"), INT_MAX, "w", 0), RequireStandbys{});
}

TEST(Quorum, MyOwnNameAmongTheOthersIsTakenOut) {
  EXPECT_EQ(show(quorum_plan(Case{.V = "x", .S = "px", .R = 1, .C = 1, .A = "x"}.input())), "SYNC 1(x)");
  EXPECT_EQ(show(quorum_plan(Case{.V = "px", .S = "x", .R = 1, .C = 1, .A = "px"}.input())), "");
}

// What PostgreSQL and the voters make of it: nobody waits for himself or for a name that is none.
QuorumInput in_effect(QuorumInput state) {
  for (auto* names : {&state.voters, &state.listed}) names->erase("");
  state.listed.erase(state.me);
  state.required = std::clamp(state.required, 0, static_cast<int>(state.listed.size()));
  return state;
}

// Total: whatever stands in /sync and in the configuration, from the first write of /sync on I1 holds (QRM-021, QRM-023).
TEST(Quorum, NothingInTheTwoPlacesIsTooStrange) {
  std::mt19937 random(20260101);
  const auto below = [&](std::uint32_t limit) { return static_cast<int>(random() % limit); };
  const auto some = [&] {
    std::set<std::string> names;
    for (const char* name : {"", "p", "x", "y", "z"}) {
      if (below(2) == 0) names.emplace(name);
    }
    return names;
  };
  const auto number = [&] { return below(12) == 0 ? (below(2) == 0 ? INT_MIN : INT_MAX) : below(8) - 2; };
  for (int round = 0; round < 3000; ++round) {
    QuorumInput state{.leader = below(3) == 0   ? "x"
                                : below(9) == 0 ? ""
                                                : "p",
                      .voters = some(),
                      .quorum = number(),
                      .listed = some(),
                      .required = number(),
                      .me = "p",
                      .active = some(),
                      .confirmed = number(),
                      .wanted = number()};
    const QuorumPlan plan = below(2) == 0 ? quorum_plan(state) : durable_quorum_plan(state, some());
    bool published = false;
    for (const QuorumStep& step : plan.steps) {
      apply(step, state);
      published = published || std::holds_alternative<PublishQuorum>(step);
      ASSERT_TRUE(!published || overlaps(in_effect(state))) << show(plan);
    }
  }
}

}  // namespace
}  // namespace matriarch::policy::sync
