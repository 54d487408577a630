// How a node without a running etcd comes to have one: start it, make a cluster, join one, wait, or refuse. Pure.
//
// Why two clusters can never come out of one first bootstrap: each node gives one vote, kept on disk before anybody hears
// of it and never changed; a cluster is made only of what a majority of all partners voted for; two majorities share a
// node. Why a wiped member never acts under its old identity: it has no vote to show, so while anybody has data it must
// join, and while nobody answers it must wait.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/managed_etcd/report.h"

namespace matriarch::managed_etcd {

// A member as etcd lists it.
struct ListedMember {
  std::string id;    // decimal
  std::string name;  // of the node; empty: was added and has never run
  std::vector<std::string> peer_urls;
  std::vector<std::string> client_urls;  // empty: has never run
  bool learner = false;

  [[nodiscard]] bool has_run() const { return !name.empty() && !client_urls.empty(); }
};

// What one partner said. The own address is among them only where it could not be told from others'.
struct Answer {
  std::string address;
  std::optional<Report> report;
  std::string problem;  // without a report: why
};

struct Situation {
  Report own;                // state, alone, lost, vote, partners, ...
  bool has_run = false;      // etcd has been started here on purpose of `own.vote`, or as a joining member
  bool was_removed = false;  // own data belongs to a member that is no longer listed
  std::vector<Answer> answers;
  // Of the cluster that some answer belongs to; absent: not asked yet, or nobody could tell.
  std::optional<std::vector<ListedMember>> members;
  bool patience_over = false;
};

enum class Act {
  kStart,         // with the data that is there
  kVote,          // write `vote` down and tell it, then decide again
  kBootstrap,     // make the cluster of `vote`
  kAddLearner,    // ask the cluster to take this node as a learner
  kStartJoining,  // start as a member that is listed and has never run; `initial` is the whole list
  kSetAside,      // the data is of a removed member, and this node was invited again
  kWait,
  kRefuse,  // as kWait, but a person must do something: `reason` says what
};

struct Verdict {
  Act act = Act::kWait;
  std::string reason;              // for people
  Vote vote;                       // kVote, kBootstrap
  std::vector<Candidate> initial;  // kStartJoining
};

Verdict decide(const Situation& situation);

}  // namespace matriarch::managed_etcd
