// Synchronous replication, as a whole: which steps are taken, and in which order.
#include "policy/sync/sync.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "model/standby_names.h"
#include "policy/sync/standbys.h"
#include "tests/unit/policy/worlds.h"

namespace matriarch::policy::sync {
namespace {

using Names = std::set<std::string>;

std::string text_of(const Step& step) {
  if (std::holds_alternative<Nothing>(step)) return "nothing";
  if (std::holds_alternative<LookAgain>(step)) return "look again";
  if (std::holds_alternative<Nudge>(step)) return "nudge";
  if (std::holds_alternative<Unpublish>(step)) return "unpublish";
  if (const auto* p = std::get_if<Publish>(&step)) return fmt::format("publish {} [{}] {}", p->leader, fmt::join(p->voters, ","), p->quorum);
  const auto& r = std::get<Require>(step);
  return fmt::format("require [{}] {}", fmt::join(r.names, ","), r.count);
}

std::vector<std::string> texts_of(const std::vector<Step>& steps) {
  std::vector<std::string> texts;
  for (const auto& step : steps) texts.push_back(text_of(step));
  return texts;
}

// A primary with standbys, which does what it is told at once unless a test says otherwise.
class Synchronous : public testing::Test {
 protected:
  Synchronous() : world(leading()) { world.settings.synchronous_mode = SyncMode::kPriority; }

  WalSender& stream(const std::string& name) {
    auto& rows = world.server.walsenders;
    const auto found = std::ranges::find(rows, name, &WalSender::application_name);
    if (found != rows.end()) return *found;
    rows.push_back({.application_name = name, .state = "streaming", .sync_state = "async", .write_lsn = kEnd, .flush_lsn = kEnd, .replay_lsn = kEnd});
    return rows.back();
  }
  void disconnect(const std::string& name) {
    std::erase_if(world.server.walsenders, [&](const auto& row) { return row.application_name == name; });
    look();
  }
  void publish(const std::string& leader, std::vector<std::string> voters, int quorum = 0) {
    edit(world, [&](ClusterView& v) { v.sync = {.leader = leader, .voters = std::move(voters), .quorum = quorum, .version = "9"}; });
  }
  void wait_for(Names names, int count, SyncMode mode = SyncMode::kPriority) {
    world.server.synchronous_standby_names = format_standby_names({names.begin(), names.end()}, count, mode);
    look();
  }
  // pg_stat_replication, as it follows from the setting.
  void look() {
    const auto names = parse_standby_names(world.server.synchronous_standby_names).value_or(StandbyNames{});
    int place = 0;
    for (auto& row : world.server.walsenders) {
      const bool listed = names.names.contains(row.application_name);
      row.sync_priority = listed ? ++place : 0;
      const char* waiting = names.type == SyncMode::kQuorum ? "quorum" : place <= names.count ? "sync" : "potential";
      row.sync_state = listed ? waiting : "async";
    }
  }
  // Carries one step out, if this is the one.
  void expect(const std::string& text) {
    const auto decided = decide(world, memory);
    EXPECT_EQ(text_of(decided.step), text);
    memory = decided.memory;
    warning = decided.warning;
    if (const auto* p = std::get_if<Publish>(&decided.step)) publish(p->leader, {p->voters.begin(), p->voters.end()}, p->quorum);
    if (const auto* r = std::get_if<Require>(&decided.step)) wait_for(r->names, r->count, r->mode);
    if (std::holds_alternative<Unpublish>(decided.step)) edit(world, [](ClusterView& v) { v.sync = {}; });
  }
  // Everything up to Nothing.
  std::vector<std::string> settle() {
    std::vector<std::string> taken;
    for (int i = 0; i < 20; ++i) {
      const auto next = text_of(decide(world, memory).step);
      expect(next);
      if (next == "nothing") return taken;
      if (next != "look again" && next != "nudge") taken.push_back(next);
    }
    ADD_FAILURE() << "it does not settle: " << fmt::format("{}", fmt::join(taken, "; "));
    return taken;
  }
  void settled_on_b() {
    stream("b");
    EXPECT_EQ(settle(), (std::vector<std::string>{"publish a [] 0", "require [b] 0", "publish a [b] 0"}));
  }

