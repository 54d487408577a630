#include "postgres/reloader.h"

#include <csignal>

#include <fmt/format.h>

#include "base/log.h"
#include "base/wait.h"
#include "model/standby_names.h"
#include "postgres/data_directory.h"
#include "postgres/paths.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto kReloadLook = milliseconds(5);
constexpr auto kReloadLimit = seconds(2);
// The checkpointer switches waiting for standbys on for everybody, and does not tell when it has.
constexpr auto kSynchronousSettle = milliseconds(100);

}  // namespace

Value Reloader::pending_restart_reason() const {
  Value::Map all;
  if (pending_of_ && pending_of_ == core_.supervisor.known()) all = pending_;
  for (const auto& raised : starter_.raised()) {
    if (!core_.supervisor.known()) break;
    all.set(raised.name, Value::Map{});
    all[raised.name].as_map().set("old_value", raised.control_value);
    all[raised.name].as_map().set("new_value", raised.configured_value);
  }
  return all.empty() ? Value() : Value(std::move(all));
}

Task<Status> Reloader::apply(PostgresOptions options, bool forced, Ctx ctx) {
  options.data_dir = core_.options.data_dir;  // takes a restart of the program (CFG-039)
  core_.options = std::move(options);
  if (files_.custom_bootstrap || !core_.supervisor.postmaster()) co_return Status();  // written at the next start
  if (core_.supervisor.accepting()) co_return co_await write_and_reload(forced, true, std::move(ctx));
  core_.background.spawn(apply_when_accepting(this));
  co_return Status();
}

// The server is starting, or restarts after a crash: it has read the former files already.
Task<void> Reloader::apply_when_accepting(Reloader* self) {
  const Ctx ctx{.stop = self->core_.background.stop_token()};
  const auto postmaster = self->core_.supervisor.known();
  while (postmaster && self->core_.supervisor.known() == postmaster) {
    if (self->core_.supervisor.accepting()) {
      const auto applied = co_await self->write_and_reload(true, true, ctx);
      if (!applied) log::warning("the new configuration is not in force: {}", applied.error().text());
      co_return;
    }
    constexpr auto kLook = milliseconds(100);
    if (!co_await pause_for(self->core_.reactor, kLook, ctx)) co_return;
  }
}

// Of an adopted server we know neither the role nor what it follows; writing the file would lose that.
Task<Status> Reloader::learn_role(Ctx ctx) {
  if (core_.role != Role::kUninitialized) co_return Status();
  const auto rows = co_await core_.supervisor.monitor().query(
      "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('synchronous_standby_names')", ctx);
  if (!rows) co_return rows.error();
  core_.role = rows->text(0, 0) == "t" ? Role::kReplica : Role::kPrimary;
  // Whom its commits wait for may be whom /sync names: they go on waiting until the synchronous replication logic says otherwise.
  const bool managed = core_.options.synchronous_mode != SyncMode::kOff;
  if (managed && core_.role == Role::kPrimary && !files_.synchronous_standby_names) {
    files_.synchronous_standby_names = rows->text(0, 1);
  }
  if (core_.role == Role::kReplica && files_.recovery().empty()) co_await follower_.learn(std::move(ctx));
  co_return Status();
}

Task<Status> Reloader::write_and_reload(bool forced, bool callback, Ctx ctx) {
  if (auto known = co_await learn_role(ctx); !known) co_return known;
  const auto written = co_await files_.write(ctx);
  if (!written) co_return written.error();
  if (!written->any() && !forced) co_return Status();
  if (auto reloaded = co_await reload_and_wait(ctx); !reloaded) co_return reloaded;
  if (callback) scripts_.callback(CallbackAction::kOnReload, core_.role);
  co_await find_pending_restart(std::move(ctx));
  co_return Status();
}

