#include "store/managed_etcd/decide.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

namespace matriarch::managed_etcd {

namespace {

Verdict wait(std::string reason) { return {.act = Act::kWait, .reason = std::move(reason)}; }
Verdict refuse(std::string reason) { return {.act = Act::kRefuse, .reason = std::move(reason)}; }

bool contains(const std::vector<std::string>& list, const std::string& text) {
  return std::ranges::find(list, text) != list.end();
}

// The other nodes that answered, and what was wrong with the rest.
struct Others {
  std::vector<const Report*> reports;
  std::size_t listed = 1;  // partners, this node included
  std::string problems;
};

void add_problem(Others& others, std::string_view address, std::string_view problem) {
  others.problems += fmt::format("{}{}: {}", others.problems.empty() ? "" : "; ", address, problem);
}

Others look_at(const Situation& s) {
  Others others;
  for (const Answer& answer : s.answers) {
    if (answer.report && answer.report->instance == s.own.instance) continue;  // this node, by another address
    ++others.listed;
    if (!answer.report) {
      add_problem(others, answer.address, answer.problem);
    } else if (answer.report->scope != s.own.scope) {
      add_problem(others, answer.address, fmt::format("belongs to the cluster {}", answer.report->scope));
    } else {
      others.reports.push_back(&*answer.report);
    }
  }
  return others;
}

// Two nodes with one name, or one address, would be one member.
std::optional<Verdict> clash(const Situation& s, const Others& others) {
  for (const Report* other : others.reports) {
    if (other->name == s.own.name) {
      return refuse(fmt::format("another node is named {}, too ({}): give each node a name of its own", s.own.name,
                                other->peer_url));
    }
    if (other->peer_url == s.own.peer_url) {
      return refuse(fmt::format("etcd3.peer_address: {} is that of {}, too: give each node its own", s.own.peer_url,
                                other->name));
    }
  }
  return std::nullopt;
}

Verdict start_joining(const Situation& s, const ListedMember& self) {
  Verdict verdict{.act = Act::kStartJoining, .reason = "this node is a new member of the cluster"};
  for (const ListedMember& member : *s.members) {
    const bool own = member.id == self.id;
    for (const std::string& url : member.peer_urls) {
      verdict.initial.push_back({.name = own                   ? s.own.name
                                         : member.name.empty() ? member.id
                                                               : member.name,
                                 .peer_url = url});
    }
  }
  return verdict;
}

// Somebody has data: become a member of that.
Verdict join(const Situation& s, const std::string& through) {
  if (!s.members) return wait(fmt::format("the members of {}'s etcd are not known yet", through));
  for (const ListedMember& member : *s.members) {
    const bool same_url = contains(member.peer_urls, s.own.peer_url);
    if (!same_url && member.name != s.own.name) continue;
    const bool never_ran = !member.has_run() && (member.name.empty() || member.name == s.own.name);
    if (same_url && never_ran && !s.own.lost) return start_joining(s, member);
    if (same_url && member.name.empty()) return start_joining(s, member);  // removed, and invited again
    return refuse(fmt::format(
        "the cluster still lists the member {} ({}), but its data is not here: if it is lost, run "
        "`matriarchctl store remove {}`, and this node joins as a new member",
        member.name.empty() ? member.id : member.name, member.peer_urls.empty() ? "" : member.peer_urls.front(),
        member.name.empty() ? member.id : member.name));
  }
  for (const ListedMember& member : *s.members) {
    if (!member.learner && member.has_run()) continue;
    return wait(fmt::format("{} is joining: one at a time", member.name.empty() ? member.id : member.name));
  }
  return {.act = Act::kAddLearner, .reason = fmt::format("joining the cluster of {} as a learner", through)};
}

std::optional<Verdict> follow_members(const Situation& s, const Others& others) {
  const Report* member = nullptr;
  for (const Report* other : others.reports) {
    if (other->state != DataState::kMember) continue;
    // Voted for and never run: this node's part in it is still to be played.
    const bool ours = !s.own.vote.token.empty() && other->vote.token == s.own.vote.token && !s.has_run && !s.own.lost;
    if (ours && s.own.vote.names(s.own.name)) {
      return Verdict{.act = Act::kBootstrap, .reason = fmt::format("{} has begun", other->name), .vote = s.own.vote};
    }
    const bool other_cluster = member != nullptr && !member->cluster_id.empty() && !other->cluster_id.empty() &&
                               member->cluster_id != other->cluster_id;
    if (other_cluster) {
      return refuse(
          fmt::format("{} and {} run etcd clusters that know nothing of each other; decide which one counts, and "
                      "empty etcd3.data_dir of the nodes of the other",
                      member->name, other->name));
    }
    if (member == nullptr || member->alone) member = other;
  }
  if (member == nullptr) return std::nullopt;
  if (member->alone) {
    return refuse(fmt::format(
        "{} runs its etcd alone and lets nobody join: set etcd3.partners there, and restart its agent", member->name));
  }
  return join(s, member->name);
}

struct Count {
  Vote vote;
  std::size_t votes = 0;
};

std::map<std::string, Count> count_votes(const Situation& s, const Others& others) {
  std::map<std::string, Count> counts;
  const auto add = [&counts](const Vote& vote) {
    if (vote.token.empty()) return;
    Count& count = counts[vote.token];
    count.vote = vote;
    ++count.votes;
  };
  add(s.own.vote);
  for (const Report* other : others.reports) {
    if (other->partners == s.own.partners) add(other->vote);
  }
  return counts;
}

Verdict after_voting(const Situation& s, const Others& others, const std::map<std::string, Count>& counts) {
  const std::size_t votes = counts.at(s.own.vote.token).votes;
  if (2 * votes > others.listed) {
    if (s.own.vote.names(s.own.name)) {
      return {.act = Act::kBootstrap,
              .reason = fmt::format("{} of {} partners agree", votes, others.listed),
              .vote = s.own.vote};
    }
    return wait("the others begin without this node; it joins them then");
  }
  std::size_t all = 0;
  for (const auto& [token, count] : counts) all += count.votes;
  if (all == others.listed) {
    return refuse(
        "the votes for the first bootstrap are split: stop all agents, remove identity.json in etcd3.data_dir on "
        "every node, and start them again");
  }
  return wait(fmt::format("{} of {} partners agree on the first bootstrap{}{}", votes, others.listed,
                          others.problems.empty() ? "" : "; ", others.problems));
}

// The partners that have no data and never had, this node included.
std::vector<Candidate> candidates(const Situation& s, const Others& others) {
  std::vector<Candidate> result{{.name = s.own.name, .peer_url = s.own.peer_url}};
  for (const Report* other : others.reports) {
    if (other->partners == s.own.partners && !other->lost)
      result.push_back({.name = other->name, .peer_url = other->peer_url});
  }
  std::ranges::sort(result);
  return result;
}

std::string listed(const std::vector<std::string>& partners) { return fmt::format("{}", fmt::join(partners, ", ")); }

// Nobody has data, and this node has not voted.
Verdict vote(const Situation& s, const Others& others, const std::map<std::string, Count>& counts) {
  const Count* best = nullptr;
  for (const auto& [token, count] : counts) {
    if (count.vote.names(s.own.name) && (best == nullptr || count.votes > best->votes)) best = &count;
  }
  if (best != nullptr) return {.act = Act::kVote, .reason = "following the vote of others", .vote = best->vote};
  if (!counts.empty()) return wait("the others have agreed on a cluster without this node; it joins them then");

  for (const Report* other : others.reports) {
    if (other->partners == s.own.partners) continue;
    return refuse(
        fmt::format("etcd3.partners differ: here {}; on {} {}. Give all nodes of the first bootstrap the same list, "
                    "spelt like their restapi.connect_address",
                    listed(s.own.partners), other->name, listed(other->partners)));
  }
  const auto ready = candidates(s, others);
  const bool all = ready.size() == others.listed;
  const bool enough = all || (s.patience_over && 2 * ready.size() > others.listed);
  if (!enough) {
    return wait(fmt::format("{} of {} partners are ready for the first bootstrap; {} needed{}{}", ready.size(),
                            others.listed, s.patience_over ? "a majority is" : "all are",
                            others.problems.empty() ? "" : ". ", others.problems));
  }
  // One proposes, so that votes are not split.
  if (ready.front().name != s.own.name) return wait(fmt::format("{} is to propose the members", ready.front().name));
  return {.act = Act::kVote,
          .reason = all ? "all partners are ready" : "a majority of the partners is ready",
          .vote = make_vote(s.own.scope, s.own.partners, ready)};
}

}  // namespace

Verdict decide(const Situation& s) {
  if (s.own.state == DataState::kMember && !s.was_removed)
    return {.act = Act::kStart, .reason = "with the data it has"};
  const Others others = look_at(s);
  if (auto bad = clash(s, others)) return *bad;
  if (s.own.state == DataState::kMember) {
    const bool invited = s.members && std::ranges::any_of(*s.members, [&s](const ListedMember& m) {
                           return m.name.empty() && contains(m.peer_urls, s.own.peer_url);
                         });
    if (invited) return {.act = Act::kSetAside, .reason = "this node is invited again; its former data is set aside"};
    return refuse(fmt::format(
        "this member was removed from the cluster; to have it back, run `matriarchctl store add {}`", s.own.peer_url));
  }
  if (auto verdict = follow_members(s, others)) return *verdict;
  if (s.own.lost) {
    return refuse(fmt::format(
        "the data of this member is gone, and nobody answers that has it{}{}. If it is lost everywhere, remove "
        "identity.json in etcd3.data_dir to begin anew",
        others.problems.empty() ? "" : ": ", others.problems));
  }
  if (s.own.alone) {
    const Vote only = make_vote(s.own.scope, s.own.partners, {{.name = s.own.name, .peer_url = s.own.peer_url}});
    if (s.own.vote.token != only.token)
      return {.act = Act::kVote, .reason = "no partners are configured", .vote = only};
    return {.act = Act::kBootstrap, .reason = "no partners are configured: one member only", .vote = only};
  }
  const auto counts = count_votes(s, others);
  return s.own.vote.token.empty() ? vote(s, others, counts) : after_voting(s, others, counts);
}

}  // namespace matriarch::managed_etcd
