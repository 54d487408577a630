// Store texts -> model: one reader for each key, each of them tolerant (spec/dcs.md section 2.1).
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "model/codec.h"
#include "model/timestamp.h"
#include "model/utf8.h"

namespace matriarch {

namespace {

// What to do about an unreadable key, for people.
constexpr std::string_view kMemberRemedy = "restart the node's agent or delete the key: its owner writes it anew";
constexpr std::string_view kConfigRemedy =
    "write the whole configuration anew with PUT /config; until then the last usable one stays in force";
constexpr std::string_view kStatusRemedy = "the leader writes it anew; if this stays, delete the key";
constexpr std::string_view kSyncRemedy = "the leader writes it anew; if this stays, delete the key";
constexpr std::string_view kFailoverRemedy = "cancel with `matriarchctl flush <cluster> switchover` and ask again";
constexpr std::string_view kHistoryRemedy = "the primary writes it anew; if this stays, delete the key";
constexpr std::string_view kFailsafeRemedy = "the leader writes it anew; if this stays, delete the key";

void complain(Complaints& complaints, std::string_view key, std::string_view what, std::string_view remedy) {
  complaints.push_back(fmt::format("key {}: {}; {}", key, what, remedy));
}

// The JSON value in `text`, or absent with a complaint.
std::optional<Value> parse(std::string_view key, std::string_view text, std::string_view remedy,
                           Complaints& complaints) {
  if (text.size() > kMaxValueSize) {
    complain(complaints, key, fmt::format("{} bytes are more than the limit of {}", text.size(), kMaxValueSize),
             remedy);
    return std::nullopt;
  }
  Result<Value> parsed = parse_json(text);
  if (!parsed.ok()) {
    const std::string what = text.empty() ? "empty" : !is_valid_utf8(text) ? "not UTF-8" : parsed.error().text();
    complain(complaints, key, what, remedy);
    return std::nullopt;
  }
  return std::move(parsed).value();
}

std::optional<Value::Map> parse_map(std::string_view key, std::string_view text, std::string_view remedy,
                                    Complaints& complaints) {
  std::optional<Value> parsed = parse(key, text, remedy, complaints);
  if (!parsed) return std::nullopt;
  if (!parsed->is_map()) {
    complain(complaints, key, "not a JSON object", remedy);
    return std::nullopt;
  }
  return std::move(parsed->as_map());
}

Lsn to_lsn(const Value& value) {
  const std::int64_t number = parse_int(value).value_or(0);
  return Lsn{number > 0 ? static_cast<std::uint64_t>(number) : 0};
}

Lsn lsn_field(const Value::Map& map, std::string_view name) {
  const Value* value = map.find(name);
  return value == nullptr ? Lsn() : to_lsn(*value);
}

Timeline to_timeline(const Value& value) {
  const std::int64_t number = parse_int(value).value_or(0);
  return number > 0 && number <= std::numeric_limits<Timeline>::max() ? static_cast<Timeline>(number) : 0;
}

// Reads typed fields of an object and complains about those of a wrong type. Null counts as absent.
class Fields {
 public:
  Fields(std::string key, const Value::Map& map, std::string_view remedy, Complaints& complaints)
      : key_(std::move(key)), map_(map), remedy_(remedy), complaints_(complaints) {}

  std::string text(std::string_view name) {
    const Value* value = find(name);
    if (value == nullptr) return {};
    if (value->is_string()) return value->as_string();
    wrong(name, "a text");
    return {};
  }
  Value map(std::string_view name) {
    const Value* value = find(name);
    if (value == nullptr) return nullptr;
    if (value->is_map()) return *value;
    wrong(name, "an object");
    return nullptr;
  }
  bool flag(std::string_view name) {
    const Value* value = find(name);
    if (value == nullptr) return false;
    const std::optional<bool> flag = parse_bool(*value);
    if (!flag) wrong(name, "true or false");
    return flag.value_or(false);
  }
  void wrong(std::string_view name, std::string_view wanted) {
    complain(complaints_, key_, fmt::format("field {} is not {}", name, wanted), remedy_);
  }

 private:
  const Value* find(std::string_view name) const {
    const Value* value = map_.find(name);
    return value == nullptr || value->is_null() ? nullptr : value;
  }

  std::string key_;
  const Value::Map& map_;
  std::string_view remedy_;
  Complaints& complaints_;
};

// DCS-107: a bare connection URL with the API's URL hidden in its query.
MemberData read_legacy_member(std::string_view text) {
  MemberData data;
  const auto mark = text.find('?');
  data.conn_url = text.substr(0, mark);
  Value::Map raw;
  raw.set("conn_url", data.conn_url);
  constexpr std::string_view kApi = "application_name=";
  std::string_view query = mark == text.npos ? std::string_view() : text.substr(mark + 1);
  while (!query.empty()) {
    const std::string_view item = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), item.size() + 1));
    if (item.starts_with(kApi)) data.api_url = item.substr(kApi.size());
  }
  if (!data.api_url.empty()) raw.set("api_url", data.api_url);
  data.raw = std::move(raw);
  return data;
}

