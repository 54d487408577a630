// `switchover` and `failover` (spec section 7).
#include "base/log.h"
#include "ctl/commands.h"
#include "ctl/members.h"
#include "ctl/prompt.h"
#include "ctl/times.h"
#include "model/codec.h"

namespace matriarch::ctl {
namespace {

Error invalid(std::string text) { return {Errc::kInvalid, std::move(text)}; }

// What the person decided, in the order of the questions.
class Dialog {
 public:
  Dialog(App& app, const FailoverOptions& options, const ClusterView& view)
      : app_(app), options_(options), view_(view), leader_(view.leader_name()) {}

  Status run() {
    for (const auto step : {&Dialog::choose_leader, &Dialog::choose_candidate, &Dialog::accept_asynchronous,
                            &Dialog::choose_time, &Dialog::confirm_all}) {
      if (auto done = (this->*step)(); !done) return done;
    }
    return {};
  }

  [[nodiscard]] bool is_switchover() const { return options_.action == FailoverAction::kSwitchover; }
  [[nodiscard]] std::string action() const { return is_switchover() ? "switchover" : "failover"; }
  [[nodiscard]] const std::string& leader() const { return leader_; }
  [[nodiscard]] const std::string& candidate() const { return candidate_; }
  [[nodiscard]] std::string scheduled_at() const { return time_ ? time_->iso() : std::string(); }

  // CTL-138, CTL-139
  [[nodiscard]] Value body() const {
    Value::Map body;
    body.set("candidate", candidate_.empty() ? Value() : Value(candidate_));
    if (is_switchover()) body.set("leader", leader_);
    if (time_) body.set("scheduled_at", time_->iso());
    return body;
  }

 private:
  Status choose_leader() {  // CTL-122..124
    if (!is_switchover()) return {};
    if (leader_.empty()) return invalid("This cluster has no leader");
    std::string given = options_.leader.value_or(leader_);
    if (!options_.leader && !options_.force) {
      auto answer = ask(app_.console, flags_of(view_).standby_cluster ? "Standby Leader" : "Primary", leader_);
      if (!answer) return answer.error();
      given = std::move(*answer);
    }
    if (given == leader_) return {};
    return invalid(fmt::format("Member {} is not the leader of cluster {}", given, options_.cluster));
  }

  Status choose_candidate() {  // CTL-125..130
    std::vector<std::string> names;
    for (const Member& member : view_.members) {
      if (member.name != leader_ && !member.data.tags.nofailover()) names.push_back(member.name);
    }
    std::ranges::sort(names);
    if (names.empty()) return invalid(fmt::format("No candidates found to {} to", action()));
    candidate_ = options_.candidate.value_or("");
    if (!options_.candidate && !options_.force) {
      auto answer = ask(app_.console, fmt::format("Candidate ['{}']", fmt::join(names, "', '")), "");
      if (!answer) return answer.error();
      candidate_ = std::move(*answer);
    }
    if (candidate_.empty()) {
      if (is_switchover()) return {};
      return invalid("Failover could be performed only to a specific candidate");
    }
    if (candidate_ == leader_) {
      return invalid(fmt::format("Member {} is already the leader of cluster {}", candidate_, options_.cluster));
    }
    if (std::ranges::find(names, candidate_) != names.end()) return {};
    return invalid(fmt::format("Member {} does not exist in cluster {} or is tagged as nofailover", candidate_,
                               options_.cluster));
  }

  Status accept_asynchronous() {  // CTL-131
    const bool asynchronous = flags_of(view_).synchronous && view_.sync.active() &&
                              !view_.sync.matches(candidate_, /*or_leader=*/true);
    if (is_switchover() || options_.force || !asynchronous) return {};
    auto yes = confirm(app_.console,
                       fmt::format("Are you sure you want to failover to the asynchronous node {}?", candidate_));
    if (!yes) return yes.error();
    return *yes ? Status() : invalid("Aborting failover");
  }

  Status choose_time() {  // CTL-132, CTL-133
    if (!is_switchover()) return {};
    std::string text = options_.scheduled.value_or("");
    if (!options_.scheduled && !options_.force) {
      auto answer = ask(app_.console,
                        fmt::format("When should the switchover take place (e.g. {} ) ",
                                    example_schedule(app_.scheduler.wall_now())),
                        "now");
      if (!answer) return answer.error();
      text = std::move(*answer);
    }
    auto time = parse_schedule(text);
    if (!time) return time.error();
    time_ = *time;
    if (time_ && flags_of(view_).paused) return invalid("Can't schedule switchover in the paused state");
    return {};
  }

