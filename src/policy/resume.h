// Who must have done what before a pause is lifted (ADR 10).
#pragma once

#include <string>

#include "policy/memory.h"
#include "policy/world.h"

namespace matriarch::policy {

enum class Resume {
  kFree,        // nothing that nobody guards can be taking writes
  kGuardHere,   // this node leads: its guardian first
  kAskLeader,   // `node` leads, and has a guardian: it must lift the pause itself
  kRefused,     // `node` (empty: nobody knows who) may be taking writes, and nobody there can guard it
};

struct ResumeRule {
  Resume verdict = Resume::kFree;
  std::string node;
  std::string why;  // of kRefused, for people
};

// `world.view` must be there, and read just now.
ResumeRule resume_rule(const World& world, const Memory& memory);

}  // namespace matriarch::policy
