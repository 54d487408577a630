#include "model/value.h"

#include <limits>

#include <gtest/gtest.h>

namespace matriarch {
namespace {

Value json(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed.ok()) << text;
  return parsed.value_or(nullptr);
}

TEST(ToJson, IsCompactWithEscapedNonAscii) {  // DCS-001
  Value::Map map;
  map.set("a", Value::List{1, true, nullptr, "x"});
  map.set("ключ", "ä\"\\\n\t\x01\x7f");
  map.set("g", "\xF0\x9D\x84\x9E");  // U+1D11E: a surrogate pair
  EXPECT_EQ(to_json(map), R"({"a":[1,true,null,"x"],"\u043a\u043b\u044e\u0447":"\u00e4\"\\\n\t\u0001)"
                          "\x7f"
                          R"(","g":"\ud834\udd1e"})");
}

TEST(ToJson, ReplacesBytesThatAreNoUtf8) {
  EXPECT_EQ(to_json(Value("a\xff\xc0\x80z")), R"("a\ufffd\ufffd\ufffdz")");
  EXPECT_EQ(to_json(Value("\xed\xa0\x80")), R"("\ufffd\ufffd\ufffd")");  // an encoded surrogate
  EXPECT_EQ(to_json(Value("\xe4\xb8")), R"("\ufffd\ufffd")");            // cut off
}

