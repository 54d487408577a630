#include "policy/sync/quorum.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "policy/sync/quorum_draft.h"

namespace matriarch::policy::sync {

namespace {

Names first_of(const Names& names, int most) {
  return {names.begin(), std::next(names.begin(), std::clamp(most, 0, count(names)))};
}

Names last_of(const Names& names, int most) {
  return {std::prev(names.end(), std::clamp(most, 0, count(names))), names.end()};
}

// The short names of the specification, for the arithmetic of the phases. References: they follow the draft.
struct View {
  explicit View(const Draft& d)
      : V(d.sync.voters),
        Q(d.sync.quorum),
        S(d.standbys.names),
        R(d.standbys.count),
        A(d.active),
        C(d.confirmed),
        W(d.wanted) {}
  const Names& V;
  const int& Q;
  const Names& S;
  const int& R;
  const Names& A;
  const int& C;
  const int& W;
};

Unconfirmed exact_if(bool exact) { return exact ? Unconfirmed::kIgnore : Unconfirmed::kCover; }

// QRM-011: /sync still names the former leader.
bool change_leader(Draft& d) {
  const View at(d);
  const Names voters = plus(minus(at.V, {d.me}), minus({d.sync.leader}, {""}));
  if (at.S.empty() && !voters.empty() && !d.require(count(voters) - at.Q, voters)) return false;
  if (!d.publish_as_leader(at.Q, voters)) return false;
  return meet(at.S, at.A);  // else the standbys get one loop to connect
}

// QRM-011, QRM-012. I2 alone is no reason for a repair (QRM-023).
bool settle_leader(Draft& d) {
  if (d.sync.leader != d.me) return change_leader(d);
  if (!d.is_safe() || (d.sync.voters.empty() && d.sync.quorum != 0)) {
    return d.fail("commits and elections that miss each other: " + describe(d));
  }
  return true;
}

// QRM-013. What /sync says is worth nothing; that PostgreSQL waits for R of S is a fact.
void repair(Draft& d) {
  const View at(d);
  const bool nobody = at.R == 0 || (at.C == 0 && at.V.empty());
  const int unconfirmed = std::max(at.R - at.C, 0);
  const int quorum = std::min(count(at.S) - at.R + unconfirmed, count(at.S) - 1);
  d.write(nobody ? PublishQuorum{.leader = d.me} : PublishQuorum{.leader = d.me, .quorum = quorum, .voters = at.S});
}

// QRM-014: after a restart or a failover nothing is confirmed yet; then /sync tells how many had been.
void presume_confirmed(Draft& d) {
  const View at(d);
  if (at.C == 0) d.confirmed = std::clamp(count(at.V) - at.Q, 0, count(common(at.S, at.A)));
}

// QRM-015: /sync was widened, SSN was not yet; or SSN was narrowed, /sync was not yet.
bool finish_wider_voters(Draft& d) {
  const View at(d);
  if (!strictly_within(at.S, at.V)) return true;
  const Names gone = minus(at.V, plus(at.S, at.A));
  if (!gone.empty() &&
      !d.publish(count(at.V) - count(gone) - at.R, minus(at.V, gone), exact_if(!minus(at.S, at.A).empty()))) {
    return false;
  }
  const Names missing = minus(common(at.V, at.A), at.S);
  return missing.empty() || d.require(at.R, plus(at.S, missing));
}

// QRM-016: the reverse.
bool finish_wider_standbys(Draft& d) {
  const View at(d);
  if (!strictly_within(at.V, at.S)) return true;
  const Names dead = minus(at.S, at.A);
  const Names rest = minus(at.S, dead);
  if (!dead.empty() && !rest.empty() && (at.V.empty() || meet(rest, at.V))) {
    if (!d.require(std::min(at.R, count(rest)), rest)) return false;
  }
  const Names missing = common(minus(at.S, at.V), at.A);
  if (!missing.empty()) {
    const Names voters = plus(at.V, missing);
    if (!d.publish(count(voters) - at.R, voters)) return false;
  }
  const Names kept = common(at.S, at.V);
  return kept == at.S || d.require(std::min(at.R, count(kept)), kept);
}

// QRM-017: more overlap than needed, since standbys were confirmed or an earlier change was cut off.
bool take_up_slack(Draft& d) {
  const View at(d);
  if (at.S != at.V) return d.fail("an unfinished change that cannot be finished: " + describe(d));
  const int voters = count(at.V);
  const auto margin = [&] { return at.Q + std::min(at.R, at.C) - voters; };
  if (margin() > 0 && at.R > at.W && !d.require(std::max(at.W, voters - at.Q), at.S)) return false;
  const bool unconfirmed = at.R == at.W && at.Q + at.R > voters && at.R > at.C;
  return (margin() <= 0 && !unconfirmed) || d.publish(voters - at.R, at.V);
}

// QRM-018, Q = 0 from the start or by now: every commit is on all of S, so fewer are waited for as they go.
bool remove_without_reserve(Draft& d, const Names& gone) {
  const View at(d);
  const int required = at.R - count(gone);
  const Names standbys = minus(at.S, gone);
  const Names voters = minus(at.V, gone);
  const int excess = required - std::min(at.W, count(standbys));
  const int quorum = excess == 0 ? 0 : std::min(excess, count(voters) - 1);
  return d.publish(quorum, voters, Unconfirmed::kIgnore) && d.require(required, standbys);
}

// QRM-018.
bool remove_gone(Draft& d) {
  const View at(d);
  Names gone = minus(at.S, at.A);
  if (gone.empty()) return true;
  if (gone == at.S) return d.publish(0, {}, Unconfirmed::kIgnore) && d.require(0, {});
  if (at.Q > 0) {
    const Names leaving = last_of(gone, at.Q);
    const Names standbys = minus(at.S, leaving);
    const Names voters = minus(at.V, leaving);
    gone = minus(gone, leaving);
    if (!d.require(std::min(std::max(at.W, at.R), count(standbys)), standbys)) return false;
    if (!d.publish(count(voters) - at.R, voters, exact_if(!gone.empty()))) return false;
  }
  return gone.empty() || remove_without_reserve(d, gone);
}

// QRM-019.
bool add_new(Draft& d) {
  const View at(d);
  Names fresh = minus(at.A, at.S);
  if (fresh.empty()) return true;
  const int goal = std::min(at.W, count(plus(at.S, fresh)));
  if (goal > at.R) {  // as many as commits will wait for come first into SSN
    const bool first_ones = at.S.empty();
    const Names joining = first_ones ? fresh : first_of(fresh, goal - at.R);
    if (!d.require(at.R + (first_ones ? goal - at.R : count(joining)), plus(at.S, joining))) return false;
    const Names voters = plus(at.V, joining);
    if (!d.publish(count(voters) - goal, voters)) return false;
    fresh = minus(fresh, joining);
  }
  if (fresh.empty()) return true;
  const Names voters =
      plus(at.V, fresh);  // the others first into /sync, or one of them could hold the only copy unseen
  return d.publish(count(voters) - goal, voters, exact_if(goal <= at.C)) && d.require(goal, plus(at.S, fresh));
}

// QRM-020: synchronous_node_count was changed.
bool adjust_factor(Draft& d) {
  const View at(d);
  const int change = std::min(at.W, count(at.S)) - at.R;
  if (change > 0) return d.require(at.R + change, at.S) && d.publish(count(at.V) - at.R, at.V);
  if (change == 0) return true;
  if (at.Q - change < count(at.V)) {
    if (!d.publish(count(at.V) - at.R - change, at.V, exact_if(at.W <= at.C))) return false;
  }
  return d.require(at.R + change, at.S);
}

void run_phases(Draft& d) {
  for (auto* phase : {finish_wider_voters, finish_wider_standbys, take_up_slack, remove_gone, add_new, adjust_factor}) {
    if (!phase(d)) return;
  }
}

// QRM-023, from any state that obeys I1 and has me as its leader. Widen: Q so great that I1 holds with the standbys of before
// and of after; switch these; narrow /sync, once somebody is known to have what was acknowledged before. What it costs is that
// nobody can be elected in between.
void go_the_long_way(Draft& d) {
  const View at(d);
  if (at.A.empty()) {
    d.write(PublishQuorum{.leader = d.me});
    d.write(RequireStandbys{});
    return;
  }
  const int required = std::min(at.W, count(at.A));
  const bool switched = at.S == at.A && at.R == required;
  if (!at.V.empty() && !switched) {
    const int all = count(plus(plus(plus(at.V, at.A), at.S), {d.me}));
    const int needed = all - std::min({at.R, required, at.C}) - 1;
    d.write(PublishQuorum{.leader = d.me, .quorum = std::max(at.Q, needed), .voters = at.V});
  }
  d.write(RequireStandbys{.count = required, .names = at.A});
  if (at.C == 0) {
    d.again();
    return;
  }
  d.write(PublishQuorum{.leader = d.me, .quorum = count(at.A) - std::min(required, at.C), .voters = at.A});
}

QuorumPlan plan_the_long_way(const QuorumInput& in) {
  Draft draft(in);
  if (draft.sync.leader != draft.me || !draft.is_safe()) draft.write(PublishQuorum{.leader = draft.me});
  if (draft.corrected) draft.rewrite_standbys();
  presume_confirmed(draft);
  go_the_long_way(draft);
  return {.steps = std::move(draft.steps),
          .repaired = "too few standbys are known to have the earlier commits for the short way"};
}

// Elections under the /sync of now find every earlier commit, so all but Q of those who vote have it; they may be those who leave.
bool keeps_earlier_commits(const PublishQuorum& now, const PublishQuorum& next, const std::string& me,
                           const Names& confirmed) {
  const Names others = minus(plus(now.voters, minus({now.leader}, {""})), {me});
  const int had_it = count(others) - now.quorum - count(minus(others, next.voters));
  const int have_it = count(common(confirmed, next.voters));
  return next.voters.empty() || count(next.voters) - next.quorum <= std::max(had_it, have_it);
}

// The number of steps left, -1 if all are.
std::ptrdiff_t cut_where_commits_are_relied_on(QuorumPlan& plan, const QuorumInput& in, Names confirmed) {
  PublishQuorum now = Draft(in).sync;
  for (auto step = plan.steps.begin(); step != plan.steps.end(); ++step) {
    if (std::holds_alternative<RequireStandbys>(*step)) confirmed.clear();
    const auto* next = std::get_if<PublishQuorum>(&*step);
    if (next == nullptr) continue;
    if (!keeps_earlier_commits(now, *next, in.me, confirmed)) {
      *step = Again{};
      plan.steps.erase(std::next(step), plan.steps.end());
      return std::ssize(plan.steps) - 1;
    }
    now = *next;
  }
  return -1;
}

}  // namespace

bool overlaps(const PublishQuorum& sync, const RequireStandbys& standbys, const std::string& me) {
  if (sync.voters.empty() && sync.leader == me) return true;
  Names all = plus(plus(sync.voters, standbys.names), {me});
  if (!sync.leader.empty()) all.insert(sync.leader);
  return count(all) <= std::int64_t{sync.quorum} + standbys.count + 1;
}

QuorumPlan quorum_plan(const QuorumInput& in) {
  QuorumPlan plan;
  const Draft stored(in);
  Draft draft = stored;
  const bool go_on = settle_leader(draft);
  if (!draft.error.empty()) {
    plan.repaired =
        "/sync and synchronous_standby_names do not fit together (" + draft.error + "): /sync is written anew";
    draft = stored;
    repair(draft);
  } else if (!go_on) {
    return {.steps = std::move(draft.steps)};
  }
  if (stored.corrected) draft.rewrite_standbys();
  presume_confirmed(draft);
  const Draft settled = draft;
  run_phases(draft);
  if (!draft.error.empty()) {  // QRM-022
    if (!plan.repaired.empty()) plan.repaired += "; ";
    plan.repaired +=
        "no short way leads on (" + draft.error + "): elections need more votes until standbys have changed over";
    draft = settled;
    go_the_long_way(draft);
  }
  plan.steps = std::move(draft.steps);
  return plan;
}

QuorumPlan durable_quorum_plan(QuorumInput in, const std::set<std::string>& confirmed) {
  in.confirmed = count(common(common(confirmed, in.listed), in.active));
  QuorumPlan plan = quorum_plan(in);
  if (cut_where_commits_are_relied_on(plan, in, confirmed) == 0) {
    plan = plan_the_long_way(in);
    cut_where_commits_are_relied_on(plan, in, confirmed);
  }
  return plan;
}

RequireStandbys quorum_before_promotion(const std::string& leader, const std::set<std::string>& voters, int quorum,
                                        const std::string& me, int strict_minimum) {
  const Names electing = leader.empty() ? Names{} : plus(voters, {leader});
  const Names others = minus(electing, {me});
  // An election won by me is met by all but `quorum` of those who had a say; I am the one that is not counted.
  const int votes = std::clamp(leader.empty() ? 0 : quorum, 0, count(electing));
  const int required =
      std::max(std::min(count(electing) - votes - (others == electing ? 0 : 1), count(others)), strict_minimum);
  if (required <= 0) return {};
  return {.count = required, .names = others};
}

}  // namespace matriarch::policy::sync
