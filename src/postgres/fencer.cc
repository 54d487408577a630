#include "postgres/fencer.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/wait.h"
#include "postgres/paths.h"

namespace matriarch::postgres {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A session is of use for the election that follows, not for the next one.
constexpr auto kKeepSession = seconds(10);
constexpr auto kLogInPatience = seconds(2);
constexpr auto kLook = milliseconds(10);
constexpr auto kOneConnect = milliseconds(100);
// The walreceiver has received all that a primary sent which is gone; what the kernel still holds arrives in no time.
constexpr auto kDrainPatience = milliseconds(200);
constexpr int kStatementTimeoutMs = 1000;

constexpr const char* kExamination =
    "SELECT pg_catalog.pg_is_in_recovery(), "
    "(SELECT system_identifier FROM pg_catalog.pg_control_system())::text, "
    "CASE WHEN pg_catalog.pg_is_in_recovery() THEN '' "
    "ELSE pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8) END, "
    "(SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) "
    "OR pg_catalog.pg_has_role(current_user, 'pg_execute_server_program', 'member')";

// Where nobody listens any more, as opposed to a server that is on its way down.
bool refused(const Error& error) {
  return error.code() == Errc::kUnavailable && error.text().find("refused") != std::string::npos;
}

}  // namespace

std::string stop_program() {
  // Whoever sends the second signal must survive the first, which the postmaster passes on to the process group of this
  // backend: what is ignored here is ignored in the children, too.
  return "trap '' HUP INT QUIT TERM; p=$(head -n 1 postmaster.pid) && test \"$p\" -gt 1 || exit 1; "
         "(sleep 0.3; "
         "test \"$(head -n 1 postmaster.pid 2>/dev/null)\" = \"$p\" && kill -QUIT \"$p\") </dev/null >/dev/null 2>&1 & "
         "kill -INT \"$p\"";
}

ConnParams Fencer::params_of(const Upstream& suspect) const {
  ConnParams params = member_params(suspect.address, core_.options.superuser);
  if (suspect.address.dbname.empty()) params["dbname"] = core_.options.database;
  add_session_options(params, kStatementTimeoutMs);
  return params;
}

void Fencer::prepare(const Upstream& suspect) {
  const bool same = attempt_.suspect.member == suspect.member && attempt_.suspect.address == suspect.address;
  if (same && attempt_.number != 0 && (!attempt_.done || attempt_.session)) return;
  attempt_ = {.suspect = suspect, .number = attempt_.number + 1};
  core_.background.spawn(log_in(this, suspect, attempt_.number));
}

Task<void> Fencer::log_in(Fencer* self, Upstream suspect, std::uint64_t number) {
  Core& core = self->core_;
  const Ctx ctx{.deadline = core.reactor.now() + kLogInPatience, .stop = core.background.stop_token()};
  auto session = co_await Connection::open(core.reactor, self->params_of(suspect), ctx);
  if (self->attempt_.number != number) co_return;
  self->attempt_.done = true;
  if (session) {
    self->attempt_.session = std::move(*session);
    core.background.spawn(forget_later(self, number));
  } else {
    self->attempt_.failure = session.error();
  }
  self->prepared_.notify();
}

Task<void> Fencer::forget_later(Fencer* self, std::uint64_t number) {
  (void)co_await pause_for(self->core_.reactor, kKeepSession, Ctx{.stop = self->core_.background.stop_token()});
  if (self->attempt_.number == number) self->attempt_.session.reset();
}

