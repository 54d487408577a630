// Words, options, numbers with units: the small grammars of the configuration.
#include <gtest/gtest.h>

#include "postgres/guc_value.h"
#include "postgres/recovery_tools.h"
#include "postgres/scripts.h"
#include "postgres/shell_words.h"
#include "postgres/user_options.h"

namespace matriarch::postgres {
namespace {

using Words = std::vector<std::string>;

TEST(ShellWords, QuotesAndBackslashes) {  // PG-015
  EXPECT_EQ(shell_words("a  b\tc").value(), (Words{"a", "b", "c"}));
  EXPECT_EQ(shell_words(R"(sh -c 'echo "$x" \n' "a \"b\" \c")").value(),
            (Words{"sh", "-c", R"(echo "$x" \n)", R"(a "b" \c)"}));
  EXPECT_EQ(shell_words("''").value(), (Words{""}));
  EXPECT_EQ(shell_words(R"(a\ b)").value(), (Words{"a b"}));
  EXPECT_EQ(shell_words("").value(), Words());
  EXPECT_FALSE(shell_words("it's").ok());
  EXPECT_FALSE(shell_words("\"open").ok());
  EXPECT_FALSE(shell_words("end\\").ok());
}

TEST(UserOptions, MapAndList) {  // PG-017
  Value::Map map;
  map.set("encoding", "UTF8");
  map.set("waldir", "'/with blank/wal'");
  map.set("empty", "");
  EXPECT_EQ(user_options(map, {}).arguments, (Words{"--encoding=UTF8", "--waldir=/with blank/wal"}));
  Value::Map pair;
  pair.set("locale", "C");
  EXPECT_EQ(user_options(Value::List{Value("data-checksums"), Value(pair)}, {}).arguments,
            (Words{"--data-checksums", "--locale=C"}));
}

TEST(UserOptions, ValuesThatAreNotOneWordStayAsTheyAre) {  // PG-018
  Value::Map map;
  map.set("a", "two words");
  map.set("b", "un'balanced");
  EXPECT_EQ(user_options(map, {}).arguments, (Words{"--a=two words", "--b=un'balanced"}));
}

TEST(UserOptions, ForbiddenOnesAreReportedAndSkipped) {  // PG-019
  constexpr std::array<std::string_view, 2> kForbidden = {"pgdata", "pwfile"};
  Value::Map map;
  map.set("pgdata", "/x");
  map.set("fine", "1");
  EXPECT_EQ(user_options(map, kForbidden).arguments, Words{"--fine=1"});
  EXPECT_EQ(user_options(map, kForbidden).problems.size(), 1U);
  const auto list = user_options(Value::List{Value("pwfile=/x"), Value(Value::List{}), Value(3)}, kForbidden);
  EXPECT_TRUE(list.arguments.empty());
  EXPECT_EQ(list.problems.size(), 3U);
  EXPECT_EQ(user_options(Value("text"), kForbidden).problems.size(), 1U);
}

TEST(LongOption, RendersValuesAsTheContractDoes) {  // PG-016
  EXPECT_EQ(long_option("a", Value(true)), "--a=True");
  EXPECT_EQ(long_option("a", Value()), "--a=None");
  EXPECT_EQ(long_option("a", Value(3)), "--a=3");
}

TEST(GucNumbers, UnitsAndRounding) {  // PG-011, PG-012, CFG-352
  EXPECT_EQ(parse_integer("4097.4kB", "kB"), 4097);
  EXPECT_EQ(parse_integer("4097.5kB", "kB"), 4098);
  EXPECT_EQ(parse_integer("1.5GB", "8kB"), 196608);
  EXPECT_EQ(parse_integer("90s", "min"), 2);
  EXPECT_EQ(parse_integer("100us", "ms"), 0);
  EXPECT_EQ(parse_integer("6GB", "16MB"), 384);
  EXPECT_EQ(parse_integer(" 0x10 ", ""), 16);
  EXPECT_EQ(parse_integer("010", ""), 8);
  EXPECT_EQ(parse_integer("100.4", ""), 100);
  EXPECT_EQ(parse_integer("2.5", ""), 2);
  EXPECT_EQ(parse_integer("1e3", ""), 1000);
  EXPECT_EQ(parse_integer("-1", "kB"), -1);
  EXPECT_EQ(parse_number("0.00051ms", "ms"), 0.001);
  for (const char* bad : {"", "x", "1mb", "1KB", "1s", "12 34"}) EXPECT_FALSE(parse_integer(bad, "kB")) << bad;
  EXPECT_FALSE(parse_integer("1kB", ""));
}

TEST(GucEqual, ByType) {  // PG-013, CFG-356
  EXPECT_TRUE(guc_equal({.setting = "16384", .unit = "8kB", .vartype = "integer"}, "128MB"));
  EXPECT_TRUE(guc_equal({.setting = "300", .unit = "s", .vartype = "integer"}, "5min"));
  EXPECT_TRUE(guc_equal({.setting = "100", .vartype = "integer"}, "100.4"));
  EXPECT_TRUE(guc_equal({.setting = "on", .vartype = "bool"}, "yes"));
  EXPECT_TRUE(guc_equal({.setting = "1e-06", .vartype = "real"}, "0.000001"));
  EXPECT_TRUE(guc_equal({.setting = "remote_write", .vartype = "enum"}, "REMOTE_WRITE"));
  EXPECT_TRUE(guc_equal({.setting = "on", .vartype = "enum"}, "true"));  // CFG-355
  EXPECT_FALSE(guc_equal({.setting = "a", .vartype = "string"}, "A"));
  EXPECT_FALSE(guc_equal({.setting = "0", .vartype = "integer"}, ""));
  EXPECT_FALSE(guc_equal({.setting = "on", .vartype = "bool"}, "perhaps"));
}

TEST(PrettyValue, LargestExactUnit) {  // PG-226, CFG-369
  EXPECT_EQ(pretty_value("16384", "8kB", "integer"), "128MB");
  EXPECT_EQ(pretty_value("300", "s", "integer"), "5min");
  EXPECT_EQ(pretty_value("1025", "kB", "integer"), "1025kB");
  EXPECT_EQ(pretty_value("1.5", "ms", "real"), "1500us");
  EXPECT_EQ(pretty_value("0", "kB", "integer"), "0");
  EXPECT_EQ(pretty_value("-1", "kB", "integer"), "-1");
  EXPECT_EQ(pretty_value("60", "", "integer"), "60");
  EXPECT_EQ(pretty_value("", "kB", "integer"), "");
  EXPECT_EQ(pretty_value("5MB", "kB", "integer"), "5MB");
}

TEST(Placeholders, OfArchiveAndRestoreCommands) {  // PG-329
  EXPECT_EQ(fill_placeholders("cp /a/%f %p %r %% %x %", "/wal/F", "F"),
            "cp /a/F /wal/F 000000010000000000000001 % %x %");
}

TEST(RecordedOptions, OfPostmasterOpts) {  // PG-102
  const auto options = recorded_options(
      "/usr/bin/postgres \"-D\" \"/data\" \"--config-file=/data/a b.conf\" \"--max-connections=50\"\n");
  EXPECT_EQ(options,
            (std::map<std::string, std::string>{{"config_file", "/data/a b.conf"}, {"max_connections", "50"}}));
}

}  // namespace
}  // namespace matriarch::postgres
