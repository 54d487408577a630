// rest.md section 20, API-027, API-028.
#include "rest/json_text.h"
#include "rest/moments.h"
#include "rest/network.h"
#include "rest/quantity.h"
#include "tests/unit/rest/support.h"

namespace matriarch::rest::testing {
namespace {

TEST(SpacedJson, AsciiOnOneLine) {  // API-027
  EXPECT_EQ(to_spaced_json(json("{\"a\":[1,2.0,null,true],\"\xC3\xA4\":{\"b\":\"x\\n\\\"\"},\"e\":{},\"l\":[]}")),
            R"({"a": [1, 2.0, null, true], "\u00e4": {"b": "x\n\""}, "e": {}, "l": []})");
}

TEST(ParseBytes, Table) {  // API-333
  const std::vector<std::pair<std::string_view, std::optional<std::int64_t>>> cases{
      {"1048576", 1048576}, {"1.5MB", 1572864}, {"1e3", 1000},       {"010", 8},          {"1 kB", 1024},
      {" 1kB ", 1024},      {"-1", -1},         {"+5B", 5},          {"0x10", 16},        {"0x10kB", 16384},
      {"0", 0},             {"2GB", 2147483648}, {"3TB", 3298534883328}, {"0.5", 0},      {"1.5", 2},
      {"2.5", 2},           {".5kB", 512},      {"1e3kB", 1024000},  {"-1.5kB", -1536},
      {"1M", {}},           {"1mb", {}},        {"1KB", {}},         {"foo", {}},         {"", {}},
      {"kB", {}},           {"-", {}},          {"08", {}},          {"1 2", {}},         {"5e", {}},
      {"9223372036854775807", 9223372036854775807}, {"9223372036854775808", {}}, {"9000000000TB", {}}, {"1e40", {}},
      {"inf", {}},          {"nan", {}},        {"0x", {}}};
  for (const auto& [text, expected] : cases) EXPECT_EQ(parse_bytes(text), expected) << text;
}

TEST(ParseSeconds, Table) {  // API-334
  const std::vector<std::pair<Value, std::optional<std::int64_t>>> cases{
      {60, 60},        {"60", 60},     {"2min", 120}, {"1h", 3600}, {"1d", 86400}, {"500ms", 0}, {"1500ms", 2},
      {"2500 ms", 2},  {"1s", 1},      {"3000000us", 3}, {1.5, 2},  {2.5, 2},      {0, 0},       {-3, -3},
      {true, {}},      {Value(), {}},  {"1m", {}},    {"x", {}},    {Value::List{}, {}}};
  for (const auto& [value, expected] : cases) EXPECT_EQ(parse_seconds(value), expected) << to_json(value);
}

constexpr WallTime kNow{std::chrono::sys_days(std::chrono::year(2026) / 3 / 1)};

std::string schedule(const Value& given) {
  const auto parsed = parse_schedule(given, kNow);
  if (const auto* text = std::get_if<std::string>(&parsed)) return *text;
  switch (std::get<ScheduleProblem>(parsed)) {
    case ScheduleProblem::kUnparsable: return "unparsable";
    case ScheduleProblem::kNoTimeZone: return "no zone";
    case ScheduleProblem::kPast: return "past";
  }
  return "?";
}

TEST(ParseSchedule, Table) {  // API-245 to API-247, API-335 to API-337
  const std::vector<std::pair<Value, std::string_view>> cases{
      {"2030-01-01T00:00+03", "2030-01-01T00:00:00+03:00"},
      {"2030-01-01T00:00Z", "2030-01-01T00:00:00+00:00"},
      {"2030-01-01 00:00:00 UTC", "2030-01-01T00:00:00+00:00"},
      {"2030-01-01 00:00:00.25 GMT", "2030-01-01T00:00:00.250000+00:00"},
      {"2030-12-31T23:59:59-0330", "2030-12-31T23:59:59-03:30"},
      {"2030-01-01T00:00:00.123456+05:45", "2030-01-01T00:00:00.123456+05:45"},
      {"2026-03-01T00:00:00+00:00", "2026-03-01T00:00:00+00:00"},  // now is not the past
      {"2026-02-28T23:59:59+00:00", "past"},
      {"2026-03-01T00:30:00+01:00", "past"},
      {"2030-01-01T00:00", "no zone"},
      {"2030-02-30T00:00Z", "unparsable"},
      {"2030-01-01T25:00Z", "unparsable"},
      {"tomorrow", "unparsable"},
      {"", "unparsable"},
      {5, "unparsable"},
      {Value(), "unparsable"},
      {Value::Map{}, "unparsable"}};
  for (const auto& [given, expected] : cases) EXPECT_EQ(schedule(given), expected) << to_json(given);
}

TEST(DocumentTime, AsTheContractPrintsIt) {  // API-028
  EXPECT_EQ(document_time("2026-03-01 10:00:00.12+00"), "2026-03-01 10:00:00.120000+00:00");
  EXPECT_EQ(document_time("2026-03-01 10:00:00-03:30"), "2026-03-01 10:00:00-03:30");
  EXPECT_EQ(document_time("2026-03-01 10:00:00.123456+00:00"), "2026-03-01 10:00:00.123456+00:00");
  EXPECT_EQ(document_time("Sun 01 Mar 2026"), "Sun 01 Mar 2026");
  EXPECT_EQ(document_time(""), "");
  EXPECT_DOUBLE_EQ(epoch_seconds("2026-11-22 05:05:02.603178+02"), 1795316702.603178);
  EXPECT_EQ(epoch_seconds(""), 0);
}

TEST(Networks, Contain) {  // API-087, API-089
  const auto contains = [](std::string_view network, std::string_view ip) {
    const auto parsed = parse_network(network);
    const auto address = parse_ip(ip);
    EXPECT_TRUE(parsed && address) << network << " " << ip;
    return parsed && address && parsed->contains(*address);
  };
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("10.1.2.3/8", "10.9.9.9"));  // host bits are ignored
  EXPECT_TRUE(contains("10.1.2.128/25", "10.1.2.200"));
  EXPECT_FALSE(contains("10.1.2.128/25", "10.1.2.100"));
  EXPECT_TRUE(contains("192.168.0.0/255.255.0.0", "192.168.7.7"));
  EXPECT_TRUE(contains("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(contains("0.0.0.0/0", "fd00::1"));
  EXPECT_TRUE(contains("::/0", "fd00::1"));
  EXPECT_TRUE(contains("fd00::/9", "fd7f::1"));
  EXPECT_FALSE(contains("fd00::/9", "fdff::1"));
  EXPECT_TRUE(contains("127.0.0.1", "::ffff:127.0.0.1"));
  EXPECT_TRUE(contains("::ffff:127.0.0.1", "127.0.0.1"));
  EXPECT_TRUE(contains("fe80::1", "fe80::1%eth0"));
  EXPECT_FALSE(contains("127.0.0.1", "127.0.0.2"));
  for (const auto* bad : {"", "/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "10.0.0.0/255.0.255.0", "fd00::/129",
                          "host", "host/8", "10.0.0/8", "fd00::/255.0.0.0"}) {
    EXPECT_FALSE(parse_network(bad)) << bad;
  }
}

}  // namespace
}  // namespace matriarch::rest::testing
