// `demote-cluster` and `promote-cluster` (spec section 15).
#include "base/wait.h"
#include "ctl/commands.h"
#include "ctl/members.h"
#include "ctl/prompt.h"
#include "ctl/times.h"

namespace matriarch::ctl {
namespace {

Error invalid(std::string text) { return {Errc::kInvalid, std::move(text)}; }

// CTL-274
Value patch_of(const DemoteClusterOptions& options) {
  Value::Map standby;
  if (options.host) standby.set("host", *options.host);
  if (options.port) standby.set("port", *options.port);
  if (options.primary_slot_name) standby.set("primary_slot_name", *options.primary_slot_name);
  if (options.restore_command) standby.set("restore_command", *options.restore_command);
  Value::Map patch;
  patch.set("standby_cluster", options.promote ? Value() : Value(std::move(standby)));
  return patch;
}

std::string role_text(const Member* member) {
  return member != nullptr && member->data.role ? std::string(to_string(*member->data.role)) : "None";
}

std::string state_text(const Member* member) {
  return member != nullptr && member->data.state ? std::string(to_string(*member->data.state)) : "None";
}

// One line of the waiting (CTL-278, CTL-279). True: done.
bool report_progress(App& app, const DemoteClusterOptions& options, const ClusterView& view,
                     const std::string& former_leader) {
  const std::string now = local_seconds(app.scheduler.wall_now());
  const Role target = options.promote ? Role::kPrimary : Role::kStandbyLeader;
  const Member* leader = view.is_unlocked() ? nullptr : view.leader_member();
  const Member* former = view.member(former_leader);
  const bool leader_ready = leader != nullptr && leader->data.role == target && leader->is_running();
  if (leader_ready && (options.promote || (former != nullptr && former->is_running()))) {
    app.say(fmt::format("{} cluster is successfully {}", now, options.promote ? "promoted" : "demoted"));
    return true;
  }
  std::string line = fmt::format("{} cluster is unlocked: {}, leader role: {}, leader state: {}", now,
                                 view.is_unlocked() ? "True" : "False", role_text(leader), state_text(leader));
  const bool changed = leader != nullptr && leader->name != former_leader;
  if (!options.promote && changed && former != nullptr && former->data.state) {
    line += fmt::format(", previous leader state: '{}'", state_text(former));
  }
  app.say(line);
  return false;
}

Status check_and_confirm(App& app, const DemoteClusterOptions& options, const Loaded& loaded) {
  const ClusterView& view = loaded.main();
  const std::string_view noun = options.promote ? "promotion" : "demotion";
  if (view.is_unlocked()) return invalid(fmt::format("Cluster has no leader, {} is not possible", noun));
  const Member* leader = view.leader_member();
  if (leader != nullptr && leader->data.role == (options.promote ? Role::kPrimary : Role::kStandbyLeader)) {
    return invalid("Cluster is already in the required state");
  }
  app.say("Current cluster topology");
  print_members(app, loaded);
  if (options.force) return {};
  auto yes = confirm(app.console, fmt::format("Are you sure you want to {} {} cluster?",
                                              options.promote ? "promote" : "demote", options.cluster));
  if (!yes) return yes.error();
  return *yes ? Status() : invalid(fmt::format("Aborted cluster {}", noun));
}

}  // namespace

Task<Status> demote_cluster(App& app, DemoteClusterOptions options) {
  if (!options.promote && !options.host && !options.port && !options.restore_command) {
    co_return invalid("At least --host, --port or --restore-command should be specified");
  }
  const auto group = main_group(app, std::nullopt);  // CTL-281
  auto loaded = co_await load_cluster(app, options.cluster, group);
  if (!loaded) co_return loaded.error();
  if (auto decided = check_and_confirm(app, options, *loaded); !decided) co_return decided;

  const std::string former_leader = loaded->main().leader_name();
  const std::string failure =
      fmt::format("Failed to {} {} cluster: ", options.promote ? "promote" : "demote", options.cluster);
  const Member* leader = loaded->main().leader_member();
  if (leader == nullptr) co_return Error(Errc::kNotFound, failure + former_leader + " has no member key");
  app.console.flush();
  auto outcome = co_await call_member(app, "PATCH", *leader, "config", patch_of(options));
  if (!outcome.reply) co_return Error(outcome.reply.error().code(), failure + outcome.reply.error().text());
  if (outcome.reply->status != 200) {
    co_return Error(Errc::kFailed, fmt::format("{}/config PATCH status code={}, ({})", failure, outcome.reply->status,
                                               outcome.reply->text));
  }
  for (;;) {
    auto slept = co_await sleep_until(app.scheduler, app.scheduler.now() + std::chrono::seconds(1), Ctx{});
    if (!slept) co_return slept;
    auto now = co_await load_cluster(app, options.cluster, group);
    if (!now) co_return now.error();
    const bool done = report_progress(app, options, now->main(), former_leader);
    if (done) print_members(app, *now);
    app.console.flush();
    if (done) co_return Status();
  }
}

}  // namespace matriarch::ctl
