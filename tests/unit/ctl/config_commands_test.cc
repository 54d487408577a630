// `pause`, `resume`, `edit-config`, `show-config`, `history` (spec/ctl.md sections 10 to 12).
#include <filesystem>
#include <fstream>

#include <stdlib.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "tests/unit/ctl/fakes.h"

namespace matriarch::ctl::testing {
namespace {

using Calls = std::vector<std::string>;

constexpr const char* kConfig1 = "PATCH http://10.1.0.1:8008/config";
constexpr const char* kConfig2 = "PATCH http://10.1.0.2:8008/config";

// CTL-197..199, CTL-205, CTL-308
TEST(Pause, PausesAndResumes) {
  Cli cli;
  cli.make_shop();
  cli.answer(kConfig1, 200, "{}");
  EXPECT_EQ(cli.run({"pause", "shop"}), 0);
  EXPECT_EQ(cli.console.written, "Success: cluster management is paused\n");
  EXPECT_EQ(cli.run({"resume"}), 1);
  EXPECT_EQ(cli.console.errors, "Error: Cluster is not paused\n");

  cli.console = FakeConsole();
  cli.store().put("config", R"({"pause":true})");
  EXPECT_EQ(cli.run({"pause"}), 1);
  EXPECT_EQ(cli.console.errors, "Error: Cluster is already paused\n");
  EXPECT_EQ(cli.run({"resume"}), 0);
  EXPECT_EQ(cli.console.written, "Success: cluster management is resumed\n");
  EXPECT_EQ(cli.rest.calls, (Calls{std::string(kConfig1) + R"( {"pause": true})",
                                   std::string(kConfig1) + R"( {"pause": null})"}));
}

// CTL-198, CTL-200, CTL-201
TEST(Pause, NextMemberOnlyAfterAConnectionFailure) {
  Cli cli;
  cli.make_shop();
  cli.answer(kConfig2, 503, "no");
  EXPECT_EQ(cli.run({"pause"}), 1);
  EXPECT_EQ(cli.console.written, "Failed: pause cluster management status code=503, (no)\n");
  EXPECT_EQ(cli.rest.calls.size(), 2u);

  Cli alone;
  alone.make_shop();
  EXPECT_EQ(alone.run({"pause"}), 1);
  EXPECT_EQ(alone.rest.calls.size(), 3u);
  EXPECT_EQ(alone.console.errors, "Error: Can not find accessible cluster member\n");
}

void set_pause_flag(Cli& cli, int node) {
  cli.member(fmt::format("pg{}", node),
             fmt::format(R"({{"api_url":"http://10.1.0.{}:8008/patroni","state":"running","pause":true}})", node));
}

// CTL-202, CTL-203
TEST(Pause, WaitsForEveryMember) {
  Cli cli;
  cli.make_shop();
  cli.answer(kConfig1, 200, "{}");
  cli.store().before_load[2] = [&] { set_pause_flag(cli, 1), set_pause_flag(cli, 2); };
  cli.store().before_load[4] = [&] { set_pause_flag(cli, 3); };
  const Instant began = cli.scheduler.now();
  EXPECT_EQ(cli.run({"pause", "--wait"}), 0);
  EXPECT_EQ(cli.console.written,
            "'pause' request sent, waiting until it is recognized by all nodes\n"
            "Success: cluster management is paused\n");
  EXPECT_EQ(cli.scheduler.now() - began, std::chrono::seconds(2));
}

// CTL-204: only members whose key was written since count as not having recognised it
TEST(Pause, WaitingEnds) {
  Cli cli;
  cli.make_shop();
  cli.store().put("config", R"({"loop_wait":3})");
  cli.answer(kConfig1, 200, "{}");
  set_pause_flag(cli, 1);
  const Instant began = cli.scheduler.now();
  EXPECT_EQ(cli.run({"pause", "--wait"}), 0);
  EXPECT_EQ(cli.scheduler.now() - began, std::chrono::seconds(4));

  cli.console = FakeConsole();
  const int loads = cli.store().loads;
  cli.store().before_load[loads + 3] = [&] { cli.member("pg2", R"({"api_url":"http://10.1.0.2:8008/patroni"})"); };
  EXPECT_EQ(cli.run({"pause", "--wait"}), 1);
  EXPECT_EQ(cli.console.written,
            "'pause' request sent, waiting until it is recognized by all nodes\n"
            "pg2 members didn't recognized pause state after 3 seconds\n");
}

// --- resume where a guardian is concerned (ADR 10)

constexpr const char* kResume1 = R"(PATCH http://10.1.0.1:8008/config {"pause": null})";
constexpr const char* kResume2 = R"(PATCH http://10.1.0.2:8008/config {"pause": null})";

// pg1 and pg2 are ours; pg3, last in order, is not.
void make_guarded_shop(Cli& cli) {
  cli.make_shop();
  for (const int node : {1, 2}) {
    cli.member(fmt::format("pg{}", node),
               fmt::format(R"({{"api_url":"http://10.1.0.{}:8008/patroni","state":"running","matriarch":"0.1","guardian":"ready"}})", node));
  }
  cli.store().put("config", R"({"pause":true,"ttl":30})");
}

TEST(Resume, TheLeadersRefusalIsShown) {
  Cli cli;
  make_guarded_shop(cli);
  cli.answer(kConfig1, 412, "pg1 has no guardian");
  EXPECT_EQ(cli.run({"resume"}), 1);
  EXPECT_EQ(cli.console.written, "Failed: resume cluster management status code=412, (pg1 has no guardian)\n");
  EXPECT_EQ(cli.rest.calls, Calls{kResume1});
  EXPECT_EQ(cli.store().get("config"), R"({"pause":true,"ttl":30})");
}

TEST(Resume, ForceWritesTheConfigurationItself) {
  Cli cli;
  make_guarded_shop(cli);
  cli.answer(kConfig1, 412, "pg1 has no guardian");
  EXPECT_EQ(cli.run({"resume", "--force"}), 0);
  EXPECT_EQ(cli.console.written, "Success: cluster management is resumed\n");
  EXPECT_EQ(cli.store().get("config"), R"({"ttl":30})");

  Cli alone;  // nobody answers
  make_guarded_shop(alone);
  EXPECT_EQ(alone.run({"resume", "--force"}), 0);
  EXPECT_EQ(alone.store().get("config"), R"({"ttl":30})");

  Cli other;  // what else goes wrong is not forced
  make_guarded_shop(other);
  other.answer(kConfig1, 503, "no store");
  EXPECT_EQ(other.run({"resume", "--force"}), 1);
  EXPECT_EQ(other.store().get("config"), R"({"pause":true,"ttl":30})");
  EXPECT_EQ(other.run({"pause", "--force"}), 2) << "pausing needs no force";
}

TEST(Resume, PatronisMembersAreNotAskedWhereAGuardianMustBeArmed) {
  Cli cli;
  make_guarded_shop(cli);
  cli.answer("PATCH http://10.1.0.3:8008/config", 200, "{}");
  EXPECT_EQ(cli.run({"resume"}), 1);
  EXPECT_EQ(cli.rest.calls, (Calls{kResume1, kResume2}));
  EXPECT_NE(cli.console.errors.find("Error: Can not find accessible cluster member: the leader must arm its guardian"),
            std::string::npos) << cli.console.errors;

  cli.rest.calls.clear();
  cli.store().put("leader", "pg3");  // it has none: as ever
  EXPECT_EQ(cli.run({"resume"}), 0);

  cli.rest.calls.clear();
  cli.store().keys.erase("leader");  // whoever led last may have had one
  EXPECT_EQ(cli.run({"resume"}), 1);
  EXPECT_EQ(cli.rest.calls, (Calls{kResume1, kResume2}));
}

TEST(Resume, EditingThePauseAwayAsksTheLeaderToo) {
  Cli cli;
  make_guarded_shop(cli);
  cli.answer(kConfig1, 412, "pg1 has no guardian");
  EXPECT_EQ(cli.run({"edit-config", "-q", "-s", "pause=null", "-s", "ttl=20", "--force"}), 1);
  EXPECT_EQ(cli.console.written, "Failed: resume cluster management status code=412, (pg1 has no guardian)\n");
  EXPECT_EQ(cli.store().get("config"), R"({"pause":true,"ttl":30})");

  cli.console = FakeConsole();
  cli.rest.answers.clear();
  cli.answer(kConfig1, 200, "{}");
  cli.store().before_load[cli.store().loads + 2] = [&] { cli.store().put("config", R"({"ttl":30})"); };  // the leader did it
  EXPECT_EQ(cli.run({"edit-config", "-q", "-s", "pause=null", "-s", "ttl=20", "--force"}), 0);
  EXPECT_EQ(cli.console.written, "Configuration changed\n");
  EXPECT_EQ(cli.store().get("config"), R"({"ttl":20})");
}

// The example of section 17; CTL-209, CTL-228, CTL-235, CTL-237, CTL-307, CTL-314
TEST(EditConfig, DiffOfTheExample) {
  Cli cli;
  cli.store().put("config", R"({"ttl":30,"loop_wait":10,"postgresql":{"parameters":{"wal_keep_size":"64MB"}}})");
  EXPECT_EQ(cli.run({"edit-config", "shop", "-s", "ttl=20", "-p", "max_connections=150", "--force"}), 0);
  EXPECT_EQ(cli.console.written,
            "--- \n"
            "+++ \n"
            "@@ -1,5 +1,6 @@\n"
            " loop_wait: 10\n"
            " postgresql:\n"
            "   parameters:\n"
            "+    max_connections: 150\n"
            "     wal_keep_size: 64MB\n"
            "-ttl: 30\n"
            "+ttl: 20\n"
            "Configuration changed\n");
  EXPECT_EQ(cli.store().get("config"),
            R"({"ttl":20,"loop_wait":10,"postgresql":{"parameters":{"wal_keep_size":"64MB","max_connections":150}}})");
}

// CTL-206, CTL-211, CTL-214, CTL-216, CTL-235
TEST(EditConfig, RefusedOrUnchanged) {
  Cli cli;
  EXPECT_EQ(cli.run({"edit-config", "-s", "ttl=20"}), 1);
  EXPECT_EQ(cli.console.errors, "Error: The config key does not exist in the cluster shop\n");

  cli.console = FakeConsole();
  cli.store().put("config", R"({"ttl":20})");
  EXPECT_EQ(cli.run({"edit-config", "-s", "ttl=20"}), 0);
  EXPECT_EQ(cli.run({"edit-config", "-q", "-s", "ttl=20"}), 0);
  EXPECT_EQ(cli.console.written, "Not changed\n");
  EXPECT_EQ(cli.run({"edit-config", "-s", "ttl"}), 1);
  EXPECT_EQ(cli.console.errors, "Error: Invalid parameter setting ttl\n");

  cli.console = FakeConsole();
  cli.console.answers = {"n"};
  EXPECT_EQ(cli.run({"edit-config", "-s", "ttl=21"}), 0);
  EXPECT_TRUE(cli.console.written.ends_with("+ttl: 21\nApply these changes? [y/N]: ")) << cli.console.written;
  EXPECT_EQ(cli.store().get("config"), R"({"ttl":20})");

  cli.console = FakeConsole();
  cli.store().conflict = true;
  EXPECT_EQ(cli.run({"edit-config", "-q", "--force", "-s", "ttl=21"}), 1);
  EXPECT_EQ(cli.console.errors, "Error: Config modification aborted due to concurrent changes\n");
  EXPECT_EQ(cli.console.written, "");
}

std::string edited(const std::string& stored, const std::vector<std::string>& arguments,
                   std::deque<std::string> input = {}) {
  Cli cli;
  cli.store().put("config", stored);
  cli.console.answers = std::move(input);
  std::vector<std::string> line = {"edit-config", "shop", "-q", "--force"};
  line.insert(line.end(), arguments.begin(), arguments.end());
  EXPECT_EQ(cli.run(line), 0) << cli.console.errors;
  return cli.store().get("config");
}

// CTL-217..220
TEST(EditConfig, Settings) {
  EXPECT_EQ(edited("{}", {"-s", " a.b.c =1"}), R"({"a":{"b":{"c":1}}})");
  EXPECT_EQ(edited("{}", {"-s", "x=on", "-s", "y=[1, 2]", "-s", "z=\"20\"", "-s", "e=a=b"}),
            R"({"x":true,"y":[1,2],"z":"20","e":"a=b"})");
  EXPECT_EQ(edited(R"({"a":5})", {"-s", "a.b=1"}), R"({"a":{"b":1}})");
  EXPECT_EQ(edited(R"({"a":{"b":{"c":1}},"d":2})", {"-s", "a.b.c="}), R"({"d":2})");
  EXPECT_EQ(edited(R"({"a":{"b":{"c":1,"x":0}},"d":2})", {"-s", "a.b.c=null"}), R"({"a":{"b":{"x":0}},"d":2})");
  EXPECT_EQ(edited("{}", {"-s", "postgresql.parameters.pg_stat_statements.max=100", "-p", "  auto_explain.log=off"}),
            R"({"postgresql":{"parameters":{"pg_stat_statements.max":100,"auto_explain.log":false}}})");
  EXPECT_EQ(edited(R"({"ttl":30,"x":1})", {"-s", "ttl=1", "-s", "ttl=2", "-s", "y.z=null"}), R"({"ttl":2,"x":1})");
}

// CTL-207, CTL-208, CTL-213, CTL-221, CTL-222
TEST(EditConfig, ApplyAndReplace) {
  EXPECT_EQ(edited(R"({"a":1,"b":{"c":2,"d":3}})", {"--apply", "-"}, {"b:", "  c: null", "  e: 4"}),
            R"({"a":1,"b":{"d":3,"e":4}})");
  EXPECT_EQ(edited(R"({"a":1})", {"--replace", "-", "-s", "y=2"}, {"x: {z: null}", "n: null"}),
            R"({"x":{"z":null},"y":2})");
  Cli cli;
  cli.store().put("config", R"({"a":1})");
  cli.console.answers = {"a: 2"};
  EXPECT_EQ(cli.run({"edit-config", "--apply", "-"}), 0);
  EXPECT_TRUE(cli.console.written.ends_with("+a: 2\nUse --force option to apply changes\n"));
  EXPECT_EQ(cli.store().get("config"), R"({"a":1})");
  cli.console.answers = {"- just", "- a list"};
  EXPECT_EQ(cli.run({"edit-config", "--apply", "-", "--force"}), 1);
  EXPECT_EQ(cli.run({"edit-config", "--apply", "/nowhere/at/all", "--force"}), 1);
  EXPECT_NE(cli.console.errors.find("/nowhere/at/all"), std::string::npos);
}

// An editor of our own: a script that changes the file it is given.
class Editor {
 public:
  explicit Editor(const std::string& script) {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("ctl-editor-{}", getpid());
    std::filesystem::create_directories(folder_);
    const std::string path = folder_ / "edit";
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    chmod(path.c_str(), 0700);
    setenv("EDITOR", path.c_str(), 1);
    setenv("TMPDIR", folder_.c_str(), 1);
  }
  ~Editor() {
    unsetenv("EDITOR");
    unsetenv("TMPDIR");
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] std::vector<std::string> leftovers() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      if (entry.path().extension() == ".yaml") names.push_back(entry.path());
    }
    return names;
  }

 private:
  std::filesystem::path folder_;
};

// CTL-223..227
TEST(EditConfig, Editor) {
  Cli cli;
  cli.store().put("config", R"({"ttl":30})");
  {
    const Editor editor("sed -i 's/ttl: 30/# shorter\\nttl: 25/' \"$1\"; basename \"$1\" >\"$TMPDIR/name\"");
    cli.console.answers = {"y"};
    EXPECT_EQ(cli.run({"edit-config"}), 0) << cli.console.errors;
    EXPECT_EQ(cli.console.written,
              "--- \n+++ \n@@ -1 +1,2 @@\n-ttl: 30\n+# shorter\n+ttl: 25\n"
              "Apply these changes? [y/N]: Configuration changed\n");
    EXPECT_EQ(cli.store().get("config"), R"({"ttl":25})");
    EXPECT_TRUE(editor.leftovers().empty());
    std::ifstream name_file(std::filesystem::path(getenv("TMPDIR")) / "name");
    std::string name;
    std::getline(name_file, name);
    EXPECT_TRUE(name.starts_with("shop-config-") && name.ends_with(".yaml")) << name;
  }
  {
    const Editor editor("exit 3");
    EXPECT_EQ(cli.run({"edit-config"}), 1);
    EXPECT_EQ(cli.console.errors, "Error: Editor exited with return code 3\n");
    EXPECT_TRUE(editor.leftovers().empty());
  }
  {
    const Editor editor("echo '- a list' >\"$1\"");
    EXPECT_EQ(cli.run({"edit-config"}), 1);
    EXPECT_EQ(cli.store().get("config"), R"({"ttl":25})");
  }
}

// CTL-061, CTL-236
TEST(ShowConfig, PrintsYaml) {
  Cli cli;
  EXPECT_EQ(cli.run({"show-config"}), 0);
  EXPECT_EQ(cli.console.written, "");
  cli.store().put("config", R"({"ttl":30,"a":{"z":"on","b":["x","*"]},"n":null})");
  EXPECT_EQ(cli.run({"show-config", "shop"}), 0);
  EXPECT_EQ(cli.console.written, "a:\n  b:\n  - x\n  - '*'\n  z: 'on'\nn: null\nttl: 30\n\n");

  cli.console = FakeConsole();
  cli.config.citus_group = 1;
  cli.clusters.at("shop", 1).put("config", R"({"worker":true})");
  EXPECT_EQ(cli.run({"show-config"}), 0);
  EXPECT_EQ(cli.console.written, "worker: true\n\n");
}

// The example of section 17; CTL-238..240
TEST(History, Table) {
  Cli cli;
  EXPECT_EQ(cli.run({"history", "shop", "-f", "json"}), 0);
  EXPECT_EQ(cli.console.written, "[]\n");
  cli.console.written.clear();
  cli.store().put("history",
                  R"([[1,25623960,"no recovery target specified","2026-03-01T10:00:05.120000+00:00","pg2"],)"
                  R"([2,83886496,"no recovery target specified","2026-03-02T08:15:30+00:00"]])");
  EXPECT_EQ(cli.run({"history"}), 0);
  EXPECT_EQ(cli.console.written,
            "+----+----------+------------------------------+----------------------------------+------------+\n"
            "| TL |      LSN | Reason                       | Timestamp                        | New Leader |\n"
            "+----+----------+------------------------------+----------------------------------+------------+\n"
            "|  1 | 25623960 | no recovery target specified | 2026-03-01T10:00:05.120000+00:00 | pg2        |\n"
            "|  2 | 83886496 | no recovery target specified | 2026-03-02T08:15:30+00:00        |            |\n"
            "+----+----------+------------------------------+----------------------------------+------------+\n");
  cli.console.written.clear();
  EXPECT_EQ(cli.run({"history", "--format", "tsv"}), 0);
  EXPECT_TRUE(cli.console.written.starts_with("TL\tLSN\tReason\tTimestamp\tNew Leader\n1\t25623960\tno recovery"));
}

}  // namespace
}  // namespace matriarch::ctl::testing
