// Bodies of rest.md sections 12 to 16.
#include "rest/requests.h"

#include "tests/unit/rest/support.h"

namespace matriarch::rest::testing {
namespace {

constexpr WallTime kNow{std::chrono::sys_days(std::chrono::year(2026) / 3 / 1)};
constexpr std::string_view kUnparsable =
    "Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601";

template <class T>
std::string refusal(const Parsed<T>& parsed) {
  const auto* refused = std::get_if<Refusal>(&parsed);
  return refused == nullptr ? "accepted" : fmt::format("{} {}", refused->status, refused->text);
}

Parsed<FailoverCommand> switchover(std::string_view body, bool paused = false) {
  return parse_failover(json(body).as_map(), FailoverEndpoint::kSwitchover, {paused, kNow});
}
Parsed<FailoverCommand> failover(std::string_view body, bool paused = false) {
  return parse_failover(json(body).as_map(), FailoverEndpoint::kFailover, {paused, kNow});
}
Parsed<RestartCommand> restart(std::string_view body, bool paused = false) {
  return parse_restart(json(body).as_map(), {paused, kNow});
}

TEST(ParseFailover, RefusalsInTheirOrder) {  // API-241 to API-250, HA-217
  EXPECT_EQ(refusal(failover(R"({"foo": "bar"})")), "400 Failover could be performed only to a specific candidate");  // API-342
  EXPECT_EQ(refusal(failover(R"({"candidate": ""})")), "400 Failover could be performed only to a specific candidate");
  EXPECT_EQ(refusal(failover(R"({"leader": "a"})")), "400 Failover could be performed only to a specific candidate");
  EXPECT_EQ(refusal(switchover(R"({"candidate": "b"})")), "400 Switchover could be performed only from a specific leader");
  EXPECT_EQ(refusal(failover(R"({"candidate": "b", "scheduled_at": "2030-01-01T00:00Z"})")), "400 Failover can't be scheduled");
  EXPECT_EQ(refusal(switchover(R"({"leader": "a", "scheduled_at": "nonsense"})", true)),
            "400 Can't schedule switchover in the paused state");
  EXPECT_EQ(refusal(switchover(R"({"leader": "a", "scheduled_at": "nonsense"})")), fmt::format("422 {}", kUnparsable));
  EXPECT_EQ(refusal(switchover(R"({"leader": "a", "scheduled_at": 5})")), fmt::format("422 {}", kUnparsable));
  EXPECT_EQ(refusal(switchover(R"({"leader": "a", "scheduled_at": "2030-01-01T00:00"})")),
            "400 Timezone information is mandatory for the scheduled switchover");
  EXPECT_EQ(refusal(switchover(R"({"leader": "a", "scheduled_at": "2020-01-01T00:00Z"})")),
            "422 Cannot schedule switchover in the past");
  EXPECT_EQ(refusal(switchover(R"({"leader": "a"})", true)),
            "400 Switchover is possible only to a specific candidate in a paused state");
  EXPECT_EQ(refusal(switchover(R"({"leader": "a", "candidate": "a"})")), "400 Switchover target and source are the same");
  EXPECT_EQ(refusal(failover(R"({"leader": "a", "candidate": "a"})")), "400 Switchover target and source are the same");
  EXPECT_EQ(refusal(switchover(R"({"leader": "a", "candidate": "a", "scheduled_at": "2030-01-01T00:00Z"})")),
            "400 Switchover target and source are the same");
}

TEST(ParseFailover, WrongTypesAreNamed) {
  EXPECT_EQ(refusal(switchover(R"({"leader": 5})")), "400 Key \"leader\" must be the name of a member in quotes, but is 5");
  EXPECT_EQ(refusal(failover(R"({"candidate": ["b"]})")),
            "400 Key \"candidate\" must be the name of a member in quotes, but is [\"b\"]");
}

TEST(ParseFailover, Accepted) {
  auto command = std::get<FailoverCommand>(switchover(R"({"leader": "a", "candidate": "b", "scheduled_at": "", "x": 1})"));
  EXPECT_TRUE(command.switchover);
  EXPECT_EQ(command.leader + command.candidate + command.scheduled_at, "ab");
  command = std::get<FailoverCommand>(switchover(R"({"leader": "a", "scheduled_at": "2030-01-01T00:00+03"})"));
  EXPECT_EQ(command.scheduled_at, "2030-01-01T00:00:00+03:00");  // API-336
  command = std::get<FailoverCommand>(failover(R"({"member": "b", "leader": null})", true));  // the former name; paused
  EXPECT_FALSE(command.switchover);
  EXPECT_EQ(command.candidate, "b");
  command = std::get<FailoverCommand>(failover(R"({"candidate": "c", "member": "b"})"));
  EXPECT_EQ(command.candidate, "c");
  command = std::get<FailoverCommand>(failover(R"({"candidate": "b", "leader": "a"})"));  // API-249
  EXPECT_TRUE(command.switchover);
  EXPECT_EQ(refusal(switchover(R"({"leader": "a", "candidate": "b"})", true)), "accepted");  // API-325
}

TEST(ParseRestart, Refusals) {  // API-273 to API-280
  EXPECT_EQ(refusal(restart(R"({"schedule": null})", true)), "500 Can't schedule restart in the paused state");
  EXPECT_EQ(refusal(restart(R"({"role": "x", "schedule": 1})", true)), "500 Can't schedule restart in the paused state");
  EXPECT_EQ(refusal(restart(R"({"schedule": null})")), fmt::format("422 {}", kUnparsable));
  EXPECT_EQ(refusal(restart(R"({"schedule": ""})")), fmt::format("422 {}", kUnparsable));
  EXPECT_EQ(refusal(restart(R"({"schedule": "2030-01-01T00:00"})")),
            "400 Timezone information is mandatory for the scheduled restart");
  EXPECT_EQ(refusal(restart(R"({"schedule": "2020-01-01T00:00Z"})")), "422 Cannot schedule restart in the past");
  for (const auto* role : {"\"master\"", "\"demoted\"", "\"\"", "5", "null"}) {
    EXPECT_EQ(refusal(restart(fmt::format(R"({{"role": {}}})", role))),
              "400 PostgreSQL role should be either primary, standby_leader, or replica");
  }
  for (const auto* version : {"9.6", "15", "1.2.3.4", "9"}) {
    EXPECT_EQ(refusal(restart(fmt::format(R"({{"postgres_version": "{}"}})", version))),
              fmt::format("400 Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: {}", version));
  }
  for (const auto* version : {"15.x", "", "15.", ".2", "-1.2"}) {
    EXPECT_EQ(refusal(restart(fmt::format(R"({{"postgres_version": "{}"}})", version))),
              fmt::format("400 Invalid PostgreSQL version: {}", version));
  }
  EXPECT_EQ(refusal(restart(R"({"postgres_version": 15.1})")), "400 Invalid PostgreSQL version: 15.1");
  for (const auto* timeout : {"0", "-5", "\"abc\"", "true", "null", "\"500ms\"", "99999999999"}) {
    EXPECT_EQ(refusal(restart(fmt::format(R"({{"timeout": {}}})", timeout))), "400 Timeout should be a positive number of seconds");
  }
  EXPECT_EQ(refusal(restart(R"({"bogus": 1})")), "400 Unknown filter for the scheduled restart: bogus");
  EXPECT_EQ(refusal(restart(R"({"bogus": 1, "role": "x"})")), "400 Unknown filter for the scheduled restart: bogus");
  EXPECT_EQ(refusal(restart(R"({"role": "x", "bogus": 1})")),
            "400 PostgreSQL role should be either primary, standby_leader, or replica");
}

TEST(ParseRestart, Accepted) {
  const auto plain = std::get<RestartCommand>(restart("{}"));
  EXPECT_FALSE(plain.role || plain.timeout || plain.only_if_pending);
  EXPECT_TRUE(plain.schedule.empty() && plain.postgres_version.empty() && plain.filters.empty());
  const auto full = std::get<RestartCommand>(restart(
      R"({"restart_pending": false, "schedule": "2030-01-01 00:00Z", "timeout": "2min", "role": "standby_leader", "postgres_version": "15.2"})"));
  EXPECT_EQ(full.role, Role::kStandbyLeader);
  EXPECT_EQ(full.timeout, Duration(120s));
  EXPECT_EQ(full.postgres_version, "15.2");
  EXPECT_EQ(full.schedule, "2030-01-01T00:00:00+00:00");
  EXPECT_TRUE(full.only_if_pending);  // its presence counts (API-279, API-360)
  EXPECT_EQ(to_json(full.filters), R"({"restart_pending":false,"schedule":"2030-01-01T00:00:00+00:00","timeout":120,)"
                                   R"("role":"standby_leader","postgres_version":"15.2"})");  // DCS-054
  EXPECT_EQ(refusal(restart(R"({"postgres_version": "9.6.24"})")), "accepted");
  EXPECT_EQ(refusal(restart(R"({"role": "replica"})", true)), "accepted");  // API-325
}

TEST(ParseReinitialize, Flags) {  // API-297
  const auto flags = [](std::string_view body) {
    const auto command = parse_reinitialize(json(body).as_map());
    return fmt::format("{:d}{:d}", command.force, command.from_leader);
  };
  EXPECT_EQ(flags("{}"), "00");
  EXPECT_EQ(flags(R"({"force": true})"), "10");
  EXPECT_EQ(flags(R"({"force": "YES", "from_leader": "1"})"), "11");
  EXPECT_EQ(flags(R"({"force": 1, "from_leader": "On"})"), "11");
  EXPECT_EQ(flags(R"({"force": 2, "from_leader": "maybe"})"), "00");
  EXPECT_EQ(flags(R"({"force": null, "from-leader": true, "other": true})"), "00");
}

TEST(ParseFailsafe, RequiredKeys) {  // API-306, API-310
  EXPECT_EQ(refusal(parse_failsafe(json(R"({"conn_url": "c", "api_url": "a"})").as_map())),
            "400 Key \"name\" is missing or is not a text; it is required");
  EXPECT_EQ(refusal(parse_failsafe(json(R"({"name": "n", "conn_url": 1, "api_url": "a"})").as_map())),
            "400 Key \"conn_url\" is missing or is not a text; it is required");
  EXPECT_EQ(refusal(parse_failsafe(json(R"({"name": "n", "conn_url": "c", "api_url": null})").as_map())),
            "400 Key \"api_url\" is missing or is not a text; it is required");
  const auto message = std::get<FailsafeMessage>(parse_failsafe(
      json(R"({"name": "n", "conn_url": "c", "api_url": "a", "slots": {"x": 83886080, "y": "5", "z": "bad", "w": -1}})").as_map()));
  EXPECT_EQ(message.name + message.conn_url + message.api_url, "nca");
  EXPECT_EQ(message.slots, (std::map<std::string, Lsn>{{"x", {83886080}}, {"y", {5}}, {"z", {0}}, {"w", {0}}}));
}

TEST(ParseMppEvent, Table) {  // API-312
  const auto parse = [](std::string_view body) { return parse_mpp_event(json(body).as_map()); };
  const auto event = std::get<MppEvent>(
      parse(R"({"type": "before_demote", "group": 1, "leader": "w1", "timeout": 30, "cooldown": 1.5})"));
  EXPECT_EQ(event.type + event.leader, "before_demotew1");
  EXPECT_EQ(event.group, 1);
  EXPECT_EQ(event.timeout, Duration(30s));
  EXPECT_EQ(event.cooldown, Duration(1500ms));
  for (const auto* bad : {R"({"group": 1, "leader": "w"})", R"({"type": "t", "group": "1", "leader": "w"})",
                          R"({"type": "t", "group": -1, "leader": "w"})", R"({"type": "t", "group": 1})",
                          R"({"type": "t", "group": 1, "leader": "w", "timeout": -1})",
                          R"({"type": "t", "group": 1, "leader": "w", "cooldown": "x"})"}) {
    EXPECT_TRUE(refusal(parse(bad)).starts_with("400 Key ")) << bad;
  }
}

}  // namespace
}  // namespace matriarch::rest::testing
