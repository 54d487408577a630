// Configuration of a running server, scripts, bootstrap of other kinds.
#include <csignal>

#include "base/files.h"
#include "base/process.h"
#include "postgres/work_marker.h"
#include "tests/system/postgres/fixture.h"

namespace matriarch::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SettingsTest : public PostgresTest {};

Value dynamic_parameters(Value::Map parameters) {
  Value::Map postgresql;
  postgresql.set("parameters", std::move(parameters));
  Value::Map dynamic;
  dynamic.set("postgresql", std::move(postgresql));
  return dynamic;
}

// PG-217..226, PG-445, CFG-370.
TEST_F(SettingsTest, ChangesReloadOrWaitForARestart) {
  Node& node = add_node("a");
  constexpr auto body = [](SettingsTest* test, Node* node) -> Task<void> {
    co_await test->bootstrap(node);
    EXPECT_TRUE(node->server->pending_restart_reason().is_null());

    Value::Map parameters;
    parameters.set("work_mem", "7MB");
    const Instant began = test->reactor.now();
    CO_ASSERT_OK(co_await node->server->apply_settings(dynamic_parameters(parameters), test->within(seconds(5))));
    test->print_ms("apply_settings with a reload", test->reactor.now() - began);
    EXPECT_EQ(co_await test->sql(node, "SHOW work_mem"), "7MB");
    EXPECT_TRUE(node->server->pending_restart_reason().is_null());

    parameters.set("max_connections", 123);
    parameters.set("shared_buffers", "24MB");
    parameters.set("no_such_thing", "x");
    CO_ASSERT_OK(co_await node->server->apply_settings(dynamic_parameters(parameters), test->within(seconds(5))));
    EXPECT_EQ(
        to_json(node->server->pending_restart_reason()),
        R"({"max_connections":{"old_value":"100","new_value":"123"},"shared_buffers":{"old_value":"16MB","new_value":"24MB"}})");
    EXPECT_EQ(co_await test->sql(node, "SHOW max_connections"), "100");

    parameters.erase("max_connections");  // back before the restart
    CO_ASSERT_OK(co_await node->server->apply_settings(dynamic_parameters(parameters), test->within(seconds(5))));
    EXPECT_EQ(to_json(node->server->pending_restart_reason()),
              R"({"shared_buffers":{"old_value":"16MB","new_value":"24MB"}})");

    CO_ASSERT_OK(co_await node->server->stop({.mode = StopMode::kFast}, test->within(seconds(20))));
    CO_ASSERT_OK(co_await node->server->start(std::nullopt, test->within(seconds(20))));
    EXPECT_TRUE(node->server->pending_restart_reason().is_null());
    EXPECT_EQ(co_await test->sql(node, "SHOW shared_buffers"), "24MB");
  };
  run(body(this, &node));
}

