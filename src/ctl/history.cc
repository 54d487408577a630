// `history` and `show-config` (spec sections 11 and 12).
#include "config/yaml.h"
#include "ctl/commands.h"

namespace matriarch::ctl {

Task<Status> history(App& app, std::string cluster, std::optional<int> group, Format format) {
  auto loaded = co_await load_cluster(app, cluster, main_group(app, group));
  if (!loaded) co_return loaded.error();
  Table table{.columns = {{"TL", Align::kRight}, {"LSN", Align::kRight}, {"Reason"}, {"Timestamp"}, {"New Leader"}}};
  const auto text_cell = [](const std::string& text) { return text.empty() ? Cell() : Cell(text); };
  if (loaded->main().history) {
    for (const HistoryRow& row : loaded->main().history->rows) {
      table.rows.push_back({Value(static_cast<std::int64_t>(row.timeline)), Value(row.switch_lsn.value),
                            Value(row.reason), text_cell(row.timestamp), text_cell(row.new_leader)});
    }
  }
  app.console.out(render(table, format, EmptyKeys::kKeep));
  co_return Status();
}

Task<Status> show_config(App& app, std::string cluster, std::optional<int> group) {
  auto loaded = co_await load_cluster(app, cluster, main_group(app, group));
  if (!loaded) co_return loaded.error();
  const auto& stored = loaded->main().config;
  if (stored) app.console.out(config::to_yaml(stored->data) + "\n");  // CTL-236
  co_return Status();
}

}  // namespace matriarch::ctl
