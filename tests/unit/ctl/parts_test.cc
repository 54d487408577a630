// The small parts: tables, differences, times, settings.
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "ctl/diff.h"
#include "ctl/settings.h"
#include "ctl/table.h"
#include "ctl/times.h"
#include "tests/unit/ctl/fakes.h"

namespace matriarch::ctl::testing {
namespace {

// CTL-067, CTL-069, CTL-070, CTL-072
TEST(Table, WidthsTitlesAndValues) {
  const Table table{.columns = {{"A"}, {"N", Align::kRight}}, .rows = {{Value("äö"), Value(1)}, {Value("漢字"), Value()}, {{}, Value(true)}}};
  EXPECT_EQ(render_pretty(table, " much too long a title "),
            "+ much too lon+\n"
            "| A    |    N |\n"
            "+------+------+\n"
            "| äö   |    1 |\n"
            "| 漢字 | None |\n"
            "|      | True |\n"
            "+------+------+\n");
  EXPECT_EQ(render_pretty(table, " ö ").substr(0, 19), "+ ö ---+------+\n| ");
  EXPECT_EQ(display_width("e\xCC\x81"), 1u);  // e with a combining accent
  EXPECT_EQ(render_tsv(table, ";"), "A;N\näö;1\n漢字;None\n;True\n");
}

// CTL-075, CTL-077
TEST(Table, MachineFormats) {
  const Table table{.columns = {{"b"}, {"a"}}, .rows = {{Value("ö\n"), Cell()}, {Value(1.5), Value(Value::List{1, Value()})}}};
  EXPECT_EQ(render_json(table, EmptyKeys::kOmit), "[{\"b\": \"\\u00f6\\n\"}, {\"b\": 1.5, \"a\": [1, null]}]\n");
  EXPECT_EQ(render_json(table, EmptyKeys::kKeep), "[{\"b\": \"\\u00f6\\n\", \"a\": \"\"}, {\"b\": 1.5, \"a\": [1, null]}]\n");
  EXPECT_EQ(render_yaml({.columns = {{"Tags"}, {"TL"}}, .rows = {{Value("x"), Value(1)}}}, EmptyKeys::kOmit),
            "- TL: 1\n  Tags: x\n\n");
}

// CTL-100
TEST(Table, FlowYaml) {
  const auto tags = parse_json(R"({"zone":"a, b","a":true,"n":null,"list":[1,"x"],"text":"1","q":"it's, ok","u":"a:b"})");
  EXPECT_EQ(to_flow_yaml(*tags), "{a: true, list: [1, x], n: null, q: 'it''s, ok', text: '1', u: 'a:b', zone: 'a, b'}");
}

std::string numbered(int from, int to) {
  std::string text;
  for (int i = from; i <= to; ++i) text += fmt::format("line {}\n", i);
  return text;
}

// CTL-228
TEST(Diff, Hunks) {
  EXPECT_EQ(unified_diff("a\n", "a\n"), "");
  EXPECT_EQ(unified_diff("", "a\nb\n"), "--- \n+++ \n@@ -0,0 +1,2 @@\n+a\n+b\n");
  EXPECT_EQ(unified_diff("a\n", ""), "--- \n+++ \n@@ -1 +0,0 @@\n-a\n");
  // Six equal lines between two changes join the hunks, seven do not.
  const std::string six = unified_diff("x\n" + numbered(1, 6) + "y\n", "X\n" + numbered(1, 6) + "Y\n");
  EXPECT_EQ(std::ranges::count(six, '@'), 4);
  const std::string seven = unified_diff("x\n" + numbered(1, 7) + "y\n", "X\n" + numbered(1, 7) + "Y\n");
  EXPECT_EQ(seven,
            "--- \n+++ \n@@ -1,4 +1,4 @@\n-x\n+X\n line 1\n line 2\n line 3\n"
            "@@ -6,4 +6,4 @@\n line 5\n line 6\n line 7\n-y\n+Y\n");
}

// CTL-230
TEST(Diff, Colours) {
  EXPECT_EQ(colored("--- \n+++ \n@@ -1 +1 @@\n-ttl: 30\n+ttl: 20\n a\n"),
            "\x1b[33m--- \x1b[0m\n\x1b[33m+++ \x1b[0m\n\x1b[1;34m@@ -1 +1 @@\x1b[0m\n"
            "\x1b[31m-ttl: \x1b[7m3\x1b[27m0\x1b[0m\n\x1b[32m+ttl: \x1b[7m2\x1b[27m0\x1b[0m\n a\n");
}

class InZone {
 public:
  explicit InZone(const char* zone) {
    setenv("TZ", zone, 1);
    tzset();
  }
  ~InZone() {
    setenv("TZ", "UTC", 1);
    tzset();
  }
};

// CTL-155..158
TEST(Times, Schedules) {
  const InZone zone("CET-1CEST,M3.5.0,M10.5.0/3");
  const auto iso = [](std::string_view text) {
    auto time = parse_schedule(text);
    return !time ? "(bad)" : *time ? (*time)->iso() : "(now)";
  };
  EXPECT_EQ(iso(""), "(now)");
  EXPECT_EQ(iso(" now "), "(now)");
  EXPECT_EQ(iso("2030-01-01T02:00:00Z"), "2030-01-01T02:00:00+00:00");
  EXPECT_EQ(iso("2030-01-01 02:00:00.123456+03"), "2030-01-01T02:00:00.123456+03:00");
  EXPECT_EQ(iso("2030-01-01T02:00 -0330"), "2030-01-01T02:00:00-03:30");
  EXPECT_EQ(iso("2030-01-01T02:00"), "2030-01-01T02:00:00+01:00");
  EXPECT_EQ(iso("2030-07-01T02:00"), "2030-07-01T02:00:00+02:00");
  EXPECT_EQ(iso("2030-07-01"), "2030-07-01T00:00:00+02:00");
  for (const char* bad : {"tomorrow", "2030-02-30T00:00", "2030-01-01T25:00", "2030-01-01T00:00+99:99", "x2030-01-01"}) {
    EXPECT_EQ(iso(bad), "(bad)") << bad;
  }
  EXPECT_EQ((*parse_schedule("2030-01-01T02:00Z"))->readable(), "2030-01-01 02:00:00+00:00");
  EXPECT_EQ(normalized_timestamp("2030-01-01 02:00Z"), "2030-01-01T02:00:00+00:00");
  EXPECT_EQ(normalized_timestamp("some day"), "some day");
}

// CTL-066
TEST(Times, LocalTime) {
  const InZone zone("ABC+5");
  const WallTime time = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1) + std::chrono::microseconds(9);
  EXPECT_EQ(local_seconds(time), "2026-02-28 19:00:00");
  EXPECT_EQ(local_fraction(time + std::chrono::microseconds(123456 - 9)), "2026-02-28 19:00:00.12345");
  EXPECT_EQ(example_schedule(time), "2026-02-28T20:00");
}

std::string with_url(std::string_view url, const char* tree = R"({"etcd3":{"hosts":["a"],"password":"x"},"raft":{},"scope":"s"})") {
  Value value = *parse_json(tree);
  const Status applied = apply_dcs_url(value, url);
  return applied ? to_json(value) : applied.error().text();
}

// CTL-038..044
TEST(Settings, DcsUrl) {
  EXPECT_EQ(with_url(""), R"({"scope":"s","etcd":{"host":"localhost:2379"}})");
  EXPECT_EQ(with_url(":8500"), R"({"scope":"s","consul":{"host":"localhost:8500"}})");
  EXPECT_EQ(with_url("zookeeper://zk1"), R"({"scope":"s","zookeeper":{"hosts":["zk1:2181"]}})");
  EXPECT_EQ(with_url("h:2181"), R"({"scope":"s","zookeeper":{"hosts":["h:2181"]}})");
  EXPECT_EQ(with_url("etcd3://h:2399/customns"), R"({"scope":"s","etcd3":{"host":"h:2399"},"namespace":"/customns"})");
  EXPECT_EQ(with_url("etcd3://[::1]:2399/"), R"({"scope":"s","etcd3":{"host":"[::1]:2399"}})");
  EXPECT_EQ(with_url("etcd3://[::1]"), R"({"scope":"s","etcd3":{"host":"[::1]:2379"}})");
  EXPECT_EQ(with_url("h:1234"), R"({"scope":"s","etcd":{"host":"h:1234"}})");
  EXPECT_EQ(with_url("exhibitor://e"), R"({"scope":"s","exhibitor":{"hosts":["e"],"port":8181}})");
  EXPECT_EQ(with_url("redis://h"), "Unknown dcs scheme: redis");
  EXPECT_NE(with_url("etcd3://h:port").find("the port is no number"), std::string::npos);
}

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / fmt::format("ctl-settings-{}", getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

// CTL-012..015, CTL-031..036
TEST(Settings, FileAndEnvironment) {
  const Folder folder;
  const std::string file = folder.write("a.yml",
                                        "scope: shop\nnamespace: db\netcd3: {host: 'e1:2379'}\nrestapi: {authentication: "
                                        "{username: u, password: p}, cafile: /ca}\nloop_wait: 7\n");
  ProcessEnvironment environment;
  environment.default_file = "/nowhere/patronictl.yaml";
  auto none = load_settings({}, environment);
  ASSERT_TRUE(none) << none.error().text();
  EXPECT_EQ(none->scope, "");
  EXPECT_FALSE(none->store);

  auto loaded = load_settings({.config_file = file, .insecure = true}, environment);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->scope, "shop");
  EXPECT_EQ(loaded->name_space, "/db");
  EXPECT_EQ(loaded->ctl.authentication.username, "u");
  EXPECT_EQ(loaded->ctl.cacert, "/ca");
  EXPECT_TRUE(loaded->ctl.insecure);
  ASSERT_TRUE(loaded->store);
  EXPECT_EQ(loaded->store->kind, config::StoreKind::kEtcd3);

  environment.config_file = "/nowhere/else.yml";
  auto missing = load_settings({}, environment);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text(),
            "Provided config file /nowhere/else.yml not existing or no read rights. Check the -c/--config-file parameter");
  environment.config_file = file;
  environment.dcs_url = "consul://c/other";
  auto by_url = load_settings({}, environment);
  ASSERT_TRUE(by_url);
  EXPECT_EQ(by_url->store->kind, config::StoreKind::kConsul);
  EXPECT_EQ(by_url->name_space, "/other");
}

// CTL-032, CTL-305
TEST(Settings, EnvironmentAlone) {
  ProcessEnvironment environment;
  environment.default_file = "/nowhere/patronictl.yaml";
  environment.values = {{"PATRONI_ETCD3_HOST", "127.0.0.1:2379"}, {"PATRONI_RESTAPI_USERNAME", "u"},
                        {"PATRONI_RESTAPI_PASSWORD", "p"}, {"PATRONI_CTL_INSECURE", "on"}};
  auto loaded = load_settings({}, environment);
  ASSERT_TRUE(loaded) << loaded.error().text();
  ASSERT_TRUE(loaded->store);
  EXPECT_EQ(loaded->store->kind, config::StoreKind::kEtcd3);
  EXPECT_TRUE(loaded->ctl.insecure);
  EXPECT_EQ(loaded->ctl.authentication.username, "u");
}

// CTL-016
TEST(Settings, LogLevels) {
  EXPECT_EQ(log_level_of(""), log::Level::kWarning);
  EXPECT_EQ(log_level_of("debug"), log::Level::kDebug);
  EXPECT_EQ(log_level_of("ERROR"), log::Level::kError);
  EXPECT_EQ(log_level_of("nonsense"), log::Level::kWarning);
}

}  // namespace
}  // namespace matriarch::ctl::testing