TEST(ToJson, KeepsWhatANumberIs) {
  EXPECT_EQ(to_json(1.0), "1.0");
  EXPECT_EQ(to_json(0.1), "0.1");
  EXPECT_EQ(to_json(-2.5e-7), "-2.5e-07");
  EXPECT_EQ(to_json(1e16), "1e+16");
  EXPECT_EQ(to_json(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(to_json(std::numeric_limits<double>::infinity()), "null");
}

TEST(ToJson, PrettyIndentsByTwo) {
  EXPECT_EQ(to_pretty_json(json(R"({"a":{"b":[1,2],"c":{}},"d":[]})")),
            "{\n  \"a\": {\n    \"b\": [\n      1,\n      2\n    ],\n    \"c\": {}\n  },\n  \"d\": []\n}");
}

TEST(ParseJson, NumbersTooLargeAreTheLargest) {  // never null, which would delete a key
  EXPECT_EQ(to_json(*parse_json("[1e400,-1e400]")), to_json(*parse_json("[1.7976931348623157e308,-1.7976931348623157e308]")));
  EXPECT_EQ(parse_json("0e400")->as_double(), 0);
}

TEST(ParseJson, KeepsOrderAndTakesTheLastOfEqualKeys) {
  EXPECT_EQ(to_json(json(R"( { "b" : 1, "a" : 2 , "b" : 3 } )")), R"({"b":3,"a":2})");
  EXPECT_EQ(json(R"("\u00e4")").as_string(), "ä");
  EXPECT_TRUE(json("18446744073709551615").is_double());
  EXPECT_EQ(json("9223372036854775807").as_int(), std::numeric_limits<std::int64_t>::max());
}

TEST(ParseJson, RefusesWhatIsNoSingleBoundedDocument) {
  for (const std::string text : {"", "{", "{} x", "nul", "'a'", "[1,]", "\"\xff\"", "\"\n\""}) {
    EXPECT_FALSE(parse_json(text).ok()) << text;
  }
  EXPECT_TRUE(parse_json(std::string(60, '[') + std::string(60, ']')).ok());
  EXPECT_FALSE(parse_json(std::string(100000, '[')).ok());
}

TEST(ValueEquality, IgnoresTheOrderOfKeysOnly) {
  EXPECT_EQ(json(R"({"a":1,"b":{"c":[1]}})"), json(R"({"b":{"c":[1]},"a":1})"));
  EXPECT_NE(json("[1,2]"), json("[2,1]"));
  EXPECT_NE(json("1"), json("1.0"));
  EXPECT_NE(json(R"({"a":null})"), json("{}"));
}

TEST(DeepEqual, ComparesByStringForm) {  // DCS-003
  EXPECT_TRUE(deep_equal(json("2"), json(R"("2")")));
  EXPECT_TRUE(deep_equal(json(R"({"a":{"b":true}})"), json(R"({"a":{"b":"True"}})")));
  EXPECT_TRUE(deep_equal(json("[1,\"x\"]"), json(R"("[1, 'x']")")));
  EXPECT_FALSE(deep_equal(json("{}"), json(R"({"a":null})")));
  EXPECT_FALSE(deep_equal(json("1"), json("1.0")));
  EXPECT_TRUE(deep_equal(json(R"({"x":1,"y":2})"), json(R"({"y":"2","x":"1"})")));
}

TEST(ParseBool, KnowsEightWords) {  // DCS-005
  for (const char* yes : {"on", "TRUE", "Yes", "1"}) EXPECT_EQ(parse_bool(std::string_view(yes)), true) << yes;
  for (const char* no : {"off", "False", "NO", "0"}) EXPECT_EQ(parse_bool(std::string_view(no)), false) << no;
  for (const char* other : {"", "2", "y", "enabled", " on"}) EXPECT_FALSE(parse_bool(std::string_view(other))) << other;
  EXPECT_EQ(parse_bool(Value(true)), true);
  EXPECT_EQ(parse_bool(Value(0)), false);
  EXPECT_FALSE(parse_bool(Value(7)));
  EXPECT_FALSE(parse_bool(Value()));
  EXPECT_FALSE(parse_bool(Value(Value::List{true})));
}

TEST(ParseInt, UnderstandsTheContractsForms) {  // DCS-004, API-333
  const std::vector<std::pair<std::string, std::int64_t>> cases{
      {"12", 12}, {"-12", -12},  {"+7", 7},  {" 5 ", 5}, {"0x1F", 31},   {"010", 8},
      {"0", 0},   {"1e3", 1000}, {"2.5", 2}, {"3.5", 4}, {"-0x10", -16}, {".5", 0}};
  for (const auto& [text, number] : cases) EXPECT_EQ(parse_int(text), number) << text;
  for (const std::string text : {"", "-", "x", "1x", "08", "0x", "1_000", "nan", "inf", "1e99", "99999999999999999999",
                                 "1 2", "--1", "0x-1", "1.2.3"}) {
    EXPECT_FALSE(parse_int(text)) << text;
  }
  EXPECT_EQ(parse_int(Value(2.5)), 2);
  EXPECT_FALSE(parse_int(Value(1e300)));
  EXPECT_FALSE(parse_int(Value(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_FALSE(parse_int(Value(true)));
  EXPECT_FALSE(parse_int(Value()));
}

TEST(ApplyPatch, DeletesMergesAndReplaces) {  // DCS-075
  Value config = json(R"({"ttl":30,"postgresql":{"parameters":{"a":1,"b":2}},"pause":true})");
  EXPECT_TRUE(apply_patch(config, json(R"({"ttl":20,"pause":null,"postgresql":{"parameters":{"b":null,"c":3}}})")));
  EXPECT_EQ(to_json(config), R"({"ttl":20,"postgresql":{"parameters":{"a":1,"c":3}}})");
  EXPECT_FALSE(apply_patch(config, json(R"({"ttl":20,"gone":null,"postgresql":{}})")));
  EXPECT_TRUE(apply_patch(config, json(R"({"ttl":{"x":null,"y":1}})")));
  EXPECT_EQ(to_json(*config.find("ttl")), R"({"x":null,"y":1})");
}

TEST(ApplyPatch, NullsInsideANewKeyStay) {  // CFG-268, CFG-467
  Value config = json("{}");
  EXPECT_TRUE(apply_patch(config, json(R"({"slots":{"a":null}})")));
  EXPECT_EQ(to_json(config), R"({"slots":{"a":null}})");
  EXPECT_FALSE(apply_patch(config, json(R"({"slots":{"a":null}})")));  // CFG-269
  EXPECT_EQ(to_json(config), R"({"slots":{}})");
}

TEST(ApplyPatch, SameTextFormIsNoChange) {  // CFG-267
  Value config = json(R"({"ttl":20,"list":[1,"a"]})");
  EXPECT_FALSE(apply_patch(config, json(R"({"ttl":"20","list":[1,"a"]})")));
  EXPECT_EQ(to_json(config), R"({"ttl":20,"list":[1,"a"]})");
  EXPECT_TRUE(apply_patch(config, json(R"({"list":[1,"b"]})")));
}

TEST(Truthy, FollowsEmptiness) {
  for (const char* text : {"null", "false", "0", "0.0", "\"\"", "[]", "{}"}) EXPECT_FALSE(json(text).truthy()) << text;
  for (const char* text : {"true", "-1", "0.1", "\"false\"", "[0]", "{\"a\":null}"})
    EXPECT_TRUE(json(text).truthy()) << text;
}

TEST(ValueAt, GoesDown) {
  const Value config = json(R"({"a":{"b":{"c":5}}})");
  EXPECT_EQ(config.at("a", "b", "c")->as_int(), 5);
  EXPECT_EQ(config.at("a", "x", "c"), nullptr);
  EXPECT_EQ(config.at("a", "b", "c", "d"), nullptr);
}

}  // namespace
}  // namespace matriarch
