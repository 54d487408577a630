#include "postgres/slots.h"

#include <fmt/format.h>

#include "base/log.h"

namespace matriarch::postgres {

bool is_ignored(const SlotRow& slot, const Value::List& matchers) {
  return std::ranges::any_of(matchers, [&slot](const Value& matcher) {
    if (!matcher.is_map()) return false;
    const auto fits = [&matcher](std::string_view key, const std::string& actual) {
      const Value* wanted = matcher.find(key);
      return wanted == nullptr || wanted->is_null() || string_form(*wanted).empty() || string_form(*wanted) == actual;
    };
    return fits("name", slot.name) && fits("type", slot.type) && fits("database", slot.database) &&
           fits("plugin", slot.plugin);
  });
}

SlotSteps plan_slots(const std::vector<SlotRow>& present, const Server::SlotPlan& plan, const Value::List& ignore) {
  SlotSteps steps;
  std::set<std::string> fine;
  for (const auto& slot : present) {
    const auto wanted = plan.physical.find(slot.name);
    if (wanted == plan.physical.end()) {
      const bool servers_own = slot.type == "logical" && slot.failover;
      if (plan.drop_unknown && !servers_own && !is_ignored(slot, ignore)) steps.drop.push_back(slot.name);
      continue;
    }
    const auto inactive = plan.keep_inactive.find(slot.name);
    const bool keep_inactive = inactive != plan.keep_inactive.end() && inactive->second;
    const bool wrong_type = slot.type != "physical";                   // PG-363
    const bool lost = slot.lost && plan.drop_unknown;                  // PG-362
    const bool holds_vacuum = keep_inactive && slot.has_xmin;          // PG-369
    const bool reserves_nothing = keep_inactive && !slot.restart_lsn;  // PG-368
    if (wrong_type || lost || holds_vacuum || reserves_nothing) {
      steps.drop.push_back(slot.name);
      continue;
    }
    fine.insert(slot.name);
    if (keep_inactive && wanted->second > slot.restart_lsn) steps.advance[slot.name] = wanted->second;
  }
  for (const auto& [name, position] : plan.physical) {
    if (!fine.contains(name)) steps.create.push_back(name);
  }
  return steps;
}

Task<Result<std::vector<SlotRow>>> Slots::load(Connection* session, Ctx ctx) {
  const bool has_failover = session->server_version() >= 170000;
  const auto rows = co_await session->query(
      fmt::format("SELECT s.slot_name, s.slot_type, COALESCE(d.datname, ''), COALESCE(s.plugin, ''), s.active, "
                  "s.xmin IS NOT NULL, s.restart_lsn, COALESCE(s.wal_status, '') = 'lost', {} "
                  "FROM pg_catalog.pg_get_replication_slots() s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.datoid "
                  "WHERE NOT s.temporary{}",
                  has_failover ? "s.failover" : "false", has_failover ? " AND NOT (s.failover AND s.synced)" : ""),
      std::move(ctx));
  if (!rows) co_return rows.error();
  std::vector<SlotRow> slots;
  for (std::size_t i = 0; i < rows->rows.size(); ++i) {
    const auto text = [&rows, i](std::size_t column) { return rows->text(i, column); };
    slots.push_back({.name = text(0),
                     .type = text(1),
                     .database = text(2),
                     .plugin = text(3),
                     .active = text(4) == "t",
                     .has_xmin = text(5) == "t",
                     .restart_lsn = parse_lsn(text(6)).value_or(Lsn{}),
                     .lost = text(7) == "t",
                     .failover = text(8) == "t"});
  }
  co_return slots;
}

Task<Status> Slots::sync(Server::SlotPlan plan, Ctx ctx) {
  std::set<std::string> tracked;
  for (const auto& [name, position] : plan.physical) tracked.insert(name);
  observer_.track_slots(std::move(tracked));
  // Statements about slots go through a session of their own: creating one may wait, the monitoring must not.
  auto session = co_await core_.open_local("slots", ctx);
  if (!session) co_return session.error();
  const auto present = co_await load(session->get(), ctx);
  if (!present) co_return present.error();
  const auto steps = plan_slots(*present, plan, core_.options.ignore_slots);

  std::vector<std::string> statements;
  for (const auto& name : steps.drop) {  // PG-364: only if nobody uses it
    statements.push_back(
        fmt::format("SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM "
                    "pg_catalog.pg_get_replication_slots() WHERE slot_name = {} AND NOT active",
                    (*session)->literal(name)));
  }
  for (const auto& name : steps.create) {
    statements.push_back(
        fmt::format("SELECT pg_catalog.pg_create_physical_replication_slot({0}, true) WHERE NOT EXISTS "
                    "(SELECT FROM pg_catalog.pg_get_replication_slots() WHERE slot_name = {0})",
                    (*session)->literal(name)));
  }
  for (const auto& [name, position] : steps.advance) {
    statements.push_back(fmt::format("SELECT pg_catalog.pg_replication_slot_advance({}, {})", (*session)->literal(name),
                                     (*session)->literal(to_string(position))));
  }
  Status result;
  for (const auto& statement : statements) {  // a failure does not stop the others (PG-367)
    const auto done = co_await (*session)->query(statement, ctx);
    if (done) continue;
    result = done.error().in("replication slots");
    if (!(*session)->usable()) break;
    log::error("{}", result.error().text());
  }
  co_return result;
}

}  // namespace matriarch::postgres
