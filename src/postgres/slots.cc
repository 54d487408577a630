#include "postgres/slots.h"

#include <fmt/format.h>

#include "base/log.h"

namespace matriarch::postgres {

namespace {

std::vector<std::string> statements_for(const SlotSteps& steps) {
  std::vector<std::string> statements;
  for (const auto& name : steps.drop) {  // PG-364: only if nobody uses it
    statements.push_back(
        fmt::format("SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM "
                    "pg_catalog.pg_get_replication_slots() WHERE slot_name = '{}' AND NOT active",
                    name));
  }
  for (const auto& name : steps.create) {
    statements.push_back(
        fmt::format("SELECT pg_catalog.pg_create_physical_replication_slot('{0}', true) WHERE NOT EXISTS "
                    "(SELECT FROM pg_catalog.pg_get_replication_slots() WHERE slot_name = '{0}')",
                    name));
  }
  for (const auto& [name, position] : steps.advance) {
    statements.push_back(
        fmt::format("SELECT pg_catalog.pg_replication_slot_advance('{}', '{}')", name, to_string(position)));
  }
  return statements;
}

}  // namespace

Task<Result<std::vector<SlotRow>>> Slots::load(Ctx ctx) {
  auto& monitor = core_.supervisor.monitor();
  const auto rows = co_await monitor.query(
      "SELECT pg_catalog.json_agg(pg_catalog.to_json(s)) FROM pg_catalog.pg_get_replication_slots() s", ctx);
  if (!rows) co_return rows.error();
  auto slots = parse_slots(rows->text(0, 0));
  const bool unknown = std::ranges::any_of(slots, [this](const SlotRow& slot) {
    return !slot.database_oid.empty() && !databases_.contains(slot.database_oid);
  });
  if (unknown) {
    const auto names = co_await monitor.query("SELECT oid, datname FROM pg_catalog.pg_database", std::move(ctx));
    if (!names) co_return names.error();
    databases_.clear();
    for (std::size_t i = 0; i < names->rows.size(); ++i) databases_[names->text(i, 0)] = names->text(i, 1);
  }
  for (auto& slot : slots) {
    if (!slot.database_oid.empty()) slot.database = databases_[slot.database_oid];
  }
  co_return slots;
}

Task<Status> Slots::sync(Server::SlotPlan plan, Ctx ctx) {
  std::set<std::string> tracked;
  std::erase_if(plan.physical, [](const auto& slot) {
    if (is_slot_name(slot.first)) return false;
    log::error("\"{}\" cannot be the name of a replication slot", slot.first);  // PG-355
    return true;
  });
  for (const auto& [name, position] : plan.physical) tracked.insert(name);
  observer_.track_slots(std::move(tracked));

  auto seen = observer_.slots();
  for (auto& slot : seen) {
    const auto name = databases_.find(slot.database_oid);
    if (name != databases_.end()) slot.database = name->second;
  }
  const auto& ignore = core_.options.ignore_slots;
  if (observer_.has_slots() && plan_slots(seen, plan, ignore).empty()) co_return Status();
  const auto present = co_await load(ctx);
  if (!present) co_return present.error();

  Status result;
  for (const auto& statement : statements_for(plan_slots(*present, plan, ignore))) {
    const auto done = co_await core_.supervisor.monitor().query(statement, ctx);
    if (done) continue;  // a failure does not stop the others (PG-367)
    result = done.error().in("replication slots");
    if (done.error().code() != Errc::kFailed) break;
    log::error("{}", result.error().text());
  }
  observer_.forget_slots();
  co_return result;
}

}  // namespace matriarch::postgres
