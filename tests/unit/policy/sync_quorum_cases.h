// Quorum commit in the notation of the specification: every letter is a node.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "policy/sync/quorum.h"

namespace matriarch::policy::sync {

inline std::set<std::string> nodes(std::string_view letters) {
  std::set<std::string> names;
  for (const char letter : letters) names.emplace(1, letter);
  return names;
}

inline std::string letters(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += name;
  return text;
}

// "QUORUM 1(xy)", or "QUORUM y:1(xy)" when the leader is not `me`'s usual p.
inline std::string show(const PublishQuorum& step) {
  return "QUORUM " + (step.leader == "p" ? "" : step.leader + ":") + std::to_string(step.quorum) + "(" +
         letters(step.voters) + ")";
}
inline std::string show(const RequireStandbys& step) {
  return "SYNC " + std::to_string(step.count) + "(" + letters(step.names) + ")";
}
inline std::string show(const Again&) { return "RESTART"; }

inline std::string show(const QuorumPlan& plan) {
  std::string text;
  for (const QuorumStep& step : plan.steps) {
    if (!text.empty()) text += "; ";
    text += std::visit([](const auto& it) { return show(it); }, step);
  }
  return text;
}

// What the two places say after `step`.
inline void apply(const QuorumStep& step, QuorumInput& state) {
  if (const auto* sync = std::get_if<PublishQuorum>(&step)) {
    state.leader = sync->leader;
    state.quorum = sync->quorum;
    state.voters = sync->voters;
  } else if (const auto* standbys = std::get_if<RequireStandbys>(&step)) {
    state.required = standbys->count;
    state.listed = standbys->names;
  }
}

inline bool overlaps(const QuorumInput& state) {
  return overlaps(PublishQuorum{.leader = state.leader, .quorum = state.quorum, .voters = state.voters},
                  RequireStandbys{.count = state.required, .names = state.listed}, state.me);
}

}  // namespace matriarch::policy::sync