MemberData read_member_map(const std::string& key, Value::Map map, Complaints& complaints) {
  MemberData data;
  Fields fields(key, map, kMemberRemedy, complaints);
  data.conn_url = fields.text("conn_url");
  data.api_url = fields.text("api_url");
  data.proxy_url = fields.text("proxy_url");
  data.state = parse_state(fields.text("state"));
  data.role = parse_role(fields.text("role"));
  data.version = fields.text("version");
  data.matriarch = fields.text("matriarch");
  if (Value tags = fields.map("tags"); tags.is_map()) data.tags.raw = std::move(tags.as_map());
  data.xlog_location = lsn_field(map, "xlog_location");
  data.replay_lsn = lsn_field(map, "replay_lsn");
  data.receive_lsn = lsn_field(map, "receive_lsn");
  data.replication_state = fields.text("replication_state");
  if (const Value* timeline = map.find("timeline")) data.timeline = to_timeline(*timeline);
  data.has_wal_position = map.contains("xlog_location");
  data.checkpoint_pending = map.contains("checkpoint_after_promote");
  data.pause = fields.flag("pause");
  data.guardian = fields.text("guardian");
  data.pending_restart = fields.flag("pending_restart");
  data.pending_restart_reason = fields.map("pending_restart_reason");
  data.scheduled_restart = fields.map("scheduled_restart");
  data.conn_kwargs = fields.map("conn_kwargs");
  data.raw = std::move(map);
  return data;
}

// An object, or the JSON text of one (DCS-112).
Value unwrapped(const Value* field) {
  if (field == nullptr) return nullptr;
  if (!field->is_string()) return *field;
  return parse_json(field->as_string()).value_or(nullptr);
}

// Items between commas, trimmed, empty ones dropped (DCS-116).
std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (!item.empty()) names.emplace_back(item);
  }
  return names;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == text.npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

// DCS-118. Text that begins like JSON was meant to be JSON: a cut-off object must not become two odd names.
bool read_legacy_failover(std::string_view text, FailoverRequest& request) {
  if (text.starts_with('{') || text.starts_with('[') || text.starts_with('"') || !is_valid_utf8(text)) return false;
  const auto colon = text.find(':');
  request.leader = trimmed(text.substr(0, colon));
  if (colon != text.npos) request.candidate = trimmed(text.substr(colon + 1));
  return true;
}

bool read_schedule(FailoverRequest& request) {
  if (request.scheduled_at_text.empty()) return true;
  const auto timestamp = read_timestamp(request.scheduled_at_text);
  if (!timestamp) return false;
  if (timestamp->has_offset) request.scheduled_at = timestamp->utc;
  return true;
}

std::optional<HistoryRow> read_history_row(const Value& value) {
  if (!value.is_list() || value.as_list().size() < 3) return std::nullopt;
  const Value::List& list = value.as_list();
  const auto text_at = [&list](std::size_t i) {
    return i < list.size() && list[i].is_string() ? list[i].as_string() : std::string();
  };
  HistoryRow row;
  row.timeline = to_timeline(list[0]);
  row.switch_lsn = to_lsn(list[1]);
  row.reason = text_at(2);
  row.timestamp = text_at(3);
  row.new_leader = text_at(4);
  row.fields = static_cast<int>(list.size());
  if (row.timeline == 0) return std::nullopt;
  return row;
}

}  // namespace

Member read_member(std::string_view name, std::string_view text, Version version, Complaints& complaints) {
  Member member;
  member.name = name;
  member.version = std::move(version);
  member.data.raw = Value::Map();
  const std::string key = "members/" + member.name;
  if (text.starts_with("postgres") && text.size() <= kMaxValueSize && is_valid_utf8(text)) {
    member.data = read_legacy_member(text);
  } else if (auto map = parse_map(key, text, kMemberRemedy, complaints)) {
    member.data = read_member_map(key, std::move(*map), complaints);
  }
  return member;
}

StoredConfig read_config(std::string_view text, Version version, Complaints& complaints) {
  if (auto map = parse_map("config", text, kConfigRemedy, complaints)) return {std::move(*map), std::move(version)};
  return {Value::Map(), Version()};
}

bool is_paused(const Value& config) {
  const Value* pause = config.find("pause");
  return pause != nullptr && parse_bool(*pause).value_or(false);
}

