#include <set>

#include "config/yaml.h"
#include "ctl/members.h"
#include "ctl/times.h"

namespace matriarch::ctl {
namespace {

constexpr std::size_t kLongestReason = 50;  // characters of a line in a table (CTL-098)

Cell text_cell(std::string text) { return text.empty() ? Cell() : Cell(std::move(text)); }

// "sync_standby" -> "Sync Standby"
std::string capitalized(std::string_view role) {
  std::string text;
  bool begin = true;
  for (const char c : role) {
    text += c == '_' ? ' ' : begin ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    begin = c == '_';
  }
  return text;
}

// CTL-096
bool ports_matter(const std::vector<MemberRow>& rows) {
  std::set<std::string_view> hosts;
  return std::ranges::any_of(rows, [&](const MemberRow& row) {
    return !row.host.empty() && (row.port != "5432" || !hosts.insert(row.host).second);
  });
}

std::string reasons_text(const MemberRow& row, Format format) {
  std::string text;
  for (const std::string& reason : row.pending_reasons) {
    if (!text.empty()) text += '\n';
    if (format == Format::kPretty && reason.size() > kLongestReason) {
      text += reason.substr(0, reason.find(':')) + ": [hidden - too long]";
    } else {
      text += reason;
    }
  }
  return text;
}

Cell tags_cell(const MemberRow& row, MembersStyle style) {
  if (row.tags.as_map().empty()) return {};
  if (style.format == Format::kJson || style.format == Format::kYaml) return row.tags;
  if (style.format == Format::kTsv || style.layout == Layout::kTopology) return to_flow_yaml(row.tags);
  std::string block = config::to_yaml(row.tags);
  while (block.ends_with('\n')) block.pop_back();
  return block;
}

// Builds the table column by column.
class Builder {
 public:
  Builder(const Loaded& loaded, const std::vector<MemberRow>& rows, MembersStyle style)
      : loaded_(loaded), rows_(rows), style_(style) {
    table_.rows.resize(rows.size());
  }

  Table build() {
    const bool machine = style_.format != Format::kPretty;
    if (machine) add("Cluster", Align::kLeft, [this](const MemberRow&) { return Cell(loaded_.cluster); });
    if (loaded_.citus && (machine || !loaded_.group)) {
      add("Group", Align::kRight, [](const MemberRow& row) { return row.group ? Cell(*row.group) : Cell(); });
    }
    add("Member", Align::kLeft, [](const MemberRow& row) { return Cell(row.prefix + row.name); });
    add("Host", Align::kLeft, [with_port = ports_matter(rows_)](const MemberRow& row) {
      return text_cell(with_port && !row.host.empty() ? row.host + ":" + row.port : row.host);
    });
    add("Role", Align::kLeft, [](const MemberRow& row) { return Cell(capitalized(row.role)); });
    add("State", Align::kLeft, [](const MemberRow& row) { return text_cell(row.state); });
    add("TL", Align::kRight, [](const MemberRow& row) {
      return row.timeline != 0 ? Cell(static_cast<std::int64_t>(row.timeline)) : Cell();
    });
    add_progress("Receive", &MemberRow::receive);
    add_progress("Replay", &MemberRow::replay);
    add_optional();
    return std::move(table_);
  }

 private:
  template <class F>
  void add(std::string title, Align align, F cell) {
    table_.columns.push_back({std::move(title), align});
    for (std::size_t y = 0; y < rows_.size(); ++y) table_.rows[y].push_back(cell(rows_[y]));
  }

  void add_progress(const std::string& kind, Progress MemberRow::*progress) {
    add(kind + " LSN", Align::kRight, [progress](const MemberRow& row) {
      return (row.*progress).lsn ? Cell(*(row.*progress).lsn) : Cell();
    });
    add(style_.format == Format::kPretty ? "Lag" : kind + " Lag", Align::kRight, [progress](const MemberRow& row) {
      return (row.*progress).lag_mb ? Cell(*(row.*progress).lag_mb) : Cell();
    });
  }

  // CTL-097..101: with -e, or if a member with a host has something to show.
  template <class F>
  void add_if_used(const std::string& title, F cell) {
    const bool used = std::ranges::any_of(
        rows_, [&](const MemberRow& row) { return !row.host.empty() && cell(row).has_value(); });
    if (used || style_.extended) add(title, Align::kLeft, cell);
  }

  void add_optional() {
    add_if_used("Pending restart", [](const MemberRow& row) { return row.pending_restart ? Cell("*") : Cell(); });
    add_if_used("Pending restart reason",
                [this](const MemberRow& row) { return text_cell(reasons_text(row, style_.format)); });
    add_if_used("Scheduled restart", [](const MemberRow& row) { return text_cell(row.scheduled_restart); });
    add_if_used("Tags", [this](const MemberRow& row) { return tags_cell(row, style_); });
  }

  const Loaded& loaded_;
  const std::vector<MemberRow>& rows_;
  MembersStyle style_;
  Table table_;
};

std::string title_of(const Loaded& loaded) {
  if (loaded.all_groups()) return fmt::format(" Citus cluster: {} ", loaded.cluster);
  const auto& initialize = loaded.main().initialize;
  const std::string init = !initialize ? "uninitialized" : initialize->empty() ? "initializing" : *initialize;
  if (loaded.group) return fmt::format(" Citus cluster: {} (group: {}, {}) ", loaded.cluster, *loaded.group, init);
  return fmt::format(" Cluster: {} ({}) ", loaded.cluster, init);
}

// CTL-104
std::string footer_of(const ClusterView& view) {
  std::string text;
  if (flags_of(view).paused) text += " Maintenance mode: on\n";
  if (view.failover && view.failover->scheduled()) {
    const FailoverRequest& request = *view.failover;
    text += fmt::format(" Switchover scheduled at: {}\n", normalized_timestamp(request.scheduled_at_text));
    if (!request.leader.empty()) text += fmt::format("{:>24}: {}\n", "from", request.leader);
    if (!request.candidate.empty()) text += fmt::format("{:>24}: {}\n", "to", request.candidate);
  }
  return text;
}

}  // namespace

std::string render_members(const Loaded& loaded, MembersStyle style) {
  std::vector<MemberRow> rows;
  for (const GroupView& group : loaded.groups) {
    auto of_group = member_rows(group);
    if (style.layout == Layout::kTopology) of_group = topology_rows(std::move(of_group));
    std::ranges::move(of_group, std::back_inserter(rows));
  }
  const Table table = Builder(loaded, rows, style).build();
  std::string text = render(table, style.format, EmptyKeys::kOmit, title_of(loaded));
  if (style.format != Format::kPretty) return text;
  for (const GroupView& group : loaded.groups) {
    const std::string footer = footer_of(group.view);
    if (!footer.empty() && loaded.all_groups()) text += fmt::format("Citus group: {}\n", group.group.value_or(0));
    text += footer;
  }
  return text;
}

void print_members(App& app, const Loaded& loaded) { app.console.out(render_members(loaded, MembersStyle{})); }

}  // namespace matriarch::ctl
