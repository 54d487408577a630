// Commits acknowledged before synchronous_standby_names was last changed: I1 does not speak of them, durable_quorum_plan() does.
//
// One commit is followed through every history with three standbys: acknowledged at any time, by any R of S and nobody else; it
// reaches another standby only when that passes the barrier of a later SSN. The process dies after any write; who is active and
// how many are wanted changes at any time; any node that an election lets win may take over. Never may a node be elected that
// does not have it.
#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <deque>
#include <map>
#include <set>
#include <tuple>

#include <gtest/gtest.h>

#include "sync_quorum_cases.h"

namespace matriarch::policy::sync {
namespace {

constexpr std::size_t kStandbys = 3;
constexpr const char* kNames[kStandbys] = {"a", "b", "c"};
constexpr const char* kMe = "m";

enum : unsigned { kVoter = 1, kListed = 2, kLeader = 4, kConfirmed = 8, kHasIt = 16 };
enum class Commit { kNone, kUnderThisList, kUnderAnEarlierList };

struct State {
  std::array<unsigned, kStandbys> others{};
  bool i_vote = false;
  int quorum = 0;
  int required = 0;
  Commit commit = Commit::kNone;  // I always have it
  auto operator<=>(const State&) const = default;
};

bool is(unsigned node, unsigned what) { return (node & what) != 0; }

std::set<std::string> names_of(const State& state, unsigned what) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < kStandbys; ++i) {
    if (is(state.others[i], what)) names.insert(kNames[i]);
  }
  return names;
}

QuorumInput input_of(const State& state) {
  QuorumInput in{.leader = kMe,
                 .voters = names_of(state, kVoter),
                 .quorum = state.quorum,
                 .listed = names_of(state, kListed),
                 .required = state.required,
                 .me = kMe};
  for (const std::string& leader : names_of(state, kLeader)) in.leader = leader;
  if (state.i_vote) in.voters.insert(kMe);
  return in;
}

void mark(State& state, unsigned what, const std::set<std::string>& names) {
  for (std::size_t i = 0; i < kStandbys; ++i) {
    state.others[i] = names.contains(kNames[i]) ? state.others[i] | what : state.others[i] & ~what;
  }
}

void list(State& state, const RequireStandbys& standbys) {
  mark(state, kListed, standbys.names);
  mark(state, kConfirmed, {});
  state.required = standbys.names.empty() ? 0 : standbys.count;
  if (state.commit != Commit::kNone) state.commit = Commit::kUnderAnEarlierList;
}

void carry_out(const QuorumStep& step, State& state) {
  if (const auto* standbys = std::get_if<RequireStandbys>(&step)) list(state, *standbys);
  const auto* sync = std::get_if<PublishQuorum>(&step);
  if (sync == nullptr) return;
  mark(state, kVoter, sync->voters);
  mark(state, kLeader, {});
  state.i_vote = false;
  state.quorum = sync->quorum;
}

State without_commit(State state) {
  mark(state, kHasIt, {});
  state.commit = Commit::kNone;
  return state;
}

// Nobody can plan by where the commit is.
class Plans {
 public:
  const QuorumPlan& plan_for(const State& state, unsigned active, int wanted) {
    const auto [found, is_new] = plans_.try_emplace(std::tuple(without_commit(state), active, wanted));
    if (is_new) found->second = made(state, active, wanted);
    return found->second;
  }

 private:
  static QuorumPlan made(const State& state, unsigned active, int wanted) {
    QuorumInput in = input_of(state);
    in.wanted = wanted;
    for (std::size_t i = 0; i < kStandbys; ++i) {
      if ((active >> i & 1U) != 0) in.active.insert(kNames[i]);
    }
    return durable_quorum_plan(in, names_of(state, kConfirmed));
  }

  std::map<std::tuple<State, unsigned, int>, QuorumPlan> plans_;
};

// Without me: could somebody who lacks the commit be elected, by himself and those who lack it, too (QRM-039)?
bool can_be_lost(const State& state) {
  if (state.commit == Commit::kNone) return false;
  const auto lacks_it = [](unsigned node) { return is(node, kVoter | kLeader) && !is(node, kHasIt); };
  return std::ranges::count_if(state.others, lacks_it) > state.quorum;
}

class Histories {
 public:
  void explore() {
    reach(State{});
    for (; !queue_.empty(); queue_.pop_front()) {
      const State from = queue_.front();
      acknowledge(from);
      confirm(from);
      plan(from);
      take_over(from);
    }
  }
  const std::set<State>& reached() const { return reached_; }
  Plans& plans() { return plans_; }

