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

TEST(GucCompare, ByVartype) {  // CFG-354..356
  struct Case {
    const char* type;
    const char* unit;
    const char* setting;
    const char* configured;
    bool same;
  };
  const Case cases[] = {{"integer", "8kB", "16384", "128MB", true},
                        {"integer", "s", "300", "5min", true},
                        {"integer", "", "100", "100.4", true},
                        {"bool", "", "on", "yes", true},
                        {"bool", "", "off", "0", true},
                        {"bool", "", "on", "off", false},
                        {"bool", "", "on", "t", false},
                        {"real", "", "1e-06", "0.000001", true},
                        {"real", "ms", "2", "2ms", true},
                        {"enum", "", "remote_write", "REMOTE_WRITE", true},
                        {"enum", "", "on", "true", true},
                        {"enum", "", "off", "no", true},
                        {"enum", "", "always", "on", false},
                        {"enum", "", "on", "off", false},
                        {"string", "", "a", "A", false},
                        {"string", "", "a", "a", true},
                        {"integer", "", "0", "", false},
                        {"integer", "kB", "4096", "4MB", true},
                        {"integer", "kB", "4096", "4097", false},
                        {"integer", "MB", "1", "x", false},
                        {"unknown", "", "x", "x", true}};
  for (const Case& c : cases) {
    EXPECT_EQ(same_guc_value(c.type, c.unit, c.setting, c.configured), c.same)
        << c.type << ' ' << c.setting << ' ' << c.configured;
  }
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

TEST(GucText, LargestUnit) {  // CFG-369
  EXPECT_EQ(with_largest_unit("16384", "integer", "8kB"), "128MB");
  EXPECT_EQ(with_largest_unit("300", "integer", "s"), "5min");
  EXPECT_EQ(with_largest_unit("1025", "integer", "kB"), "1025kB");
  EXPECT_EQ(with_largest_unit("1.5", "real", "ms"), "1500us");
  EXPECT_EQ(with_largest_unit("2", "real", "ms"), "2ms");
  EXPECT_EQ(with_largest_unit("0", "integer", "kB"), "0");
  EXPECT_EQ(with_largest_unit("-1", "integer", "kB"), "-1");
  EXPECT_EQ(with_largest_unit("5min", "integer", "s"), "5min");
  EXPECT_EQ(with_largest_unit("text", "integer", "s"), "text");
  EXPECT_EQ(with_largest_unit("100", "integer", ""), "100");
  EXPECT_EQ(with_largest_unit("300", "string", "s"), "300");
  EXPECT_EQ(with_largest_unit("384", "integer", "16MB"), "6GB");
  EXPECT_EQ(with_largest_unit("86400", "integer", "s"), "1d");
}

std::optional<std::string> check(std::string_view name, const Value& value, int version = 150000,
                                 Warnings* said = nullptr) {
  Warnings warnings;
  const auto text = checked_guc(name, value, version, {}, warnings);
  if (said != nullptr) *said = warnings;
  return text;
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

TEST(GucTable, EveryRuleRefusesWhatDoesNotFitItsType) {  // CFG-334, CFG-335
  for (const GucRule& rule : known_gucs()) {
    const int version = rule.version_from == 0 ? 130000 : rule.version_from;
    SCOPED_TRACE(rule.name);
    ASSERT_EQ(find_guc(rule.name, version), &rule);
    Warnings warnings;
    EXPECT_FALSE(checked_guc(rule.name, Value(), version, {}, warnings));
    EXPECT_TRUE(warnings.empty());
    EXPECT_FALSE(checked_guc(rule.name, Value::List{1}, version, {}, warnings));
    EXPECT_EQ(warnings.size(), 1u);
    const auto odd = checked_guc(rule.name, "no such word", version, {}, warnings);
    EXPECT_EQ(odd.has_value(), rule.type == GucType::kString);
    if (rule.type == GucType::kInteger || rule.type == GucType::kReal) {
      const std::string lowest = fmt::format("{}", rule.min);
      EXPECT_EQ(checked_guc(rule.name, lowest, version, {}, warnings), lowest);
      const auto below = checked_guc(rule.name, rule.min - 1, version, {}, warnings);
      EXPECT_EQ(below, lowest);
    }
    if (rule.type == GucType::kBool || rule.type == GucType::kEnumBool) {
      EXPECT_EQ(checked_guc(rule.name, true, version, {}, warnings), "on");
      EXPECT_EQ(checked_guc(rule.name, "Yes", version, {}, warnings), "Yes");
    }
  }
}

TEST(GucCheck, Examples) {
  Warnings said;
  EXPECT_EQ(check("work_mem", "64MB"), "64MB");  // CFG-336
  EXPECT_EQ(check("Work_Mem", "64MB"), "64MB");  // CFG-341
  EXPECT_EQ(check("work_mem", "1kB", 150000, &said), "64");
  EXPECT_EQ(said, Warnings{"Value=1kB of parameter=work_mem is too low, increasing to 64kB"});
  EXPECT_EQ(check("checkpoint_timeout", "2d", 150000, &said), "86400");
  EXPECT_EQ(said, Warnings{"Value=2d of parameter=checkpoint_timeout is too big, decreasing to 86400s"});
  EXPECT_FALSE(check("fsync", "maybe", 150000, &said));
  EXPECT_EQ(said, Warnings{"Removing bool parameter=fsync from the config due to the invalid value=maybe"});
  EXPECT_FALSE(check("archive_mode", "sometimes", 150000, &said));
  EXPECT_EQ(said, Warnings{"Removing enum parameter=archive_mode from the config due to the invalid value=sometimes"});
  EXPECT_FALSE(check("no_such_thing", 1, 150000, &said));  // CFG-333
  EXPECT_EQ(said, Warnings{"Removing unexpected parameter=no_such_thing value=1 from the config"});
  EXPECT_EQ(check("archive_mode", "ALWAYS"), "ALWAYS");
  EXPECT_EQ(check("default_transaction_isolation", "repeatable read"), "repeatable read");
  EXPECT_EQ(check("jit_above_cost", 1e300), "1e+300");
  EXPECT_EQ(check("ssl_max_protocol_version", ""), "");
}

TEST(GucCheck, Versions) {
  EXPECT_TRUE(check("transaction_timeout", "1s", 170000));
  EXPECT_FALSE(check("transaction_timeout", "1s", 160009));
  EXPECT_TRUE(check("old_snapshot_threshold", 1, 160000));
  EXPECT_FALSE(check("old_snapshot_threshold", 1, 170002));
  EXPECT_TRUE(check("wal_compression", "lz4", 150000));
  EXPECT_FALSE(check("wal_compression", "lz4", 140000));
  EXPECT_TRUE(check("io_combine_limit", "1MB", 180000));
  EXPECT_EQ(check("io_combine_limit", "1MB", 170000), "32");
  EXPECT_TRUE(check("log_connections", "receipt,authorization", 180000));
  EXPECT_FALSE(check("log_connections", "receipt,authorization", 170000));
  EXPECT_TRUE(check("io_method", "worker", 0));
  EXPECT_FALSE(check("old_snapshot_threshold", 1, 0));
}

TEST(GucCheck, NamesOfExtensionsAndOfTheServer) {  // CFG-331
  EXPECT_EQ(check("pg_stat_statements.max", 5000), "5000");
  EXPECT_EQ(check("my.own", "any 'text'"), "any 'text'");
  for (const char* bad : {"a.b.c", "a.", ".b", "a b.c", "a.b = 1", "1a.b", "a.b\n"}) EXPECT_FALSE(check(bad, 1)) << bad;
  Warnings warnings;
  EXPECT_EQ(checked_guc("vendor_setting", 1, 150000, {"vendor_setting"}, warnings), "1");
  EXPECT_FALSE(checked_guc("other setting", 1, 150000, {"other setting"}, warnings));
}

TEST(GucCheck, LineBreaksNeverReachAFile) {
  for (const char* name : {"application_name", "my.own"}) {
    EXPECT_FALSE(check(name, "a\nwork_mem = '1GB'")) << name;
    EXPECT_FALSE(check(name, "a\rb")) << name;
    EXPECT_FALSE(check(name, std::string("a\0b", 3))) << name;
  }
}

TEST(RecoveryGuc, KnownByVersion) {  // CFG-332, CFG-345, CFG-346
  for (const char* name :
       {"archive_cleanup_command", "pause_at_recovery_target", "primary_conninfo", "primary_slot_name",
        "promote_trigger_file", "recovery_end_command", "recovery_min_apply_delay", "recovery_target",
        "recovery_target_action", "recovery_target_inclusive", "recovery_target_lsn", "recovery_target_name",
        "recovery_target_time", "recovery_target_timeline", "recovery_target_xid", "restore_command", "standby_mode",
        "trigger_file", "Restore_Command"}) {
    EXPECT_TRUE(is_recovery_guc(name)) << name;
    EXPECT_FALSE(check(name, "x")) << name;
  }
  EXPECT_FALSE(is_recovery_guc("work_mem"));
  Warnings warnings;
  EXPECT_EQ(checked_recovery_guc("restore_command", "cp /a/%f %p", 150000, warnings), "cp /a/%f %p");
  EXPECT_EQ(checked_recovery_guc("recovery_min_apply_delay", "1h", 150000, warnings), "1h");
  EXPECT_EQ(checked_recovery_guc("recovery_target", "immediate", 150000, warnings), "immediate");
  EXPECT_EQ(checked_recovery_guc("recovery_target", "", 150000, warnings), "");
  EXPECT_EQ(checked_recovery_guc("promote_trigger_file", "/t", 150000, warnings), "/t");
  EXPECT_TRUE(warnings.empty());
  EXPECT_FALSE(checked_recovery_guc("recovery_target", "later", 150000, warnings));
  EXPECT_FALSE(checked_recovery_guc("promote_trigger_file", "/t", 160000, warnings));
  EXPECT_FALSE(checked_recovery_guc("standby_mode", "on", 150000, warnings));
  EXPECT_FALSE(checked_recovery_guc("work_mem", "on", 150000, warnings));
  EXPECT_EQ(warnings.size(), 4u);
}

}  // namespace
}  // namespace matriarch::config