StatusInfo read_status(std::string_view text, Complaints& complaints) {
  StatusInfo status;
  const std::optional<Value> parsed = parse("status", text, kStatusRemedy, complaints);
  if (!parsed) return status;
  if (parsed->is_int()) {
    status.optime = to_lsn(*parsed);
    return status;
  }
  if (!parsed->is_map()) {
    complain(complaints, "status", "not a JSON object", kStatusRemedy);
    return status;
  }
  status.optime = lsn_field(parsed->as_map(), "optime");
  if (const Value slots = unwrapped(parsed->find("slots")); slots.is_map()) {
    for (const auto& [name, lsn] : slots.as_map()) status.slots[name] = to_lsn(lsn);
  }
  if (const Value retained = unwrapped(parsed->find("retain_slots")); retained.is_list()) {
    for (const Value& name : retained.as_list()) {
      if (name.is_string()) status.retain_slots.push_back(name.as_string());
    }
    std::sort(status.retain_slots.begin(), status.retain_slots.end());
  }
  return status;
}

StatusInfo read_legacy_optime(std::string_view text, Complaints& complaints) {
  StatusInfo status;
  const auto number = text.size() <= 32 ? parse_int(text) : std::nullopt;
  if (!number || *number < 0) complain(complaints, "optime/leader", "not a WAL position", kStatusRemedy);
  status.optime.value = static_cast<std::uint64_t>(std::max<std::int64_t>(number.value_or(0), 0));
  return status;
}

SyncState read_sync(std::string_view text, Version version, Complaints& complaints) {
  SyncState unusable;
  unusable.version = std::move(version);
  const auto map = parse_map("sync", text, kSyncRemedy, complaints);
  if (!map) return unusable;
  Fields fields("sync", *map, kSyncRemedy, complaints);
  SyncState sync = unusable;
  sync.leader = fields.text("leader");
  if (sync.leader.empty()) return unusable;
  for (std::string& name : split_names(fields.text("sync_standby"))) {
    if (name != sync.leader) sync.voters.push_back(std::move(name));
  }
  if (const Value* quorum = map->find("quorum"); quorum != nullptr && quorum->truthy()) {
    const auto number = parse_int(*quorum);
    if (!number || *number < 0 || *number > std::numeric_limits<int>::max()) {
      fields.wrong("quorum", "a count");
      return unusable;
    }
    sync.quorum = static_cast<int>(*number);
  }
  return sync;
}

FailoverRequest read_failover(std::string_view text, Version version, Complaints& complaints) {
  FailoverRequest empty;
  empty.version = std::move(version);
  if (text.empty()) return empty;
  FailoverRequest request = empty;
  if (text.size() <= kMaxValueSize && !parse_json(text).ok() && read_legacy_failover(text, request)) return request;
  const std::optional<Value> parsed = parse("failover", text, kFailoverRemedy, complaints);
  if (!parsed || parsed->is_null()) return empty;
  if (!parsed->is_map()) {
    complain(complaints, "failover", "not a JSON object", kFailoverRemedy);
    return empty;
  }
  Fields fields("failover", parsed->as_map(), kFailoverRemedy, complaints);
  request.leader = fields.text("leader");
  request.candidate = fields.text("member");
  request.scheduled_at_text = fields.text("scheduled_at");
  if (!read_schedule(request)) {  // DCS-457
    fields.wrong("scheduled_at", "a time stamp like 2031-05-06T07:08:09+00:00");
    return empty;
  }
  return request;
}

History read_history(std::string_view text, Complaints& complaints) {
  History history;
  if (text.size() <= kMaxValueSize) history.raw = text;
  history.is_empty_list = text == "[]";
  const std::optional<Value> parsed = parse("history", text, kHistoryRemedy, complaints);
  if (!parsed) return history;
  if (!parsed->is_list()) {
    complain(complaints, "history", "not a JSON array", kHistoryRemedy);
    return history;
  }
  bool malformed = false;
  for (const Value& value : parsed->as_list()) {
    if (auto row = read_history_row(value)) {
      history.rows.push_back(std::move(*row));
    } else {
      malformed = true;
    }
  }
  if (malformed) complain(complaints, "history", "rows that are not [timeline, LSN, reason, ...]", kHistoryRemedy);
  return history;
}

Value read_failsafe(std::string_view text, Complaints& complaints) {
  std::optional<Value> parsed = parse("failsafe", text, kFailsafeRemedy, complaints);
  if (!parsed) return nullptr;
  if (!parsed->is_map() && !parsed->is_null()) complain(complaints, "failsafe", "not a JSON object", kFailsafeRemedy);
  return std::move(*parsed);
}

std::optional<WallTime> parse_timestamp(std::string_view text) {
  const auto timestamp = read_timestamp(text);
  if (!timestamp || !timestamp->has_offset) return std::nullopt;
  return timestamp->utc;
}

}  // namespace matriarch