Task<std::optional<FenceResult>> Fencer::examine(Connection& session, Ctx ctx) {
  const auto rows = co_await session.query(kExamination, ctx);
  if (!rows) co_return FenceResult{FenceOutcome::kNotPossible, rows.error().text()};
  const auto own = co_await core_.control_file(ctx);
  if (!own) co_return FenceResult{FenceOutcome::kNotPossible, own.error().text()};
  if (rows->text(0, 0) == "t") co_return FenceResult{FenceOutcome::kNotNeeded, "it is in recovery"};
  if (rows->text(0, 1) != own->data.system_id) {
    co_return FenceResult{FenceOutcome::kNotNeeded, "another cluster's server answers there"};
  }
  // A standby that followed it has the history of its timeline. Another one is not the server that led before.
  const auto timeline = static_cast<Timeline>(std::strtoul(rows->text(0, 2).c_str(), nullptr, 16));
  std::error_code ignored;
  const bool followed = timeline <= std::max(own->data.checkpoint_timeline, own->data.min_recovery_timeline) ||
                        std::filesystem::exists(wal_dir(core_.options) / (rows->text(0, 2) + ".history"), ignored);
  if (!followed) {
    co_return FenceResult{FenceOutcome::kNotNeeded, fmt::format("it is on timeline {}, which this server never saw", timeline)};
  }
  if (rows->text(0, 3) != "t") {
    co_return FenceResult{FenceOutcome::kNotPossible,
                          "the user of postgresql.authentication.superuser is no superuser there, and may not run programs"};
  }
  co_return std::nullopt;
}

Task<FenceResult> Fencer::fence(Upstream suspect, Instant answer_by, Ctx ctx) {
  prepare(suspect);
  while (!attempt_.done) {
    const auto waited = co_await prepared_.wait(ctx.until(answer_by));
    if (!waited && !attempt_.done) co_return FenceResult{FenceOutcome::kNotPossible, "it does not answer"};
  }
  const auto session = std::move(attempt_.session);
  attempt_.done = false;
  attempt_.suspect = {};
  ++attempt_.number;  // whatever comes next begins anew
  if (!session) {
    const Error failure = attempt_.failure.value_or(Error(Errc::kUnavailable, "the session was lost"));
    const bool silent = failure.code() == Errc::kTimeout || failure.code() == Errc::kCancelled;
    co_return FenceResult{silent ? FenceOutcome::kNotPossible : FenceOutcome::kNotNeeded, failure.text()};
  }
  if (auto known = co_await examine(*session, ctx)) co_return std::move(*known);

  log::warning("{} still takes writes: stopping its server by SQL", suspect.member);
  const auto sent =
      co_await session->query(fmt::format("COPY (SELECT) TO PROGRAM {}", session->literal(stop_program())), ctx);
  // The session may be ended by what it asked for before it is told so.
  if (!sent && sent.error().code() == Errc::kFailed && session->usable() && session->sqlstate() != "57P01") {
    co_return FenceResult{FenceOutcome::kNotPossible, sent.error().text()};
  }
  if (auto gone = co_await wait_until_gone(suspect, ctx); !gone) {
    co_return FenceResult{FenceOutcome::kNotPossible, "it was asked to stop and did not: " + gone.error().text()};
  }
  co_await drain(ctx);
  co_return FenceResult{FenceOutcome::kStopped, {}};
}

Task<Status> Fencer::wait_until_gone(Upstream suspect, Ctx ctx) {
  while (true) {
    const auto session = co_await Connection::open(core_.reactor, params_of(suspect),
                                                   ctx.until(core_.reactor.now() + kOneConnect));
    if (!session && refused(session.error())) co_return Status();
    if (auto paused = co_await pause_for(core_.reactor, kLook, ctx); !paused) co_return paused;
  }
}

Task<void> Fencer::drain(Ctx ctx) {
  const Ctx patience = ctx.until(core_.reactor.now() + kDrainPatience);
  while (true) {
    const auto rows = co_await core_.supervisor.monitor().query(
        "SELECT (SELECT status FROM pg_catalog.pg_stat_get_wal_receiver())", patience);
    if (!rows || rows->text(0, 0) != "streaming") co_return;
    if (const auto paused = co_await pause_for(core_.reactor, kLook, patience); !paused) co_return;
  }
}

}  // namespace matriarch::postgres
