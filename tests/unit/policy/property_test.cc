// decide() over random worlds: it is total, it depends on the facts alone, and what it says keeps the invariants when they
// are put in words of the world instead of facts (docs/invariants.md).
#include <bit>
#include <unordered_map>

#include <gtest/gtest.h>

#include "policy/bookkeeping.h"
#include "policy/decide.h"
#include "policy/election.h"
#include "policy/facts.h"
#include "policy/upkeep.h"
#include "tests/unit/policy/random_worlds.h"

namespace matriarch::policy {
namespace {

constexpr std::uint64_t kWorlds = 40'000;

// One byte each, no padding: the bytes are the facts.
using FactBytes = std::array<char, sizeof(Facts)>;
static_assert(alignof(Facts) == 1);

std::string bytes_of(const Facts& f) {
  const auto bytes = std::bit_cast<FactBytes>(f);
  return {bytes.begin(), bytes.end()};
}

bool in_sync(const World& w) {
  return w.settings.synchronous_mode != SyncMode::kPriority || w.settings.standby_cluster || !w.view->sync.active() ||
         w.view->sync.matches(w.me, true);
}

// Empty: fine. Otherwise what is wrong with the decision.
std::string broken(const World& w, const Memory& before, const Decided& decided) {
  const Decision& d = decided.decision;
  const auto is = [&](std::initializer_list<Verdict> set) { return std::ranges::find(set, d.verdict) != set.end(); };
  const bool lease_good = w.lease.status == LeaseState::Status::kHeld && w.now < w.lease.times.fence_at;
  if (is({Verdict::kPromote, Verdict::kLead, Verdict::kStartPrimary, Verdict::kDemoteGraceful}) &&
      (!w.view || !lease_good)) {
    return "leads without a lease";
  }
  if (d.verdict == Verdict::kPromote && !w.server.in_recovery) return "promotes a primary";
  if (d.verdict == Verdict::kAcquire) {
    if (!w.view || !w.view->is_unlocked()) return "takes a lock that somebody has";
    const bool asked_for = w.view->failover && w.view->failover->pending();
    if (!w.server.queried && !(w.settings.paused && asked_for))
      return "races unasked with a server that does not answer";
    if (w.server.in_recovery && w.tags.nofailover()) return "races although nofailover";              // HA-174
    if (w.server.in_recovery && !asked_for && !in_sync(w)) return "races without being synchronous";  // HA-178
    if (w.settings.paused && w.server.in_recovery && !asked_for) return "races in pause";             // HA-173
  }
  if (is({Verdict::kRewind, Verdict::kReinitialize, Verdict::kClone}) && (!w.view || w.view->is_unlocked())) {
    return "overwrites data although nobody leads";
  }
  if (d.verdict == Verdict::kReinitialize && !w.settings.remove_data_on_diverged_timelines &&
      !w.settings.remove_data_on_rewind_failure) {
    return "removes data although no setting allows it";  // HA-333, HA-335
  }
  if (d.verdict == Verdict::kRewind && (!w.can_rewind || !d.source || d.source->name == w.me)) return "cannot rewind";
  if (d.verdict == Verdict::kPollPeers && w.peers) return "asks for what it has";
  if (d.verdict == Verdict::kCompare && (!d.source || w.divergence_unknown)) return "compares with nobody, or for ever";
  if (is({Verdict::kDemoteOffline, Verdict::kDemoteNoLock}) && d.kill_at == Instant::max())
    return "demotes without a limit";
  if (d.verdict == Verdict::kFollow && !d.target) return "follows without a target";
  if (d.keep_lease && w.lease.status != LeaseState::Status::kHeld) return "keeps what it has not";
  if (d.reason.empty()) return "gives no reason";
  if (decided.memory.role != role_of(w, before)) return "remembers another role";
  return {};
}

TEST(Decide, IsTotalAndDependsOnTheFactsAlone) {
  std::unordered_map<std::string, Verdict> by_facts;
  std::array<std::uint64_t, static_cast<std::size_t>(Verdict::kExit) + 1> seen{};
  std::uint64_t met_again = 0;
  for (std::uint64_t seed = 1; seed <= kWorlds; ++seed) {
    RandomWorlds random(seed);
    const World world = random.world();
    const Memory memory = random.memory();
    const Decided decided = decide(world, memory);
    const Facts facts = facts_of(world, remember(world, memory));
    const std::string what = broken(world, memory, decided);
    ASSERT_EQ(what, "") << "seed " << seed << ": " << to_string(decided.decision.verdict) << " for " << describe(facts);
    const auto [known, fresh] = by_facts.emplace(bytes_of(facts), decided.decision.verdict);
    ASSERT_EQ(known->second, decided.decision.verdict) << "seed " << seed << ": " << describe(facts);
    met_again += fresh ? 0 : 1;
    ++seen.at(static_cast<std::size_t>(decided.decision.verdict));
  }
  EXPECT_GT(met_again, kWorlds / 50);
  for (std::size_t v = 0; v < seen.size(); ++v) {
    EXPECT_GT(seen.at(v), 0u) << "never given: " << to_string(static_cast<Verdict>(v));
  }
}

TEST(Decide, IsRepeatable) {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    RandomWorlds one(seed);
    RandomWorlds two(seed);
    const Decided first = decide(one.world(), one.memory());
    const Decided second = decide(two.world(), two.memory());
    ASSERT_EQ(first.decision.verdict, second.decision.verdict) << seed;
    ASSERT_EQ(first.decision.reason, second.decision.reason) << seed;
    ASSERT_EQ(first.decision.revisit_at, second.decision.revisit_at) << seed;
    ASSERT_EQ(first.memory.state, second.memory.state) << seed;
  }
}

// Twice the same world: the second decision must be the first one, unless the first one itself was remembered.
TEST(Decide, SettlesDown) {
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    RandomWorlds random(seed);
    World world = random.world();
    world.finished.reset();
    Memory memory = random.memory();
    Decided last = decide(world, memory);
    bool settled = false;
    for (int i = 0; i < 4 && !settled; ++i) {
      Decided next = decide(world, last.memory);
      settled = next.decision.verdict == last.decision.verdict;
      last = std::move(next);
    }
    ASSERT_TRUE(settled) << "seed " << seed << ": " << last.decision.inputs;
  }
}

TEST(Upkeep, IsTotal) {
  for (std::uint64_t seed = 1; seed <= 5'000; ++seed) {
    RandomWorlds random(seed);
    const World world = random.world();
    const Memory memory = random.memory();
    const auto slots = wanted_slots(world);
    EXPECT_TRUE(world.settings.use_slots || slots.empty());
    if (world.view) {
      const auto rows =
          history_to_write(world, world.view->history ? world.view->history->rows : std::vector<HistoryRow>());
      EXPECT_TRUE(!rows || history_outdated(world)) << seed;
      (void)clone_source(world, seed);
    }
    for (const auto& [slot, seen] : remember_slots(world, memory.slots_seen)) {
      ASSERT_TRUE(seen == world.now || memory.slots_seen.contains(slot)) << seed;
      ASSERT_LT(world.now - seen, world.settings.member_slots_ttl) << seed;
    }
  }
}

}  // namespace
}  // namespace matriarch::policy
