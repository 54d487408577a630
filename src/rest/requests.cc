#include "rest/requests.h"

#include <charconv>

#include <fmt/format.h>

#include "rest/moments.h"
#include "rest/quantity.h"

namespace matriarch::rest {

namespace {

// A member's name; null, false, 0 and "" count as absent. Anything else that is no text is refused.
std::optional<Refusal> take_name(const Value::Map& body, std::string_view key, std::string& name) {
  const Value* value = body.find(key);
  if (value == nullptr || !value->truthy()) return std::nullopt;
  if (!value->is_string()) {
    return Refusal{400, fmt::format("Key \"{}\" must be the name of a member in quotes, but is {}", key, to_json(*value))};
  }
  name = value->as_string();
  return std::nullopt;
}

std::optional<Refusal> take_schedule(const Value& given, std::string_view action, WallTime now, std::string& schedule) {
  const auto parsed = parse_schedule(given, now);
  if (const auto* text = std::get_if<std::string>(&parsed)) {
    schedule = *text;
    return std::nullopt;
  }
  switch (std::get<ScheduleProblem>(parsed)) {
    case ScheduleProblem::kNoTimeZone:
      return Refusal{400, fmt::format("Timezone information is mandatory for the scheduled {}", action)};
    case ScheduleProblem::kPast: return Refusal{422, fmt::format("Cannot schedule {} in the past", action)};
    case ScheduleProblem::kUnparsable: break;
  }
  return Refusal{422,
                 "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601"};
}

std::optional<Refusal> take_names(const Value::Map& body, FailoverCommand& command) {
  if (auto refusal = take_name(body, "leader", command.leader)) return refusal;
  if (auto refusal = take_name(body, "candidate", command.candidate)) return refusal;
  return command.candidate.empty() ? take_name(body, "member", command.candidate) : std::nullopt;
}

std::optional<Refusal> restart_role(const Value& value, RestartCommand& command) {
  const std::string text = string_form(value);
  const auto role = text == "master" ? std::nullopt : parse_role(text);
  if (role != Role::kPrimary && role != Role::kStandbyLeader && role != Role::kReplica) {
    return Refusal{400, "PostgreSQL role should be either primary, standby_leader, or replica"};
  }
  command.role = role;
  command.filters.set("role", text);
  return std::nullopt;
}

std::optional<Refusal> restart_version(const Value& value, RestartCommand& command) {  // API-277
  const std::string text = string_form(value);
  int parts = 0;
  int first = 0;
  for (std::string_view rest = text;; ++parts) {
    const auto dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    int number = 0;
    const auto [end, failure] = std::from_chars(part.data(), part.data() + part.size(), number);
    // A number in JSON cannot tell 15.1 from 15.10.
    if (!value.is_string() || failure != std::errc() || end != part.data() + part.size() || number < 0) {
      return Refusal{400, "Invalid PostgreSQL version: " + text};
    }
    if (parts == 0) first = number;
    if (dot == rest.npos) break;
    rest.remove_prefix(dot + 1);
  }
  ++parts;
  if (parts != 3 && !(parts == 2 && first >= 10)) {
    return Refusal{400, "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: " + text};
  }
  command.postgres_version = text;
  command.filters.set("postgres_version", text);
  return std::nullopt;
}

std::optional<Refusal> restart_timeout(const Value& value, RestartCommand& command) {
  constexpr std::int64_t kMax = 366LL * 86400;  // longer than that is not meant
  const auto seconds = parse_seconds(value);
  if (!seconds || *seconds <= 0 || *seconds > kMax) return Refusal{400, "Timeout should be a positive number of seconds"};
  command.timeout = std::chrono::seconds(*seconds);
  command.filters.set("timeout", *seconds);
  return std::nullopt;
}

std::optional<Refusal> restart_key(const std::string& key, const Value& value, WallTime now, RestartCommand& command) {
  if (key == "role") return restart_role(value, command);
  if (key == "postgres_version") return restart_version(value, command);
  if (key == "timeout") return restart_timeout(value, command);
  if (key == "restart_pending") {  // its presence counts, whatever it says (API-279)
    command.only_if_pending = true;
    command.filters.set(key, value);
    return std::nullopt;
  }
  if (key == "schedule") {
    auto refusal = take_schedule(value, "restart", now, command.schedule);
    if (!refusal) command.filters.set(key, command.schedule);
    return refusal;
  }
  return Refusal{400, "Unknown filter for the scheduled restart: " + key};
}

// A text that must be there.
std::optional<Refusal> take_required(const Value::Map& body, std::string_view key, std::string& text) {
  const Value* value = body.find(key);
  if (value == nullptr || !value->is_string() || value->as_string().empty()) {
    return Refusal{400, fmt::format("Key \"{}\" is missing or is not a text; it is required", key)};
  }
  text = value->as_string();
  return std::nullopt;
}

// Absent: `duration` stays.
std::optional<Refusal> take_duration(const Value::Map& body, std::string_view key, Duration& duration) {
  constexpr double kMaxSeconds = 86400;
  const Value* value = body.find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() || value->as_double() < 0 || value->as_double() > kMaxSeconds) {
    return Refusal{400, fmt::format("Key \"{}\" must be a number of seconds, 0 to {}", key, kMaxSeconds)};
  }
  duration = from_seconds(value->as_double());
  return std::nullopt;
}

}  // namespace

