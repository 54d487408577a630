// QRM-024: every state of /sync and synchronous_standby_names that can be reached when the process dies after any write, and
// everything else changes at any time: who is active, how many of these are confirmed, how many are wanted, who leads.
//
// Safety, of every state reached, in the words of QRM-001 and not by its formula: let K be the primary and any R of S (a commit
// acknowledged now may be on these and on no other) and T any Q+1 of V and L (a candidate and those who find it not behind them):
// K and T share a node. So nothing acknowledged under the SSN in force can be missed by an election under the /sync in force.
//
// Nodes are interchangeable: names only break ties, and only between nodes with the same memberships. So states are explored up
// to renaming; that this misses nothing is itself tested with three standbys.
#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "sync_quorum_cases.h"

namespace matriarch::policy::sync {
namespace {

constexpr const char* kNames[] = {"a", "b", "c", "d"};
constexpr const char* kMe = "m";

// What one of the other nodes is.
enum : unsigned { kVoter = 1, kListed = 2, kLeader = 4, kActive = 8 };

struct State {
  std::vector<unsigned> others;
  bool i_vote = false;  // of interest while another node is /sync's leader
  int quorum = 0;
  int required = 0;
  auto operator<=>(const State&) const = default;
};

struct World {
  State state;  // with kActive
  int confirmed = 0;
  int wanted = 1;
  auto operator<=>(const World&) const = default;
};

int count_of(const State& state, unsigned bits) {
  return static_cast<int>(std::ranges::count_if(state.others, [&](unsigned node) { return (node & bits) == bits; }));
}

bool i_lead(const State& state) { return count_of(state, kLeader) == 0; }

QuorumInput input_of(const World& world) {
  const State& state = world.state;
  QuorumInput in{.leader = kMe,
                 .quorum = state.quorum,
                 .required = state.required,
                 .me = kMe,
                 .confirmed = world.confirmed,
                 .wanted = world.wanted};
  if (state.i_vote) in.voters.insert(kMe);
  for (std::size_t i = 0; i < state.others.size(); ++i) {
    if ((state.others[i] & kVoter) != 0) in.voters.insert(kNames[i]);
    if ((state.others[i] & kListed) != 0) in.listed.insert(kNames[i]);
    if ((state.others[i] & kActive) != 0) in.active.insert(kNames[i]);
    if ((state.others[i] & kLeader) != 0) in.leader = kNames[i];
  }
  return in;
}

State state_of(const QuorumInput& in, std::size_t standbys) {
  State state{.i_vote = in.voters.contains(kMe), .quorum = in.quorum, .required = in.required};
  for (std::size_t i = 0; i < standbys; ++i) {
    unsigned node = 0;
    if (in.voters.contains(kNames[i])) node |= kVoter;
    if (in.listed.contains(kNames[i])) node |= kListed;
    if (in.active.contains(kNames[i])) node |= kActive;
    if (in.leader == kNames[i]) node |= kLeader;
    state.others.push_back(node);
  }
  return state;
}

State renamed(State state) {
  std::ranges::sort(state.others);
  return state;
}

// Bit i: node i of the others; the last bit: me.
unsigned mask_of(const State& state, unsigned bit) {
  unsigned mask = 0;
  for (std::size_t i = 0; i < state.others.size(); ++i) {
    if ((state.others[i] & bit) != 0) mask |= 1U << i;
  }
  return mask;
}

bool no_election_misses_a_commit(const State& state) {
  const unsigned me = 1U << state.others.size();
  const unsigned listed = mask_of(state, kListed);
  const unsigned leader = i_lead(state) ? me : mask_of(state, kLeader);
  const unsigned electors = mask_of(state, kVoter) | leader | (state.i_vote ? me : 0);
  for (unsigned have = 0; have < me; ++have) {
    if ((have & ~listed) != 0 || std::popcount(have) != state.required) continue;
    for (unsigned votes = 0; votes < 2 * me; ++votes) {
      if ((votes & ~electors) != 0 || std::popcount(votes) != state.quorum + 1) continue;
      if (((have | me) & votes) == 0) return false;
    }
  }
  return true;
}

bool is_steady(const World& world) {  // QRM-002
  const auto& [others, i_vote, quorum, required] = world.state;
  const int active = count_of(world.state, kActive);
  const bool agreed =
      std::ranges::all_of(others, [](unsigned node) { return node == 0 || node == (kActive | kVoter | kListed); });
  return agreed && i_lead(world.state) && required == std::min(world.wanted, active) && quorum == active - required;
}

struct Moves {
  std::vector<State> after;  // each write; activity as it was
  std::string text;
};

class Explorer {
 public:
  Explorer(std::size_t standbys, bool up_to_renaming) : standbys_(standbys), up_to_renaming_(up_to_renaming) {}

