// Arguments, help and usage errors (spec/ctl.md sections 1 and 3).
#include <gtest/gtest.h>

#include "tests/unit/ctl/fakes.h"

namespace matriarch::ctl::testing {
namespace {

std::string usage_error(const std::vector<std::string>& arguments) {
  const Parsed parsed = parse_command_line("patronictl", arguments);
  const auto* error = std::get_if<UsageError>(&parsed);
  return error != nullptr ? error->text : "(no usage error)";
}

std::string help(const std::vector<std::string>& arguments) {
  const Parsed parsed = parse_command_line("patronictl", arguments);
  const auto* text = std::get_if<Help>(&parsed);
  return text != nullptr ? text->text : "(no help)";
}

// CTL-021, CTL-022
TEST(CommandLine, UsageErrors) {
  EXPECT_EQ(usage_error({"foo"}),
            "Usage: patronictl [OPTIONS] COMMAND [ARGS]...\nTry 'patronictl --help' for help.\n\n"
            "Error: No such command 'foo'.\n");
  EXPECT_EQ(usage_error({"restart"}),
            "Usage: patronictl restart [OPTIONS] CLUSTER_NAME [MEMBER_NAMES...]\n"
            "Try 'patronictl restart --help' for help.\n\nError: Missing argument 'CLUSTER_NAME'.\n");
  const auto reason = [](const std::vector<std::string>& arguments) {
    const std::string text = usage_error(arguments);
    return text.substr(std::min(text.find("Error: "), text.size()));
  };
  EXPECT_EQ(reason({"list", "--foo=1"}), "Error: No such option: --foo\n");
  EXPECT_EQ(reason({"--nope", "list"}), "Error: No such option: --nope\n");
  EXPECT_EQ(reason({"list", "-h"}), "Error: No such option: -h\n");
  EXPECT_EQ(reason({"list", "--form", "json"}), "Error: No such option: --form\n");  // CTL-006: no abbreviations
  EXPECT_EQ(reason({"pause", "a", "b"}), "Error: Got unexpected extra argument (b)\n");
  EXPECT_NE(reason({"list", "-f", "xml"}).find("'xml' is not one of 'pretty', 'tsv', 'json', 'yaml', 'yml'"),
            std::string::npos);
  EXPECT_NE(reason({"list", "--group", "a"}).find("'a' is not a valid integer."), std::string::npos);
  EXPECT_NE(reason({"list", "-w", "x"}).find("'x' is not a valid float."), std::string::npos);
  EXPECT_NE(reason({"restart", "c", "-r", "boss"}).find("'boss' is not one of 'leader', 'primary'"), std::string::npos);
  EXPECT_NE(reason({"demote-cluster", "--group", "0"}).find("No such option: --group"), std::string::npos);  // CTL-060
  EXPECT_NE(reason({"topology", "-f", "json"}).find("No such option: -f"), std::string::npos);               // CTL-083
  EXPECT_NE(reason({"list", "--group"}), "(no usage error)");
}

// CTL-059, and the target of flush
TEST(CommandLine, UsageErrorsThatNeedTheConfiguration) {
  Cli cli;
  cli.config.scope.clear();
  EXPECT_EQ(cli.run({"pause"}), 2);
  EXPECT_NE(cli.console.errors.find("Try 'matriarchctl pause --help' for help.\n\nError: Missing argument 'CLUSTER_NAME'.\n"),
            std::string::npos)
      << cli.console.errors;
  EXPECT_EQ(cli.run({"flush", "shop", "everything"}), 2);
  EXPECT_EQ(cli.run({"flush", "shop"}), 2);
  EXPECT_EQ(cli.console.written, "");
}

// CTL-002, CTL-003, CTL-004
TEST(CommandLine, Help) {
  const std::string general = help({"--help"});
  EXPECT_TRUE(general.starts_with("Usage: patronictl [OPTIONS] COMMAND [ARGS]...\n")) << general;
  EXPECT_EQ(help({}), general);
  for (const char* command :
       {"demote-cluster", "dsn", "edit-config", "failover", "flush", "history", "list", "pause", "promote-cluster", "query",
        "reinit", "reload", "remove", "restart", "resume", "show-config", "switchover", "topology", "version", "explain"}) {
    EXPECT_NE(general.find(std::string("\n  ") + command + " "), std::string::npos) << command;
    const std::string own = help({command, "--help"});
    EXPECT_TRUE(own.starts_with(fmt::format("Usage: patronictl {} [OPTIONS]", command))) << own;
    EXPECT_NE(own.find("--help"), std::string::npos);
  }
  EXPECT_TRUE(help({"flush", "--help"})
                  .starts_with("Usage: patronictl flush [OPTIONS] CLUSTER_NAME [MEMBER_NAMES]... {restart|switchover}\n"));
  EXPECT_TRUE(help({"list", "--help"}).starts_with("Usage: patronictl list [OPTIONS] [CLUSTER_NAMES...]\n"));
}

// CTL-005, CTL-006, CTL-007
TEST(CommandLine, OrderAndForms) {
  Cli cli;
  cli.store().put("config", "{}");
  EXPECT_EQ(cli.run({"edit-config", "-s", "ttl=20", "--force", "shop"}), 0);
  EXPECT_EQ(cli.run({"edit-config", "shop", "-sa=1", "--set=b=2", "-p", "work_mem=8MB", "--force", "-q"}), 0);
  EXPECT_EQ(cli.store().get("config"), R"({"ttl":20,"a":1,"b":2,"postgresql":{"parameters":{"work_mem":"8MB"}}})");
  cli.console = FakeConsole();
  EXPECT_EQ(cli.run({"list", "-et", "-f", "tsv", "-f", "json", "list"}), 0);  // a cluster called "list"
  EXPECT_EQ(cli.console.written, "2026-03-01 10:00:00\n[]\n");
  EXPECT_EQ(cli.clusters.at("list").loads, 1);
  EXPECT_EQ(cli.run({"list", "--", "-e"}), 0);
  EXPECT_EQ(cli.clusters.at("-e").loads, 1);

  const Parsed parsed = parse_command_line("patronictl", {"-c", "/a.yml", "--dcs-url=etcd3://h", "-k", "query", "-c", "select 1", "-d", "db"});
  const auto* invocation = std::get_if<Invocation>(&parsed);
  ASSERT_NE(invocation, nullptr);
  EXPECT_EQ(invocation->global.config_file, "/a.yml");
  EXPECT_EQ(invocation->global.dcs_url, "etcd3://h");
  EXPECT_TRUE(invocation->global.insecure);
  const Parsed alias = parse_command_line("patronictl", {"--dcs", "x", "list"});
  EXPECT_EQ(std::get<Invocation>(alias).global.dcs_url, "x");
}

// CTL-059 decision, CTL-061
TEST(CommandLine, GroupOfTheConfigurationOnlyForSomeCommands) {
  Cli cli;
  cli.config.citus_group = 2;  // without a database: no Citus mode by itself (CTL-287)
  cli.clusters.at("shop", 2).put("history", "[[1,2,\"r\"]]");
  EXPECT_EQ(cli.run({"history", "-f", "tsv"}), 0);
  EXPECT_NE(cli.console.written.find("1\t2\tr\t\t\n"), std::string::npos);
  EXPECT_EQ(cli.run({"list"}), 0);
  EXPECT_NE(cli.console.written.find("+ Cluster: shop (uninitialized)"), std::string::npos);  // CTL-289
}

}  // namespace
}  // namespace matriarch::ctl::testing
