// Starting a dead agent again, exactly as it was started. The agent leaves the recipe in a memfd when it says hello: its
// environment may hold secrets, and a memfd is nobody else's.
#pragma once

#include <cstdint>

#include <sys/types.h>

#include "base/unique_fd.h"

namespace matriarch::guard {

inline constexpr std::uint32_t kMaxRecipeWords = 4096;
inline constexpr std::uint32_t kMaxRecipeSize = 4U << 20;

// What the memfd begins with; then come, each with its terminating zero: the executable, the working directory, the
// arguments, the environment.
struct RecipeHeader {
  std::uint32_t size = 0;  // of all of it
  std::uint32_t arguments = 0;
  std::uint32_t variables = 0;
};

struct AgentRecipe {
  UniqueFd recipe;
  UniqueFd out;
  UniqueFd err;
};

// A pidfd of the new process, or none: the recipe is no good, or the kernel did not give another process.
UniqueFd start_agent(const AgentRecipe& agent);

}  // namespace matriarch::guard