  World world;
  Memory memory;
  std::string warning;
};

TEST_F(Synchronous, IsPublishedEvenWithoutAnybodyToWaitFor) {  // SYNC-020
  expect("publish a [] 0");
  EXPECT_TRUE(settle().empty());
}

TEST_F(Synchronous, GrowsFirstInTheServerAndThenInSync) {  // SYNC-003, SYNC-026..SYNC-028
  stream("b");
  expect("publish a [] 0");
  expect("nudge");
  expect("require [b] 0");
  expect("look again");  // the change was seen in force ...
  expect("nudge");       // ... and lies before this
  expect("publish a [b] 0");
  expect("nothing");
}

TEST_F(Synchronous, AStandbyBeforeTheBarrierIsNotPublished) {  // SYNC-012, SYNC-013
  settled_on_b();
  stream("b");
  world.settings.synchronous_node_count = 2;
  stream("c").flush_lsn = Lsn{kEnd.value - 1};
  expect("require [b,c] 0");
  expect("look again");
  expect("nudge");
  expect("look again");
  stream("c").flush_lsn = kEnd;
  expect("publish a [b,c] 0");
}

TEST_F(Synchronous, TheBarrierWaitsForEveryWalsenderToReadTheNames) {  // SYNC-013
  settled_on_b();
  stream("c");
  stream("b").state = "catchup";  // b falls behind, c takes its place
  expect("publish a [] 0");
  expect("require [c] 0");
  stream("b").sync_priority = 1;  // b's walsender still acknowledges by the former names
  expect("look again");
  expect("look again");
  world.server.wal_lsn = Lsn{kEnd.value + 100};
  look();
  expect("look again");
  expect("nudge");
  EXPECT_EQ(memory.barrier, world.server.wal_lsn);
  expect("look again");
  stream("c").flush_lsn = world.server.wal_lsn;
  expect("publish a [c] 0");
}

TEST_F(Synchronous, ShrinksFirstInSyncAndThenInTheServer) {  // SYNC-003, SYNC-025
  settled_on_b();
  disconnect("b");
  expect("publish a [] 0");
  expect("require [] 0");
  EXPECT_TRUE(settle().empty());
  EXPECT_EQ(world.server.synchronous_standby_names, "");
}

TEST_F(Synchronous, AnotherTakesThePlaceOfOneThatLeft) {  // the example of SYNC section 26
  settled_on_b();
  stream("c");
  EXPECT_TRUE(settle().empty()) << "who is waited for stays";
  disconnect("b");
  EXPECT_EQ(settle(), (std::vector<std::string>{"publish a [] 0", "require [c] 0", "publish a [c] 0"}));
}

TEST_F(Synchronous, SyncOfAFormerLeaderIsTakenOver) {  // SYNC-021
  publish("b", {"a", "c"});
  stream("c");
  EXPECT_EQ(settle(), (std::vector<std::string>{"publish a [] 0", "require [c] 0", "publish a [c] 0"}));
}

TEST_F(Synchronous, WhoIsPublishedButNotSynchronousIsTakenOut) {  // SYNC-022
  settled_on_b();
  stream("b").sync_state = "async";
  expect("publish a [] 0");
  EXPECT_NE(warning.find("inconsistent"), std::string::npos);
}

TEST_F(Synchronous, AnotherProcessGoesOnWhereOneDied) {  // SYNC-029
  settled_on_b();
  memory = {};
  EXPECT_TRUE(settle().empty()) << "whom /sync lists is known to have everything";
  memory = {};
  disconnect("b");
  stream("c");
  expect("publish a [] 0");
  memory = {};
  expect("require [c] 0");
  memory = {};
  EXPECT_EQ(settle(), (std::vector<std::string>{"publish a [c] 0"}));
}

TEST_F(Synchronous, StrictModeKeepsWaitingForWhoWasThereLast) {  // SYNC-030
  world.settings.synchronous_mode_strict = true;
  expect("publish a [] 0");
  expect("nudge");
  expect("require [] 1");
  EXPECT_EQ(world.server.synchronous_standby_names, kSyncPlaceholder);
  EXPECT_NE(warning.find("No active replication connections from Patroni members and synchronous_mode_strict is requested"), std::string::npos);
  EXPECT_TRUE(settle().empty());
  EXPECT_TRUE(warning.empty()) << "said once";

  stream("b");
  EXPECT_EQ(settle(), (std::vector<std::string>{"require [b] 0", "publish a [b] 0"}));
  disconnect("b");
  EXPECT_TRUE(settle().empty()) << "b alone has the latest commits";
  EXPECT_EQ(world.server.synchronous_standby_names, "b");
}

TEST_F(Synchronous, SwitchedOffInTheOrderOfShrinking) {  // SYNC-032
  settled_on_b();
  world.settings.synchronous_mode = SyncMode::kOff;
  expect("unpublish");
  expect("require [] 0");
  expect("nothing");
  memory = {};
  wait_for({"x"}, 1);
  expect("nothing");  // the user's own
  publish("a", {"x"});
  EXPECT_EQ(settle(), (std::vector<std::string>{"unpublish", "require [] 0"})) << "what a former process imposed";
}

TEST_F(Synchronous, AStandbyClusterHasNone) {  // SYNC-004
  world.settings.standby_cluster = true;
  stream("b");
  expect("nothing");
}

TEST_F(Synchronous, NamesAreComparedWithoutCase) {  // SYNC-001
  settled_on_b();
  publish("A", {"B"});
  wait_for({"B"}, 1);
  stream("b").sync_state = "sync";
  stream("b").sync_priority = 1;
  EXPECT_TRUE(settle().empty());
}

TEST_F(Synchronous, QuorumTakesAllWhoStream) {  // QRM-002
  world.settings.synchronous_mode = SyncMode::kQuorum;
  stream("b");
  stream("c");
  settle();
  EXPECT_EQ(world.server.synchronous_standby_names, "ANY 1 (b,c)");
  EXPECT_EQ(world.view->sync.voters, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(world.view->sync.quorum, 1);
}

TEST_F(Synchronous, FromPriorityToQuorumAndBack) {  // QRM-045
  settled_on_b();
  stream("c");
  world.settings.synchronous_mode = SyncMode::kQuorum;
  look();
  settle();
  EXPECT_EQ(world.server.synchronous_standby_names, "ANY 1 (b,c)");
  world.settings.synchronous_mode = SyncMode::kPriority;
  settle();
  EXPECT_EQ(world.view->sync.voters.size(), 1u);
  EXPECT_EQ(world.view->sync.quorum, 0);
  EXPECT_EQ(world.server.synchronous_standby_names, world.view->sync.voters.front());
}

// --- before writes are taken

TEST(BeforePromotion, OldVotersLoseTheirRight) {  // SYNC-033
  World w = standby();
  EXPECT_TRUE(before_promotion(w).empty());
  w.settings.synchronous_mode = SyncMode::kPriority;
  edit(w, [](ClusterView& v) { v.sync = {.leader = "b", .voters = {"a", "c"}, .version = "3"}; });
  EXPECT_EQ(texts_of(before_promotion(w)), (std::vector<std::string>{"publish a [] 0", "require [] 0"}));
  w.settings.synchronous_mode_strict = true;
  EXPECT_EQ(texts_of(before_promotion(w)), (std::vector<std::string>{"publish a [b,c] 0", "require [b,c] 0"}));
  edit(w, [](ClusterView& v) { v.sync = {}; });
  EXPECT_EQ(texts_of(before_promotion(w)), (std::vector<std::string>{"publish a [] 0", "require [] 1"}));
}

TEST(BeforePromotion, QuorumKeepsTheOverlap) {  // QRM-038, B6
  World w = standby();
  w.settings.synchronous_mode = SyncMode::kQuorum;
  edit(w, [](ClusterView& v) { v.sync = {.leader = "b", .voters = {"a", "c", "d"}, .quorum = 1, .version = "3"}; });
  EXPECT_EQ(texts_of(before_promotion(w)), (std::vector<std::string>{"require [b,c,d] 2", "publish a [b,c,d] 1"}));
}

TEST(BeforeAStartAsPrimary, CommitsGoOnWaitingForWhomSyncNames) {  // SYNC-002
  World w = leading();
  w.settings.synchronous_mode = SyncMode::kPriority;
  edit(w, [](ClusterView& v) { v.sync = {.leader = "a", .voters = {"b", "c"}, .version = "3"}; });
  EXPECT_EQ(texts_of(before_start_as_primary(w)), (std::vector<std::string>{"require [b,c] 2"}));
  w.settings.synchronous_mode = SyncMode::kQuorum;
  edit(w, [](ClusterView& v) { v.sync.quorum = 1; });
  EXPECT_EQ(texts_of(before_start_as_primary(w)), (std::vector<std::string>{"require [b,c] 1"}));
}

// --- choosing

class Choosing : public testing::Test {
 protected:
  Choosing() : world(leading()) {
    for (const char* name : {"b", "c", "d"}) {
      edit(world, [&](ClusterView& v) { member_of(v, name); });
      world.server.walsenders.push_back(
          {.application_name = name, .state = "streaming", .sync_state = "async", .write_lsn = kEnd, .flush_lsn = kEnd, .replay_lsn = kEnd});
    }
  }
  WalSender& row(std::string_view name) { return *std::ranges::find(world.server.walsenders, name, &WalSender::application_name); }
  void tag(const std::string& name, const std::string& key, Value value) {
    edit(world, [&](ClusterView& v) { member_of(v, name).data.tags.raw.set(key, std::move(value)); });
  }
  std::vector<std::string> order() const {
    std::vector<std::string> names;
    for (const auto& standby : standbys_in_order(world)) names.push_back(standby.name);
    return names;
  }

  World world;
};

using Order = std::vector<std::string>;

TEST_F(Choosing, TheMostAdvancedFirst) {  // SYNC-006, SYNC-009
  row("c").flush_lsn = Lsn{kEnd.value + 9};
  row("d").replay_lsn = Lsn{kEnd.value + 10};
  EXPECT_EQ(order(), (Order{"c", "b", "d"}));
  world.server.synchronous_commit = "remote_apply";
  EXPECT_EQ(order(), (Order{"d", "b", "c"}));
  row("b").write_lsn = Lsn{kEnd.value + 11};
  world.server.synchronous_commit = "remote_write";
  EXPECT_EQ(order(), (Order{"b", "c", "d"}));
}

TEST_F(Choosing, WhoIsSynchronousStays) {  // SYNC-009
  row("c").sync_state = "sync";
  row("d").sync_state = "potential";
  row("b").flush_lsn = Lsn{kEnd.value + 9};
  EXPECT_EQ(order(), (Order{"c", "d", "b"}));
  tag("b", "sync_priority", 2);
  EXPECT_EQ(order(), (Order{"b", "c", "d"}));
  tag("b", "nofailover", true);
  EXPECT_EQ(order(), (Order{"c", "d", "b"}));
}

TEST_F(Choosing, WhoDoesNotCount) {  // SYNC-007
  row("b").state = "catchup";
  row("c").flush_lsn = Lsn{};
  tag("d", "nosync", true);
  world.server.walsenders.push_back({.application_name = "stranger", .state = "streaming", .flush_lsn = kEnd});
  world.server.walsenders.push_back({.application_name = "a", .state = "streaming", .flush_lsn = kEnd});
  EXPECT_EQ(order(), Order{});
  row("b").state = "streaming";
  edit(world, [](ClusterView& v) { member_of(v, "b").data.state = PgState::kStarting; });
  EXPECT_EQ(order(), Order{});
}

TEST_F(Choosing, WhoIsMeantToCascadeIsLeftOut) {  // SYNC-008
  tag("c", "replicatefrom", "b");
  tag("d", "replicatefrom", "c");
  EXPECT_EQ(order(), (Order{"b"}));
  row("b").state = "catchup";
  EXPECT_EQ(order(), (Order{"c", "d"})) << "the head of the chain is not there for them";
  row("b").state = "streaming";
  tag("b", "nosync", true);
  EXPECT_EQ(order(), (Order{"c", "d"})) << "a link to a member that does not count breaks the chain";
  tag("c", "replicatefrom", "d");
  EXPECT_EQ(order(), (Order{"c", "d"})) << "a circle has no head";
}

TEST_F(Choosing, LaggardsAreLeftOut) {  // SYNC-010
  row("c").flush_lsn = Lsn{kEnd.value - 100};
  EXPECT_EQ(order().size(), 3u);
  world.settings.maximum_lag_on_syncnode = 99;
  EXPECT_EQ(order(), (Order{"b", "d"}));
  world.settings.maximum_lag_on_syncnode = 100;
  EXPECT_EQ(order().size(), 3u);
  std::erase_if(world.server.walsenders, [](const auto& r) { return r.application_name != "c"; });
  world.settings.maximum_lag_on_syncnode = 99;
  EXPECT_EQ(order(), Order{}) << "alone it is measured by the primary's own position";
}

TEST_F(Choosing, HowMany) {  // SYNC-005
  EXPECT_EQ(wanted_count(world), 1);
  world.settings.synchronous_node_count = 0;
  EXPECT_EQ(wanted_count(world), 0);
  world.settings.synchronous_mode_strict = true;
  EXPECT_EQ(wanted_count(world), 1);
  world.settings.synchronous_node_count = 3;
  EXPECT_EQ(wanted_count(world), 3);
  world.server.major_version = 90500;
  EXPECT_EQ(wanted_count(world), 1);
}

}  // namespace
}  // namespace matriarch::policy::sync