Parsed<FailoverCommand> parse_failover(const Value::Map& body, FailoverEndpoint endpoint, const Circumstances& at) {
  const bool failover = endpoint == FailoverEndpoint::kFailover;
  FailoverCommand command;
  if (auto refusal = take_names(body, command)) return *refusal;
  const Value* schedule = body.find("scheduled_at");
  const bool scheduled = schedule != nullptr && schedule->truthy();

  if (failover && command.candidate.empty()) {
    return Refusal{400, "Failover could be performed only to a specific candidate"};
  }
  if (!failover && command.leader.empty()) {
    return Refusal{400, "Switchover could be performed only from a specific leader"};
  }
  if (scheduled && failover) return Refusal{400, "Failover can't be scheduled"};
  if (scheduled && at.paused) return Refusal{400, "Can't schedule switchover in the paused state"};
  if (scheduled) {
    if (auto refusal = take_schedule(*schedule, "switchover", at.now, command.scheduled_at)) return *refusal;
  }
  if (at.paused && command.candidate.empty()) {
    return Refusal{400, "Switchover is possible only to a specific candidate in a paused state"};
  }
  command.switchover = !command.leader.empty();
  if (command.leader == command.candidate) return Refusal{400, "Switchover target and source are the same"};
  return command;
}

Parsed<RestartCommand> parse_restart(const Value::Map& body, const Circumstances& at) {
  if (at.paused && body.contains("schedule")) return Refusal{500, "Can't schedule restart in the paused state"};
  RestartCommand command;
  for (const auto& [key, value] : body) {
    if (auto refusal = restart_key(key, value, at.now, command)) return *refusal;
  }
  return command;
}

ReinitializeCommand parse_reinitialize(const Value::Map& body) {
  const auto flag = [&body](std::string_view key) {
    const Value* value = body.find(key);
    return value != nullptr && parse_bool(*value).value_or(false);
  };
  return {.force = flag("force"), .from_leader = flag("from_leader")};
}

Parsed<FailsafeMessage> parse_failsafe(const Value::Map& body) {
  FailsafeMessage message;
  if (auto refusal = take_required(body, "name", message.name)) return *refusal;
  if (auto refusal = take_required(body, "conn_url", message.conn_url)) return *refusal;
  if (auto refusal = take_required(body, "api_url", message.api_url)) return *refusal;
  const Value* slots = body.find("slots");
  if (slots == nullptr || !slots->is_map()) return message;
  for (const auto& [slot, position] : slots->as_map()) {
    const auto lsn = parse_int(position);
    message.slots[slot] = Lsn{lsn && *lsn > 0 ? static_cast<std::uint64_t>(*lsn) : 0};
  }
  return message;
}

Parsed<MppEvent> parse_mpp_event(const Value::Map& body) {
  MppEvent event;
  if (auto refusal = take_required(body, "type", event.type)) return *refusal;
  if (auto refusal = take_required(body, "leader", event.leader)) return *refusal;
  const Value* group = body.find("group");
  if (group == nullptr || !group->is_int() || group->as_int() < 0 || group->as_int() > std::numeric_limits<int>::max()) {
    return Refusal{400, "Key \"group\" must be the number of a Citus group"};
  }
  event.group = static_cast<int>(group->as_int());
  if (auto refusal = take_duration(body, "timeout", event.timeout)) return *refusal;
  if (auto refusal = take_duration(body, "cooldown", event.cooldown)) return *refusal;
  return event;
}

}  // namespace matriarch::rest
