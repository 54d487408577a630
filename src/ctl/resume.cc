#include "ctl/resume.h"

namespace matriarch::ctl {
namespace {

constexpr int kRefused = 412;

bool is_ours(const Member& member) { return !member.data.matriarch.empty(); }

}  // namespace

bool resume_is_guarded(const ClusterView& view) {
  const Member* leader = view.leader_member();
  if (leader != nullptr && leader->data.guardian.empty()) return false;
  return std::ranges::any_of(view.members, is_ours);
}

Task<Result<RestReply>> ask_to_pause(App& app, ClusterView view, bool pause) {
  Value::Map body;
  body.set("pause", pause ? Value(true) : Value());
  const bool guarded = !pause && resume_is_guarded(view);
  const auto members = leader_first(view);
  for (const Member& member : members) {
    if (guarded && !is_ours(member)) continue;
    auto outcome = co_await call_member(app, "PATCH", member, "config", Value(body));
    if (outcome.reply) co_return std::move(outcome.reply);
    warn_not_accessible(outcome.reply.error(), member.name);
  }
  std::string why = "Can not find accessible cluster member";
  if (guarded) why += ": the leader must arm its guardian before the pause ends. If its PostgreSQL is certainly stopped, use --force";
  co_return Error(Errc::kUnavailable, std::move(why));
}

bool is_refused(const Result<RestReply>& reply) { return !reply || reply->status == kRefused; }

}  // namespace matriarch::ctl
