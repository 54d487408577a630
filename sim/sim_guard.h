// The guardian of a machine, which outlives agents, and the port by which an agent talks to it. Both are the model of
// src/guard: armed with K, moved by renewals, killing the server at K whatever has become of the agent.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "ports/guard.h"
#include "sim/postgres.h"
#include "sim/process.h"
#include "sim/random.h"
#include "sim/trace.h"

namespace matriarch::sim {

// Runs on the machine's clock and freezes with it.
class Guardian {
 public:
  Guardian(Process& machine, Postgres& postgres, Trace& trace, Coverage& coverage, Random random);

  // --- what agents ask of it
  void start();  // a new process, nothing armed; no effect if one runs
  // The caller is the agent from now on. `told` is called when the guardian has struck or died.
  std::uint64_t hello(std::function<void()> told);
  bool arm(std::uint64_t epoch, const GuardedLease& lease);  // false: not the agent any more, too late, or dead
  void renew(std::uint64_t epoch, const GuardedLease& lease);
  void disarm(std::uint64_t epoch);
  void forget(std::uint64_t epoch);  // the agent is gone

  // --- what happens to it
  void die(std::string_view why);

  // --- looking at it
  [[nodiscard]] bool alive() const { return alive_; }
  [[nodiscard]] const std::optional<GuardedLease>& lease() const { return lease_; }
  [[nodiscard]] std::uint64_t strikes() const { return strikes_; }

 private:
  void watch();
  void strike();
  void tell();

  Process& machine_;
  Postgres& postgres_;
  Trace& trace_;
  Coverage& coverage_;
  Random random_;
  bool alive_ = false;
  std::uint64_t epoch_ = 0;
  std::uint64_t alarm_ = 0;  // of an earlier K are void
  std::uint64_t strikes_ = 0;
  std::optional<GuardedLease> lease_;
  std::function<void()> told_;
};

class SimGuard final : public Guard {
 public:
  SimGuard(Process& process, Guardian& guardian, Random random);
  ~SimGuard() override;

  Task<Status> arm(GuardedLease lease, Ctx ctx) override;
  void renew(GuardedLease lease) override;
  Task<Status> disarm(Ctx ctx) override;
  [[nodiscard]] GuardState state() const override;
  void on_change(std::function<void()> changed) override { changed_ = std::move(changed); }
  std::optional<GuardedLease> take_inheritance() override { return std::exchange(inherited_, std::nullopt); }

 private:
  void greet();
  Task<Status> message(Ctx ctx);

  Process& process_;
  Guardian& guardian_;
  Random random_;
  std::uint64_t epoch_ = 0;
  std::optional<GuardedLease> inherited_;
  std::function<void()> changed_;
};

}  // namespace matriarch::sim
