// `switchover` and `failover` (spec/ctl.md section 7).
#include <gtest/gtest.h>

#include "tests/unit/ctl/fakes.h"

namespace matriarch::ctl::testing {
namespace {

using Calls = std::vector<std::string>;

constexpr const char* kSwitchover = "POST http://10.1.0.1:8008/switchover";
constexpr const char* kFailover = "POST http://10.1.0.1:8008/failover";

std::size_t tables_in(const std::string& text) {
  std::size_t count = 0;
  for (auto at = text.find("+ Cluster:"); at != std::string::npos; at = text.find("+ Cluster:", at + 1)) ++count;
  return count;
}

// The last example of section 17; CTL-120..138, CTL-143..145, CTL-024, CTL-027
TEST(Switchover, DialogOfTheExample) {
  Cli cli;
  cli.make_shop();
  cli.answer(kSwitchover, 200, R"(Successfully switched over to "pg2")");
  cli.console.answers = {"", "pg2", "", "y"};
  cli.store().before_load[2] = [&] { cli.store().put("leader", "pg2"); };  // CTL-144: read again
  EXPECT_EQ(cli.run({"switchover", "shop"}), 0);
  const std::string& text = cli.console.written;
  EXPECT_TRUE(text.starts_with("Current cluster topology\n+ Cluster: shop ")) << text;
  EXPECT_NE(text.find("Primary [pg1]: Candidate ['pg2', 'pg3'] []: "
                      "When should the switchover take place (e.g. 2026-03-01T11:00 )  [now]: "
                      "Are you sure you want to switchover cluster shop, demoting current leader pg1? [y/N]: "
                      "2026-03-01 10:00:00.51234 Successfully switched over to \"pg2\"\n+ Cluster: shop "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("| pg2    | 10.1.0.2 | Leader "), std::string::npos);
  EXPECT_EQ(tables_in(text), 2u);
  EXPECT_EQ(cli.rest.calls, Calls{std::string(kSwitchover) + R"( {"candidate": "pg2", "leader": "pg1"})"});
}

// CTL-028, CTL-029
TEST(Switchover, EndOfInputAborts) {
  Cli cli;
  cli.make_shop();
  cli.console.answers = {"", "pg2"};
  EXPECT_EQ(cli.run({"switchover"}), 1);
  EXPECT_EQ(cli.console.errors, "Aborted!\n");
  EXPECT_TRUE(cli.rest.calls.empty());
}

struct Refusal {
  std::vector<std::string> arguments;
  std::deque<std::string> answers;
  std::string error;
};

// CTL-122..135, CTL-154: nothing is sent
TEST(Switchover, RefusedBeforeAnyRequest) {
  const std::vector<Refusal> cases = {
      {{"switchover", "--force", "--primary", "pg2"}, {}, "Member pg2 is not the leader of cluster shop"},
      {{"switchover", "--leader=pg2"}, {}, "Member pg2 is not the leader of cluster shop"},
      {{"switchover"}, {"other"}, "Member other is not the leader of cluster shop"},
      {{"switchover", "--force", "--candidate", "pg1"}, {}, "Member pg1 is already the leader of cluster shop"},
      {{"switchover", "--force", "--candidate", "pg9"}, {},
       "Member pg9 does not exist in cluster shop or is tagged as nofailover"},
      {{"switchover", "--candidate", "pg2"}, {"pg1", "now", "maybe", "n"}, "Aborting switchover"},
      {{"switchover", "--candidate", "pg2", "--scheduled", "2030-01-01T02:00+02"}, {"", "n"},
       "Aborting scheduled switchover"},
      {{"switchover", "--force", "--scheduled", "tomorrow"}, {},
       "Unable to parse scheduled timestamp (tomorrow). It should be in an unambiguous format (e.g. ISO 8601)"},
      {{"switchover", "--force", "--scheduled", "2030-02-30T00:00"}, {},
       "Unable to parse scheduled timestamp (2030-02-30T00:00). It should be in an unambiguous format (e.g. ISO 8601)"},
      {{"failover", "--force"}, {}, "Failover could be performed only to a specific candidate"},
      {{"failover"}, {""}, "Failover could be performed only to a specific candidate"},
      {{"failover", "--candidate", "pg3"}, {"n"}, "Aborting failover"},
      {{"failover", "--candidate", "pg3"}, {"y", "n"}, "Aborting failover"},
  };
  for (const Refusal& one : cases) {
    Cli cli;
    cli.make_shop();
    cli.console.answers = one.answers;
    EXPECT_EQ(cli.run(one.arguments), 1);
    EXPECT_EQ(cli.console.errors, "Error: " + one.error + "\n");
    EXPECT_TRUE(cli.rest.calls.empty()) << one.error;
    EXPECT_TRUE(cli.console.answers.empty()) << "not all questions were asked before: " << one.error;
  }
}

// CTL-122, CTL-126, CTL-306
TEST(Switchover, NeedsLeaderAndCandidates) {
  Cli cli;
  cli.store().put("leader", "pg1");
  cli.member("pg1", "{}");
  EXPECT_EQ(cli.run({"switchover", "--primary", "pg1", "--force"}), 1);
  EXPECT_EQ(cli.console.errors, "Error: No candidates found to switchover to\n");
  cli.console.errors.clear();
  cli.member("pg2", R"({"tags":{"failover_priority":0}})");  // CTL-125
  cli.member("pg3", R"({"tags":{"nofailover":true}})");
  EXPECT_EQ(cli.run({"failover", "--force", "--candidate", "pg2"}), 1);
  EXPECT_EQ(cli.console.errors, "Error: No candidates found to failover to\n");
  cli.console.errors.clear();
  cli.store().keys.erase("leader");
  EXPECT_EQ(cli.run({"switchover", "--force"}), 1);
  EXPECT_EQ(cli.console.errors, "Error: This cluster has no leader\n");
}

// CTL-133, CTL-311
TEST(Switchover, NoScheduleWhilePaused) {
  Cli cli;
  cli.make_shop();
  cli.store().put("config", R"({"pause":true})");
  EXPECT_EQ(cli.run({"switchover", "--primary", "pg1", "--candidate", "pg2", "--force", "--scheduled",
                     "2030-01-01 00:00:00.123456+00:00"}),
            1);
  EXPECT_EQ(cli.console.errors, "Error: Can't schedule switchover in the paused state\n");
}

// CTL-134, CTL-138, CTL-156, CTL-158
TEST(Switchover, Scheduled) {
  Cli cli;
  cli.make_shop();
  cli.answer(kSwitchover, 202, "Switchover scheduled");
  cli.console.answers = {"pg1", "", "y"};
  EXPECT_EQ(cli.run({"switchover", "--scheduled", "2030-01-01 00:00:00.5+02:00"}), 0);
  EXPECT_NE(cli.console.written.find("Are you sure you want to schedule switchover of cluster shop at "
                                     "2030-01-01T00:00:00.500000+02:00, demoting current leader pg1? [y/N]: "),
            std::string::npos)
      << cli.console.written;
  EXPECT_EQ(cli.rest.calls, Calls{std::string(kSwitchover) + R"( {"candidate": null, "leader": "pg1", )" +
                                  R"("scheduled_at": "2030-01-01T00:00:00.500000+02:00"})"});
  EXPECT_EQ(tables_in(cli.console.written), 2u);
}

// CTL-123 for standby clusters, CTL-140
TEST(Switchover, PromptOfAStandbyCluster) {
  Cli cli;
  cli.make_shop();
  cli.store().put("config", R"({"standby_cluster":{"port":5432}})");
  cli.console.answers = {""};
  EXPECT_EQ(cli.run({"switchover", "--candidate", "pg2"}), 1);
  EXPECT_NE(cli.console.written.find("Standby Leader [pg1]: "), std::string::npos);
}

// CTL-139, CTL-131, CTL-136
TEST(Failover, ToAnAsynchronousNode) {
  Cli cli;
  cli.make_shop();
  cli.answer(kFailover, 200, R"(Successfully failed over to "pg3")");
  cli.console.answers = {"pg3", "y", "y"};
  EXPECT_EQ(cli.run({"failover", "shop"}), 0);
  EXPECT_NE(cli.console.written.find("Are you sure you want to failover to the asynchronous node pg3? [y/N]: "
                                     "Are you sure you want to failover cluster shop, demoting current leader pg1? [y/N]: "),
            std::string::npos);
  EXPECT_EQ(cli.rest.calls, Calls{std::string(kFailover) + R"( {"candidate": "pg3"})"});
}

// CTL-136: without a leader the candidate is asked, and nobody is demoted
TEST(Failover, WithoutLeader) {
  Cli cli;
  cli.make_shop();
  cli.store().keys.erase("leader");
  cli.answer("POST http://10.1.0.2:8008/failover", 200, "ok");
  cli.console.answers = {"y"};
  EXPECT_EQ(cli.run({"failover", "--candidate", "pg2"}), 0);
  EXPECT_NE(cli.console.written.find("Are you sure you want to failover cluster shop? [y/N]: "), std::string::npos);
  EXPECT_EQ(cli.rest.calls, Calls{R"(POST http://10.1.0.2:8008/failover {"candidate": "pg2"})"});
}

// CTL-146, CTL-147, and decision 1: a refusal exits with 1 unless called as patronictl
TEST(Switchover, RefusedByTheApi) {
  Cli cli;
  cli.make_shop();
  cli.answer(kSwitchover, 412, "candidate does not exists");
  EXPECT_EQ(cli.run({"switchover", "--force"}), 1);
  EXPECT_TRUE(cli.console.written.ends_with("+\nSwitchover failed, details: 412, candidate does not exists\n"));
  EXPECT_EQ(cli.console.errors, "");

  Cli unknown;
  unknown.make_shop();
  unknown.answer(kFailover, 503, "Failover Status Unknown after 20 seconds");
  EXPECT_EQ(unknown.run({"failover", "--force", "--candidate", "pg2"}), 1);
  EXPECT_TRUE(unknown.console.written.ends_with(
      "Failover result unknown, details: 503, Failover Status Unknown after 20 seconds\n"));
}

// CTL-142
TEST(Switchover, VeryOldNode) {
  Cli cli;
  cli.make_shop();
  cli.answer(kSwitchover, 501, "<p>Server does not support this operation.</p>");
  cli.answer(kFailover, 200, "Successfully switched over to \"pg2\"");
  EXPECT_EQ(cli.run({"switchover", "--force"}), 0);
  EXPECT_EQ(cli.rest.calls, (Calls{std::string(kSwitchover) + R"( {"candidate": null, "leader": "pg1"})",
                                   std::string(kFailover) + R"( {"candidate": null, "leader": "pg1"})"}));
}

// CTL-148..153, DCS-218
TEST(Switchover, FallsBackToTheStore) {
  Cli cli;
  cli.make_shop();
  EXPECT_EQ(cli.run({"switchover", "--force", "--candidate", "pg2", "--scheduled", "2030-01-01T00:00Z"}), 0);
  EXPECT_NE(cli.console.written.find("2026-03-01 10:00:00.51234 Could not switchover using Patroni api, falling back to DCS\n"
                                     "+ Cluster: shop "),
            std::string::npos);
  EXPECT_EQ(cli.store().get("failover"),
            R"({"leader":"pg1","member":"pg2","scheduled_at":"2030-01-01T00:00:00+00:00"})");
  Cli failover;
  failover.make_shop();
  EXPECT_EQ(failover.run({"failover", "--force", "--candidate", "pg3"}), 0);
  EXPECT_EQ(failover.store().get("failover"), R"({"member":"pg3"})");
}

// A request that may have taken effect is never repeated through the store.
TEST(Switchover, BrokenConnectionIsNoReasonToFallBack) {
  Cli cli;
  cli.make_shop();
  cli.answer(kSwitchover, 0, "");
  EXPECT_EQ(cli.run({"switchover", "--force"}), 1);
  EXPECT_EQ(cli.store().get("failover"), "(absent)");
  EXPECT_NE(cli.console.written.find("Switchover result unknown, details: connection lost"), std::string::npos);
}

// CTL-121, CTL-026, CTL-292
TEST(Switchover, CitusAsksForTheGroup) {
  Cli cli;
  cli.config.citus_group = 0;
  cli.config.citus_database = "citus";
  FakeStore& worker = cli.clusters.at("shop", 1);
  worker.put("leader", "w1");
  cli.member("w1", R"({"api_url":"http://w1:8008/patroni"})", "shop", 1);
  cli.member("w2", R"({"api_url":"http://w2:8008/patroni"})", "shop", 1);
  cli.answer("POST http://w1:8008/switchover", 200, "done");
  EXPECT_EQ(cli.run({"switchover", "--force"}), 1);
  EXPECT_EQ(cli.console.errors, "Error: For Citus clusters the --group must me specified\n");

  cli.console.written.clear();
  cli.console.answers = {"one", "1", "w1", "w2", "", "yes"};
  EXPECT_EQ(cli.run({"switchover"}), 0);
  EXPECT_NE(cli.console.written.find("Citus group: Error: 'one' is not a valid integer.\nCitus group: Primary [w1]: "),
            std::string::npos)
      << cli.console.written;
  EXPECT_EQ(cli.run({"switchover", "--group", "1", "--force"}), 0);  // CTL-312
}

}  // namespace
}  // namespace matriarch::ctl::testing
