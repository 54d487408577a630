// `query` against a real PostgreSQL (spec/ctl.md section 13).
#include <filesystem>

#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/system/ctl/fixture.h"

namespace matriarch::system_test {
namespace {

constexpr int kPgPort = 23930;
const std::string kBin = "/usr/lib/postgresql/15/bin/";

// PostgreSQL refuses to run as root.
std::vector<std::string> as_postgres(std::vector<std::string> argv) {
  if (geteuid() != 0) return argv;
  std::vector<std::string> wrapped = {"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"};
  wrapped.insert(wrapped.end(), argv.begin(), argv.end());
  return wrapped;
}

class Query : public ::testing::Test {
 public:
  static void SetUpTestSuite() {
    if (!std::filesystem::exists(kBin + "initdb")) return;
    char name[] = "/tmp/ctl-pg-XXXXXX";
    folder_ = mkdtemp(name);
    if (geteuid() == 0) ASSERT_EQ(run({"chown", "postgres", folder_}).code, 0);
    const Output made = run(as_postgres({kBin + "initdb", "-D", folder_ + "/data", "-A", "trust", "-U", "admin", "-N"}));
    ASSERT_EQ(made.code, 0) << made.err;
    const std::string options = fmt::format("-p {} -k {} -c listen_addresses=127.0.0.1 -c fsync=off", kPgPort, folder_);
    const Output started = run(as_postgres({kBin + "pg_ctl", "-D", folder_ + "/data", "-w", "-l", folder_ + "/log", "-o",
                                            options, "start"}));
    running_ = started.code == 0;
    ASSERT_TRUE(running_) << started.out << started.err;
  }
  static void TearDownTestSuite() {
    if (running_) run(as_postgres({kBin + "pg_ctl", "-D", folder_ + "/data", "-m", "immediate", "stop"}));
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  void SetUp() override {
    if (!running_) GTEST_SKIP() << "no PostgreSQL 15 here";
    ASSERT_NE(etcd(), nullptr);
    etcd()->clear();
    etcd()->put("/service/shop/leader", "pg1");
    etcd()->put("/service/shop/members/pg1", fmt::format(R"({{"conn_url":"postgres://127.0.0.1:{}/postgres"}})", kPgPort));
    etcd()->put("/service/shop/members/pg2", fmt::format(R"({{"conn_url":"postgres://127.0.0.1:{}/postgres"}})", kPgPort));
  }

  static Output query(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {MATRIARCHCTL, "query", "shop", "-U", "admin", "-d", "postgres"});
    return run(std::move(arguments), client_environment());
  }

 private:
  static inline std::string folder_;
  static inline bool running_ = false;
};

// CTL-248..253, CTL-259
TEST_F(Query, RowsInEveryFormat) {
  const std::string sql =
      "select 1 as n, 'a b' as t, null as z, true as b, 1.10::numeric as d, array[1,2] as l, "
      "timestamptz '2026-03-01 10:00:00.5+00' as w, current_setting('application_name') as a";
  const std::map<std::string, std::string> expected = {
      {"tsv", "n\tt\tz\tb\td\tl\tw\ta\n1\ta b\tNone\tTrue\t1.10\t[1, 2]\t2026-03-01 10:00:00.500000+00:00\tPatroni ctl\n"},
      {"json", R"([{"n": 1, "t": "a b", "z": null, "b": true, "d": "1.10", "l": [1, 2], )"
               R"("w": "2026-03-01 10:00:00.500000+00:00", "a": "Patroni ctl"}])"
               "\n"},
  };
  for (const auto& [format, text] : expected) {
    const Output output = query({"--format", format, "-c", "set timezone to 'UTC'; " + sql});
    EXPECT_EQ(output.code, 0) << output.err;
    EXPECT_EQ(output.out, text);
  }
  EXPECT_EQ(query({"--format", "pretty", "-c", "select 7 as number"}).out,
            "+--------+\n| number |\n+--------+\n| 7      |\n+--------+\n");
  EXPECT_EQ(query({"--delimiter", ";", "-c", "select 1 a, 2 b"}).out, "a;b\n1;2\n");
}

// CTL-249, CTL-254..256
TEST_F(Query, ErrorsAreRows) {
  const auto behind_time = [](const Output& output) { return output.out.substr(std::min<std::size_t>(19, output.out.size())); };
  EXPECT_EQ(behind_time(query({"-c", "select nonsense"})), "\tERROR, SQLSTATE: 42703\n");
  EXPECT_EQ(behind_time(query({"-r", "replica", "-c", "select 1"})), "\tNo connection to role 'replica' is available\n");
  EXPECT_EQ(query({"-r", "primary", "-c", "select 1 as a"}).out, "a\n1\n");
  const Output none = query({"-c", "create temporary table t (a int)"});
  EXPECT_EQ(none.code, 0);
  EXPECT_EQ(none.out, "");
  etcd()->put("/service/shop/members/pg1", R"({"conn_url":"postgres://127.0.0.1:23949/postgres"})");
  const Output refused = query({"-c", "select 1"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.out.find("\tconnection to server at \"127.0.0.1\", port 23949 failed"), std::string::npos) << refused.out;
  EXPECT_EQ(std::ranges::count(refused.out, '\n'), 1);
}

}  // namespace
}  // namespace matriarch::system_test
