#include "policy/sync/sync.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/standby_names.h"
#include "policy/sync/priority.h"
#include "policy/sync/quorum.h"
#include "policy/sync/standbys.h"

namespace matriarch::policy::sync {

namespace {

// A standby that was just asked for confirms within this, or it is left to the ordinary cycles (SYNC-027).
constexpr auto kConfirmationPatience = std::chrono::seconds(2);
constexpr int kFirstWithQuorum = 90600;

using Names = std::set<std::string>;

SyncMode mode_of(const World& world) {
  const SyncMode mode = world.settings.standby_cluster ? SyncMode::kOff : world.settings.synchronous_mode;
  const int major = world.server.major_version;
  return mode == SyncMode::kQuorum && major != 0 && major < kFirstWithQuorum ? SyncMode::kPriority : mode;
}

Names spelled(const ClusterView& view, const auto& names) {
  Names result;
  for (const auto& name : names) result.insert(spelled_as_member(view, name));
  return result;
}

// /sync and the server, as the members spell their names.
struct Seen {
  bool published = false;
  std::string leader;
  Names voters;
  int quorum = 0;
  StandbyNames required;
  std::vector<Standby> standbys;
};

Seen look_at(const World& world) {
  const SyncState& sync = world.view->sync;
  Seen seen{.published = sync.active(),
            .leader = spelled_as_member(*world.view, sync.leader),
            .voters = spelled(*world.view, sync.voters),
            .quorum = sync.quorum,
            .required = parse_standby_names(world.server.synchronous_standby_names).value_or(StandbyNames{}),
            .standbys = standbys_in_order(world)};
  seen.required.names = spelled(*world.view, seen.required.names);
  if (!seen.published) seen.quorum = 0;
  return seen;
}

// A walsender that was not told yet: it has a place in a list that no longer names it.
bool somebody_lags_behind(const World& world, const Seen& seen) {
  return std::ranges::any_of(world.server.walsenders, [&](const WalSender& row) {
    return row.sync_priority > 0 && !seen.required.names.contains(spelled_as_member(*world.view, row.application_name));
  });
}

// SYNC-013. True when the barrier has just become known.
bool notice_change(const World& world, const Seen& seen, SyncMode mode, Memory& memory) {
  if (memory.names != world.server.synchronous_standby_names) {
    memory.names = world.server.synchronous_standby_names;
    memory.in_force = InForce::kChanged;
    memory.changed_at = world.now;
    // By quorum a commit may have waited for any of the former names: all must prove anew what they have.
    const bool all = mode == SyncMode::kQuorum;
    std::erase_if(memory.ready, [&](const auto& name) { return all || !seen.required.names.contains(name); });
  }
  switch (memory.in_force) {
    case InForce::kChanged:
      if (!somebody_lags_behind(world, seen)) memory.in_force = InForce::kAgreed;
      return false;
    case InForce::kAgreed:
      memory.barrier = world.server.wal_lsn;
      memory.in_force = InForce::kKnown;
      return true;
    case InForce::kKnown:
      return false;
  }
  return false;
}

// SYNC-012, QRM-006.
void notice_ready(const Seen& seen, SyncMode mode, Memory& memory) {
  const std::string_view state = mode == SyncMode::kQuorum ? "quorum" : "sync";
  for (const Standby& standby : seen.standbys) {
    if (!seen.required.names.contains(standby.name)) continue;
    const bool had_it = mode == SyncMode::kPriority && seen.voters.contains(standby.name);
    const bool caught_up = memory.in_force == InForce::kKnown && standby.sync_state == state && standby.position >= memory.barrier;
    if (had_it || caught_up) memory.ready.insert(standby.name);
  }
}

// SYNC-030: nobody is left, and commits must not go on alone. Who was named last has the latest commits and may come back.
std::optional<Step> strict_step(const World& world, const Seen& seen, SyncMode mode, Decided& decided) {
  const int minimum = strict_minimum(world.settings);
  if (std::ssize(seen.standbys) >= minimum) {
    decided.memory.strict_warned = false;
    return std::nullopt;
  }
  if (!std::exchange(decided.memory.strict_warned, true)) {
    decided.warning = "No active replication connections from Patroni members and synchronous_mode_strict is requested: "
                      "commits wait until a standby is back";
  }
  const int reserve = mode == SyncMode::kQuorum ? seen.quorum : 0;
  const int count = std::max(minimum, static_cast<int>(seen.voters.size()) - reserve);
  const StandbyNames wanted{.type = mode, .count = count, .names = seen.voters};
  if (seen.required == wanted) return Nothing{};
  return Require{.names = seen.voters, .count = count, .mode = mode};
}

Step wait_for_confirmation(const World& world, const Memory& memory, Step step) {
  const bool soon = world.now < memory.changed_at + kConfirmationPatience;
  if (std::holds_alternative<LookAgain>(step) && !soon) return Nothing{};
  return step;
}

Step by_priority(const World& world, const Seen& seen, Decided& decided) {
  PriorityInput in{.me = world.me, .published = seen.published, .leader = seen.leader, .voters = seen.voters, .required = seen.required};
  const auto wanted = static_cast<std::size_t>(std::max(wanted_count(world), 0));
  for (const Standby& standby : seen.standbys) {
    if (in.picked.size() == wanted) break;
    in.picked.insert(standby.name);
    if (standby.sync_state == "sync" && decided.memory.ready.contains(standby.name)) in.confirmed.insert(standby.name);
  }
  if (!seen.published || seen.leader != world.me) return priority_step(in).step;
  if (auto strict = strict_step(world, seen, SyncMode::kPriority, decided)) return *strict;
  auto next = priority_step(in);
  if (next.inconsistent) {
    decided.warning = fmt::format("inconsistent: /sync names {}, but only {} of them replicate synchronously",
                                  fmt::join(in.voters, ", "), in.confirmed.size());
  }
  return wait_for_confirmation(world, decided.memory, std::move(next.step));
}

Step step_of(const QuorumStep& step) {
  if (const auto* publish = std::get_if<PublishQuorum>(&step)) {
    return Publish{.leader = publish->leader, .voters = publish->voters, .quorum = publish->quorum};
  }
  if (const auto* require = std::get_if<RequireStandbys>(&step)) {
    return Require{.names = require->names, .count = require->count, .mode = SyncMode::kQuorum};
  }
  return LookAgain{};
}

QuorumInput quorum_input(const World& world, const Seen& seen) {
  QuorumInput in{.leader = seen.leader,
                 .voters = seen.voters,
                 .quorum = seen.quorum,
                 .listed = seen.required.names,
                 .required = std::min(seen.required.count, static_cast<int>(seen.required.names.size())),
                 .me = world.me,
                 .wanted = wanted_count(world)};
  for (const Standby& standby : seen.standbys) {  // QRM-005
    if (standby.nofailover && std::ssize(in.active) >= in.wanted) continue;
    in.active.insert(standby.name);
  }
  return in;
}

// QRM-007, one transition at a time: each is made from what is seen after the one before, as after an interruption.
Step by_quorum(const World& world, const Seen& seen, Decided& decided) {
  if (!seen.published) return Publish{.leader = world.me};
  if (seen.leader == world.me) {
    if (auto strict = strict_step(world, seen, SyncMode::kQuorum, decided)) return *strict;
  }
  const auto plan = durable_quorum_plan(quorum_input(world, seen), decided.memory.ready);
  decided.warning = plan.repaired;
  const bool writes = !plan.steps.empty() && !std::holds_alternative<Again>(plan.steps.front());
  if (!writes && seen.required.type == SyncMode::kPriority) {
    return Require{.names = seen.required.names, .count = seen.required.count, .mode = SyncMode::kQuorum};
  }
  if (!plan.steps.empty()) return wait_for_confirmation(world, decided.memory, step_of(plan.steps.front()));
  const bool all = std::ranges::all_of(seen.standbys, [&](const Standby& s) { return decided.memory.ready.contains(s.name); });
  return all ? Step(Nothing{}) : wait_for_confirmation(world, decided.memory, LookAgain{});
}

// SYNC-032.
Step switched_off(const World& world, Memory& memory) {
  if (world.view->sync.active()) {
    memory.imposed = true;  // by a process before this one, perhaps
    return Unpublish{};
  }
  if (std::exchange(memory.imposed, false)) return Require{};
  return Nothing{};
}

// /sync's leader and voters, and who of them is not me.
Names others_of(const Seen& seen, const std::string& me) {
  Names others = seen.voters;
  if (seen.published) others.insert(seen.leader);
  others.erase(me);
  return others;
}

std::vector<Step> before_promotion_by_priority(const World& world, const Seen& seen) {
  Names keep;
  if (world.settings.synchronous_mode_strict) keep = others_of(seen, world.me);
  const int count = keep.empty() ? strict_minimum(world.settings) : 0;
  return {Publish{.leader = world.me, .voters = keep}, Require{.names = keep, .count = count, .mode = SyncMode::kPriority}};
}

// B6: /sync is mine before I take writes, so the former leader cannot come back by itself meanwhile.
std::vector<Step> before_promotion_by_quorum(const World& world, const Seen& seen) {
  const auto require = quorum_before_promotion(seen.published ? seen.leader : std::string(), seen.voters, seen.quorum, world.me,
                                               strict_minimum(world.settings));
  const Names voters = others_of(seen, world.me);
  const int quorum = voters.empty() ? 0 : std::min(seen.quorum, static_cast<int>(voters.size()) - 1);
  return {Require{.names = require.names, .count = require.count, .mode = SyncMode::kQuorum},
          Publish{.leader = world.me, .voters = voters, .quorum = quorum}};
}

}  // namespace

Decided decide(const World& world, const Memory& memory) {
  Decided decided{.step = Nothing{}, .memory = memory};
  const SyncMode mode = mode_of(world);
  if (mode == SyncMode::kOff) {
    decided.step = switched_off(world, decided.memory);
    return decided;
  }
  const Seen seen = look_at(world);
  decided.memory.imposed = true;
  if (notice_change(world, seen, mode, decided.memory)) {
    decided.step = Nudge{};
    return decided;
  }
  notice_ready(seen, mode, decided.memory);
  decided.step = mode == SyncMode::kQuorum ? by_quorum(world, seen, decided) : by_priority(world, seen, decided);
  if (std::holds_alternative<Nothing>(decided.step) && decided.memory.in_force != InForce::kKnown) decided.step = LookAgain{};
  return decided;
}

std::vector<Step> before_promotion(const World& world) {
  const SyncMode mode = mode_of(world);
  if (mode == SyncMode::kOff || !world.view) return {};
  const Seen seen = look_at(world);
  return mode == SyncMode::kQuorum ? before_promotion_by_quorum(world, seen) : before_promotion_by_priority(world, seen);
}

std::vector<Step> before_start_as_primary(const World& world) {
  const SyncMode mode = mode_of(world);
  if (mode == SyncMode::kOff || !world.view) return {};
  const Seen seen = look_at(world);
  if (!seen.published || seen.leader != world.me) return before_promotion(world);
  const int reserve = mode == SyncMode::kQuorum ? seen.quorum : 0;
  const int count = std::max(strict_minimum(world.settings), static_cast<int>(seen.voters.size()) - reserve);
  return {Require{.names = seen.voters, .count = count, .mode = mode}};
}

}  // namespace matriarch::policy::sync
