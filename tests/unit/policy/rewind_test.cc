// When a data directory can follow the leader, and when it must be rewound first (HA-330..335).
#include "policy/rewind.h"

#include <gtest/gtest.h>

#include "policy/bookkeeping.h"
#include "tests/unit/policy/worlds.h"

namespace matriarch::policy {
namespace {

std::vector<HistoryRow> forks(std::initializer_list<std::pair<Timeline, std::uint64_t>> rows) {
  std::vector<HistoryRow> result;
  for (const auto& [timeline, lsn] : rows) result.push_back({.timeline = timeline, .switch_lsn = Lsn{lsn}});
  return result;
}

struct Compared {
  const char* what;
  Divergence d;
  bool expected;
};

const std::vector<Compared> kDivergences = {
    {"my timeline is later", {.local_timeline = 3, .local_lsn = Lsn{100}, .leader_timeline = 2}, true},
    {"the same, a standby", {.local_timeline = 2, .local_lsn = Lsn{900}, .leader_timeline = 2}, false},
    {"the same number, but I was the primary that made mine",
     {.local_timeline = 2, .local_lsn = Lsn{900}, .was_primary = true, .leader_timeline = 2},
     true},
    {"the same number, branched off at the same point",
     {.local_timeline = 2,
      .local_history = forks({{1, 100}}),
      .leader_timeline = 2,
      .leader_history = forks({{1, 100}})},
     false},
    {"the same number, branched off elsewhere",
     {.local_timeline = 2,
      .local_history = forks({{1, 100}}),
      .leader_timeline = 2,
      .leader_history = forks({{1, 101}})},
     true},
    {"an earlier branch disagrees, although the last one does not",
     {.local_timeline = 3,
      .local_lsn = Lsn{200},
      .local_history = forks({{1, 90}, {2, 200}}),
      .leader_timeline = 4,
      .leader_history = forks({{1, 100}, {2, 200}, {3, 300}})},
     true},
    {"a way the leader's history does not know",
     {.local_timeline = 3,
      .local_lsn = Lsn{200},
      .local_history = forks({{2, 200}}),
      .leader_timeline = 4,
      .leader_history = forks({{1, 100}, {3, 300}})},
     true},
    {"a standby behind the fork",
     {.local_timeline = 1, .local_lsn = Lsn{99}, .leader_timeline = 2, .leader_history = forks({{1, 100}})},
     false},
    {"a standby at the fork",
     {.local_timeline = 1, .local_lsn = Lsn{100}, .leader_timeline = 2, .leader_history = forks({{1, 100}})},
     false},
    {"a standby past the fork",
     {.local_timeline = 1, .local_lsn = Lsn{101}, .leader_timeline = 2, .leader_history = forks({{1, 100}})},
     true},
    {"a standby, two timelines back",
     {.local_timeline = 1, .local_lsn = Lsn{101}, .leader_timeline = 3, .leader_history = forks({{1, 100}, {2, 200}})},
     true},
    {"my timeline is not in the leader's history",
     {.local_timeline = 2, .local_lsn = Lsn{99}, .leader_timeline = 3, .leader_history = forks({{1, 100}})},
     true},
    {"the leader's history is empty", {.local_timeline = 1, .local_lsn = Lsn{99}, .leader_timeline = 2}, true},
    {"a former primary whose shutdown checkpoint ends at the fork",
     {.local_timeline = 1,
      .local_lsn = Lsn{60},
      .was_primary = true,
      .end_of_checkpoint_record = Lsn{100},
      .leader_timeline = 2,
      .leader_history = forks({{1, 100}})},
     false},
    {"a former primary that wrote on behind it",
     {.local_timeline = 1,
      .local_lsn = Lsn{60},
      .was_primary = true,
      .end_of_checkpoint_record = Lsn{90},
      .leader_timeline = 2,
      .leader_history = forks({{1, 100}})},
     true},
    {"a former primary, the end of its record unknown",
     {.local_timeline = 1,
      .local_lsn = Lsn{60},
      .was_primary = true,
      .leader_timeline = 2,
      .leader_history = forks({{1, 100}})},
     true},
    {"a former primary with its checkpoint at the fork",
     {.local_timeline = 1,
      .local_lsn = Lsn{100},
      .was_primary = true,
      .end_of_checkpoint_record = Lsn{100},
      .leader_timeline = 2,
      .leader_history = forks({{1, 100}})},
     true},
    {"a former primary with its checkpoint past the fork",
     {.local_timeline = 1,
      .local_lsn = Lsn{160},
      .was_primary = true,
      .end_of_checkpoint_record = Lsn{200},
      .leader_timeline = 2,
      .leader_history = forks({{1, 100}})},
     true},
};

TEST(Diverged, AllRows) {  // HA-332
  for (const Compared& row : kDivergences) EXPECT_EQ(diverged(row.d), row.expected) << row.what;
}

World mendable() {
  World w = following();
  w.can_rewind = true;
  return w;
}

TEST(PathOf, AllRows) {  // HA-333, HA-335
  struct Row {
    const char* what;
    RewindState state;
    std::function<void(World&)> change;
    Path expected;
  };
  const auto nothing = [](World&) {};
  const auto no_rewind = [](World& w) { w.can_rewind = false; };
  const auto remove_diverged = [](World& w) {
    w.can_rewind = false;
    w.settings.remove_data_on_diverged_timelines = true;
  };
  const auto leaderless = [](World& w) { set_leader(w, ""); };
  const std::vector<Row> rows = {
      {"nothing known", RewindState::kInitial, nothing, Path::kStraight},
      {"proved", RewindState::kNotNeeded, nothing, Path::kStraight},
      {"rewound", RewindState::kDone, nothing, Path::kStraight},
      {"HA-331 to be compared", RewindState::kCheck, nothing, Path::kUnchecked},
      {"HA-331 the leader does not say", RewindState::kCheck, [](World& w) { w.divergence_unknown = true; },
       Path::kUnknown},
      {"HA-331 the leader is not promoted yet", RewindState::kCheck,
       [](World& w) { edit(w, [](ClusterView& v) { member_of(v, "b").data.role = Role::kReplica; }); }, Path::kTooEarly},
      {"HA-331 no leader", RewindState::kCheck, leaderless, Path::kUnknown},
      {"HA-331 the leader is me", RewindState::kCheck, [](World& w) { set_leader(w, "a"); }, Path::kUnknown},
      {"HA-331 the leader has no conn_url", RewindState::kCheck,
       [](World& w) { edit(w, [](ClusterView& v) { member_of(v, "b").data.conn_url.clear(); }); }, Path::kUnknown},
      {"HA-331 the store is unreadable", RewindState::kCheck, [](World& w) { w.view.reset(); }, Path::kUnknown},
      {"HA-333 rewind", RewindState::kNeeded, nothing, Path::kRewind},
      {"HA-333 no leader to take it from", RewindState::kNeeded, leaderless, Path::kUnknown},
      {"HA-333 no pg_rewind", RewindState::kNeeded, no_rewind, Path::kHopeless},
      {"HA-333 no pg_rewind, but it may be wiped", RewindState::kNeeded, remove_diverged, Path::kReinitialize},
      {"HA-335 failed", RewindState::kFailed, nothing, Path::kHopeless},
      {"HA-335 failed and may be wiped", RewindState::kFailed,
       [](World& w) { w.settings.remove_data_on_rewind_failure = true; }, Path::kReinitialize},
      {"HA-335 failed and may be wiped, but nobody leads", RewindState::kFailed,
       [](World& w) {
         w.settings.remove_data_on_rewind_failure = true;
         set_leader(w, "");
       },
       Path::kHopeless},
      {"HA-335 failed and may be wiped for divergence", RewindState::kFailed,
       [](World& w) { w.settings.remove_data_on_diverged_timelines = true; }, Path::kReinitialize},
  };
  for (const Row& row : rows) {
    World w = mendable();
    row.change(w);
    EXPECT_EQ(path_of(w, {.rewind = row.state}), row.expected) << row.what;
  }
}

// The next state from `from`, on a node that streamed from b on timeline `followed`; 0: it never did.
RewindState next(const World& w, RewindState from, Timeline followed = 1) {
  World before = following();
  edit(before, [&](ClusterView& v) { member_of(v, "b").data.timeline = followed; });
  Memory memory = followed == 0 ? Memory() : remember(before, {});
  memory.rewind = from;
  return next_rewind_state(w, memory);
}

World ended(ActionKind kind, bool ok, bool hopeless = false) {
  World w = mendable();
  w.finished = FinishedAction{.kind = kind, .ok = ok, .vetoed = hopeless};
  w.server.replication_state.clear();
  return w;
}

TEST(NextRewindState, AfterWhatEnded) {
  using enum RewindState;
  EXPECT_EQ(next(ended(ActionKind::kRewind, true), kNeeded), kDone);
  EXPECT_EQ(next(ended(ActionKind::kRewind, false), kNeeded), kNeeded);        // HA-335: the source vanished, say
  EXPECT_EQ(next(ended(ActionKind::kRewind, false, true), kNeeded), kFailed);  // HA-335
  EXPECT_EQ(next(ended(ActionKind::kDemote, true), kInitial), kCheck);
  EXPECT_EQ(next(ended(ActionKind::kCrashRecovery, true), kInitial), kCheck);
  EXPECT_EQ(next(ended(ActionKind::kClone, true), kCheck), kInitial);  // HA-093
  EXPECT_EQ(next(ended(ActionKind::kReinitialize, true), kFailed), kInitial);
  EXPECT_EQ(next(ended(ActionKind::kPromote, true), kCheck), kInitial);
  EXPECT_EQ(next(ended(ActionKind::kRestart, true), kNeeded), kNeeded);
  World cancelled = ended(ActionKind::kRewind, false, true);
  cancelled.finished->cancelled = true;
  EXPECT_EQ(next(cancelled, kNeeded), kNeeded);
}

TEST(NextRewindState, ByWhatWasMeasured) {
  using enum RewindState;
  World w = mendable();
  w.server.replication_state.clear();
  w.divergence = Divergence{.local_timeline = 2, .leader_timeline = 1};
  EXPECT_EQ(next(w, kCheck), kNeeded);
  w.divergence = Divergence{.local_timeline = 1, .leader_timeline = 1};
  EXPECT_EQ(next(w, kCheck), kNotNeeded);
  w.divergence = Divergence{.local_timeline = 2, .leader_timeline = 1};
  EXPECT_EQ(next(w, kNotNeeded), kNotNeeded);  // nobody asked
  w.divergence.reset();
  EXPECT_EQ(next(w, kCheck), kCheck);
  w.server.replication_state = "streaming";
  EXPECT_EQ(next(w, kCheck), kNotNeeded);
}

TEST(NextRewindState, ALeaderOnAnotherTimelinePutsTheQuestionAgain) {  // HA-159, HA-330
  using enum RewindState;
  World w = mendable();
  w.server.replication_state.clear();
  EXPECT_EQ(next(w, kNotNeeded, 1), kNotNeeded);
  edit(w, [](ClusterView& v) { member_of(v, "b").data.timeline = 2; });
  EXPECT_EQ(next(w, kNotNeeded, 1), kCheck);
  EXPECT_EQ(next(w, kInitial, 0), kCheck);
  EXPECT_EQ(next(w, kDone, 1), kCheck);
  EXPECT_EQ(next(w, kFailed, 1), kFailed);
  EXPECT_EQ(next(w, kNeeded, 1), kNeeded);
  w.server.replication_state = "streaming";
  EXPECT_EQ(next(w, kNotNeeded, 1), kNotNeeded);
  w.server.replication_state.clear();
  w.can_rewind = false;
  EXPECT_EQ(next(w, kNotNeeded, 1), kNotNeeded);  // HA-330: nothing could be done about the answer
  w.settings.remove_data_on_diverged_timelines = true;
  EXPECT_EQ(next(w, kNotNeeded, 1), kCheck);
}

TEST(NextRewindState, TheLeaderHasNothingToCheck) {
  World w = leading();
  w.can_rewind = true;
  for (const auto state : {RewindState::kCheck, RewindState::kNeeded, RewindState::kFailed, RewindState::kDone}) {
    EXPECT_EQ(next(w, state), RewindState::kInitial);
  }
}

}  // namespace
}  // namespace matriarch::policy
