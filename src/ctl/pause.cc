// `pause` and `resume` (spec section 10).
#include "base/wait.h"
#include "ctl/commands.h"

namespace matriarch::ctl {
namespace {

// A member whose key did not yet show the wanted state, as it was when the request was sent.
struct Expected {
  std::string name;
  Version version;
};

// Those of `expected` that still differ in `view`.
std::vector<Expected> differing(const ClusterView& view, const std::vector<Expected>& expected, bool pause) {
  std::vector<Expected> left;
  for (const Expected& one : expected) {
    const Member* member = view.member(one.name);
    if (member != nullptr && member->data.pause != pause) left.push_back(one);
  }
  return left;
}

// Of those, the ones whose key was written since (CTL-204): they had the chance to say it.
std::string updated_names(const ClusterView& view, const std::vector<Expected>& left) {
  std::string names;
  for (const Expected& one : left) {
    if (view.member(one.name)->version != one.version) names += (names.empty() ? "" : ", ") + one.name;
  }
  return names;
}

// CTL-202..204. True: recognised as far as anybody can tell.
Task<Result<bool>> wait_until_recognized(App& app, PauseOptions options, Loaded before) {
  std::vector<Expected> expected;
  for (const Member& member : before.main().members) {
    if (member.has_api()) expected.push_back({.name = member.name, .version = member.version});
  }
  const Instant end = app.scheduler.now() + loop_wait_of(app, before.main()) + std::chrono::seconds(1);
  for (;;) {
    app.console.flush();
    auto loaded = co_await load_cluster(app, options.cluster, options.group);
    if (!loaded) co_return loaded.error();
    const auto left = differing(loaded->main(), expected, options.pause);
    if (left.empty()) co_return true;
    if (app.scheduler.now() >= end) {
      const std::string names = updated_names(loaded->main(), left);
      if (names.empty()) co_return true;
      app.say_refused(fmt::format("{} members didn't recognized pause state after {} seconds", names,
                                  loop_wait_text(app, before.main())));
      co_return false;
    }
    auto slept = co_await sleep_until(app.scheduler, app.scheduler.now() + std::chrono::seconds(1), Ctx{});
    if (!slept) co_return slept.error();
  }
}

}  // namespace

Task<Status> pause(App& app, PauseOptions options) {
  options.group = main_group(app, options.group);
  auto loaded = co_await load_cluster(app, options.cluster, options.group);
  if (!loaded) co_return loaded.error();
  const std::string_view verb = options.pause ? "pause" : "resume";
  if (flags_of(loaded->main()).paused == options.pause) {  // CTL-197
    co_return Error(Errc::kInvalid, options.pause ? "Cluster is already paused" : "Cluster is not paused");
  }
  Value::Map body;
  body.set("pause", options.pause ? Value(true) : Value());
  const auto members = leader_first(loaded->main());
  for (const Member& member : members) {
    auto outcome = co_await call_member(app, "PATCH", member, "config", Value(body));
    if (!outcome.reply) {
      warn_not_accessible(outcome.reply.error(), member.name);
      continue;
    }
    if (outcome.reply->status != 200) {
      app.say_refused(fmt::format("Failed: {} cluster management status code={}, ({})", verb, outcome.reply->status,
                                  outcome.reply->text));
      co_return Status();
    }
    if (options.wait) {
      app.say(fmt::format("'{}' request sent, waiting until it is recognized by all nodes", verb));
      auto recognized = co_await wait_until_recognized(app, options, *loaded);
      if (!recognized) co_return recognized.error();
      if (!*recognized) co_return Status();
    }
    app.say(fmt::format("Success: cluster management is {}", options.pause ? "paused" : "resumed"));
    co_return Status();
  }
  co_return Error(Errc::kUnavailable, "Can not find accessible cluster member");
}

}  // namespace matriarch::ctl
