#include "ctl/choose.h"

#include "base/log.h"
#include "ctl/members.h"
#include "ctl/prompt.h"

namespace matriarch::ctl {
namespace {

std::vector<Member> with_role(const Loaded& loaded, RoleFilter role) {
  std::vector<Member> members;
  for (const GroupView& group : loaded.groups) {
    for (const Member& member : group.view.members) {
      if (has_role(group.view, member, role)) members.push_back(member);
    }
  }
  return members;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// CTL-116
Result<std::string> ask_for_member(App& app, const std::vector<Member>& members) {
  auto name = ask(app.console, fmt::format("Which member do you want to reinitialize [{}]?", joined_names(members)), "");
  if (!name || std::ranges::find(members, *name, &Member::name) != members.end()) return name;
  return Error(Errc::kInvalid, fmt::format("{} is not a member of cluster", *name));
}

}  // namespace

std::string joined_names(const std::vector<Member>& members) {
  std::string text;
  for (const Member& member : members) text += (text.empty() ? "" : ", ") + member.name;
  return text;
}

Task<Result<Choice>> choose_members(App& app, MemberOptions options, Chooser chooser) {
  const bool reinit = chooser == Chooser::kReinit;
  auto loaded = co_await load_cluster(app, options.cluster, options.group);
  if (!loaded) co_return loaded.error();
  Choice choice{.loaded = std::move(*loaded)};
  const auto role = reinit ? RoleFilter::kReplica : parse_role_filter(options.role).value_or(RoleFilter::kAny);
  choice.members = with_role(choice.loaded, role);
  std::vector<std::string>& names = options.members;
  if (names.empty() && choice.members.empty()) {
    co_return Error(Errc::kInvalid, fmt::format("{} cluster doesn't have any members", options.cluster));
  }
  print_members(app, choice.loaded);

  if (names.empty() && reinit) {
    if (options.force) {
      choice.members.clear();  // CTL-117
      co_return choice;
    }
    auto name = ask_for_member(app, choice.members);
    if (!name) co_return name.error();
    names.push_back(std::move(*name));
  }
  if (names.empty()) co_return choice;

  for (const std::string& name : names) {
    if (std::ranges::find(choice.members, name, &Member::name) == choice.members.end()) {
      log::warning("{} is not among the members with role {} and is left out", name, reinit ? "replica" : options.role);
    }
  }
  std::erase_if(choice.members, [&](const Member& member) { return !contains(names, member.name); });
  if (choice.members.empty()) {
    co_return Error(Errc::kInvalid, reinit ? "No replica among provided members"
                                           : fmt::format("No '{}' among provided members", options.role));
  }
  co_return choice;
}

Status confirm_members(App& app, const MemberOptions& options, std::string_view action,
                       const std::vector<Member>& members) {
  if (options.force) return {};
  auto yes = confirm(app.console, fmt::format("Are you sure you want to {} members {}?", action, joined_names(members)));
  if (!yes) return yes.error();
  return *yes ? Status() : Error(Errc::kInvalid, fmt::format("Aborted {}", action));
}

}  // namespace matriarch::ctl
