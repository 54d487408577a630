#include "ctl/members.h"

#include <cmath>

#include "model/codec.h"

namespace matriarch::ctl {
namespace {

constexpr double kMegabyte = 1048576;

std::string role_of(const GroupView& group, const Member& member, const DynamicFlags& flags) {
  if (has_role(group.view, member, RoleFilter::kLeader)) return flags.standby_cluster ? "standby_leader" : "leader";
  if (flags.synchronous && group.view.sync.matches(member.name)) return flags.quorum ? "quorum_standby" : "sync_standby";
  return "replica";
}

std::string text_at(const Value& map, std::string_view key) {
  const Value* value = map.find(key);
  return value != nullptr && !value->is_null() ? string_form(*value) : std::string();
}

// API-183. The state as it is stored: a newer version may have one that we do not know.
std::string state_of(const MemberData& data, std::string_view role) {
  if (!data.replication_state.empty() && role != "leader") return data.replication_state;
  if (std::string stored = text_at(data.raw, "state"); !stored.empty()) return stored;
  return data.state ? std::string(to_string(*data.state)) : std::string();
}

Progress progress_at(Lsn lsn, Lsn optime) {
  if (!lsn) return {.lsn = "unknown"};
  const std::uint64_t bytes = optime.value > lsn.value ? optime.value - lsn.value : 0;
  return {.lsn = to_string(lsn), .lag_mb = std::llrint(static_cast<double>(bytes) / kMegabyte)};  // half to even
}

void set_progress(MemberRow& row, const MemberData& data, Lsn optime) {
  Lsn receive = data.receive_lsn;
  Lsn replay = data.replay_lsn;
  if (!receive && !replay && data.xlog_location) {  // CTL-094
    (row.state == "streaming" ? receive : replay) = data.xlog_location;
  }
  row.receive = progress_at(receive, optime);
  row.replay = progress_at(replay, optime);
}

std::vector<std::string> pending_reasons(const Value& reason) {
  std::vector<std::string> lines;
  if (!reason.is_map()) return lines;
  for (const auto& [name, change] : reason.as_map()) {
    lines.push_back(fmt::format("{}: {}->{}", name, text_at(change, "old_value"), text_at(change, "new_value")));
  }
  return lines;
}

std::string scheduled_restart(const Value& restart) {
  std::string text = text_at(restart, "schedule");
  if (const std::string version = text_at(restart, "postgres_version"); !version.empty()) {
    text += " if version < " + version;
  }
  return text;
}

}  // namespace

std::vector<MemberRow> member_rows(const GroupView& group) {
  const DynamicFlags flags = flags_of(group.view);
  std::vector<MemberRow> rows;
  for (const Member& member : group.view.members) {
    const MemberAddress address = address_of(member.data);
    MemberRow& row = rows.emplace_back();
    row.group = group.group;
    row.name = member.name;
    row.host = address.host;
    row.port = address.host.empty() ? std::string() : address.port;
    row.role = role_of(group, member, flags);
    row.state = state_of(member.data, row.role);
    row.timeline = member.data.timeline;
    if (!row.is_leader()) set_progress(row, member.data, group.view.status.optime);
    row.pending_restart = member.data.pending_restart;
    row.pending_reasons = pending_reasons(member.data.pending_restart_reason);
    row.scheduled_restart = scheduled_restart(member.data.scheduled_restart);
    row.tags = Value(member.data.tags.raw);
  }
  std::ranges::sort(rows, {}, &MemberRow::name);
  return rows;
}

namespace {

std::string replicates_from(const MemberRow& row) {
  const Value* tag = row.tags.find("replicatefrom");
  return tag != nullptr && tag->is_string() ? tag->as_string() : std::string();
}

// Index of the row that `row` hangs below; absent: below the leader.
std::optional<std::size_t> parent_of(const std::vector<MemberRow>& rows, std::size_t index) {
  const std::string name = replicates_from(rows[index]);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i != index && rows[i].name == name && !rows[i].is_leader()) return i;
  }
  return std::nullopt;
}

// Does following the parents from `index` come back to it?
bool in_cycle(const std::vector<std::optional<std::size_t>>& parents, std::size_t index) {
  std::optional<std::size_t> at = parents[index];
  for (std::size_t steps = 0; at && steps < parents.size(); ++steps) {
    if (*at == index) return true;
    at = parents[*at];
  }
  return false;
}

}  // namespace

std::vector<MemberRow> topology_rows(std::vector<MemberRow> rows) {
  std::vector<std::optional<std::size_t>> parents(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].is_leader()) parents[i] = parent_of(rows, i);
  }
  const auto as_tagged = parents;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (in_cycle(as_tagged, i)) parents[i].reset();  // CTL-109: shown below the leader
  }

  struct Visit {
    std::size_t index;
    std::size_t level;
  };
  std::vector<Visit> todo;  // the next one is at the end
  const auto push_children = [&](std::optional<std::size_t> parent, std::size_t level) {
    for (std::size_t i = rows.size(); i-- > 0;) {
      if (!rows[i].is_leader() && parents[i] == parent) todo.push_back({i, level});
    }
  };
  push_children(std::nullopt, 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].is_leader()) todo.push_back({i, 0});
  }
  std::vector<MemberRow> ordered;
  while (!todo.empty()) {
    const Visit visit = todo.back();
    todo.pop_back();
    MemberRow& row = ordered.emplace_back(rows[visit.index]);
    if (visit.level == 0) continue;
    row.prefix = std::string(2 * (visit.level - 1), ' ') + "+ ";
    push_children(visit.index, visit.level + 1);
  }
  return ordered;
}

}  // namespace matriarch::ctl
