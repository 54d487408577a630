#include "tests/system/guard/agent.h"

#include <cstdio>
#include <iostream>

#include <fcntl.h>
#include <unistd.h>

#include "guard/client.h"
#include "guard/processes.h"

namespace matriarch::guard {

namespace {

class TestAgent {
 public:
  TestAgent(const char* data_dir, const char* guardian, bool respawn)
      : data_dir_(data_dir), client_(reactor_, {.data_dir = data_dir, .guardian = guardian, .respawn = respawn, .postmaster = [this] { return postmaster(); }}) {}

  Task<void> live() {
    std::string line;
    fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
    while (true) {
      const auto newline = input_.find('\n');
      if (newline != std::string::npos) {
        line = input_.substr(0, newline);
        input_.erase(0, newline + 1);
        co_await obey(line);
        continue;
      }
      if (!co_await reactor_.readable(STDIN_FILENO, Ctx{})) break;
      char buffer[256];
      const ssize_t n = read(STDIN_FILENO, buffer, sizeof buffer);
      if (n <= 0) break;
      input_.append(buffer, static_cast<std::size_t>(n));
    }
    co_await client_.close();
  }

  Reactor& reactor() { return reactor_; }

  // Started again by the guardian there is nobody who commands: what was inherited is told, and renewed for a while.
  Task<void> live_alone(std::string tell) {
    const auto opened = co_await client_.open(Ctx{.deadline = reactor_.now() + std::chrono::seconds(5)});
    const auto inherited = client_.take_inheritance();
    if (std::FILE* file = std::fopen(tell.c_str(), "w"); file != nullptr) {
      fmt::print(file, "{} {}\n", getpid(), opened && inherited ? inherited->lease_id : "-");
      std::fclose(file);
    }
    while (true) {
      if (inherited) client_.renew({.kill_at = reactor_.now() + std::chrono::seconds(1), .end = reactor_.now() + std::chrono::seconds(2), .lease_id = inherited->lease_id});
      (void)co_await pause_for(reactor_, std::chrono::milliseconds(100), Ctx{});
    }
  }

 private:
  std::optional<Postmaster> postmaster() {
    auto pidfd = find_postmaster({.data_dir = data_dir_, .program = "postgres"});
    if (!pidfd) return std::nullopt;
    const pid_t pid = pid_of(pidfd.get());
    ProcessStat stat;
    read_stat(pid, stat);
    return Postmaster{.pid = pid, .start_ticks = stat.start_ticks, .pidfd = std::move(pidfd)};
  }

  static void say(const std::string& text) {
    std::cout << text << std::endl;  // flushed
  }

  Task<void> obey(std::string line) {
    const Ctx ctx{.deadline = reactor_.now() + std::chrono::seconds(5)};
    char lease_id[64] = "-";
    int ms = 0;
    if (line == "hello") {
      const auto opened = co_await client_.open(ctx);
      const auto inherited = client_.take_inheritance();
      const auto pidfd = client_.take_postmaster();
      say(opened ? fmt::format("epoch={} inherited={} postmaster={} guardian={}", client_.state().epoch,
                               inherited ? inherited->lease_id : "-", pidfd ? pid_of(pidfd.get()) : 0, client_.state().pid)
                 : opened.error().text());
    } else if (std::sscanf(line.c_str(), "arm %d %63s", &ms, lease_id) == 2) {
      const auto lease = until(ms, lease_id);
      const auto armed = co_await client_.arm(lease, ctx);
      say(armed ? fmt::format("ok {}", lease.kill_at.time_since_epoch().count()) : "error " + armed.error().text());
    } else if (std::sscanf(line.c_str(), "renew %d", &ms) == 1) {
      const auto lease = until(ms, lease_id);
      client_.renew(lease);
      say(fmt::format("ok {}", lease.kill_at.time_since_epoch().count()));
    } else if (line == "disarm") {
      const auto disarmed = co_await client_.disarm(ctx);
      say(disarmed ? "ok" : "error " + disarmed.error().text());
    } else if (line == "privileges") {
      say(fmt::format("real_time={:d} locked={:d}", client_.state().real_time, client_.state().locked_memory));
    } else if (line == "struck") {
      say(fmt::format("{}", client_.state().struck_at.time_since_epoch().count()));
    } else {
      say("error what?");
    }
  }

  GuardedLease until(int ms, const char* id) {
    const Instant kill_at = reactor_.now() + std::chrono::milliseconds(ms);
    return {.kill_at = kill_at, .end = kill_at + std::chrono::seconds(1), .lease_id = id};
  }

  const char* data_dir_;
  Reactor reactor_;
  Client client_;
  std::string input_;
};

}  // namespace

int run_agent(const char* data_dir, const char* guardian, bool respawn) {
  TestAgent agent(data_dir, guardian, respawn);
  const std::string tell = std::string(data_dir) + "/../respawned";
  if (respawn && access((tell + ".expected").c_str(), F_OK) == 0) {
    agent.reactor().run_until_done(agent.live_alone(tell));
  } else {
    agent.reactor().run_until_done(agent.live());
  }
  return 0;
}

}  // namespace matriarch::guard