Task<Status> Reloader::reload_and_wait(Ctx ctx) {
  constexpr std::string_view kLoadTime = "SELECT pg_catalog.pg_conf_load_time()";
  auto& monitor = core_.supervisor.monitor();
  const auto before = co_await monitor.query(std::string(kLoadTime), ctx);
  const auto postmaster = core_.supervisor.known();
  if (!postmaster) co_return Error(Errc::kUnavailable, "the server does not run");
  if (auto sent = postmaster->signal(SIGHUP); !sent) co_return sent;
  const Ctx limited = ctx.until(core_.reactor.now() + kReloadLimit);
  while (before) {
    const auto now = co_await monitor.query(std::string(kLoadTime), limited);
    if (!now || now->text(0, 0) != before->text(0, 0)) break;
    if (!co_await pause_for(core_.reactor, kReloadLook, limited)) break;
  }
  co_return Status();
}

Task<void> Reloader::find_pending_restart(Ctx ctx) {
  const auto postmaster = core_.supervisor.known();
  const auto rows = co_await core_.supervisor.monitor().query(
      "SELECT name, COALESCE(setting, ''), COALESCE(unit, ''), vartype FROM pg_catalog.pg_settings WHERE "
      "pending_restart",
      ctx);
  if (!rows) co_return;
  Value::Map pending;
  for (std::size_t i = 0; i < rows->rows.size(); ++i) {
    const std::string name = rows->text(i, 0);
    if (is_recovery_setting(name) || name == "hot_standby") continue;
    const auto run = co_await core_.run({program(core_.options, "postgres"), "-D", core_.data_dir().string(), "-C",
                                         name, "--config-file=" + main_conf(core_.options).string()},
                                        {}, ctx);
    std::string next = "?";
    if (run && run->status.success()) {
      next = pretty_value(trimmed(run->out), rows->text(i, 2), rows->text(i, 3));
    }
    Value::Map reason;
    reason.set("old_value", pretty_value(rows->text(i, 1), rows->text(i, 2), rows->text(i, 3)));
    reason.set("new_value", next);
    pending.set(name, std::move(reason));
  }
  pending_ = std::move(pending);
  pending_of_ = postmaster;
}

void Reloader::role_changed() { core_.background.spawn(apply_role(this)); }

Task<void> Reloader::apply_role(Reloader* self) {
  constexpr auto kLimit = seconds(30);
  const Ctx ctx{.deadline = self->core_.reactor.now() + kLimit, .stop = self->core_.background.stop_token()};
  const auto applied = co_await self->write_and_reload(false, false, ctx);
  if (!applied) log::warning("the configuration of the new role is not in force: {}", applied.error().text());
}

Task<Status> Reloader::set_synchronous_standbys(std::vector<std::string> names, int count, SyncMode mode, Ctx ctx) {
  std::optional<std::string> text;
  if (mode != SyncMode::kOff) text = format_standby_names(std::move(names), count, mode);
  if (core_.supervisor.accepting()) {
    if (auto known = co_await learn_role(ctx); !known) co_return known;
  }
  if (files_.synchronous_standby_names == text) co_return Status();
  const bool switched_on = !text.value_or("").empty() && files_.synchronous_standby_names.value_or("").empty();
  files_.synchronous_standby_names = text;
  if (!core_.supervisor.accepting()) co_return Status();
  const auto written = co_await files_.write(ctx);
  if (!written) co_return written.error();
  if (!written->any()) co_return Status();
  if (auto reloaded = co_await reload_and_wait(ctx); !reloaded) co_return reloaded;
  const bool takes_writes = is_leader_role(core_.role);
  if (switched_on && takes_writes) co_return co_await pause_for(core_.reactor, kSynchronousSettle, std::move(ctx));
  co_return Status();
}

Task<Status> Reloader::write_transaction(Ctx ctx) {
  const auto written = co_await core_.supervisor.monitor().query(
      "SELECT pg_catalog.set_config('synchronous_commit', 'local', true), pg_catalog.txid_current()", std::move(ctx));
  co_return written ? Status() : Status(written.error());
}

}  // namespace matriarch::postgres
