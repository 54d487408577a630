// Model -> store texts, exactly as the contract's examples have them (spec/dcs.md section 1).
#include <algorithm>

#include "model/codec.h"

namespace matriarch {

namespace {

Value nonempty_or_null(const std::string& text) { return text.empty() ? Value() : Value(text); }

void set_text(Value::Map& map, std::string_view key, const std::string& text) {
  if (!text.empty()) map.set(key, text);
}

void write_position(Value::Map& map, const MemberData& data) {
  if (!data.has_wal_position) return;
  map.set("xlog_location", data.xlog_location.value);  // also as 0 (DCS-057)
  if (data.replay_lsn) map.set("replay_lsn", data.replay_lsn.value);
  if (data.receive_lsn) map.set("receive_lsn", data.receive_lsn.value);
  set_text(map, "replication_state", data.replication_state);
  if (data.timeline > 0) map.set("timeline", std::int64_t{data.timeline});
}

}  // namespace

Value member_to_value(const MemberData& data) {
  Value::Map map;
  map.set("conn_url", data.conn_url);
  map.set("api_url", data.api_url);
  if (data.state) map.set("state", to_string(*data.state));
  if (data.role) map.set("role", to_string(*data.role));
  set_text(map, "version", data.version);
  if (!data.matriarch.empty()) set_text(map, "matriarch", data.matriarch);
  set_text(map, "proxy_url", data.proxy_url);
  if (data.checkpoint_pending) map.set("checkpoint_after_promote", false);
  if (!data.tags.raw.empty()) map.set("tags", data.tags.raw);
  if (data.pending_restart) {
    map.set("pending_restart", true);
    if (data.pending_restart_reason.is_map()) map.set("pending_restart_reason", data.pending_restart_reason);
  }
  write_position(map, data);
  if (data.scheduled_restart.is_map()) map.set("scheduled_restart", data.scheduled_restart);
  if (data.pause) map.set("pause", true);
  if (!data.guardian.empty()) map.set("guardian", data.guardian);
  return map;
}

std::string write_member(const MemberData& data) { return to_json(member_to_value(data)); }

std::string write_status(const StatusInfo& status) {
  Value::Map map;
  map.set("optime", status.optime.value);
  if (!status.slots.empty()) {
    Value::Map slots;
    for (const auto& [name, lsn] : status.slots) slots.append(name, lsn.value);
    map.set("slots", std::move(slots));
  }
  if (!status.retain_slots.empty()) {
    std::vector<std::string> sorted = status.retain_slots;
    std::sort(sorted.begin(), sorted.end());
    map.set("retain_slots", Value::List(sorted.begin(), sorted.end()));
  }
  return to_json(map);
}

std::string write_sync(std::string_view leader, const std::vector<std::string>& voters, int quorum) {
  std::vector<std::string> sorted = voters;
  std::sort(sorted.begin(), sorted.end());
  std::string joined;
  for (const std::string& voter : sorted) joined += (joined.empty() ? "" : ",") + voter;
  Value::Map map;
  map.set("leader", nonempty_or_null(std::string(leader)));
  map.set("quorum", quorum);
  map.set("sync_standby", nonempty_or_null(joined));
  return to_json(map);
}

std::string write_failover(std::string_view leader, std::string_view candidate, std::string_view scheduled_at) {
  Value::Map map;
  set_text(map, "leader", std::string(leader));
  set_text(map, "member", std::string(candidate));
  set_text(map, "scheduled_at", std::string(scheduled_at));
  return to_json(map);
}

std::string write_history(const std::vector<HistoryRow>& rows) {
  Value::List list;
  for (const HistoryRow& row : rows) {
    Value::List fields{std::int64_t{row.timeline}, row.switch_lsn.value, row.reason};
    if (!row.timestamp.empty() || !row.new_leader.empty() || row.fields > 3) fields.emplace_back(row.timestamp);
    if (!row.new_leader.empty() || row.fields > 4) fields.emplace_back(row.new_leader);
    list.emplace_back(std::move(fields));
  }
  return to_json(list);
}

}  // namespace matriarch