  void explore(bool leaders_change) {
    reach(State{.others = std::vector<unsigned>(standbys_)});
    for (; !queue_.empty(); queue_.pop_front()) {
      const State from = queue_.front();
      for (const World& world : worlds_of(from)) {
        for (const State& state : moves(world).after) reach(state);
      }
      if (leaders_change) promote(from);
    }
  }

  // Every /sync and every SSN, however little they fit together; a leader that is not me, in every role.
  void start_anywhere() {
    for (unsigned memberships = 0; memberships < 1U << (2 * standbys_); ++memberships) {
      State state;
      for (std::size_t i = 0; i < standbys_; ++i) state.others.push_back(memberships >> (2 * i) & (kVoter | kListed));
      const int listed = count_of(state, kListed);
      for (state.quorum = -1; state.quorum <= static_cast<int>(standbys_); ++state.quorum) {
        for (state.required = std::min(listed, 1); state.required <= listed; ++state.required) start_at(state);
      }
    }
  }

  const std::set<State>& reached() const { return reached_; }
  std::size_t plans() const { return moves_.size(); }

  // All that can be active and wanted, with everything that was confirmed.
  std::set<World> worlds_of(const State& state) const {
    std::set<World> worlds;
    for (unsigned active = 0; active < 1U << standbys_; ++active) {
      World world{.state = state};
      for (std::size_t i = 0; i < standbys_; ++i) {
        if ((active >> i & 1U) != 0) world.state.others[i] |= kActive;
      }
      if (up_to_renaming_) world.state = renamed(world.state);
      for (world.wanted = 1; world.wanted <= static_cast<int>(standbys_); ++world.wanted) {
        for (world.confirmed = 0; world.confirmed <= count_of(world.state, kActive | kListed); ++world.confirmed) {
          worlds.insert(world);
        }
      }
    }
    return worlds;
  }

  const Moves& moves(const World& world) {
    const auto [found, is_new] = moves_.try_emplace(world);
    if (is_new) found->second = made(world);
    return found->second;
  }

 private:
  Moves made(const World& world) const {
    QuorumInput state = input_of(world);
    const QuorumPlan plan = quorum_plan(state);
    Moves moves{.text = show(plan)};
    for (const QuorumStep& step : plan.steps) {
      if (std::holds_alternative<Again>(step)) {
        EXPECT_EQ(&step, &plan.steps.back());
        continue;
      }
      apply(step, state);
      moves.after.push_back(state_of(state, standbys_));
      if (up_to_renaming_) moves.after.back() = renamed(moves.after.back());
    }
    const auto& end = moves.after.empty() ? world.state : moves.after.back();
    if (world.confirmed > 0 && i_lead(end)) {  // QRM-023: nothing but the lack of confirmed standbys closes elections
      EXPECT_TRUE(end.quorum < std::max(count_of(end, kVoter), 1)) << moves.text;
    }
    return moves;
  }

  void start_at(State state) {
    const auto start = [this](const State& at) {
      const State same = renamed(at);
      if (reached_.insert(same).second) queue_.push_back(same);
    };
    start(state);
    state.others[0] |= kLeader;
    start(state);
    state.i_vote = true;
    start(state);
  }

  void reach(const State& active) {
    State state = active;
    for (unsigned& node : state.others) node &= ~kActive;
    if (up_to_renaming_) state = renamed(std::move(state));
    if (!reached_.insert(state).second) return;
    const int listed = count_of(state, kListed);
    EXPECT_TRUE(listed == 0 ? state.required == 0 : state.required >= 1 && state.required <= listed)
        << show_state(state);
    EXPECT_TRUE(no_election_misses_a_commit(state)) << show_state(state);
    EXPECT_TRUE(overlaps(input_of({.state = state}))) << show_state(state);  // the formula is the stricter of the two
    queue_.push_back(state);
  }

