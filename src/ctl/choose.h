// Choosing the members that a command is for (spec section 6).
#pragma once

#include <string_view>
#include <vector>

#include "ctl/commands.h"

namespace matriarch::ctl {

struct Choice {
  Loaded loaded;
  std::vector<Member> members;  // in cluster order
};

// Loads the cluster, prints it and picks the members (CTL-111..115). `reinit` means replicas only, and asks for one when
// no name is given (CTL-116, CTL-117).
enum class Chooser { kMembers, kReinit };
Task<Result<Choice>> choose_members(App& app, MemberOptions options, Chooser chooser = Chooser::kMembers);

// CTL-118. Ok at once with --force.
Status confirm_members(App& app, const MemberOptions& options, std::string_view action,
                       const std::vector<Member>& members);

std::string joined_names(const std::vector<Member>& members);

}  // namespace matriarch::ctl
