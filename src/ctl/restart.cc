// `restart` (spec section 8).
#include <charconv>

#include "ctl/choose.h"
#include "ctl/prompt.h"
#include "ctl/times.h"

namespace matriarch::ctl {
namespace {

Error invalid(std::string text) { return {Errc::kInvalid, std::move(text)}; }

// CTL-167: X.Y from version 10 on, X.Y.Z before.
Status check_version(std::string_view text) {
  std::vector<int> parts;
  for (std::string_view rest = text;;) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    int number = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (error != std::errc() || end != part.data() + part.size()) {
      return invalid(fmt::format("Invalid PostgreSQL version: {}", text));
    }
    parts.push_back(number);
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (parts.size() == 3 || (parts.size() == 2 && parts[0] >= 10)) return {};
  return invalid(fmt::format("Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: {}", text));
}

Result<std::optional<ZonedTime>> choose_time(App& app, const RestartOptions& options) {
  std::string text = options.scheduled.value_or("");
  if (!options.scheduled && !options.choice.force) {
    auto answer = ask(app.console,
                      fmt::format("When should the restart take place (e.g. {}) ",
                                  example_schedule(app.scheduler.wall_now())),
                      "now");
    if (!answer) return answer.error();
    text = std::move(*answer);
  }
  return parse_schedule(text);
}

// CTL-164, CTL-165
Status confirm_restart(App& app, const RestartOptions& options, const std::optional<ZonedTime>& time,
                       const std::vector<Member>& members) {
  if (!time || options.choice.force) return confirm_members(app, options.choice, "restart", members);
  const std::string question =
      options.pending ? "The nodes needing a restart will be identified at the scheduled time, and might be different "
                        "from the ones showing pending restart right now. Is this fine?"
                      : fmt::format("Are you sure you want to schedule restart of members {} at {}?",
                                    joined_names(members), time->readable());
  auto yes = confirm(app.console, question);
  if (!yes) return yes.error();
  return *yes ? Status() : invalid("Aborted scheduled restart");
}

Result<std::string> choose_version(App& app, const RestartOptions& options) {
  std::string text = options.pg_version.value_or("");
  if (!options.pg_version && !options.choice.force) {
    auto answer = ask(app.console, "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2) ", "");
    if (!answer) return answer;
    text = std::move(*answer);
  }
  if (!text.empty()) {
    if (auto valid = check_version(text); !valid) return valid.error();
  }
  return text;
}

void report(App& app, const RestReply& reply, const std::string& member) {
  switch (reply.status) {
    case 200:
      return app.say(fmt::format("Success: restart on member {}", member));
    case 202:
      return app.say(fmt::format("Success: restart scheduled on member {}", member));
    case 409:
      return app.say_refused(fmt::format("Failed: another restart is already scheduled on member {}", member));
    default:
      return app.say_refused(
          fmt::format("Failed: restart for member {}, status code={}, ({})", member, reply.status, reply.text));
  }
}

// One member, waited for (CTL-171, CTL-176).
Task<Status> restart_member(App& app, Member member, Value body, bool replace_schedule) {
  if (replace_schedule && member.data.scheduled_restart.truthy()) {
    auto removed = co_await call_member(app, "DELETE", member, "restart", std::nullopt);
    if (!removed.reply) co_return removed.reply.error();
    if (removed.reply->status >= 400) {
      report_reply(app, *removed.reply, "flush scheduled restart", member.name);
    }
  }
  auto outcome = co_await call_member(app, "POST", member, "restart", std::move(body));
  if (!outcome.reply) co_return outcome.reply.error();
  report(app, *outcome.reply, member.name);
  app.console.flush();
  co_return Status();
}

}  // namespace

Task<Status> restart(App& app, RestartOptions options) {
  auto choice = co_await choose_members(app, options.choice);
  if (!choice) co_return choice.error();
  std::vector<Member>& members = choice->members;
  auto time = choose_time(app, options);
  if (!time) co_return time.error();
  if (options.pending && !*time) {
    std::erase_if(members, [](const Member& member) { return !member.data.pending_restart; });
  }
  if (options.any && !members.empty()) {
    members = std::vector<Member>{members[app.random_below(members.size())]};
  }
  if (auto yes = confirm_restart(app, options, *time, members); !yes) co_return yes;
  auto version = choose_version(app, options);
  if (!version) co_return version.error();
  if (*time && flags_of(choice->loaded.main()).paused) {
    co_return invalid("Can't schedule restart in the paused state");
  }

  Value::Map body;  // CTL-170
  if (options.pending) body.set("restart_pending", true);
  if (!version->empty()) body.set("postgres_version", *version);
  if (*time) body.set("schedule", (*time)->iso());
  if (options.timeout) body.set("timeout", *options.timeout);
  for (const Member& member : members) {
    auto done = co_await restart_member(app, member, Value(body), *time && options.choice.force);
    if (!done) co_return done;
  }
  co_return Status();
}

}  // namespace matriarch::ctl
