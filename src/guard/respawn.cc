#include "guard/respawn.h"

#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard/processes.h"

namespace matriarch::guard {

namespace {

char* words[kMaxRecipeWords + 2];

// Points into the mapped recipe; false if it does not hold together.
bool split(char* text, const RecipeHeader& header, std::size_t size) {
  char* at = text + sizeof(RecipeHeader);
  char* const end = text + size;
  for (std::uint32_t i = 0; i < header.arguments + header.variables + 2; ++i) {
    // argv and envp each end with a null pointer: the variables are one further up.
    words[i < header.arguments + 2 ? i : i + 1] = at;
    auto* zero = static_cast<char*>(std::memchr(at, '\0', static_cast<std::size_t>(end - at)));
    if (zero == nullptr) return false;
    at = zero + 1;
  }
  words[header.arguments + 2] = nullptr;
  words[header.arguments + header.variables + 3] = nullptr;
  return true;
}

[[noreturn]] void become_agent(const AgentRecipe& agent, const RecipeHeader& header) {
  for (int number = 1; number < 32; ++number) std::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  setsid();
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDIN_FILENO);
  dup2(agent.out ? agent.out.get() : nothing, STDOUT_FILENO);
  dup2(agent.err ? agent.err.get() : nothing, STDERR_FILENO);
  close_range(3, ~0U, 0);
  if (chdir(words[1]) == 0) execve(words[0], words + 2, words + header.arguments + 3);
  _exit(127);
}

}  // namespace

UniqueFd start_agent(const AgentRecipe& agent) {
  struct stat file {};
  if (!agent.recipe || fstat(agent.recipe.get(), &file) != 0) return {};
  const auto size = static_cast<std::size_t>(file.st_size);
  if (size <= sizeof(RecipeHeader) || size > kMaxRecipeSize) return {};
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, agent.recipe.get(), 0);
  if (mapped == MAP_FAILED) return {};
  RecipeHeader header;
  std::memcpy(&header, mapped, sizeof header);
  UniqueFd pidfd;
  const bool fits = header.size == size && header.arguments > 0 && header.arguments < kMaxRecipeWords &&
                    header.variables < kMaxRecipeWords - header.arguments - 2;
  if (fits && split(static_cast<char*>(mapped), header, size)) {
    const pid_t pid = fork();
    if (pid == 0) become_agent(agent, header);
    if (pid > 0) pidfd = open_process(pid);
  }
  munmap(mapped, size);
  return pidfd;
}

}  // namespace matriarch::guard
