#include "reexec.h"

#include <csignal>
#include <cstdlib>
#include <vector>

#include <unistd.h>

#include "base/files.h"
#include "base/own_executable.h"
#include "base/process.h"

namespace matriarch::app {

namespace {

constexpr std::size_t kMostText = 4U << 20;

// Texts with a terminating zero each.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size(); at += words.back().size() + 1) words.emplace_back(text.c_str() + at);
  return words;
}

std::vector<char*> pointers_to(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

std::string take_lease_variable() {
  const char* value = std::getenv(kLeaseVariable);
  std::string lease(value == nullptr ? "" : value);
  unsetenv(kLeaseVariable);
  return lease;
}

Task<Status> check_successor(Reactor& reactor, Ctx ctx) {
  const std::string program = own_executable().string();
  const auto ran = co_await run_program(reactor, {.argv = {program, "--version"}}, {}, std::move(ctx));
  if (!ran) co_return ran.error().in(program);
  if (!ran->status.success()) co_return Error(Errc::kFailed, program + " --version fails: " + ran->err);
  co_return Status();
}

// The environment of the start, not today's: secrets have been taken from that one (CFG-194).
Error execute_successor(const std::string& lease_id) {
  const auto arguments = read_file("/proc/self/cmdline", kMostText);
  if (!arguments) return arguments.error();
  const auto environment = read_file("/proc/self/environ", kMostText);
  if (!environment) return environment.error();
  auto argv = words_of(*arguments);
  auto envp = words_of(*environment);
  const std::string former = std::string(kLeaseVariable) + "=";
  std::erase_if(envp, [&](const std::string& variable) { return variable.starts_with(former); });
  if (!lease_id.empty()) envp.push_back(former + lease_id);

  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);  // a mask outlives exec
  const std::string program = own_executable().string();
  execve(program.c_str(), pointers_to(argv).data(), pointers_to(envp).data());
  return errno_error(errno, "executing " + program);
}

}  // namespace matriarch::app
