// A PostgreSQL server of its own for each test, and agents (agent.h) beside it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include "base/process.h"
#include "guard/protocol.h"
#include "guard/strike.h"

namespace matriarch::guard {

inline constexpr Nanos kMilli = 1'000'000;

// Waits until `condition` holds; false if it did not within the time.
template <class Condition>
bool wait_for(Condition condition, Nanos patience = 5000 * kMilli) {
  const Nanos end = boot_now() + patience;
  while (!condition()) {
    if (boot_now() >= end) return false;
    wait_ended(-1, 1);  // a pause of a millisecond
  }
  return true;
}

class AgentProcess {
 public:
  AgentProcess(const std::string& data_dir, bool respawn);
  ~AgentProcess();
  AgentProcess(const AgentProcess&) = delete;
  AgentProcess& operator=(const AgentProcess&) = delete;

  // Sends a line and returns the answering line.
  std::string tell(const std::string& line);
  // K of "arm" and "renew".
  Nanos deadline(const std::string& line);
  void signal(int number) const { (void)child_->kill(number); }
  bool ended_within(int ms) const { return wait_ended(child_->pidfd(), ms); }
  [[nodiscard]] pid_t pid() const { return child_->pid(); }

 private:
  std::optional<ChildProcess> child_;
  UniqueFd in_;
  UniqueFd out_;
  std::string read_;
};

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;

class GuardSystemTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  void SetUp() override;
  void TearDown() override;

  void start_server();
  void stop_server();
  void reap_server();
  Connection connect() const;
  [[nodiscard]] Server server() const { return {.data_dir = data_dir_.c_str(), .program = "postgres"}; }
  [[nodiscard]] int server_processes() const;
  [[nodiscard]] bool server_answers() const;
  // When no process of the server was seen any more.
  Nanos watch_end(Nanos patience) const;
  AgentProcess& agent(bool respawn = false);
  pid_t guardian_of(const std::string& hello) const;

  static std::string root_;
  static std::string data_dir_;
  std::vector<std::unique_ptr<AgentProcess>> agents_;
  std::optional<ChildProcess> postmaster_;
};

}  // namespace matriarch::guard