 private:
  void reach(State state) {
    std::ranges::sort(state.others);  // names only break ties between nodes that are alike for the plan
    if (!reached_.insert(state).second) return;
    EXPECT_FALSE(can_be_lost(state)) << letters(names_of(state, kVoter)) << " " << state.quorum;
    queue_.push_back(state);
  }

  void acknowledge(const State& from) {
    if (from.commit != Commit::kNone) return;
    for (unsigned holders = 0; holders < 1U << kStandbys; ++holders) {
      State state = from;
      state.commit = Commit::kUnderThisList;
      bool possible = std::popcount(holders) == from.required;
      for (std::size_t i = 0; i < kStandbys; ++i) {
        if ((holders >> i & 1U) == 0) continue;
        possible = possible && is(from.others[i], kListed);
        state.others[i] |= kHasIt;
      }
      if (possible) reach(state);
    }
  }

  void confirm(const State& from) {
    for (std::size_t i = 0; i < kStandbys; ++i) {
      if (!is(from.others[i], kListed)) continue;
      State state = from;
      state.others[i] |= kConfirmed;
      if (state.commit == Commit::kUnderAnEarlierList) state.others[i] |= kHasIt;
      reach(state);
    }
  }

  void plan(const State& from) {
    for (unsigned active = 0; active < 1U << kStandbys; ++active) {
      for (int wanted = 1; wanted <= static_cast<int>(kStandbys); ++wanted) {
        State state = from;
        for (const QuorumStep& step : plans_.plan_for(from, active, wanted).steps) {
          carry_out(step, state);
          reach(state);
        }
      }
    }
  }

  void take_over(const State& from) {
    for (std::size_t i = 0; i < kStandbys; ++i) {
      if (from.commit != Commit::kNone && !is(from.others[i], kHasIt)) continue;
      reach(led_by(from, i));
    }
  }

  // The node i and I change names.
  static State led_by(const State& from, std::size_t i) {
    const QuorumInput before = input_of(from);
    auto first = quorum_before_promotion(before.leader, before.voters, before.quorum, kNames[i], 0);
    if (first.names.erase(kMe) != 0) first.names.insert(kNames[i]);
    State state = from;
    state.i_vote = is(from.others[i], kVoter);
    const bool i_led = before.leader == kMe;
    state.others[i] =
        (from.commit == Commit::kNone ? 0U : kHasIt) | (from.i_vote ? kVoter : 0U) | (i_led ? kLeader : 0U);
    list(state, first);
    return state;
  }

  std::set<State> reached_;
  std::deque<State> queue_;
  Plans plans_;
};

bool rests(const State& state, unsigned active, int wanted) {  // QRM-002
  const int all = std::popcount(active);
  for (std::size_t i = 0; i < kStandbys; ++i) {
    const unsigned memberships = state.others[i] & (kVoter | kListed | kLeader);
    if (memberships != ((active >> i & 1U) != 0 ? kVoter | kListed : 0U)) return false;
  }
  return state.required == std::min(wanted, all) && state.quorum == all - state.required;
}

// After each round all who are active get confirmed.
bool comes_to_rest(Plans& plans, State state, unsigned active, int wanted) {
  for (int round = 0; round < 5 && !rests(state, active, wanted); ++round) {
    for (const QuorumStep& step : plans.plan_for(state, active, wanted).steps) carry_out(step, state);
    for (std::size_t i = 0; i < kStandbys; ++i) {
      if ((active >> i & 1U) != 0 && is(state.others[i], kListed)) state.others[i] |= kConfirmed;
    }
  }
  return rests(state, active, wanted);
}

TEST(QuorumHistory, NoAcknowledgedCommitIsMissedByAnElectionAndWaitingForItEnds) {
  Histories histories;
  histories.explore();
  EXPECT_GT(histories.reached().size(), 1000U);  // or the test has become blind
  for (const State& state : histories.reached()) {
    if (state != without_commit(state)) continue;
    for (unsigned active = 0; active < 1U << kStandbys; ++active) {
      for (int wanted = 1; wanted <= static_cast<int>(kStandbys); ++wanted) {
        EXPECT_TRUE(comes_to_rest(histories.plans(), state, active, wanted));
      }
    }
  }
}

}  // namespace
}  // namespace matriarch::policy::sync
