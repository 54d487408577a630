// `restart`, `reload`, `reinit`, `flush` (spec/ctl.md sections 6, 8 and 9).
#include <gtest/gtest.h>

#include "tests/unit/ctl/fakes.h"

namespace matriarch::ctl::testing {
namespace {

using Calls = std::vector<std::string>;

std::string url(int node, const std::string& endpoint) { return fmt::format("http://10.1.0.{}:8008/{}", node, endpoint); }

std::string last_lines(const std::string& text) { return text.substr(text.rfind("---+\n") + 5); }

// CTL-111..119, CTL-169, CTL-172..176
TEST(Restart, AllMembersInOrder) {
  Cli cli;
  cli.make_shop();
  cli.answer("POST " + url(1, "restart"), 200, "restarted successfully");
  cli.answer("POST " + url(2, "restart"), 503, "postgres is still starting");
  cli.answer("POST " + url(3, "restart"), 409, "Another restart is already scheduled");
  cli.console.answers = {"", "y", ""};
  EXPECT_EQ(cli.run({"restart", "shop"}), 1);
  EXPECT_EQ(last_lines(cli.console.written),
            "When should the restart take place (e.g. 2026-03-01T11:00)  [now]: "
            "Are you sure you want to restart members pg1, pg2, pg3? [y/N]: "
            "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2)  []: "
            "Success: restart on member pg1\n"
            "Failed: restart for member pg2, status code=503, (postgres is still starting)\n"
            "Failed: another restart is already scheduled on member pg3\n");
  EXPECT_EQ(cli.rest.calls, (Calls{"POST " + url(1, "restart") + " {}", "POST " + url(2, "restart") + " {}",
                                   "POST " + url(3, "restart") + " {}"}));
}

// CTL-309: by name and force, also while paused
TEST(Restart, OneMemberByForce) {
  Cli cli;
  cli.make_shop();
  cli.store().put("config", R"({"pause":true})");
  cli.answer("POST " + url(3, "restart"), 200, "");
  EXPECT_EQ(cli.run({"restart", "shop", "pg3", "--force", "--timeout", "2min"}), 0);
  EXPECT_TRUE(cli.console.written.ends_with("Success: restart on member pg3\n"));
  EXPECT_EQ(cli.rest.calls, Calls{"POST " + url(3, "restart") + R"( {"timeout": "2min"})"});
}

// CTL-164, CTL-170, CTL-171, CTL-173
TEST(Restart, Scheduled) {
  Cli cli;
  cli.make_shop();
  cli.answer("POST " + url(2, "restart"), 202, "Restart scheduled");
  cli.console.answers = {"y", "16.5"};
  EXPECT_EQ(cli.run({"restart", "shop", "pg2", "--scheduled", "2030-01-01T02:00:00+01:00"}), 0);
  EXPECT_EQ(last_lines(cli.console.written),
            "Are you sure you want to schedule restart of members pg2 at 2030-01-01 02:00:00+01:00? [y/N]: "
            "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2)  []: "
            "Success: restart scheduled on member pg2\n");
  EXPECT_EQ(cli.rest.calls, Calls{"POST " + url(2, "restart") +
                                  R"( {"postgres_version": "16.5", "schedule": "2030-01-01T02:00:00+01:00"})"});

  // An existing schedule is replaced with --force only.
  cli.rest.calls.clear();
  cli.console.written.clear();
  cli.member("pg2", R"({"api_url":"http://10.1.0.2:8008/patroni","scheduled_restart":{"schedule":"2029-01-01T00:00:00+00:00"}})");
  cli.answer("DELETE " + url(2, "restart"), 404, "no restarts are scheduled");
  EXPECT_EQ(cli.run({"restart", "shop", "pg2", "--scheduled", "2030-01-01T02:00:00Z", "--pending", "--force"}), 1);
  EXPECT_EQ(last_lines(cli.console.written),
            "Failed: flush scheduled restart for member pg2, status code=404, (no restarts are scheduled)\n"
            "Success: restart scheduled on member pg2\n");
  EXPECT_EQ(cli.rest.calls,
            (Calls{"DELETE " + url(2, "restart"),
                   "POST " + url(2, "restart") + R"( {"restart_pending": true, "schedule": "2030-01-01T02:00:00+00:00"})"}));
}

// CTL-162, CTL-163, CTL-177
TEST(Restart, PendingAndAny) {
  Cli cli;
  cli.make_shop();
  EXPECT_EQ(cli.run({"restart", "shop", "--pending", "--force"}), 0);
  EXPECT_TRUE(cli.console.written.ends_with("---+\n"));
  EXPECT_TRUE(cli.rest.calls.empty());

  cli.random = 1;
  cli.answer("POST " + url(3, "restart"), 200, "");
  EXPECT_EQ(cli.run({"restart", "shop", "--any", "--role", "replica", "--force"}), 0);
  EXPECT_EQ(cli.rest.calls, Calls{"POST " + url(3, "restart") + " {}"});
}

struct Refusal {
  std::vector<std::string> arguments;
  std::deque<std::string> answers;
  std::string error;
};

// CTL-112, CTL-114, CTL-157, CTL-165, CTL-167, CTL-168
TEST(Restart, Refused) {
  const std::vector<Refusal> cases = {
      {{"restart", "empty"}, {}, "empty cluster doesn't have any members"},
      {{"restart", "shop", "nobody", "--force"}, {}, "No 'any' among provided members"},
      {{"restart", "shop", "pg1", "-r", "replica"}, {}, "No 'replica' among provided members"},
      {{"restart", "shop", "pg1"}, {"now", "n"}, "Aborted restart"},
      {{"restart", "shop", "pg1"}, {"2030-01-01", "n"}, "Aborted scheduled restart"},
      {{"restart", "shop", "pg1", "--pending"}, {"2030-01-01", "n"}, "Aborted scheduled restart"},
      {{"restart", "shop", "--force", "--pg-version", "9.6"}, {},
       "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 9.6"},
      {{"restart", "shop", "--force", "--pg-version", "16"}, {},
       "Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 16"},
      {{"restart", "shop", "--force", "--pg-version", "16.x"}, {}, "Invalid PostgreSQL version: 16.x"},
      {{"restart", "shop", "--force", "--scheduled", "soon"}, {},
       "Unable to parse scheduled timestamp (soon). It should be in an unambiguous format (e.g. ISO 8601)"},
  };
  for (const Refusal& one : cases) {
    Cli cli;
    cli.make_shop();
    cli.console.answers = one.answers;
    EXPECT_EQ(cli.run(one.arguments), 1) << one.error;
    EXPECT_NE(cli.console.errors.find("Error: " + one.error + "\n"), std::string::npos) << cli.console.errors;
    EXPECT_TRUE(cli.rest.calls.empty());
    EXPECT_TRUE(cli.console.answers.empty()) << one.error;
  }
  Cli paused;
  paused.make_shop();
  paused.store().put("config", R"({"pause":"on"})");
  EXPECT_EQ(paused.run({"restart", "shop", "--force", "--scheduled", "2030-01-01T00:00"}), 1);
  EXPECT_EQ(paused.console.errors, "Error: Can't schedule restart in the paused state\n");
}

// CTL-112: the error comes before any output
TEST(Restart, NothingIsPrintedForAnEmptyCluster) {
  Cli cli;
  EXPECT_EQ(cli.run({"restart", "empty", "--force"}), 1);
  EXPECT_EQ(cli.console.written, "");
}

// CTL-119
TEST(Restart, AConnectionFailureEndsTheCommand) {
  Cli cli;
  cli.make_shop();
  cli.answer("POST " + url(2, "restart"), 200, "");
  EXPECT_EQ(cli.run({"restart", "shop", "--force"}), 1);
  EXPECT_EQ(cli.rest.calls.size(), 1u);
  EXPECT_EQ(cli.console.errors, "Error: connection refused: http://10.1.0.1:8008/restart\n");
}

// CTL-179..181
TEST(Reload, EachAnswerHasItsLine) {
  Cli cli;
  cli.make_shop();
  cli.store().put("config", R"({"loop_wait":7})");
  cli.answer("POST " + url(1, "reload"), 202, "reload scheduled");
  cli.answer("POST " + url(2, "reload"), 200, "");
  cli.answer("POST " + url(3, "reload"), 500, "broken");
  cli.console.answers = {"yes"};
  EXPECT_EQ(cli.run({"reload", "shop"}), 1);
  EXPECT_EQ(last_lines(cli.console.written),
            "Are you sure you want to reload members pg1, pg2, pg3? [y/N]: "
            "Reload request received for member pg1 and will be processed within 7 seconds\n"
            "No changes to apply on member pg2\n"
            "Failed: reload for member pg3, status code=500, (broken)\n");
  EXPECT_EQ(cli.rest.calls[0], "POST " + url(1, "reload"));  // without a body
}

// CTL-182, CTL-183, CTL-116, CTL-118
TEST(Reinit, AsksForTheMember) {
  Cli cli;
  cli.make_shop();
  cli.answer("POST " + url(3, "reinitialize"), 200, "reinitialize started");
  cli.console.answers = {"pg3", "y"};
  EXPECT_EQ(cli.run({"reinit", "shop", "--from-leader"}), 0);
  EXPECT_EQ(last_lines(cli.console.written),
            "Which member do you want to reinitialize [pg2, pg3]? []: "
            "Are you sure you want to reinitialize members pg3? [y/N]: "
            "Success: reinitialize for member pg3\n");
  EXPECT_EQ(cli.rest.calls, Calls{"POST " + url(3, "reinitialize") + R"( {"force": false, "from_leader": true})"});
}

// CTL-114, CTL-116, CTL-117
TEST(Reinit, LeaderAndUnknownNamesAreRefused) {
  Cli cli;
  cli.make_shop();
  EXPECT_EQ(cli.run({"reinit", "shop", "pg1", "--force"}), 1);
  EXPECT_NE(cli.console.errors.find("Error: No replica among provided members\n"), std::string::npos);
  cli.console.errors.clear();
  cli.console.answers = {"pg1"};
  EXPECT_EQ(cli.run({"reinit", "shop"}), 1);
  EXPECT_EQ(cli.console.errors, "Error: pg1 is not a member of cluster\n");
  EXPECT_EQ(cli.run({"reinit", "shop", "--force"}), 0);
  EXPECT_TRUE(cli.rest.calls.empty());
}

// CTL-184
TEST(Reinit, OffersToCancelWhatRuns) {
  Cli cli;
  cli.make_shop();
  cli.answer("POST " + url(2, "reinitialize"), 503, "restart already in progress");
  cli.answer("POST " + url(2, "reinitialize"), 200, "");
  cli.answer("POST " + url(3, "reinitialize"), 503, "restart already in progress");
  cli.console.answers = {"y", "y", "n"};
  EXPECT_EQ(cli.run({"reinit", "shop", "pg2", "pg3"}), 1);
  EXPECT_EQ(cli.rest.calls, (Calls{"POST " + url(2, "reinitialize") + R"( {"force": false, "from_leader": false})",
                                   "POST " + url(2, "reinitialize") + R"( {"force": true, "from_leader": false})",
                                   "POST " + url(3, "reinitialize") + R"( {"force": false, "from_leader": false})"}));
  EXPECT_NE(cli.console.written.find("Failed: reinitialize for member pg2, status code=503, (restart already in progress)\n"
                                     "Do you want to cancel it and reinitialize anyway? [y/N]: "
                                     "Success: reinitialize for member pg2\n"),
            std::string::npos);
}

// CTL-185..187, CTL-310: a node that has not begun yet is not taken for one that has finished
TEST(Reinit, WaitsForTheCopies) {
  Cli cli;
  cli.make_shop();
  cli.answer("POST " + url(2, "reinitialize"), 200, "");
  cli.answer("POST " + url(3, "reinitialize"), 200, "");
  for (const char* state : {"running", "creating replica", "running"}) {
    cli.answer("GET " + url(2, "patroni"), 200, fmt::format(R"({{"state": "{}"}})", state));
  }
  for (const char* state : {"creating replica", "creating replica", "creating replica", "starting"}) {
    cli.answer("GET " + url(3, "patroni"), 200, fmt::format(R"({{"state": "{}"}})", state));
  }
  EXPECT_EQ(cli.run({"reinit", "shop", "pg2", "pg3", "--force", "--wait"}), 0);
  EXPECT_EQ(last_lines(cli.console.written),
            "Success: reinitialize for member pg2\nSuccess: reinitialize for member pg3\n"
            "Waiting for reinitialize to complete on: pg2, pg3\n"
            "Reinitialize is completed on: pg2\n"
            "Waiting for reinitialize to complete on: pg3\n"
            "Reinitialize is completed on: pg3\n");
}

// CTL-187: one that never shows the state is given up after loop_wait
TEST(Reinit, WaitingForTheBeginIsBounded) {
  Cli cli;
  cli.make_shop();
  cli.answer("POST " + url(2, "reinitialize"), 200, "");
  cli.answer("GET " + url(2, "patroni"), 200, R"({"state": "running"})");
  const Instant began = cli.scheduler.now();
  EXPECT_EQ(cli.run({"reinit", "shop", "pg2", "--force", "--wait"}), 0);
  EXPECT_EQ(cli.scheduler.now() - began, std::chrono::seconds(10));
}

// CTL-188, CTL-189, CTL-008
TEST(Flush, Restarts) {
  Cli cli;
  cli.make_shop();
  cli.member("pg2", R"({"api_url":"http://10.1.0.2:8008/patroni","scheduled_restart":{"schedule":"2030-01-01T00:00:00+00:00"}})");
  cli.answer("DELETE " + url(2, "restart"), 200, "scheduled restart deleted");
  cli.console.answers = {"y"};
  EXPECT_EQ(cli.run({"flush", "shop", "pg1", "pg2", "restart"}), 0);
  EXPECT_EQ(last_lines(cli.console.written),
            "Are you sure you want to flush members pg1, pg2? [y/N]: "
            "No scheduled restart for member pg1\n"
            "Success: flush scheduled restart for member pg2\n");
  EXPECT_EQ(cli.rest.calls, Calls{"DELETE " + url(2, "restart")});
}

// CTL-190..195, CTL-055
TEST(Flush, SwitchoverLeaderFirst) {
  Cli cli;
  cli.make_shop();
  EXPECT_EQ(cli.run({"flush", "shop", "switchover"}), 0);
  EXPECT_EQ(cli.console.written, "No pending scheduled switchover\n");

  cli.store().put("leader", "pg2");
  cli.store().put("failover", R"({"leader":"pg2","scheduled_at":"2030-01-01T02:00:00+00:00"})");
  cli.answer("DELETE " + url(1, "switchover"), 409, "lost");
  cli.answer("DELETE " + url(3, "switchover"), 200, "scheduled switchover deleted");
  cli.console.written.clear();
  EXPECT_EQ(cli.run({"flush", "shop", "pg9", "switchover", "--force"}), 1);  // pg1 refused
  EXPECT_EQ(cli.console.written,
            "Failed: member=pg1, status_code=409, (lost)\nSuccess: scheduled switchover deleted\n");
  EXPECT_EQ(cli.rest.calls, (Calls{"DELETE " + url(2, "switchover"), "DELETE " + url(1, "switchover"),
                                   "DELETE " + url(3, "switchover")}));
  EXPECT_NE(cli.store().get("failover"), "{}");
}

// CTL-193, CTL-196
TEST(Flush, SwitchoverThatIsGoneOrNobodyToAsk) {
  Cli cli;
  cli.make_shop();
  cli.store().put("failover", R"({"leader":"pg1","scheduled_at":"2030-01-01T02:00:00+00:00"})");
  cli.answer("DELETE " + url(1, "switchover"), 404, "no switchover is scheduled");
  EXPECT_EQ(cli.run({"flush", "shop", "switchover"}), 1);
  EXPECT_EQ(cli.console.written, "Failed: no switchover is scheduled\n");

  Cli alone;
  alone.make_shop();
  alone.store().put("failover", R"({"leader":"pg1","scheduled_at":"2030-01-01T02:00:00+00:00"})");
  EXPECT_EQ(alone.run({"flush", "shop", "switchover"}), 0);
  EXPECT_EQ(alone.console.written, "2026-03-01 10:00:00.51234 Could not find any accessible member of cluster shop\n");
  EXPECT_EQ(alone.store().get("failover"), "{}");
}

}  // namespace
}  // namespace matriarch::ctl::testing
