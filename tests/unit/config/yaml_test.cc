// YAML 1.1 as a safe loader reads it (CFG-004), and what is written back (CTL-237).
#include "config/yaml.h"

#include <cmath>

#include <gtest/gtest.h>

namespace matriarch::config {
namespace {

Value parse(std::string_view text) {
  Warnings warnings;
  auto value = parse_yaml(text, "f.yml", warnings);
  EXPECT_TRUE(value.ok()) << text << ": " << (value ? "" : value.error().text());
  return value ? *value : Value("parse failed");
}

std::string failure(std::string_view text, Errc code = Errc::kInvalid) {
  Warnings warnings;
  const auto value = parse_yaml(text, "f.yml", warnings);
  if (value) return "no failure";
  EXPECT_EQ(value.error().code(), code);
  return value.error().text();
}

TEST(YamlScalar, Nulls) {
  for (const char* text : {"", "~", "null", "Null", "NULL"}) EXPECT_TRUE(resolve_plain_scalar(text).is_null()) << text;
  for (const char* text : {"nUll", "none", "None", "nil"}) EXPECT_EQ(resolve_plain_scalar(text), Value(text));
}

TEST(YamlScalar, Booleans) {
  for (const char* text : {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"}) {
    EXPECT_EQ(resolve_plain_scalar(text), Value(true)) << text;
  }
  for (const char* text : {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"}) {
    EXPECT_EQ(resolve_plain_scalar(text), Value(false)) << text;
  }
  for (const char* text : {"y", "n", "Y", "N", "yEs", "oN", "tRUE", "t", "f"}) {
    EXPECT_EQ(resolve_plain_scalar(text), Value(text)) << text;
  }
}

TEST(YamlScalar, Integers) {
  const std::pair<const char*, std::int64_t> cases[] = {{"0", 0},
                                                        {"-0", 0},
                                                        {"+12", 12},
                                                        {"-12", -12},
                                                        {"1_000", 1000},
                                                        {"010", 8},
                                                        {"0644", 420},
                                                        {"-010", -8},
                                                        {"00", 0},
                                                        {"0_7", 7},
                                                        {"0x1F", 31},
                                                        {"0xdead_beef", 3735928559},
                                                        {"-0x10", -16},
                                                        {"0b101", 5},
                                                        {"0b1_0", 2},
                                                        {"1:30", 90},
                                                        {"-1:30", -90},
                                                        {"190:20:30", 685230},
                                                        {"1_0:30", 630},
                                                        {"1:00", 60},
                                                        {"1:5", 65},
                                                        {"9223372036854775807", INT64_MAX},
                                                        {"-9223372036854775808", INT64_MIN}};
  for (const auto& [text, number] : cases) EXPECT_EQ(resolve_plain_scalar(text), Value(number)) << text;
}

TEST(YamlScalar, NotIntegers) {
  for (const char* text : {"08",    "0o17",  "0x",    "0b",  "0b2",   "1:60", "1:",  ":30",
                           "0:30:", "01:30", "1:300", "--1", "_1",    "1-2",  "1e3", "9223372036854775808",
                           "0xg",   "0b_",   "+",     "-",   "1 000", "１"}) {
    const Value value = resolve_plain_scalar(text);
    EXPECT_FALSE(value.is_int()) << text;
    EXPECT_TRUE(value.is_string()) << text;
  }
}

TEST(YamlScalar, Floats) {
  const std::pair<const char*, double> cases[] = {
      {"1.5", 1.5},     {"-1.5", -1.5},    {"+1.", 1.0},     {".5", 0.5},  {"1.5e+3", 1500},
      {"1.5E-1", 0.15}, {"1_0.5_0", 10.5}, {"1:30.5", 90.5}, {"0.1", 0.1}, {"08.5", 8.5}};
  for (const auto& [text, number] : cases) {
    const Value value = resolve_plain_scalar(text);
    ASSERT_TRUE(value.is_double()) << text;
    EXPECT_DOUBLE_EQ(value.as_double(), number) << text;
  }
  EXPECT_TRUE(std::isinf(resolve_plain_scalar(".inf").as_double()));
  EXPECT_LT(resolve_plain_scalar("-.Inf").as_double(), 0);
  EXPECT_TRUE(std::isnan(resolve_plain_scalar(".NaN").as_double()));
  for (const char* text : {"1.5e3", "1e3", ".", "-.5", "1.5e+", "1.2.3", "1.5.", "inf", "nan", "..5"}) {
    EXPECT_TRUE(resolve_plain_scalar(text).is_string()) << text;
  }
}

TEST(YamlScalar, DatesStayText) {
  for (const char* text : {"2026-07-01", "2026-07-01 12:00:00", "2026-07-01T12:00:00Z"}) {
    EXPECT_EQ(resolve_plain_scalar(text), Value(text));
  }
}

TEST(Yaml, QuotedScalarsStayText) {
  const Value tree = parse("a: 'on'\nb: \"123\"\nc: '~'\nd: |\n  1\ne: >\n  yes\nf: ''\n");
  EXPECT_EQ(*tree.find("a"), Value("on"));
  EXPECT_EQ(*tree.find("b"), Value("123"));
  EXPECT_EQ(*tree.find("c"), Value("~"));
  EXPECT_EQ(*tree.find("d"), Value("1\n"));
  EXPECT_EQ(*tree.find("e"), Value("yes\n"));
  EXPECT_EQ(*tree.find("f"), Value(""));
}

TEST(Yaml, KeysAreText) {
  const Value tree = parse("1: a\non: b\n~: c\n'2': d\n1.5: e\n0x10: f\n");
  for (const char* key : {"1", "true", "null", "2", "1.5", "16"}) EXPECT_NE(tree.find(key), nullptr) << key;
}

TEST(Yaml, Tags) {
  const Value tree =
      parse("a: !!str 12\nb: !!int '5'\nc: !!float 3\nd: !!null ''\ne: !!bool 'on'\nf: !!map {x: 1}\ng: !!seq [1]\n");
  EXPECT_EQ(*tree.find("a"), Value("12"));
  EXPECT_EQ(*tree.find("b"), Value(5));
  EXPECT_EQ(*tree.find("c"), Value(3.0));
  EXPECT_TRUE(tree.find("d")->is_null());
  EXPECT_EQ(*tree.find("e"), Value(true));
  EXPECT_NE(failure("a: !!python/object:os.system x").find("not supported"), std::string::npos);
  EXPECT_NE(failure("a: !env HOME").find("f.yml:1:4:"), std::string::npos);
  EXPECT_NE(failure("a: !!int x").find("does not fit"), std::string::npos);
  EXPECT_NE(failure("a: !!set {x}").find("not supported"), std::string::npos);
}

TEST(Yaml, AnchorsAndMergeKeys) {
  const Value tree = parse(
      "base: &base {a: 1, b: 2}\nother: &other {b: 20, c: 30}\none:\n  <<: *base\n  b: 3\ntwo:\n  <<: [*base, "
      "*other]\n  d: 4\n"
      "list: &l [1, 2]\ncopy: *l\n");
  EXPECT_EQ(*tree.find("one"), parse("{a: 1, b: 3}"));
  EXPECT_EQ(*tree.find("two"), parse("{a: 1, b: 2, c: 30, d: 4}"));
  EXPECT_EQ(*tree.find("copy"), parse("[1, 2]"));
  EXPECT_EQ(parse("{'<<': 1}"), [] {
    Value::Map m;
    m.set("<<", 1);
    return Value(m);
  }());
  EXPECT_NE(failure("a: {<<: 1}").find("'<<' needs a mapping"), std::string::npos);
  EXPECT_NE(failure("a: &x [*x]").find("alias"), std::string::npos);
  EXPECT_NE(failure("a: *nowhere").find("f.yml:1:"), std::string::npos);
}

TEST(Yaml, LastDuplicateKeyWinsWithAWarning) {
  Warnings warnings;
  const auto tree = parse_yaml("a: 1\nb: 2\na: 3\nc: {x: 1, x: 2, x: 3}\n", "f.yml", warnings);
  ASSERT_TRUE(tree.ok());
  EXPECT_EQ(*tree->find("a"), Value(3));
  EXPECT_EQ(*tree->at("c", "x"), Value(3));
  EXPECT_EQ(tree->as_map().size(), 3u);
  ASSERT_EQ(warnings.size(), 3u);
  EXPECT_EQ(warnings[0], "f.yml:3:1: key 'a' is given more than once; the last one is used");
}

TEST(Yaml, EmptyDocuments) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n", "---\n...\n", "~"})
    EXPECT_TRUE(parse(text).is_null()) << text;
  EXPECT_EQ(parse("\xef\xbb\xbf"
                  "a: 1"),
            parse("a: 1"));
}

TEST(Yaml, ErrorsNameFileLineAndColumn) {
  EXPECT_TRUE(failure("a: 1\nb: [1, 2\nc: 3\n").starts_with("f.yml:3:"));
  EXPECT_TRUE(failure("a: b: c\n").starts_with("f.yml:1:5:"));
  EXPECT_TRUE(failure("a: 1\n\tb: 1\n").starts_with("f.yml:2:1:"));
  EXPECT_NE(failure("a: \"never closed\n"), "no failure");
  EXPECT_NE(failure("a: 'never closed\nb: 2\n"), "no failure");
  EXPECT_NE(failure("a: 1\n---\nb: 2\n").find("second document"), std::string::npos);
  EXPECT_NE(failure("- a\nb: 1\n"), "no failure");
  EXPECT_NE(failure("{a: 1}}\n"), "no failure");
  EXPECT_NE(failure("? [a]\n: 1\n").find("cannot be a key"), std::string::npos);
  EXPECT_NE(failure("? {a: 1}\n: 1\n").find("cannot be a key"), std::string::npos);
}

TEST(Yaml, HostileInputIsRefusedNotFatal) {
  EXPECT_NE(failure("a: \xff\xfe").find("not UTF-8"), std::string::npos);
  EXPECT_NE(failure(std::string("a: b\nc: \x01\n")).find("f.yml:2: control character 0x01"), std::string::npos);
  EXPECT_NE(failure(std::string("a: \0b", 5)).find("control character"), std::string::npos);
  failure(std::string(kMaxYamlSize + 1, 'a'), Errc::kTooLarge);
  EXPECT_NE(failure(std::string(100'000, '[')), "no failure");
  EXPECT_NE(failure(std::string(100'000, '{')), "no failure");
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  EXPECT_NE(failure(deep).find("nested more than 64 levels"), std::string::npos);
  std::string depth_by_alias = "x0: &x0 [1]\n";
  for (int i = 1; i < 80; ++i)
    depth_by_alias += "x" + std::to_string(i) + ": &x" + std::to_string(i) + " [*x" + std::to_string(i - 1) + "]\n";
  EXPECT_NE(failure(depth_by_alias).find("nested more than"), std::string::npos);
  std::string laughs = "x0: &x0 [lol, lol]\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "*x" + std::to_string(i - 1);
    laughs += "x" + std::to_string(i) + ": &x" + std::to_string(i) + " [" + before + "," + before + "]\n";
  }
  EXPECT_NE(failure(laughs, Errc::kTooLarge).find("aliases"), std::string::npos);
  std::string long_text = "a: &a " + std::string(900'000, 'x') + "\nb: [";
  for (int i = 0; i < 60; ++i) long_text += "*a, ";
  failure(long_text + "]\n", Errc::kTooLarge);
}

TEST(Yaml, ManyKeysAreQuick) {
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += "k" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(parse(text).as_map().size(), 60'000u);
}

// --- writing

TEST(YamlWriter, BlockStyleSorted) {
  EXPECT_EQ(to_yaml(parse("{b: 1, a: {d: [1, {x: y, w: [a]}, [2, 3], []], c: {}}, e: ~}")),
            "a:\n  c: {}\n  d:\n  - 1\n  - w:\n    - a\n    x: y\n  - - 2\n    - 3\n  - []\nb: 1\ne: null\n");
  EXPECT_EQ(to_yaml(parse("{b: 1, a: 2}"), KeyOrder::kAsGiven), "b: 1\na: 2\n");
  EXPECT_EQ(to_yaml(Value::Map()), "{}\n");
  EXPECT_EQ(to_yaml(Value::List()), "[]\n");
  EXPECT_EQ(to_yaml("x"), "x\n");
}

TEST(YamlWriter, QuotesOnlyWhereNeeded) {
  const std::pair<const char*, const char*> cases[] = {{"on", "'on'"},
                                                       {"123", "'123'"},
                                                       {"*", "'*'"},
                                                       {"", "''"},
                                                       {"~", "'~'"},
                                                       {"plain text", "plain text"},
                                                       {"it's", "it's"},
                                                       {"'x'", "'''x'''"},
                                                       {"a: b", "'a: b'"},
                                                       {"a #b", "'a #b'"},
                                                       {"a:", "'a:'"},
                                                       {"-x", "-x"},
                                                       {"- x", "'- x'"},
                                                       {"1:30", "'1:30'"},
                                                       {"host:5432", "host:5432"},
                                                       {"2026-07-01", "'2026-07-01'"},
                                                       {" x", "' x'"},
                                                       {"x ", "'x '"},
                                                       {"a\nb", "\"a\\nb\""},
                                                       {"tab\there", "\"tab\\there\""},
                                                       {"back\\slash", "back\\slash"},
                                                       {"---", "'---'"},
                                                       {"<<", "'<<'"},
                                                       {"%x", "'%x'"},
                                                       {"[a]", "'[a]'"},
                                                       {"a]", "a]"},
                                                       {"pg_stat_statements, auto_explain", "pg_stat_statements, auto_explain"},
                                                       {"{a}", "'{a}'"},
                                                       {"=", "'='"},
                                                       {"Grüße", "Grüße"},
                                                       {"a\x01", "\"a\\x01\""},
                                                       {"!x", "'!x'"},
                                                       {"y", "y"},
                                                       {"0o17", "0o17"},
                                                       {"1e3", "1e3"}};
  for (const auto& [text, written] : cases) EXPECT_EQ(to_yaml(text), std::string(written) + "\n");
}

TEST(YamlWriter, WhatIsWrittenIsReadBack) {
  const Value tree = parse(
      "{texts: [on, '1', \"a\\nb\", '  ', ': ', '#', 'x: ', '? a', '-', '...', \"\\u2028\", '🐘', '\"', '\\', '0x1F', "
      "'.5', '1.', "
      "'a,b', '{', '@', '`', '12:30:45', '=', '!', '&a', '*a', '|', '>', '%', 'null', \"\\x7f\", 'é: x'], numbers: [0, "
      "-1, 1.5, 1.0, "
      "1.0e+20, .inf, -.inf, 1.0e-7], other: [true, false, ~, {}, [], [[]], {a: {}}], 'key: x': 1, 'on': 2, '': 3, '# "
      "k': 4}");
  EXPECT_EQ(parse(to_yaml(tree)), tree);
  EXPECT_EQ(parse(to_yaml(tree, KeyOrder::kAsGiven)), tree);
}

}  // namespace
}  // namespace matriarch::config
