// `remove`, `demote-cluster`, `promote-cluster`, `version`, `dsn`, `query`, `explain` (spec/ctl.md sections 13 to 16).
#include <gtest/gtest.h>

#include "ctl/libpq.h"
#include "tests/unit/ctl/fakes.h"

namespace matriarch::ctl::testing {
namespace {

using Calls = std::vector<std::string>;

std::string last_lines(const std::string& text) { return text.substr(text.rfind("---+\n") + 5); }

// CTL-260..267
TEST(Remove, AsksThreeTimes) {
  Cli cli;
  cli.make_shop();
  cli.console.answers = {"", "shop", "Yes I am aware", "pg1"};
  EXPECT_EQ(cli.run({"remove", "shop"}), 0);
  EXPECT_EQ(last_lines(cli.console.written),
            "Please confirm the cluster name to remove: Please confirm the cluster name to remove: "
            "You are about to remove all information in DCS for shop, please type: \"Yes I am aware\": "
            "This cluster currently is healthy. Please specify the leader name to continue: ");
  EXPECT_TRUE(cli.store().keys.empty());
  EXPECT_TRUE(cli.rest.calls.empty());

  cli.console.answers = {"unknown", "Yes I am aware"};
  EXPECT_EQ(cli.run({"remove", "unknown", "-f", "json"}), 0);
}

TEST(Remove, WrongAnswersKeepTheCluster) {
  const std::vector<std::pair<std::deque<std::string>, std::string>> cases = {
      {{"shopp"}, "Cluster names specified do not match"},
      {{"shop", "yes"}, "You did not exactly type \"Yes I am aware\""},
      {{"shop", "Yes I am aware", "pg2"}, "You did not specify the current leader of the cluster"},
  };
  for (const auto& [answers, error] : cases) {
    Cli cli;
    cli.make_shop();
    cli.console.answers = answers;
    EXPECT_EQ(cli.run({"remove", "shop"}), 1);
    EXPECT_EQ(cli.console.errors, "Error: " + error + "\n");
    EXPECT_FALSE(cli.store().keys.empty());
  }
  Cli citus;
  citus.config.citus_group = 0;
  citus.config.citus_database = "x";
  EXPECT_EQ(citus.run({"remove", "shop"}), 1);
  EXPECT_EQ(citus.console.errors, "Error: For Citus clusters the --group must me specified\n");
}

// The example of section 17; CTL-269..279
TEST(DemoteCluster, WaitsUntilItIsDone) {
  Cli cli;
  cli.make_shop();
  FakeStore& shop = cli.store();
  cli.answer("PATCH http://10.1.0.1:8008/config", 200, "{}");
  shop.before_load[3] = [&] { shop.keys.erase("leader"); };
  shop.before_load[4] = [&] {
    shop.put("leader", "pg2");
    cli.member("pg1", R"({"state":"stopped","role":"demoted"})");
    cli.member("pg2", R"({"state":"running","role":"standby_leader"})");
  };
  shop.before_load[5] = [&] { cli.member("pg1", R"({"state":"running","role":"replica"})"); };
  EXPECT_EQ(cli.run({"demote-cluster", "shop", "--host", "192.0.2.10", "--port", "5432", "--force"}), 0);
  const std::string& text = cli.console.written;
  EXPECT_TRUE(text.starts_with("Current cluster topology\n+ Cluster: shop ")) << text;
  EXPECT_NE(text.find("\n2026-03-01 10:00:01 cluster is unlocked: False, leader role: primary, leader state: running\n"
                      "2026-03-01 10:00:02 cluster is unlocked: True, leader role: None, leader state: None\n"
                      "2026-03-01 10:00:03 cluster is unlocked: False, leader role: standby_leader, leader state: running, "
                      "previous leader state: 'stopped'\n"
                      "2026-03-01 10:00:04 cluster is successfully demoted\n+ Cluster: shop "),
            std::string::npos)
      << text;
  EXPECT_EQ(cli.rest.calls, Calls{R"(PATCH http://10.1.0.1:8008/config {"standby_cluster": {"host": "192.0.2.10", "port": 5432}})"});
}

TEST(DemoteCluster, Refused) {
  Cli cli;
  cli.make_shop();
  EXPECT_EQ(cli.run({"demote-cluster", "--primary-slot-name", "x"}), 1);
  EXPECT_EQ(cli.run({"promote-cluster"}), 1);
  cli.console.answers = {"n"};
  EXPECT_EQ(cli.run({"demote-cluster", "--restore-command", "cp"}), 1);
  EXPECT_NE(cli.console.written.find("Are you sure you want to demote shop cluster? [y/N]: "), std::string::npos);
  EXPECT_EQ(cli.run({"demote-cluster", "--host", "h", "--force"}), 1);
  cli.answer("PATCH http://10.1.0.1:8008/config", 503, "busy");
  EXPECT_EQ(cli.run({"demote-cluster", "--host", "h", "--force"}), 1);
  cli.store().keys.erase("leader");
  EXPECT_EQ(cli.run({"demote-cluster", "--host", "h"}), 1);
  EXPECT_EQ(cli.console.errors,
            "Error: At least --host, --port or --restore-command should be specified\n"
            "Error: Cluster is already in the required state\n"
            "Error: Aborted cluster demotion\n"
            "Error: Failed to demote shop cluster: connection refused: http://10.1.0.1:8008/config\n"
            "Error: Failed to demote shop cluster: /config PATCH status code=503, (busy)\n"
            "Error: Cluster has no leader, demotion is not possible\n");
}

// CTL-274, CTL-278
TEST(PromoteCluster, NeedsOnlyTheNewPrimary) {
  Cli cli;
  cli.make_shop();
  cli.member("pg1", R"({"api_url":"http://10.1.0.1:8008/patroni","state":"running","role":"standby_leader"})");
  cli.answer("PATCH http://10.1.0.1:8008/config", 200, "{}");
  cli.store().before_load[2] = [&] { cli.member("pg1", R"({"state":"running","role":"primary"})"); };
  cli.console.answers = {"y"};
  EXPECT_EQ(cli.run({"promote-cluster"}), 0);
  EXPECT_NE(cli.console.written.find("Are you sure you want to promote shop cluster? [y/N]: "
                                     "2026-03-01 10:00:01 cluster is successfully promoted\n"),
            std::string::npos);
  EXPECT_EQ(cli.rest.calls, Calls{R"(PATCH http://10.1.0.1:8008/config {"standby_cluster": null})"});
}

// CTL-282..286
TEST(Version, OfTheProgramAndOfMembers) {
  Cli cli;
  EXPECT_EQ(cli.run({"version"}), 0);
  EXPECT_EQ(cli.console.written, "matriarchctl version 1.2.3\n");
  EXPECT_EQ(cli.store().loads, 0);

  cli.console.written.clear();
  cli.make_shop();
  cli.answer("GET http://10.1.0.1:8008/patroni", 200, R"({"server_version":160004,"patroni":{"version":"4.1.4"}})");
  cli.answer("GET http://10.1.0.2:8008/patroni", 503, R"({"server_version":90624,"patroni":{"version":"3.0.2"}})");
  EXPECT_EQ(cli.run({"version", "shop"}), 0);
  EXPECT_EQ(cli.console.written,
            "matriarchctl version 1.2.3\n\npg1: Patroni 4.1.4 PostgreSQL 16.4\npg2: Patroni 3.0.2 PostgreSQL 9.6.24\n"
            "pg3: failed to get version: connection refused: http://10.1.0.3:8008/patroni\n");
  cli.console.written.clear();
  cli.answer("GET http://10.1.0.3:8008/patroni", 200, R"({"patroni":{"version":"4.0.0"}})");
  EXPECT_EQ(cli.run({"version", "shop", "pg3", "pg9"}), 0);
  EXPECT_EQ(cli.console.written, "matriarchctl version 1.2.3\n\npg3: Patroni 4.0.0\n");
}

// CTL-241..244, CTL-062..064
TEST(Dsn, ByRoleAndByName) {
  Cli cli;
  cli.make_shop();
  EXPECT_EQ(cli.run({"dsn"}), 0);
  EXPECT_EQ(cli.run({"dsn", "-r", "replica"}), 0);
  EXPECT_EQ(cli.run({"dsn", "-m", "pg3"}), 0);
  EXPECT_EQ(cli.console.written, "host=10.1.0.1 port=5432\nhost=10.1.0.2 port=5432\nhost=10.1.0.3 port=5432\n");
  EXPECT_EQ(cli.run({"dsn", "-m", "pg9"}), 1);
  EXPECT_EQ(cli.run({"dsn", "-r", "standby-leader"}), 1);
  EXPECT_EQ(cli.run({"dsn", "-r", "any", "-m", "pg1"}), 1);
  EXPECT_EQ(cli.console.errors,
            "Error: Can not find a suitable member\nError: Can not find a suitable member\n"
            "Error: --role and --member are mutually exclusive options\n");
}

// CTL-246, CTL-250, CTL-254, CTL-257
TEST(Query, WithoutAConnection) {
  Cli cli;
  EXPECT_EQ(cli.run({"query"}), 1);
  EXPECT_EQ(cli.run({"query", "-c", "x", "-f", "/dev/null"}), 1);
  EXPECT_EQ(cli.console.errors,
            "Error: You need to specify either --command or --file\n"
            "Error: --file and --command are mutually exclusive options\n");
  EXPECT_EQ(cli.run({"query", "-f", "/nowhere/x.sql"}), 2);
  EXPECT_EQ(cli.run({"query", "-c", "x", "--format", "xml"}), 2);
  EXPECT_EQ(cli.console.written, "");

  EXPECT_EQ(cli.run({"query", "-c", "select 1"}), 0);
  EXPECT_EQ(cli.run({"query", "-c", "select 1", "-m", "pg7"}), 0);
  EXPECT_EQ(cli.run({"query", "-c", "select 1", "-r", "replica", "--format", "pretty"}), 0);
  EXPECT_EQ(cli.console.written,
            "2026-03-01 10:00:00\tNo connection is available\n"
            "2026-03-01 10:00:00\tNo connection to member pg7 is available\n"
            "+---------------------+----------------------------------------------+\n"
            "| Field 1             | Field 2                                      |\n"
            "+---------------------+----------------------------------------------+\n"
            "| 2026-03-01 10:00:00 | No connection to role 'replica' is available |\n"
            "+---------------------+----------------------------------------------+\n");
}

// CTL-252, CTL-253
TEST(Query, Values) {
  constexpr unsigned kBool = 16, kInt4 = 23, kFloat8 = 701, kNumeric = 1700, kTimestampTz = 1184, kInt4Array = 1007,
                     kTextArray = 1009;
  const auto text = [](unsigned oid, const char* value) { return string_form(*sql_value(oid, value, false)); };
  EXPECT_EQ(text(kBool, "t"), "True");
  EXPECT_EQ(text(kInt4, "-5"), "-5");
  EXPECT_EQ(text(kFloat8, "1.5"), "1.5");
  EXPECT_EQ(text(kTimestampTz, "2026-03-01 10:00:00.12+00"), "2026-03-01 10:00:00.120000+00:00");
  EXPECT_EQ(text(kTimestampTz, "2026-03-01 10:00:00-03:30"), "2026-03-01 10:00:00-03:30");
  EXPECT_EQ(text(kInt4Array, "{1,2,NULL}"), "[1, 2, None]");
  EXPECT_EQ(text(kTextArray, R"({a,"b \"c\", d",NULL,"NULL"})"), R"(['a', 'b "c", d', None, 'NULL'])");
  EXPECT_EQ(to_json(*sql_value(kInt4Array, "{1,2}", true)), "[1,2]");
  EXPECT_EQ(to_json(*sql_value(kNumeric, "1.10", true)), R"("1.10")");
  EXPECT_EQ(to_json(*sql_value(kInt4, "7", true)), "7");
}

TEST(Explain, ShowsTheLastDecisions) {
  Cli cli;
  cli.make_shop();
  cli.answer("GET http://10.1.0.1:8008/explain", 200,
             R"({"name":"pg1","scope":"shop","running_action":"restart","decisions":[)"
             R"({"number":1,"at":"2026-03-01T09:00:00.000001+00:00","action":"wait","reason":"x","inputs":"i"},)"
             R"({"number":2,"at":"2026-03-01T09:00:10+00:00","action":"promote","reason":"the leader is gone","inputs":"j"}]})");
  cli.answer("GET http://10.1.0.2:8008/explain", 503, R"({"state":"running"})");
  EXPECT_EQ(cli.run({"explain", "shop", "pg1", "pg2", "-n", "1"}), 1);
  EXPECT_EQ(cli.console.written,
            "+ pg1: restart -----------+---------+--------------------+\n"
            "| # | At                  | Action  | Reason             |\n"
            "+---+---------------------+---------+--------------------+\n"
            "| 2 | 2026-03-01 09:00:10 | promote | the leader is gone |\n"
            "+---+---------------------+---------+--------------------+\n");
  EXPECT_EQ(cli.console.errors, "pg2: it keeps no record of its decisions (status code 503)\n");
  cli.console.written.clear();
  EXPECT_EQ(cli.run({"explain", "shop", "pg1", "-fjson", "-n", "1"}), 0);
  EXPECT_EQ(cli.console.written,
            R"([{"Member": "pg1", "Number": 2, "At": "2026-03-01T09:00:10+00:00", "Action": "promote", )"
            R"("Reason": "the leader is gone", "Inputs": "j"}])"
            "\n");
}

}  // namespace
}  // namespace matriarch::ctl::testing
