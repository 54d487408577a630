#include "postgres/scripts.h"

#include <csignal>

#include <unistd.h>

#include <fmt/format.h>

#include "base/log.h"
#include "base/wait.h"
#include "postgres/postmaster.h"
#include "postgres/shell_words.h"
#include "postgres/text.h"

namespace matriarch::postgres {

namespace {

constexpr auto kTermGrace = std::chrono::seconds(10);  // PG-108
constexpr auto kKillLook = std::chrono::milliseconds(2);

void log_output(const std::string& what, const std::string& output) {
  for (const auto line : lines_of(output)) {
    if (!line.empty()) log::info("{}: {}", what, line);
  }
}

}  // namespace

std::string long_option(std::string_view key, const Value& value) {
  return fmt::format("--{}={}", key, string_form(value));
}

void Scripts::callback(CallbackAction action, Role role) {
  const auto configured = core_.options.callbacks.find(action);
  if (configured == core_.options.callbacks.end() || configured->second.empty()) return;
  auto words = shell_words(configured->second);
  if (!words || words->empty()) {
    log::error("callback {} cannot be run: {}", to_string(action), words ? "it is empty" : words.error().text());
    return;
  }
  words->emplace_back(to_string(action));
  words->emplace_back(callback_role(role));
  words->push_back(core_.options.scope);
  Track& track = action == CallbackAction::kOnReload ? reload_ : main_;
  track.next = std::move(*words);
  if (track.busy) {
    track.replaced.request_stop();
  } else {
    track.busy = true;
    core_.background.spawn(run_track(this, &track));
  }
}

Task<void> Scripts::run_track(Scripts* self, Track* track) {
  while (track->next && !self->core_.background.stop_token().stop_requested()) {
    auto argv = std::move(*track->next);
    track->next.reset();
    track->replaced = std::stop_source();
    co_await self->run_callback(std::move(argv), track);
  }
  track->busy = false;
}

Task<void> Scripts::run_callback(std::vector<std::string> argv, Track* track) {
  const std::string name = argv.front();
  auto child = spawn({.argv = std::move(argv),
                      .unset_env = {"NOTIFY_SOCKET"},
                      .new_session = true,
                      .stdout_fd = STDOUT_FILENO,
                      .stderr_fd = STDERR_FILENO});
  if (!child) {
    log::error("callback {} cannot be run: {}", name, child.error().text());
    co_return;
  }
  // The end of this object leaves the callback running; only a newer callback ends it.
  const std::stop_callback closing(core_.background.stop_token(), [track] { track->replaced.request_stop(); });
  if (co_await child->wait(core_.reactor, Ctx{.stop = track->replaced.get_token()})) co_return;
  if (core_.background.stop_token().stop_requested()) co_return;
  log::warning("killing callback {} for a newer one", name);
  co_await end(&*child, track->gently);
}

Task<void> Scripts::end(ChildProcess* child, bool gently) {
  const Ctx ctx{.stop = core_.background.stop_token()};
  if (gently) {
    (void)child->kill(SIGTERM);  // ended meanwhile: the wait says so
    if (co_await child->wait(core_.reactor, ctx.until(core_.reactor.now() + kTermGrace))) co_return;
  }
  while (!kill_family(child->pid(), child->pidfd()).empty()) {
    if (!co_await pause_for(core_.reactor, kKillLook, ctx)) co_return;
  }
  (void)co_await child->wait(core_.reactor, ctx);
}

Task<Result<ExitStatus>> Scripts::command(std::string what, std::string command_line,
                                          std::vector<std::string> arguments, std::map<std::string, std::string> env,
                                          Ctx ctx) {
  auto words = shell_words(command_line);
  if (!words) co_return words.error().in(what);
  if (words->empty()) co_return Error(Errc::kInvalid, what + ": the command is empty");
  for (auto& argument : arguments) words->push_back(std::move(argument));
  const auto run = co_await run_program(core_.reactor, SpawnOptions{.argv = std::move(*words), .env = std::move(env)},
                                        RunOptions{}, std::move(ctx));
  if (!run) co_return run.error().in(what);
  log_output(what, run->out);
  log_output(what, run->err);
  if (!run->status.success()) log::error("{} ended with {}", what, run->status.text());
  co_return run->status;
}

Task<bool> Scripts::pre_promote(Ctx ctx) {
  if (core_.options.pre_promote.empty()) co_return true;
  const auto status = co_await command("pre_promote", core_.options.pre_promote, {}, {}, std::move(ctx));
  if (!status) log::error("{}", status.error().text());
  co_return status && status->success();
}

Task<void> Scripts::before_stop(Ctx ctx) {
  if (core_.options.before_stop.empty()) co_return;
  const auto status = co_await command("before_stop", core_.options.before_stop, {}, {}, std::move(ctx));
  if (!status) log::error("{}", status.error().text());
}

}  // namespace matriarch::postgres
