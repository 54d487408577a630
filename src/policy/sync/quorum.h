// Quorum commit: from what /sync and synchronous_standby_names (SSN) say to the steady state of QRM-002, by writes of which
// each one is safe, also if it is the last this process ever makes (QRM-001..QRM-038). Pure, total, without memory: whatever
// was left half done is found in the two places themselves. Names are compared as plain text: the caller spells them alike.
//
//   SSN     a commit is acknowledged when `required` of `listed` have it, besides the primary
//   /sync   a candidate needs `quorum` further members of `voters` and the leader which are not ahead of it
//   I1      any node set of the first kind and any of the second share a node; see overlaps()
#pragma once

#include <set>
#include <string>
#include <variant>
#include <vector>

namespace matriarch::policy::sync {

struct QuorumInput {
  std::string leader;            // L: of /sync
  std::set<std::string> voters;  // V
  int quorum = 0;                // Q; whatever stands there
  std::set<std::string> listed;  // S: names in SSN; the placeholder is none
  int required = 0;              // R, at most the size of `listed`
  std::string me;                // M: the primary
  std::set<std::string> active;  // A: standbys that stream, and should be waited for (QRM-005)
  int confirmed = 0;  // C: those of `active` that have all that was acknowledged before SSN changed (QRM-006)
  int wanted = 1;     // W: how many a commit should wait for; less than 1 counts as 1

  friend bool operator==(const QuorumInput&, const QuorumInput&) = default;
};

// Write /sync, if nobody changed it since; without voters only the leader itself may lead.
struct PublishQuorum {
  std::string leader;
  int quorum = 0;
  std::set<std::string> voters;

  friend bool operator==(const PublishQuorum&, const PublishQuorum&) = default;
};

// Set SSN to ANY `count` (`names`), or, without names, to nothing. From quorum_plan(): 1 <= count <= size(names), or both empty.
struct RequireStandbys {
  int count = 0;
  std::set<std::string> names;

  friend bool operator==(const RequireStandbys&, const RequireStandbys&) = default;
};

// Nothing more can be done before standbys are confirmed: look again soon (RESTART). Always the last step, never a write.
struct Again {
  friend bool operator==(const Again&, const Again&) = default;
};

using QuorumStep = std::variant<PublishQuorum, RequireStandbys, Again>;

struct QuorumPlan {
  std::vector<QuorumStep> steps;  // in this order; after any of them one may stop and plan anew
  std::string repaired;  // for the log, why the stored state had to be repaired or left by the long way; or empty

  friend bool operator==(const QuorumPlan&, const QuorumPlan&) = default;
};

// I1 (QRM-001): any `standbys.count` + 1 of the listed and `me`, and any `sync.quorum` + 1 of the voters and the leader, share
// a node. With no voters the only candidate is the leader: safe if that is me, who has every commit.
bool overlaps(const PublishQuorum& sync, const RequireStandbys& standbys, const std::string& me);

// Precondition for safety: this node leads; `me` is not empty. If the stored state obeys I1, so does the state after every
// single step; otherwise the state after the first PublishQuorum and after every step from there on.
// A plan made with a confirmed standby never ends with a quorum that the voters cannot reach without the leader (QRM-023).
QuorumPlan quorum_plan(const QuorumInput& in);

// The plan to carry out. I1 is about commits acknowledged under the SSN in force; those acknowledged before it was set waited
// for other names. So this is quorum_plan() up to the first PublishQuorum that relies on more voters having those than are known
// to: there it says Again, or goes the long way if it would not come to anything otherwise.
// `confirmed`: those of SSN that reached a barrier taken after SSN was last changed; each change, also one that keeps a name,
// makes all of them unconfirmed. in.confirmed is not used.
QuorumPlan durable_quorum_plan(QuorumInput in, const std::set<std::string>& confirmed);

// QRM-038: SSN before `me` is promoted in quorum mode, so that I1 holds with the /sync of the former leader, which is written
// only afterwards. `quorum`: of /sync, 0 if that is not in use (`leader` empty). `strict_minimum`: 1 in strict mode, else 0;
// the result may then have a count without names: nobody is known, commits have to wait (the placeholder).
RequireStandbys quorum_before_promotion(const std::string& leader, const std::set<std::string>& voters, int quorum,
                                        const std::string& me, int strict_minimum);

}  // namespace matriarch::policy::sync