  Status confirm_all() {  // CTL-134, CTL-135
    if (options_.force) return {};
    const std::string demoting = leader_.empty() ? "" : fmt::format(", demoting current leader {}", leader_);
    const std::string question =
        time_ ? fmt::format("Are you sure you want to schedule switchover of cluster {} at {}{}?", options_.cluster,
                            time_->iso(), demoting)
              : fmt::format("Are you sure you want to {} cluster {}{}?", action(), options_.cluster, demoting);
    auto yes = confirm(app_.console, question);
    if (!yes) return yes.error();
    if (*yes) return {};
    return invalid("Aborting " + (time_ ? "scheduled switchover" : action()));
  }

  App& app_;
  const FailoverOptions& options_;
  const ClusterView& view_;
  std::string leader_;
  std::string candidate_;
  std::optional<ZonedTime> time_;
};

bool contains_without_case(std::string_view text, std::string_view word) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return !std::ranges::search(text, word, same).empty();
}

// CTL-136, CTL-142
Task<RestOutcome> send(App& app, const ClusterView& view, const Dialog& dialog) {
  const Member* found = view.member(dialog.leader().empty() ? dialog.candidate() : dialog.leader());
  if (found == nullptr) {
    co_return RestOutcome{.reply = Error(Errc::kNotFound, fmt::format("{} has no member key", dialog.leader()))};
  }
  const Member member = *found;
  auto outcome = co_await call_member(app, "POST", member, dialog.action(), dialog.body());
  const bool old_node = dialog.is_switchover() && outcome.reply && outcome.reply->status == 501 &&
                        outcome.reply->text.find("Server does not support this operation") != std::string::npos;
  if (old_node) outcome = co_await call_member(app, "POST", member, "failover", dialog.body());
  co_return outcome;
}

// CTL-148..153, DCS-218. Only for requests that certainly reached nobody.
Task<Status> fall_back_to_store(App& app, ClusterId id, const Dialog& dialog, Error reason) {
  log::error("{}", reason.text());
  log::warning("Failing over to DCS");
  app.say(fmt::format("{} Could not {} using Patroni api, falling back to DCS", app.timestamp(), dialog.action()));
  auto store = app.clusters.open(id);
  if (!store) co_return store.error();
  const std::string leader = dialog.is_switchover() ? dialog.leader() : std::string();
  const auto written = co_await (*store)->set_failover(
      write_failover(leader, dialog.candidate(), dialog.scheduled_at()), std::nullopt, app.store_ctx());
  if (!written) {
    app.refused = true;
    log::error("could not write the failover key: {}", written.error().text());
  }
  co_return Status();
}

// CTL-143..147. True: the table is shown.
bool report(App& app, const Dialog& dialog, const RestReply& reply) {
  if (reply.status == 200 || reply.status == 202) {
    app.say(fmt::format("{} {}", app.timestamp(), reply.text));
    return true;
  }
  const std::string title = dialog.is_switchover() ? "Switchover" : "Failover";
  const std::string_view what = contains_without_case(reply.text, "status unknown") ? "result unknown" : "failed";
  app.say_refused(fmt::format("{} {}, details: {}, {}", title, what, reply.status, reply.text));
  return false;
}

// The group to act on: given, or asked for (CTL-121).
Task<Result<Loaded>> load_group(App& app, FailoverOptions& options) {
  auto loaded = co_await load_cluster(app, options.cluster, options.group);
  if (!loaded) co_return loaded;
  app.say("Current cluster topology");
  print_members(app, *loaded);
  if (!loaded->all_groups()) co_return loaded;
  if (options.force) co_return invalid("For Citus clusters the --group must me specified");
  auto group = ask_int(app.console, "Citus group");
  if (!group) co_return group.error();
  options.group = *group;
  co_return co_await load_cluster(app, options.cluster, options.group);
}

}  // namespace

Task<Status> failover(App& app, FailoverOptions options) {
  auto loaded = co_await load_group(app, options);
  if (!loaded) co_return loaded.error();
  const ClusterView& view = loaded->main();
  Dialog dialog(app, options, view);
  if (auto decided = dialog.run(); !decided) co_return decided;
  app.console.flush();

  auto outcome = co_await send(app, view, dialog);
  if (!outcome.reply) {
    const Error error = outcome.reply.error();
    if (outcome.sent) {
      app.say_refused(fmt::format("{} result unknown, details: {}", dialog.is_switchover() ? "Switchover" : "Failover",
                                  error.text()));
      co_return Status();
    }
    const ClusterId id{.scope = options.cluster, .group = options.group};
    if (auto written = co_await fall_back_to_store(app, id, dialog, error); !written) co_return written;
  } else if (!report(app, dialog, *outcome.reply)) {
    co_return Status();
  }
  auto after = co_await load_cluster(app, options.cluster, options.group);
  if (!after) co_return after.error();
  print_members(app, *after);
  co_return Status();
}

}  // namespace matriarch::ctl
