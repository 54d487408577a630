// PostgreSQL parameters: values, units, comparison, what a version accepts (config.md section 4).
#include "config/guc.h"

#include <gtest/gtest.h>

namespace matriarch::config {
namespace {

using Int = std::optional<std::int64_t>;

TEST(GucUnits, Integers) {  // CFG-349..352
  struct Case {
    const char* text;
    const char* unit;
    Int expected;
  };
  const Case cases[] = {{"100", "", 100},         {" 100 ", "", 100},
                        {"-5", "", -5},           {"+5", "", 5},
                        {"0x10", "", 16},         {"010", "", 8},
                        {"100.4", "", 100},       {"100.5", "", 100},
                        {"101.5", "", 102},       {"1e3", "", 1000},
                        {"1.5E2", "", 150},       {"4097.4kB", "kB", 4097},
                        {"4097.5kB", "kB", 4098}, {"1.5GB", "8kB", 196608},
                        {"90s", "min", 2},        {"100us", "ms", 0},
                        {"6GB", "16MB", 384},     {"128MB", "8kB", 16384},
                        {"1 GB", "MB", 1024},     {"5min", "s", 300},
                        {"1d", "s", 86400},       {"1h", "min", 60},
                        {"10", "8kB", 10},        {"1TB", "MB", 1048576},
                        {"8192B", "8kB", 1},      {"-1", "kB", -1},
                        {"0", "ms", 0},           {"", "", {}},
                        {"abc", "", {}},          {"1kb", "kB", {}},
                        {"1KB", "kB", {}},        {"1mb", "kB", {}},
                        {"1MB", "", {}},          {"1s", "kB", {}},
                        {"1MB", "s", {}},         {"1 2", "", {}},
                        {"0x", "", {}},           {"1e400", "", {}},
                        {"08", "", {}},           {"nan", "", {}},
                        {"inf", "", {}},          {"99999999999999999999", "", {}},
                        {"9e18TB", "B", {}},      {".5", "", 0},
                        {"1.5.2", "", {}},        {"1e", "", {}}};
  for (const Case& c : cases)
    EXPECT_EQ(parse_guc_int(c.text, c.unit), c.expected) << c.text << " in '" << c.unit << "'";
}

TEST(GucUnits, Reals) {  // CFG-353
  EXPECT_EQ(parse_guc_real("1e-06", ""), 0.000001);
  EXPECT_EQ(parse_guc_real("0.00051ms", "ms"), 0.001);
  EXPECT_EQ(parse_guc_real("2ms", "ms"), 2.0);
  EXPECT_EQ(parse_guc_real("1s", "ms"), 1000.0);
  EXPECT_EQ(parse_guc_real("-1", "ms"), -1.0);
  for (const char* bad : {"", "x", "0x10", "nan", "inf", "1kB", "1.2.3"})
    EXPECT_FALSE(parse_guc_real(bad, "ms")) << bad;
}

TEST(GucText, OfConfiguredValues) {  // CFG-340
  EXPECT_EQ(guc_text(true), "on");
  EXPECT_EQ(guc_text(false), "off");
  EXPECT_EQ(guc_text(100), "100");
  EXPECT_EQ(guc_text(0.5), "0.5");
  EXPECT_EQ(guc_text("128MB"), "128MB");
  EXPECT_FALSE(guc_text(nullptr));
  EXPECT_FALSE(guc_text(Value::List()));
  EXPECT_FALSE(guc_text(Value::Map()));
}

TEST(GucTable, IsSortedAndWithoutOverlaps) {
  const auto rules = known_gucs();
  EXPECT_GT(rules.size(), 350u);
  for (std::size_t i = 1; i < rules.size(); ++i) {
    ASSERT_LE(rules[i - 1].name, rules[i].name);
    if (rules[i - 1].name == rules[i].name) {
      EXPECT_NE(rules[i - 1].version_till, 0) << rules[i].name;
      EXPECT_LE(rules[i - 1].version_till, rules[i].version_from) << rules[i].name;
    }
  }
}

std::string problem(std::string_view name, const Value& value, int version = 150000) {
  return guc_problem(name, value, version).value_or("");
}

TEST(GucTable, EveryRuleRefusesWhatDoesNotFitItsType) {  // CFG-334, CFG-335
  for (const GucRule& rule : known_gucs()) {
    const int version = rule.version_from == 0 ? 130000 : rule.version_from;
    SCOPED_TRACE(rule.name);
    ASSERT_EQ(find_guc(rule.name, version), &rule);
    EXPECT_EQ(problem(rule.name, Value(), version), "");
    EXPECT_NE(problem(rule.name, Value::List{1}, version), "");
    EXPECT_EQ(problem(rule.name, "no such word", version).empty(), rule.type == GucType::kString);
    if (rule.type == GucType::kInteger || rule.type == GucType::kReal) {
      EXPECT_EQ(problem(rule.name, fmt::format("{}", rule.min), version), "");
      EXPECT_EQ(problem(rule.name, rule.min - 1, version),
                fmt::format("is too low, {}{} is used", rule.min, rule.unit));
    }
    if (rule.type == GucType::kBool || rule.type == GucType::kEnumBool) {
      EXPECT_EQ(problem(rule.name, true, version), "");
      EXPECT_EQ(problem(rule.name, "Yes", version), "");
    }
    for (std::string_view words = rule.values; !words.empty() && rule.type != GucType::kString;) {
      const std::size_t end = std::min(words.find('|'), words.size());
      EXPECT_EQ(problem(rule.name, words.substr(0, end), version), "") << words;
      words.remove_prefix(std::min(end + 1, words.size()));
    }
  }
}

TEST(GucProblem, Examples) {
  EXPECT_EQ(problem("work_mem", "64MB"), "");
  EXPECT_EQ(problem("Work_Mem", "64MB"), "");  // CFG-341
  EXPECT_EQ(problem("work_mem", "64mb"),
            "must be an integer with a unit of B, kB, MB, GB, TB (upper and lower case matter)");
  EXPECT_EQ(problem("work_mem", "1kB"), "is too low, 64kB is used");
  EXPECT_EQ(problem("checkpoint_timeout", "2d"), "is too big, 86400s is used");
  EXPECT_EQ(problem("fsync", "maybe"), "must be on or off");
  EXPECT_EQ(problem("archive_mode", "sometimes"), "must be one of on, off, always");
  EXPECT_EQ(problem("archive_mode", "ALWAYS"), "");
  EXPECT_EQ(problem("default_transaction_isolation", "repeatable read"), "");
  EXPECT_EQ(problem("jit_above_cost", 1e300), "");
  EXPECT_EQ(problem("ssl_max_protocol_version", ""), "");
  EXPECT_NE(problem("no_such_thing", 1).find("check its spelling"), std::string::npos);
}

TEST(GucProblem, Versions) {
  EXPECT_EQ(problem("transaction_timeout", "1s", 170000), "");
  EXPECT_EQ(problem("transaction_timeout", "1s", 160009), "is no parameter of PostgreSQL 16; it is left out there");
  EXPECT_EQ(problem("old_snapshot_threshold", 1, 160000), "");
  EXPECT_NE(problem("old_snapshot_threshold", 1, 170002), "");
  EXPECT_EQ(problem("wal_compression", "lz4", 150000), "");
  EXPECT_EQ(problem("wal_compression", "lz4", 140000), "must be on or off");
  EXPECT_EQ(problem("io_combine_limit", "1MB", 180000), "");
  EXPECT_EQ(problem("io_combine_limit", "1MB", 170000), "is too big, 328kB is used");
  EXPECT_EQ(problem("log_connections", "receipt,authorization", 180000), "");
  EXPECT_EQ(problem("log_connections", "receipt,authorization", 170000), "must be on or off");
  EXPECT_EQ(problem("io_method", "worker", 0), "");
  EXPECT_EQ(problem("old_snapshot_threshold", 1, 0), "");
}

TEST(GucProblem, NamesThatAFileCanHold) {  // CFG-331, CFG-344
  EXPECT_EQ(problem("pg_stat_statements.max", 5000), "");
  EXPECT_EQ(problem("my.own", "any 'text'"), "");
  for (const char* bad : {"a.b.c", "a.", ".b", "a b.c", "a.b = 1", "1a.b", "a.b\n", "", "work_mem = 1 #"}) {
    EXPECT_NE(problem(bad, 1).find("is no name"), std::string::npos) << bad;
  }
  for (const char* name : {"application_name", "my.own"}) {
    EXPECT_EQ(problem(name, "a\nwork_mem = '1GB'"), "must not have line breaks; it is left out");
    EXPECT_NE(problem(name, "a\rb"), "");
    EXPECT_NE(problem(name, std::string("a\0b", 3)), "");
  }
}

TEST(GucProblem, RecoverySettings) {  // CFG-345
  for (const char* name :
       {"archive_cleanup_command", "pause_at_recovery_target", "primary_conninfo", "primary_slot_name",
        "promote_trigger_file", "recovery_end_command", "recovery_min_apply_delay", "recovery_target",
        "recovery_target_action", "recovery_target_inclusive", "recovery_target_lsn", "recovery_target_name",
        "recovery_target_time", "recovery_target_timeline", "recovery_target_xid", "restore_command", "standby_mode",
        "trigger_file", "Restore_Command"}) {
    EXPECT_TRUE(is_recovery_guc(name)) << name;
  }
  EXPECT_FALSE(is_recovery_guc("work_mem"));
  EXPECT_EQ(problem("restore_command", "cp /a/%f %p"), "");
  EXPECT_EQ(problem("recovery_min_apply_delay", "1h"), "");
  EXPECT_EQ(problem("recovery_target", ""), "");
  EXPECT_EQ(problem("recovery_target", "later"), "must be one of immediate, ");
  EXPECT_EQ(problem("primary_conninfo", "password=SECRET\n").find("SECRET"), std::string::npos);
}

TEST(GucNames, AnySpelling) {  // CFG-341
  Value::Map parameters;
  set_guc(parameters, "Work_Mem", 1);
  set_guc(parameters, "work_mem", 2);
  set_guc(parameters, "fsync", nullptr);
  EXPECT_EQ(parameters.size(), 2u);
  EXPECT_EQ(*find_guc_value(parameters, "WORK_MEM"), Value(2));
  EXPECT_EQ(find_guc_value(parameters, "fsync"), nullptr);
}

}  // namespace
}  // namespace matriarch::config
