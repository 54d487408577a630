// `reload`, `reinit` and `flush` (spec section 9).
#include "base/log.h"
#include "base/wait.h"
#include "ctl/choose.h"
#include "ctl/prompt.h"
#include "model/codec.h"

namespace matriarch::ctl {

Task<Status> reload(App& app, MemberOptions options) {
  auto choice = co_await choose_members(app, options);
  if (!choice) co_return choice.error();
  if (auto yes = confirm_members(app, options, "reload", choice->members); !yes) co_return yes;
  const std::string loop_wait = loop_wait_text(app, choice->loaded.main());
  for (const Member& member : choice->members) {
    auto outcome = co_await call_member(app, "POST", member, "reload", std::nullopt);
    if (!outcome.reply) co_return outcome.reply.error();
    const RestReply& reply = *outcome.reply;
    if (reply.status == 200) {
      app.say(fmt::format("No changes to apply on member {}", member.name));
    } else if (reply.status == 202) {
      app.say(fmt::format("Reload request received for member {} and will be processed within {} seconds", member.name,
                          loop_wait));
    } else {
      app.say_refused(
          fmt::format("Failed: reload for member {}, status code={}, ({})", member.name, reply.status, reply.text));
    }
  }
  co_return Status();
}

namespace {

// True: it was started (CTL-183, CTL-184).
Task<Result<bool>> reinit_member(App& app, Member member, bool force, bool from_leader) {
  for (;;) {
    Value::Map body;
    body.set("force", force);
    body.set("from_leader", from_leader);
    auto outcome = co_await call_member(app, "POST", member, "reinitialize", Value(std::move(body)));
    if (!outcome.reply) co_return outcome.reply.error();
    const bool refused_before = app.refused;
    if (report_reply(app, *outcome.reply, "reinitialize", member.name)) co_return true;
    if (force || !outcome.reply->text.ends_with(" already in progress")) co_return false;
    auto yes = confirm(app.console, "Do you want to cancel it and reinitialize anyway?");
    if (!yes) co_return yes.error();
    if (!*yes) co_return false;
    app.refused = refused_before;  // asked again: the next answer counts
    force = true;
  }
}

enum class CopyState { kNotSeen, kRunning, kDone };

struct Waiting {
  Member member;
  CopyState state = CopyState::kNotSeen;
};

Task<bool> is_creating_replica(App& app, Member member) {
  auto outcome = co_await call_member(app, "GET", member, "patroni", std::nullopt);
  if (!outcome.reply) co_return false;
  const auto document = parse_json(outcome.reply->text);
  const Value* state = document ? document->find("state") : nullptr;
  co_return state != nullptr && string_form(*state) == "creating replica";
}

std::string names_of(const std::vector<Waiting>& waiting) {
  std::string text;
  for (const Waiting& one : waiting) text += (text.empty() ? "" : ", ") + one.member.name;
  return text;
}

// CTL-185..187: a node is given `grace` to begin.
Task<Status> wait_for_copies(App& app, std::vector<Waiting> waiting, Duration grace) {
  const Instant begin_until = app.scheduler.now() + grace;
  std::size_t announced = 0;
  while (!waiting.empty()) {
    if (waiting.size() != announced) {
      app.say("Waiting for reinitialize to complete on: " + names_of(waiting));
      announced = waiting.size();
    }
    app.console.flush();
    auto slept = co_await sleep_until(app.scheduler, app.scheduler.now() + std::chrono::seconds(2), Ctx{});
    if (!slept) co_return slept;
    for (Waiting& one : waiting) {
      const bool creating = co_await is_creating_replica(app, one.member);
      if (creating) {
        one.state = CopyState::kRunning;
      } else if (one.state == CopyState::kRunning || app.scheduler.now() >= begin_until) {
        one.state = CopyState::kDone;
        app.say("Reinitialize is completed on: " + one.member.name);
      }
    }
    std::erase_if(waiting, [](const Waiting& one) { return one.state == CopyState::kDone; });
  }
  co_return Status();
}

}  // namespace

Task<Status> reinit(App& app, ReinitOptions options) {
  auto choice = co_await choose_members(app, options.choice, Chooser::kReinit);
  if (!choice) co_return choice.error();
  if (choice->members.empty()) co_return Status();
  if (auto yes = confirm_members(app, options.choice, "reinitialize", choice->members); !yes) co_return yes;

  std::vector<Waiting> started;
  for (const Member& member : choice->members) {
    auto begun = co_await reinit_member(app, member, options.choice.force, options.from_leader);
    if (!begun) co_return begun.error();
    if (*begun) started.push_back({.member = member});
  }
  if (!options.wait) co_return Status();
  co_return co_await wait_for_copies(app, std::move(started), loop_wait_of(app, choice->loaded.main()));
}

Task<Status> flush_restart(App& app, MemberOptions options) {
  auto choice = co_await choose_members(app, options);
  if (!choice) co_return choice.error();
  if (auto yes = confirm_members(app, options, "flush", choice->members); !yes) co_return yes;
  for (const Member& member : choice->members) {
    if (!member.data.scheduled_restart.truthy()) {
      app.say(fmt::format("No scheduled restart for member {}", member.name));
      continue;
    }
    auto outcome = co_await call_member(app, "DELETE", member, "restart", std::nullopt);
    if (!outcome.reply) co_return outcome.reply.error();
    report_reply(app, *outcome.reply, "flush scheduled restart", member.name);
  }
  co_return Status();
}

namespace {

// CTL-196
Task<Status> clear_failover_key(App& app, ClusterId id, Version version) {
  log::warning("Failing over to DCS");
  app.say(fmt::format("{} Could not find any accessible member of cluster {}", app.timestamp(), id.scope));
  auto store = app.clusters.open(id);
  if (!store) co_return store.error();
  const auto cleared = co_await (*store)->set_failover("{}", version, app.store_ctx());
  if (!cleared) {
    app.refused = true;
    log::error("could not clear the failover key: {}", cleared.error().text());
  }
  co_return Status();
}

}  // namespace

Task<Status> flush_switchover(App& app, std::string cluster, std::optional<int> group) {
  group = main_group(app, group);
  auto loaded = co_await load_cluster(app, cluster, group);
  if (!loaded) co_return loaded.error();
  const ClusterView& view = loaded->main();
  if (!view.failover || !view.failover->scheduled()) {
    app.say("No pending scheduled switchover");
    co_return Status();
  }
  for (const Member& member : leader_first(view)) {
    auto outcome = co_await call_member(app, "DELETE", member, "switchover", std::nullopt);
    if (!outcome.reply) {
      warn_not_accessible(outcome.reply.error(), member.name);
      continue;
    }
    const RestReply& reply = *outcome.reply;
    if (reply.status == 200) {
      app.say("Success: " + reply.text);
      co_return Status();
    }
    if (reply.status == 404) {
      app.say_refused("Failed: " + reply.text);
      co_return Status();
    }
    app.say_refused(fmt::format("Failed: member={}, status_code={}, ({})", member.name, reply.status, reply.text));
  }
  co_return co_await clear_failover_key(app, {.scope = cluster, .group = group}, view.failover->version);
}

}  // namespace matriarch::ctl
