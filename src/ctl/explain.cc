// `explain`: why members did what they did. Ours; members that run something else have no such record.
#include "ctl/commands.h"
#include "ctl/times.h"
#include "model/codec.h"

namespace matriarch::ctl {
namespace {

std::string text_of(const Value& map, std::string_view key) {
  const Value* value = map.find(key);
  return value != nullptr && !value->is_null() ? string_form(*value) : std::string();
}

std::string local_time_of(const std::string& stored) {
  const auto time = parse_timestamp(stored);
  return time ? local_seconds(*time) : stored;
}

// The last `last` decisions of `document`, oldest first.
std::vector<Value> last_decisions(const Value& decisions, int last) {
  const auto& all = decisions.as_list();
  const auto count = std::min(all.size(), static_cast<std::size_t>(std::max(last, 0)));
  return {all.end() - static_cast<std::ptrdiff_t>(count), all.end()};
}

Table pretty_table(const std::vector<Value>& decisions) {
  Table table{.columns = {{"#", Align::kRight}, {"At"}, {"Action"}, {"Reason"}}};
  for (const Value& one : decisions) {
    table.rows.push_back({text_of(one, "number"), local_time_of(text_of(one, "at")), text_of(one, "action"),
                          text_of(one, "reason")});
  }
  return table;
}

Table machine_table() {
  return {.columns = {{"Member"}, {"Number"}, {"At"}, {"Action"}, {"Reason"}, {"Inputs"}}};
}

void add_machine_rows(Table& table, const std::string& member, const std::vector<Value>& decisions) {
  for (const Value& one : decisions) {
    const Value* number = one.find("number");
    table.rows.push_back({Value(member), number != nullptr ? *number : Value(), text_of(one, "at"),
                          text_of(one, "action"), text_of(one, "reason"), text_of(one, "inputs")});
  }
}

// The document of one member, or why there is none.
Result<Value> read_explanation(const RestOutcome& outcome) {
  if (!outcome.reply) return outcome.reply.error();
  auto document = parse_json(outcome.reply->text);
  const Value* decisions = document ? document->find("decisions") : nullptr;
  if (decisions != nullptr && decisions->is_list()) return document;
  return Error(Errc::kUnsupported, fmt::format("it keeps no record of its decisions (status code {})",
                                               outcome.reply->status));
}

}  // namespace

Task<Status> explain(App& app, ExplainOptions options) {
  auto loaded = co_await load_cluster(app, options.cluster, options.group);
  if (!loaded) co_return loaded.error();
  Table machine = machine_table();
  for (const GroupView& one : loaded->groups) {
    for (const Member& member : one.view.members) {
      const auto& names = options.members;
      const bool wanted = names.empty() || std::ranges::find(names, member.name) != names.end();
      if (!wanted || !member.has_api()) continue;
      auto document = read_explanation(co_await call_member(app, "GET", member, "explain", std::nullopt));
      if (!document) {
        app.refused = true;
        app.console.err(fmt::format("{}: {}\n", member.name, document.error().text()));
        continue;
      }
      const auto decisions = last_decisions(*document->find("decisions"), options.last);
      if (options.format != Format::kPretty) {
        add_machine_rows(machine, member.name, decisions);
        continue;
      }
      const std::string action = text_of(*document, "running_action");
      const std::string title = action.empty() ? fmt::format(" {} ", member.name)
                                               : fmt::format(" {}: {} ", member.name, action);
      app.console.out(render_pretty(pretty_table(decisions), title));
    }
  }
  if (options.format != Format::kPretty) app.console.out(render(machine, options.format, EmptyKeys::kOmit));
  co_return Status();
}

}  // namespace matriarch::ctl
