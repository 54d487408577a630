// The state that the phases of quorum.cc work on, and the two primitives by which alone they change it. Private to quorum.cc.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "policy/sync/quorum.h"

namespace matriarch::policy::sync {

using Names = std::set<std::string>;

Names plus(Names a, const Names& b);
Names minus(const Names& a, const Names& b);
Names common(const Names& a, const Names& b);
bool meet(const Names& a, const Names& b);
bool strictly_within(const Names& inner, const Names& outer);
int count(const Names& names);

// Whether a published quorum makes up for standbys that are required, but not confirmed (QRM-004).
enum class Unconfirmed { kCover, kIgnore };

// What is stored after the steps so far. The primitives answer false when the list of steps ends with this call: either it is
// complete, or `error` says why the step would have been wrong.
struct Draft {
  explicit Draft(const QuorumInput& in);

  bool publish(int new_quorum, const Names& new_voters, Unconfirmed unconfirmed = Unconfirmed::kCover);  // QRM-008
  bool publish_as_leader(int new_quorum, const Names& new_voters);  // with leader=M
  bool require(int new_count, const Names& new_names);              // QRM-009
  // Unconditionally, for those who have proved it safe. Unchanged values make no step.
  void write(PublishQuorum sync);
  void write(RequireStandbys standbys);
  void rewrite_standbys();
  bool again();
  bool fail(std::string why);

  bool is_safe() const { return overlaps(sync, standbys, me); }

  PublishQuorum sync;        // L, Q, V; V without L
  RequireStandbys standbys;  // R, S; S without M
  std::string me;            // M
  Names active;              // A, without M
  int confirmed = 0;         // C, 0 <= C <= |S & A|
  int wanted = 1;            // W, 1 <= W
  bool corrected = false;    // S or R were not what they should be, so SSN has to be written in any case

  std::vector<QuorumStep> steps;
  std::string error;

 private:
  bool check();
  void add(QuorumStep step);
};

std::string describe(const Draft& draft);

}  // namespace matriarch::policy::sync