  // QRM-038: any node, by election or by hand, also again before /sync was written.
  void promote(const State& state) {
    const QuorumInput before = input_of({.state = state});
    for (std::size_t i = 0; i < standbys_; ++i) {
      for (const int strict_minimum : {0, 1}) {
        const auto first =
            quorum_before_promotion(before.leader, before.voters, before.quorum, kNames[i], strict_minimum);
        const auto swapped = [&](const std::string& name) {
          return name == kMe ? std::string(kNames[i]) : name == kNames[i] ? std::string(kMe) : name;
        };
        QuorumInput after{
            .leader = swapped(before.leader), .quorum = before.quorum, .required = first.count, .me = kMe};
        if (first.names.empty()) after.required = 0;  // the placeholder: the caller's precondition
        for (const std::string& name : before.voters) after.voters.insert(swapped(name));
        for (const std::string& name : first.names) after.listed.insert(swapped(name));
        reach(state_of(after, standbys_));
      }
    }
  }

  static std::string show_state(const State& state) {
    const QuorumInput in = input_of({.state = state});
    return in.leader + ": " + std::to_string(in.quorum) + "(" + letters(in.voters) + ") " +
           std::to_string(in.required) + "(" + letters(in.listed) + ")";
  }

  std::size_t standbys_;
  bool up_to_renaming_;
  std::set<State> reached_;
  std::deque<State> queue_;
  std::map<World, Moves> moves_;
};

// How many of those who could be confirmed are, when nothing changes any more; QRM-024 asks for C = R.
enum class Confirmed { kRequired, kAll };
// Whether a round carries out a whole plan, or plans anew after every write.
enum class Round { kPlan, kWrite };

void confirm(World& world, Confirmed confirmed) {
  world.confirmed = count_of(world.state, kActive | kListed);
  if (confirmed == Confirmed::kRequired) world.confirmed = std::min(world.confirmed, world.state.required);
}

// The number of rounds with a write until QRM-002; -1: never.
int rounds_to_rest(Explorer& explorer, World world, Confirmed confirmed, Round round) {
  for (int rounds = 0; rounds < 20; ++rounds) {
    const Moves& moves = explorer.moves(world);
    if (moves.after.empty() && is_steady(world)) return rounds;
    if (!moves.after.empty()) world.state = round == Round::kPlan ? moves.after.back() : moves.after.front();
    confirm(world, confirmed);
  }
  return -1;
}

struct Most {
  int plans = 0;
  int writes = 0;
};

Most most_rounds(Explorer& explorer) {
  Most most;
  for (const State& state : explorer.reached()) {
    for (const World& world : explorer.worlds_of(state)) {
      for (const Confirmed confirmed : {Confirmed::kRequired, Confirmed::kAll}) {
        const int plans = rounds_to_rest(explorer, world, confirmed, Round::kPlan);
        const int writes = rounds_to_rest(explorer, world, confirmed, Round::kWrite);
        EXPECT_TRUE(plans >= 0 && writes >= 0) << "never at rest";
        most = {.plans = std::max(most.plans, plans), .writes = std::max(most.writes, writes)};
      }
    }
  }
  return most;
}

TEST(QuorumExplored, FourStandbysAndOneLeader) {
  Explorer explorer(4, true);
  explorer.explore(false);
  const Most most = most_rounds(explorer);
  EXPECT_LE(most.plans, 3);
  EXPECT_LE(most.writes, 7);
  EXPECT_GT(explorer.reached().size(), 200U);  // or the test has become blind
}

TEST(QuorumExplored, FourNodesOfWhichEachMayLead) {
  Explorer explorer(3, true);
  explorer.explore(true);
  const Most most = most_rounds(explorer);
  EXPECT_LE(most.plans, 3);
  EXPECT_LE(most.writes, 6);
  EXPECT_GT(explorer.reached().size(), 100U);
}

// QRM-021: also from what only a mistake can have written there is a way to rest, and it is safe from its first write on.
TEST(QuorumExplored, EverythingThatCanBeWritten) {
  Explorer explorer(3, true);
  explorer.start_anywhere();
  explorer.explore(false);
  const Most most = most_rounds(explorer);
  EXPECT_LE(most.plans, 4);
  EXPECT_LE(most.writes, 7);
}

TEST(QuorumExplored, NamesDoNotMatter) {
  Explorer named(3, false);
  named.explore(false);
  Explorer nameless(3, true);
  nameless.explore(false);
  std::set<State> renamed_states;
  for (const State& state : named.reached()) renamed_states.insert(renamed(state));
  EXPECT_EQ(renamed_states, nameless.reached());
}

}  // namespace
}  // namespace matriarch::policy::sync