// PG-223, PG-230, PG-390.
TEST_F(SettingsTest, ReloadCallbackOnlyWhenReloaded) {
  Node& node = add_node("a");
  const auto log = root / "callbacks";
  node.options.callbacks[CallbackAction::kOnReload] = fmt::format("sh -c 'echo \"$0 $1 $2\" >> {}'", log.string());
  restart_agent(node);
  constexpr auto body = [](SettingsTest* test, Node* node, std::filesystem::path log) -> Task<void> {
    co_await test->bootstrap(node);
    CO_ASSERT_OK(co_await node->server->reconfigure(node->options, false, test->within(seconds(5))));
    EXPECT_FALSE(std::filesystem::exists(log));
    CO_ASSERT_OK(co_await node->server->reconfigure(node->options, true, test->within(seconds(5))));
    CO_ASSERT_TRUE(co_await test->wait_until([&] { return read_file(log).value_or("") == "on_reload primary test\n"; },
                                             seconds(5)));
    node->options.pg_hba.emplace_back("host all all 10.0.0.0/8 reject");
    CO_ASSERT_OK(co_await node->server->reconfigure(node->options, false, test->within(seconds(5))));
    CO_ASSERT_TRUE(co_await test->wait_until(
        [&] { return read_file(log).value_or("").ends_with("\non_reload primary test\n"); }, seconds(5)));
    EXPECT_EQ(co_await test->sql(node, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'reject'"), "1");
  };
  run(body(this, &node, log));
}

// PG-387..389: a new callback ends the one that still runs, with what that started.
TEST_F(SettingsTest, CallbacksDoNotOverlap) {
  Node& node = add_node("a");
  const auto log = root / "callbacks";
  ASSERT_TRUE(write_file_atomically(
                  root / "slow",
                  fmt::format("#!/bin/sh\necho begin $1 $2 >> {0}\nsleep 30\necho end >> {0}\n", log.string()), 0755)
                  .ok());
  node.options.callbacks[CallbackAction::kOnStart] = (root / "slow").string();
  node.options.callbacks[CallbackAction::kOnRoleChange] = fmt::format("sh -c 'echo role $1 >> {}'", log.string());
  node.options.callbacks[CallbackAction::kOnStop] = "/no/such/program";
  restart_agent(node);
  constexpr auto body = [](SettingsTest* test, Node* node, std::filesystem::path log) -> Task<void> {
    node->server->callback(CallbackAction::kOnStart, Role::kReplica);
    CO_ASSERT_TRUE(co_await test->wait_until([&] { return read_file(log).value_or("") == "begin on_start replica\n"; },
                                             seconds(5)));
    node->server->callback(CallbackAction::kOnRoleChange, Role::kPromoted);
    CO_ASSERT_TRUE(
        co_await test->wait_until([&] { return read_file(log).value_or("").ends_with("role primary\n"); }, seconds(5)));
    EXPECT_EQ(read_file(log).value_or("").find("end"), std::string::npos);
    node->server->callback(CallbackAction::kOnStop, Role::kReplica);     // cannot be started: logged, no more
    node->server->callback(CallbackAction::kOnRestart, Role::kReplica);  // not configured
  };
  run(body(this, &node, log));
}

// PG-094, PG-396.
TEST_F(SettingsTest, PrePromoteDecidesAndBeforeStopDoesNot) {
  Node& node = add_node("a");
  node.options.pre_promote = "sh -c 'exit 1'";
  node.options.before_stop = fmt::format("sh -c 'echo called > {}; exit 1'", (root / "stopped").string());
  restart_agent(node);
  constexpr auto body = [](SettingsTest* test, Node* node) -> Task<void> {
    EXPECT_FALSE(co_await node->server->pre_promote(test->within(seconds(5))));
    co_await test->bootstrap(node);
    CO_ASSERT_OK(co_await node->server->stop({.mode = StopMode::kImmediate}, test->within(seconds(20))));
    EXPECT_FALSE(std::filesystem::exists(test->root / "stopped"));  // in a hurry
    CO_ASSERT_OK(co_await node->server->start(std::nullopt, test->within(seconds(20))));
    CO_ASSERT_OK(co_await node->server->stop({.mode = StopMode::kFast, .checkpoint = true}, test->within(seconds(20))));
    EXPECT_EQ(read_file(test->root / "stopped").value_or(""), "called\n");  // HA-243
    node->options.pre_promote = "true";
    CO_ASSERT_OK(co_await node->server->reconfigure(node->options, false, test->within(seconds(5))));
    EXPECT_TRUE(co_await node->server->pre_promote(test->within(seconds(5))));
    node->options.pre_promote = "sleep 30";
    CO_ASSERT_OK(co_await node->server->reconfigure(node->options, false, test->within(seconds(5))));
    EXPECT_FALSE(co_await node->server->pre_promote(test->within(milliseconds(100))));
  };
  run(body(this, &node));
}

// PG-246..252, PG-257, PG-261, PG-437: a cluster from a copy of another, by a command of the operator.
TEST_F(SettingsTest, CustomBootstrapFromACopy) {
  Node& original = add_node("original");
  Node& copy = add_node("copy");
  const auto log = root / "log";
  ASSERT_TRUE(
      write_file_atomically(
          root / "method",
          fmt::format(
              "#!/bin/sh\necho \"$@\" >> {}\nfor a in \"$@\"; do case $a in --datadir=*) d=${{a#*=}};; esac; done\n"
              "cp -a {} $d && rm -f $d/postmaster.pid\n",
              log.string(), original.options.data_dir.string()),
          0755)
          .ok());
  Value::Map section;
  section.set("command", (root / "method").string());
  section.set("test-argument", "test-value");
  Value::Map recovery;
  recovery.set("recovery_target_action", "promote");
  recovery.set("restore_command", "false");
  section.set("recovery_conf", recovery);
  copy.options.bootstrap.method = "mine";
  copy.options.bootstrap.method_section = section;
  copy.options.bootstrap.post_bootstrap =
      fmt::format("sh -c 'echo \"$0 $PGOPTIONS\" >> {}; exec {}/psql -w -qAtc \"SELECT 1\" \"$0\" >> {}'", log.string(),
                  copy.options.bin_dir.string(), log.string());
  copy.options.superuser.password = "another password";
  restart_agent(copy);
  constexpr auto body = [](SettingsTest* test, Node* original, Node* copy, std::filesystem::path log) -> Task<void> {
    co_await test->bootstrap(original);
    EXPECT_EQ(co_await test->sql(original, "CREATE TABLE t AS SELECT 42 AS n"), "");
    CO_ASSERT_OK(co_await original->server->stop({.mode = StopMode::kFast}, test->within(seconds(20))));

    CO_ASSERT_OK(co_await copy->server->initdb(test->within(seconds(60))));
    CO_ASSERT_TRUE(co_await test->wait_for_sql(copy, "SELECT pg_is_in_recovery()", "f", seconds(10)));
    CO_ASSERT_OK(co_await copy->server->post_bootstrap(test->within(seconds(30))));
    EXPECT_EQ(co_await test->sql(copy, "SELECT n FROM t"), "42");
    EXPECT_EQ(co_await test->sql(copy, "SHOW hot_standby"), "on");
    const auto text = read_file(log).value_or("");
    EXPECT_TRUE(text.starts_with(
        fmt::format("--scope=test --datadir={} --test-argument=test-value\n", copy->options.data_dir.string())))
        << text;
    EXPECT_NE(text.find("host=localhost port=25501"), std::string::npos) << text;
    EXPECT_NE(text.find("-c synchronous_commit=local -c statement_timeout=0\n1\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("another password"), std::string::npos);
    const ServerView view = co_await copy->server->observe(test->within(seconds(5)));
    EXPECT_TRUE(view.queried) << "the new password must be in force";
    EXPECT_FALSE(view.recovery_configured);
    EXPECT_EQ(co_await test->sql(
                  copy, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust' AND type <> 'local'"),
              "0");
  };
  run(body(this, &original, &copy, log));
}

// PG-258..260: no password reaches the server's log.
TEST_F(SettingsTest, PasswordsDoNotReachTheLog) {
  Node& node = add_node("a");
  node.options.parameters.set("log_statement", "all");
  node.options.parameters.set("log_min_duration_statement", 0);
  restart_agent(node);
  constexpr auto body = [](SettingsTest* test, Node* node) -> Task<void> {
    co_await test->bootstrap(node);
    const auto log = read_file(node->options.server_log);
    CO_ASSERT_OK(log);
    EXPECT_NE(log->find("SET log_statement"), std::string::npos) << "the log was to show statements";
    EXPECT_EQ(log->find("PASSWORD"), std::string::npos);
    EXPECT_EQ(log->find("secret"), std::string::npos);
  };
  run(body(this, &node));
}

// The agent is killed while its base backup runs: the next one knows that what is there is no copy, and ends the program.
TEST_F(SettingsTest, AnInterruptedCopyIsKnownAsSuch) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  std::filesystem::copy("/bin/bash", root / "pg_basebackup");
  constexpr auto body = [](SettingsTest* test, Node* a, Node* b) -> Task<void> {
    co_await test->bootstrap(a);
    // All that is left of the former agent: a mark on disk, and a program that goes on copying.
    WorkMarker former(b->options.data_dir, b->options.pgpass.parent_path());
    CO_ASSERT_OK(former.begin(Interrupted::kCopy));
    const auto dir = b->options.data_dir.string();
    auto program =
        spawn({.argv = {(test->root / "pg_basebackup").string(), "-c",
                        "mkdir -p $1/global; echo 15 > $1/PG_VERSION; touch $1/global/pg_control; sleep 60; true",
                        "--pgdata=" + dir, dir}});
    CO_ASSERT_OK(program);
    CO_ASSERT_TRUE(
        co_await test->wait_until([&] { return std::filesystem::exists(dir + "/global/pg_control"); }, seconds(5)));
    ServerView view = co_await b->server->observe(test->within(seconds(5)));
    EXPECT_EQ(view.directory, DataDirectory::kPresent);
    EXPECT_EQ(view.interrupted, Interrupted::kCopy);

    co_await test->make_standby(b, a);
    const auto ended = co_await program->wait(test->reactor, test->within(seconds(1)));
    CO_ASSERT_OK(ended);
    EXPECT_EQ(ended->signal, SIGKILL);
    view = co_await b->server->observe(test->within(seconds(5)));
    EXPECT_EQ(view.interrupted, Interrupted::kNone);
    CO_ASSERT_OK(former.begin(Interrupted::kRewind));
    EXPECT_EQ((co_await b->server->observe(test->within(seconds(5)))).interrupted, Interrupted::kRewind);
    CO_ASSERT_OK(former.end());
  };
  run(body(this, &a, &b));
}

// PG-237, PG-238.
TEST_F(SettingsTest, ARunningServersDataIsNotRemoved) {
  Node& node = add_node("a");
  constexpr auto body = [](SettingsTest* test, Node* node) -> Task<void> {
    co_await test->bootstrap(node);
    EXPECT_FALSE((co_await node->server->remove_data_directory(test->within(seconds(5)))).ok());
    EXPECT_FALSE((co_await node->server->move_data_directory_away(test->within(seconds(5)))).ok());
    CO_ASSERT_OK(co_await node->server->stop({.mode = StopMode::kImmediate}, test->within(seconds(20))));
    CO_ASSERT_OK(co_await node->server->move_data_directory_away(test->within(seconds(5))));
    EXPECT_TRUE(std::filesystem::exists(node->options.data_dir.string() + ".failed/PG_VERSION"));
    CO_ASSERT_OK(co_await node->server->remove_data_directory(test->within(seconds(5))));
  };
  run(body(this, &node));
}

// PG-066, HA-014: a crash of a backend makes the server restart by itself; it is seen at once, both ways.
TEST_F(SettingsTest, ACrashRestartIsSeen) {
  Node& node = add_node("a");
  constexpr auto body = [](SettingsTest* test, Node* node) -> Task<void> {
    co_await test->bootstrap(node);
    const auto pid = co_await test->sql(node, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'");
    const int before = node->changes;
    const Instant killed = test->reactor.now();
    ::kill(std::stoi(pid), SIGKILL);
    CO_ASSERT_TRUE(co_await test->wait_until([&] { return node->changes > before; }, seconds(2)));
    test->print_ms("backend crash -> noticed", node->changed_at - killed);
    CO_ASSERT_TRUE(co_await test->wait_until([&] { return node->changes > before + 1; }, seconds(5)));
    test->print_ms("backend crash -> accepting again", node->changed_at - killed);
    const ServerView view = co_await node->server->observe(test->within(seconds(5)));
    EXPECT_TRUE(view.is_primary());
  };
  run(body(this, &node));
}

}  // namespace
}  // namespace matriarch::postgres
