// `pause` and `resume` (spec section 10).
#include "base/log.h"
#include "base/wait.h"
#include "ctl/commands.h"
#include "ctl/resume.h"

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

// `resume --force`: nobody is asked.
Task<Status> write_resumed(App& app, PauseOptions options, StoredConfig stored) {
  auto store = app.clusters.open({.scope = options.cluster, .group = options.group});
  if (!store) co_return store.error();
  stored.data.as_map().erase("pause");
  auto written = co_await (*store)->set_config(to_json(stored.data), stored.version, app.store_ctx());
  if (!written) co_return written.error().in("writing /config");
  co_return Status();
}

// True: the cluster is, or will be, as asked for. False: refused, and said so.
Task<Result<bool>> carry_out(App& app, PauseOptions options, Loaded loaded) {
  const auto reply = co_await ask_to_pause(app, loaded.main(), options.pause);
  if (options.force && is_refused(reply)) {
    log::warning("resuming by force although this was the answer: {}", reply ? reply->text : reply.error().text());
    const auto written = co_await write_resumed(app, options, *loaded.main().config);
    if (!written) co_return written.error();
    co_return true;
  }
  if (!reply) co_return reply.error();
  if (reply->status == 200) co_return true;
  app.say_refused(fmt::format("Failed: {} cluster management status code={}, ({})", options.pause ? "pause" : "resume",
                              reply->status, reply->text));
  co_return false;
}

}  // namespace

Task<Status> pause(App& app, PauseOptions options) {
  options.group = main_group(app, options.group);
  auto loaded = co_await load_cluster(app, options.cluster, options.group);
  if (!loaded) co_return loaded.error();
  if (flags_of(loaded->main()).paused == options.pause) {  // CTL-197
    co_return Error(Errc::kInvalid, options.pause ? "Cluster is already paused" : "Cluster is not paused");
  }
  const auto done = co_await carry_out(app, options, *loaded);
  if (!done) co_return done.error();
  if (!*done) co_return Status();
  if (options.wait) {
    app.say(fmt::format("'{}' request sent, waiting until it is recognized by all nodes", options.pause ? "pause" : "resume"));
    auto recognized = co_await wait_until_recognized(app, options, *loaded);
    if (!recognized) co_return recognized.error();
    if (!*recognized) co_return Status();
  }
  app.say(fmt::format("Success: cluster management is {}", options.pause ? "paused" : "resumed"));
  co_return Status();
}

}  // namespace matriarch::ctl
