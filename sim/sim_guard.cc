#include "sim/sim_guard.h"

#include <utility>

#include "base/wait.h"

namespace matriarch::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

Guardian::Guardian(Process& machine, Postgres& postgres, Trace& trace, Coverage& coverage, Random random)
    : machine_(machine), postgres_(postgres), trace_(trace), coverage_(coverage), random_(random) {}

void Guardian::start() {
  if (alive_) return;
  alive_ = true;
  lease_.reset();
}

std::uint64_t Guardian::hello(std::function<void()> told) {
  if (lease_) coverage_.hit("guardian: handed over");
  told_ = std::move(told);
  return ++epoch_;
}

bool Guardian::arm(std::uint64_t epoch, const GuardedLease& lease) {
  if (!alive_ || epoch != epoch_ || lease.kill_at <= machine_.now()) return false;
  lease_ = lease;
  watch();
  return true;
}

void Guardian::renew(std::uint64_t epoch, const GuardedLease& lease) {
  if (lease_ && lease_->kill_at > machine_.now()) arm(epoch, lease);
}

void Guardian::disarm(std::uint64_t epoch) {
  if (epoch != epoch_) return;
  lease_.reset();
  ++alarm_;
}

void Guardian::forget(std::uint64_t epoch) {
  if (epoch == epoch_) told_ = nullptr;
}

// The time until the process gets the CPU is part of the model (A2).
void Guardian::watch() {
  machine_.call_at(lease_->kill_at + random_.between(microseconds(0), milliseconds(20)), [this, alarm = ++alarm_] {
    if (alarm == alarm_ && alive_ && lease_) strike();
  });
}

void Guardian::strike() {
  trace_.line(postgres_.name(), "guardian: the lease was not renewed in time");
  coverage_.hit(postgres_.writable() ? "guardian: struck a primary" : "guardian: struck");
  ++strikes_;
  lease_.reset();
  postgres_.kill();
  tell();
}

void Guardian::die(std::string_view why) {
  if (!alive_) return;
  trace_.line(postgres_.name(), "guardian dies: {}", why);
  alive_ = false;
  lease_.reset();
  ++alarm_;
  tell();
}

void Guardian::tell() {
  if (told_) told_();
}

// --- the agent's side

SimGuard::SimGuard(Process& process, Guardian& guardian, Random random)
    : process_(process), guardian_(guardian), random_(random) {
  greet();
  inherited_ = guardian_.lease();
}

SimGuard::~SimGuard() { guardian_.forget(epoch_); }

void SimGuard::greet() {
  guardian_.start();
  epoch_ = guardian_.hello([this] {
    if (process_.dead()) return;
    process_.post([this] {
      if (!process_.dead() && changed_) changed_();
    });
  });
}

Task<Status> SimGuard::message(Ctx ctx) {
  if (!co_await process_.runs()) co_return Error(Errc::kCancelled, "the process was killed");
  const auto sent = co_await pause_for(process_, random_.between(microseconds(30), microseconds(300)), ctx);
  if (process_.dead()) co_return Error(Errc::kCancelled, "the process was killed");
  co_return sent;
}

Task<Status> SimGuard::arm(GuardedLease lease, Ctx ctx) {
  if (auto sent = co_await message(ctx); !sent) co_return sent;
  if (!guardian_.alive()) {
    const auto started = co_await pause_for(process_, random_.between(milliseconds(1), milliseconds(20)), ctx);
    if (process_.dead()) co_return Error(Errc::kCancelled, "the process was killed");
    if (!started) co_return started;
    greet();
  }
  if (!guardian_.arm(epoch_, lease)) co_return Error(Errc::kInvalid, "the guardian refused");
  co_return Status();
}

void SimGuard::renew(GuardedLease lease) {
  if (!process_.dead() && !process_.frozen()) guardian_.renew(epoch_, lease);
}

Task<Status> SimGuard::disarm(Ctx ctx) {
  if (auto sent = co_await message(ctx); !sent) co_return sent;
  guardian_.disarm(epoch_);
  co_return Status();
}

GuardState SimGuard::state() const {
  GuardState state{.connected = guardian_.alive(), .armed = guardian_.alive() && guardian_.lease().has_value(),
                   .epoch = epoch_, .strikes = guardian_.strikes()};
  if (state.armed) state.kill_at = guardian_.lease()->kill_at;
  return state;
}

}  // namespace matriarch::sim
