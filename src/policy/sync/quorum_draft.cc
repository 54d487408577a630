#include "policy/sync/quorum_draft.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace matriarch::policy::sync {

namespace {

const std::string kNobody;  // what is left of a list like "a,,b"

}  // namespace

Names plus(Names a, const Names& b) {
  a.insert(b.begin(), b.end());
  return a;
}

Names minus(const Names& a, const Names& b) {
  Names rest;
  std::ranges::set_difference(a, b, std::inserter(rest, rest.end()));
  return rest;
}

Names common(const Names& a, const Names& b) {
  Names both;
  std::ranges::set_intersection(a, b, std::inserter(both, both.end()));
  return both;
}

bool meet(const Names& a, const Names& b) { return !common(a, b).empty(); }

bool strictly_within(const Names& inner, const Names& outer) {
  return inner != outer && std::ranges::includes(outer, inner);
}

int count(const Names& names) { return static_cast<int>(names.size()); }

// Also brings corrupted input into the ranges that the arithmetic needs, by what it means in effect: the primary never waits
// for itself; the leader's vote counts whether it is listed or not; a quorum that all nodes together cannot reach is as good
// as any greater one.
Draft::Draft(const QuorumInput& in)
    : sync{.leader = in.leader, .voters = minus(in.voters, {in.leader, kNobody})},
      standbys{.names = minus(in.listed, {in.me, kNobody})},
      me(in.me),
      active(minus(in.active, {in.me, kNobody})),
      wanted(std::max(in.wanted, 1)) {
  standbys.count = std::clamp(in.required, 0, count(standbys.names));
  if (standbys.count == 0) standbys.names.clear();  // PostgreSQL does not know ANY 0
  corrected = standbys.names != in.listed;
  const int all = count(plus(plus(sync.voters, standbys.names), active)) + 2;
  sync.quorum = std::clamp(in.quorum, -1, all);
  confirmed = std::clamp(in.confirmed, 0, count(common(standbys.names, active)));
}

bool Draft::publish(int new_quorum, const Names& new_voters, Unconfirmed unconfirmed) {
  if (new_quorum < 0 || (new_quorum > 0 && new_quorum >= count(new_voters))) {
    return fail(fmt::format("a quorum of {} among ({})", new_quorum, fmt::join(new_voters, ", ")));
  }
  PublishQuorum next{.leader = sync.leader, .quorum = new_quorum, .voters = new_voters};
  if (confirmed == 0 && sync.voters.empty()) {  // nobody is known to have everything: nobody may vote yet
    next = {.leader = sync.leader};
  } else if (unconfirmed == Unconfirmed::kCover && !new_voters.empty()) {
    next.quorum += std::max(standbys.count - confirmed, 0);
    // One confirmed voter is met by all of them but one: more than that only hinders elections (QRM-023).
    if (confirmed > 0) next.quorum = std::min(next.quorum, count(new_voters) - 1);
  }
  if (next == sync) return next.voters.empty() ? again() : true;
  write(std::move(next));
  return check();
}

bool Draft::publish_as_leader(int new_quorum, const Names& new_voters) {
  if (new_quorum < 0 || (new_quorum > 0 && new_quorum >= count(new_voters))) {
    return fail(fmt::format("a quorum of {} among ({})", new_quorum, fmt::join(new_voters, ", ")));
  }
  write(PublishQuorum{.leader = me, .quorum = new_quorum, .voters = new_voters});
  return check();
}

bool Draft::require(int new_count, const Names& new_names) {
  if (new_count < 0 || new_count > count(new_names) || (new_count == 0 && !new_names.empty())) {
    return fail(fmt::format("to wait for {} of ({})", new_count, fmt::join(new_names, ", ")));
  }
  write(RequireStandbys{.count = new_count, .names = new_names});
  return check();
}

void Draft::write(PublishQuorum next) {
  if (next == sync) return;
  sync = next;
  add(std::move(next));
}

void Draft::write(RequireStandbys next) {
  if (next == standbys) return;
  standbys = next;
  add(std::move(next));
}

void Draft::rewrite_standbys() { add(standbys); }

bool Draft::again() {
  steps.emplace_back(Again{});
  return false;
}

bool Draft::fail(std::string why) {
  error = std::move(why);
  return false;
}

// I2 is not needed for safety, but the phases rely on it.
bool Draft::check() {
  if (!is_safe()) return fail("commits and elections that miss each other: " + describe(*this));
  const Names electing = plus(sync.voters, {sync.leader});
  const Names committing = plus(standbys.names, {me});
  if (electing != committing && !strictly_within(electing, committing) && !strictly_within(committing, electing)) {
    return fail("voters and standbys that both have others: " + describe(*this));
  }
  return true;
}

// QRM-010: of two writes to one place nobody needs to see the first.
void Draft::add(QuorumStep step) {
  if (!steps.empty() && steps.back().index() == step.index()) steps.pop_back();
  steps.push_back(std::move(step));
}

std::string describe(const Draft& draft) {
  return fmt::format("/sync leader {}, quorum {} of ({}); commits wait for {} of ({})", draft.sync.leader,
                     draft.sync.quorum, fmt::join(draft.sync.voters, ", "), draft.standbys.count,
                     fmt::join(draft.standbys.names, ", "));
}

}  // namespace matriarch::policy::sync
