// `version` (spec section 16).
#include "ctl/commands.h"

namespace matriarch::ctl {
namespace {

// 160004 -> "16.4", 90624 -> "9.6.24"
std::string server_version_text(std::int64_t number) {
  if (number >= 100000) return fmt::format("{}.{}", number / 10000, number % 10000);
  return fmt::format("{}.{}.{}", number / 10000, number / 100 % 100, number % 100);
}

std::string describe(const std::string& member, const RestOutcome& outcome) {
  if (!outcome.reply) return fmt::format("{}: failed to get version: {}", member, outcome.reply.error().text());
  const auto document = parse_json(outcome.reply->text);
  const Value* version = document ? document->at("patroni", "version") : nullptr;
  if (version == nullptr) {
    return fmt::format("{}: failed to get version: the answer (status code {}) has no patroni.version", member,
                       outcome.reply->status);
  }
  std::string line = fmt::format("{}: Patroni {}", member, string_form(*version));
  const Value* server = document->find("server_version");
  const auto number = server != nullptr ? parse_int(*server) : std::nullopt;
  if (number) line += " PostgreSQL " + server_version_text(*number);
  return line;
}

}  // namespace

Task<Status> version(App& app, std::optional<std::string> cluster, std::vector<std::string> members,
                     std::optional<int> group) {
  app.say(fmt::format("{} version {}", app.program, app.version));
  if (!cluster) co_return Status();
  app.say("");
  auto loaded = co_await load_cluster(app, *cluster, group);
  if (!loaded) co_return loaded.error();
  for (const GroupView& one : loaded->groups) {
    for (const Member& member : one.view.members) {
      const bool wanted = members.empty() || std::ranges::find(members, member.name) != members.end();
      if (!wanted || !member.has_api()) continue;
      auto outcome = co_await call_member(app, "GET", member, "", std::nullopt);
      app.say(describe(member.name, outcome));
    }
  }
  co_return Status();
}

}  // namespace matriarch::ctl
