#include "base/log_format.h"

#include <cstdlib>
#include <ctime>

#include <gtest/gtest.h>

namespace matriarch::log {
namespace {

// 2026-07-01 12:00:00.123456 UTC
Record sample(std::string text = "text", Level level = Level::kInfo) {
  using namespace std::chrono;
  return {.level = level,
          .text = std::move(text),
          .where = std::source_location::current(),
          .when = WallTime(sys_days(year(2026) / 7 / 1)) + hours(12) + microseconds(123456),
          .thread = 77};
}

class LogFormat : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

std::string plain(std::string_view format, const Record& record = sample(), std::string dateformat = "") {
  const auto parsed = PlainFormat::parse(format, std::move(dateformat));
  return parsed ? parsed->line(record) : "error: " + parsed.error().text();
}

TEST_F(LogFormat, DefaultLineHasItsLevelAtCharacter24) {  // CFG-434
  const std::string line = PlainFormat().line(sample());
  EXPECT_EQ(line, "2026-07-01 12:00:00,123 INFO: text\n");
  EXPECT_EQ(line.find("INFO"), 24u);
}

TEST_F(LogFormat, DateFormatOfTheUserGetsNoMilliseconds) {  // CFG-434
  EXPECT_EQ(plain("%(asctime)s|%(message)s", sample(), "%d.%m.%y %H:%M"), "01.07.26 12:00|text\n");
}

TEST_F(LogFormat, LevelNames) {  // CFG-435
  const std::vector<std::pair<Level, std::string>> names{{Level::kDebug, "DEBUG 10\n"},
                                                         {Level::kInfo, "INFO 20\n"},
                                                         {Level::kWarning, "WARNING 30\n"},
                                                         {Level::kError, "ERROR 40\n"},
                                                         {Level::kCritical, "CRITICAL 50\n"}};
  for (const auto& [level, line] : names) EXPECT_EQ(plain("%(levelname)s %(levelno)d", sample("", level)), line);
}

TEST_F(LogFormat, PrintfConversions) {  // CFG-433
  struct Case {
    std::string_view format;
    std::string_view line;
  };
  const std::vector<Case> cases{
      {"100%% %(message)s%%", "100% text%"},
      {"[%(levelname)8s]", "[    INFO]"},
      {"[%(levelname)-8s]", "[INFO    ]"},
      {"[%(levelname).2s]", "[IN]"},
      {"[%(levelname)-6.3s]", "[INF   ]"},
      {"%(message)r", "'text'"},
      {"%(levelno)05d", "00020"},
      {"%(levelno)+d", "+20"},
      {"% (levelno)d", "error: behind \"%\" must stand \"(field)\" or another \"%\""},
      {"%(levelno) d", " 20"},
      {"[%(levelno)-5d]", "[20   ]"},
      {"%(levelno)s", "20"},
      {"%(levelno)ld", "20"},
      {"%(levelno).4i", "0020"},
      {"%(levelno)x", "14"},
      {"%(levelno)#X", "0X14"},
      {"%(levelno)#o", "0o24"},
      {"%(levelno).1f", "20.0"},
      {"%(levelno).1e", "2.0e+01"},
      {"%(msecs)03d", "123"},
      {"%(msecs).1f", "123.5"},
      {"%(msecs)08.2f", "00123.46"},
      {"%(created)d", "1782907200"},
      {"%(created).3f", "1782907200.123"},
      {"%(thread)d %(threadName)s", "77 Thread-77"},
      {"%(processName)s", "MainProcess"},
      {"%(filename)s %(module)s", "log_format_test.cc log_format_test"},
      {"%(pathname)s", "tests/unit/base/log_format_test.cc"},
      {"%(funcName)s", "sample"},
      {"%(name)s", "matriarch.tests.unit.base.log_format_test"},
      {"", ""},
  };
  for (const auto& c : cases) {
    const std::string line = plain(c.format);
    EXPECT_EQ(line, c.line.starts_with("error") ? std::string(c.line) : std::string(c.line) + "\n") << c.format;
  }
  EXPECT_EQ(plain("%(lineno)d"), fmt::format("{}\n", sample().where.line()));
  EXPECT_EQ(plain("%(process)d"), fmt::format("{}\n", ::getpid()));
}

TEST_F(LogFormat, WidthsCountCharactersNotBytes) {
  EXPECT_EQ(plain("[%(message)6s]", sample("żółw")), "[  żółw]\n");
  EXPECT_EQ(plain("[%(message).2s]", sample("żółw")), "[żó]\n");
}

TEST_F(LogFormat, MistakesAreNamed) {  // CFG-438
  struct Case {
    std::string_view format;
    std::string_view part;
  };
  const std::vector<Case> cases{
      {"%(mesage)s", "there is no field \"mesage\", only asctime, created"},
      {"%(message)d", "message is a text: write %(message)s"},
      {"%(message)", "a conversion like s or d is missing"},
      {"%(message)!", "a conversion like s or d is missing"},
      {"%(message", "without \")\""},
      {"50% %(message)s", "must stand \"(field)\""},
      {"%(message)s %", "must stand \"(field)\""},
      {"%(message)99999s", "widths go up to"},
      {"%(message).99999s", "widths go up to"},
  };
  for (const auto& c : cases) {
    const auto parsed = PlainFormat::parse(c.format, "");
    ASSERT_FALSE(parsed) << c.format;
    EXPECT_EQ(parsed.error().code(), Errc::kInvalid);
    EXPECT_NE(parsed.error().text().find(c.part), std::string::npos) << parsed.error().text();
  }
}

TEST_F(LogFormat, JsonHasTheKeysOfTheFormat) {  // CFG-437
  const JsonFormat format({{"asctime", "asctime"}, {"levelname", "levelname"}, {"message", "message"}}, {}, "");
  EXPECT_EQ(format.line(sample()),
            "{\"asctime\": \"2026-07-01 12:00:00,123\", \"levelname\": \"INFO\", \"message\": \"text\"}\n");
}

TEST_F(LogFormat, JsonRenamesAddsConstantsAndKnowsNull) {  // CFG-436
  const JsonFormat format({{"message", "msg"}, {"levelno", "severity"}, {"nonsense", "nonsense"}, {"levelname", "msg"}},
                          {{"cluster", "{\"name\": \"x\"}"}, {"msg", "1"}}, "");
  EXPECT_EQ(format.line(sample()),
            "{\"msg\": \"text\", \"severity\": 20, \"nonsense\": null, \"cluster\": {\"name\": \"x\"}}\n");
}

TEST_F(LogFormat, JsonIsValidWhateverTheTextHolds) {  // CFG-436
  EXPECT_EQ(json_string("a\"b\\c\nd\te\x01"), "\"a\\\"b\\\\c\\nd\\u0009e\\u0001\"");
  EXPECT_EQ(json_string("żółw €\xF0\x9F\x90\x98"), "\"żółw €\xF0\x9F\x90\x98\"");
  EXPECT_EQ(json_string("\xff|\xc3|\xe2\x82|\xed\xa0\x80|\xc0\xaf|\xf5"),
            "\"\\ufffd|\\ufffd|\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd|\\ufffd\\ufffd|\\ufffd\"");
}

}  // namespace
}  // namespace matriarch::log
