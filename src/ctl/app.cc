#include "ctl/app.h"

#include "base/log.h"
#include "ctl/times.h"
#include "model/codec.h"

namespace matriarch::ctl {

Ctx App::store_ctx() const {
  return Ctx{.deadline = scheduler.now() + std::chrono::seconds(std::max(config.retry_timeout, 1))};
}

bool App::citus_configured() const { return config.citus_group.has_value() && !config.citus_database.empty(); }

std::string App::timestamp() const { return local_fraction(scheduler.wall_now()); }

const ClusterView& Loaded::main() const {
  static const ClusterView kEmpty;
  if (!all_groups()) return groups.empty() ? kEmpty : groups.front().view;
  const auto coordinator = std::ranges::find(groups, std::optional(0), &GroupView::group);
  return coordinator == groups.end() ? kEmpty : coordinator->view;
}

Task<Result<Loaded>> load_cluster(App& app, std::string cluster, std::optional<int> group) {
  Loaded loaded{.cluster = cluster, .citus = group || app.citus_configured(), .group = group};
  if (loaded.all_groups()) {
    auto groups = co_await app.clusters.load_groups(cluster, app.store_ctx());
    if (!groups) co_return groups.error();
    for (auto& [number, view] : *groups) loaded.groups.push_back({.group = number, .view = std::move(view)});
    co_return loaded;
  }
  auto store = app.clusters.open({.scope = cluster, .group = group});
  if (!store) co_return store.error();
  auto view = co_await (*store)->load(app.store_ctx());
  if (!view) co_return view.error();
  loaded.groups.push_back({.group = group, .view = std::move(*view)});
  co_return loaded;
}

std::optional<int> main_group(const App& app, std::optional<int> group) {
  if (!group && app.citus_configured()) return 0;
  return group;
}

DynamicFlags flags_of(const ClusterView& view) {
  DynamicFlags flags;
  if (!view.config) return flags;
  const Value& config = view.config->data;
  const auto on = [&](std::string_view key) {
    const Value* value = config.find(key);
    return value != nullptr && parse_bool(*value).value_or(false);
  };
  flags.paused = is_paused(config);
  if (const Value* standby = config.find("standby_cluster")) {
    for (const std::string_view key : {"host", "port", "restore_command"}) {
      const Value* value = standby->find(key);
      flags.standby_cluster = flags.standby_cluster || (value != nullptr && value->truthy());
    }
  }
  if (flags.standby_cluster) return flags;
  const Value* mode = config.find("synchronous_mode");
  std::string text = mode != nullptr && mode->is_string() ? mode->as_string() : std::string();
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  flags.quorum = text == "quorum";
  flags.synchronous = flags.quorum || on("synchronous_mode");
  return flags;
}

std::string loop_wait_text(const App& app, const ClusterView& view) {
  const Value* value = view.config ? view.config->data.find("loop_wait") : nullptr;
  return value != nullptr && !value->is_null() ? string_form(*value) : fmt::format("{}", app.config.loop_wait);
}

Duration loop_wait_of(const App& app, const ClusterView& view) {
  const Value* value = view.config ? view.config->data.find("loop_wait") : nullptr;
  if (value != nullptr && value->is_double()) return from_seconds(value->as_double());
  const auto seconds = value != nullptr ? parse_int(*value) : std::nullopt;
  return std::chrono::seconds(seconds.value_or(app.config.loop_wait));
}

std::optional<RoleFilter> parse_role_filter(std::string_view text) {
  if (text == "leader") return RoleFilter::kLeader;
  if (text == "primary") return RoleFilter::kPrimary;
  if (text == "standby-leader") return RoleFilter::kStandbyLeader;
  if (text == "replica" || text == "standby") return RoleFilter::kReplica;
  if (text == "any") return RoleFilter::kAny;
  return std::nullopt;
}

bool has_role(const ClusterView& view, const Member& member, RoleFilter role) {
  const bool leader = !view.is_unlocked() && view.leader_name() == member.name;
  switch (role) {
    case RoleFilter::kAny:
      return true;
    case RoleFilter::kReplica:
      return !leader;
    case RoleFilter::kLeader:
      return leader;
    case RoleFilter::kPrimary:
      return leader && member.data.role != Role::kStandbyLeader;
    case RoleFilter::kStandbyLeader:
      return leader && member.data.role != Role::kPrimary;
  }
  return false;
}

std::vector<Member> leader_first(const ClusterView& view) {
  std::vector<Member> members;
  for (const Member& member : view.members) {
    if (!member.has_api()) continue;
    members.insert(has_role(view, member, RoleFilter::kLeader) ? members.begin() : members.end(), member);
  }
  return members;
}

Task<RestOutcome> call_member(App& app, std::string method, Member member, std::string endpoint,
                              std::optional<Value> body) {
  if (!member.has_api()) {
    co_return RestOutcome{.reply = Error(Errc::kInvalid, fmt::format("member {} has no api_url", member.name))};
  }
  RestCall call{.method = std::move(method),
                .url = endpoint.empty() ? member.data.api_url : api_endpoint(member.data, "/" + endpoint),
                .body = std::move(body)};
  co_return co_await app.rest.call(std::move(call), Ctx{});
}

bool report_reply(App& app, const RestReply& reply, std::string_view action, std::string_view member) {
  if (reply.status < 400) {
    app.say(fmt::format("Success: {} for member {}", action, member));
    return true;
  }
  app.say_refused(
      fmt::format("Failed: {} for member {}, status code={}, ({})", action, member, reply.status, reply.text));
  return false;
}

void warn_not_accessible(const Error& error, std::string_view member) {
  log::warning("{}", error.text());
  log::warning("Member {} is not accessible", member);
}

}  // namespace matriarch::ctl
