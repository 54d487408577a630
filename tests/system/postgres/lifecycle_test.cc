// Starting, stopping, dying, promoting: with the times that an outage is made of.
#include <csignal>

#include <unistd.h>

#include "base/files.h"
#include "postgres/postmaster.h"
#include "tests/system/postgres/fixture.h"

namespace matriarch::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Lifecycle : public PostgresTest {};

// PG-243, PG-244, PG-256, PG-258, HA-237, HA-247.
TEST_F(Lifecycle, BootstrapObserveAndCleanStop) {
  Node& node = add_node("a");
  constexpr auto body = [](Lifecycle* test, Node* node) -> Task<void> {
    Reactor& reactor = test->reactor;
    ServerView view = co_await node->server->observe(test->within(seconds(5)));
    EXPECT_EQ(view.directory, DataDirectory::kEmpty);
    EXPECT_FALSE(view.postmaster_alive);

    const Instant began = reactor.now();
    CO_ASSERT_OK(co_await node->server->initdb(test->within(seconds(60))));
    test->print_ms("initdb and first start", reactor.now() - began);
    CO_ASSERT_OK(co_await node->server->post_bootstrap(test->within(seconds(20))));
    EXPECT_EQ(co_await test->sql(node,
                                 "SELECT rolname, rolsuper, rolreplication, rolcanlogin FROM pg_roles "
                                 "WHERE rolname IN ('replicator', 'rewinder') ORDER BY 1"),
              "replicator|f|t|t\nrewinder|f|f|t");

    view = co_await node->server->observe(test->within(seconds(5)));
    EXPECT_EQ(view.directory, DataDirectory::kPresent);
    EXPECT_TRUE(view.postmaster_alive);
    EXPECT_EQ(view.readiness, Readiness::kAccepting);
    EXPECT_TRUE(view.is_primary());
    EXPECT_EQ(view.timeline, 1U);
    EXPECT_EQ(view.control.state, ControlState::kInProduction);
    EXPECT_TRUE(view.control.data_checksums);
    EXPECT_TRUE(view.control.wal_log_hints);
    EXPECT_TRUE(view.wal_lsn);
    EXPECT_EQ(view.slots.at("a"), view.wal_lsn);  // PG-383
    EXPECT_EQ(view.control.system_id, co_await test->sql(node, "SELECT system_identifier FROM pg_control_system()"));
    EXPECT_EQ(view.server_version / 10000 * 10000, view.major_version);

    const Instant looked = reactor.now();
    constexpr int kLooks = 100;
    for (int i = 0; i < kLooks; ++i) (void)co_await node->server->observe(test->within(seconds(5)));
    test->print_ms("observe()", (reactor.now() - looked) / kLooks);

    Instant safe;
    Instant reported;
    Lsn checkpoint;
    const Instant stopping = reactor.now();
    CO_ASSERT_OK(co_await node->server->stop({.mode = StopMode::kFast,
                                              .at_safepoint = [&] { safe = reactor.now(); },
                                              .at_shutdown_checkpoint =
                                                  [&](Lsn at, Lsn before) {
                                                    reported = reactor.now();
                                                    checkpoint = at;
                                                    EXPECT_EQ(at, before);  // no archiving, so no switch
                                                  }},
                                             test->within(seconds(20))));
    test->print_ms("fast stop", reactor.now() - stopping);
    EXPECT_GT(safe, stopping);
    EXPECT_GE(reported, stopping);
    view = co_await node->server->observe(test->within(seconds(5)));
    EXPECT_EQ(view.control.state, ControlState::kShutDown);
    EXPECT_EQ(view.control.checkpoint_lsn, checkpoint);
    EXPECT_FALSE(view.postmaster_alive);
    const auto position = co_await node->server->local_position(test->within(seconds(5)));
    CO_ASSERT_OK(position);
    EXPECT_EQ(position->lsn, checkpoint);
    EXPECT_TRUE(position->was_primary);
    EXPECT_GT(position->end_of_checkpoint_record, checkpoint);

    const Instant starting = reactor.now();
    CO_ASSERT_OK(co_await node->server->start(std::nullopt, test->within(seconds(20))));
    test->print_ms("start after a clean stop", reactor.now() - starting);
  };
  run(body(this, &node));
}

// PG-432: everything killed at once; noticed, and started again in place.
TEST_F(Lifecycle, CrashIsNoticedAndRepairedInPlace) {
  Node& node = add_node("a");
  constexpr auto body = [](Lifecycle* test, Node* node) -> Task<void> {
    Reactor& reactor = test->reactor;
    co_await test->bootstrap(node);
    EXPECT_EQ(co_await test->sql(node, "CREATE TABLE t AS SELECT generate_series(1, 1000) AS n"), "");
    for (int round = 0; round < 5; ++round) {
      const Instant killed = reactor.now();
      test->kill_server(*node);
      CO_ASSERT_TRUE(co_await test->wait_until([&] { return node->changed_at > killed && !node->server->postmaster(); },
                                               seconds(2)));
      test->print_ms("SIGKILL of all processes -> noticed", node->changed_at - killed);
      EXPECT_LT(ms(node->changed_at - killed), 500) << "by polling?";
      const ServerView view = co_await node->server->observe(test->within(seconds(1)));
      EXPECT_FALSE(view.postmaster_alive);
      const Instant starting = reactor.now();
      CO_ASSERT_OK(co_await node->server->start(std::nullopt, test->within(seconds(20))));
      test->print_ms("start in place after the crash", reactor.now() - starting);
      EXPECT_EQ(co_await test->sql(node, "SELECT count(*) FROM t"), "1000");
    }
  };
  run(body(this, &node));
}

// PG-034, HA-240: the postmaster dies alone and leaves backends that are busy.
TEST_F(Lifecycle, OrphansOfADeadPostmasterAreEndedBeforeTheNextStart) {
  Node& node = add_node("a");
  constexpr auto body = [](Lifecycle* test, Node* node) -> Task<void> {
    co_await test->bootstrap(node);
    TaskGroup busy(test->reactor);
    constexpr auto endless = [](Lifecycle* self, Node* of) -> Task<void> {
      (void)co_await self->sql(of, "DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$");  // does not look at the postmaster
    };
    busy.spawn(endless(test, node));
    CO_ASSERT_TRUE(co_await test->wait_for_sql(
        node, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO%' AND pid <> pg_backend_pid()", "1",
        seconds(5)));
    const pid_t pid = test->postmaster_pid(*node);
    const ServerProcesses processes(node->options.data_dir, "postgres");
    ::kill(pid, SIGKILL);
    CO_ASSERT_TRUE(co_await test->wait_until([&] { return !node->server->postmaster(); }, seconds(2)));
    EXPECT_FALSE(processes.orphans().empty());

    bool safe = false;
    CO_ASSERT_OK(co_await node->server->stop({.at_safepoint = [&] { safe = processes.orphans().empty(); }},
                                             test->within(seconds(5))));
    EXPECT_TRUE(safe) << "the safepoint was reached while a backend could still acknowledge";
    co_await busy.join();
    CO_ASSERT_OK(co_await node->server->start(std::nullopt, test->within(seconds(20))));
  };
  run(body(this, &node));
}

// B2, HA-249: a stop that does not get anywhere ends with SIGKILL at the given time.
TEST_F(Lifecycle, KillAtEndsAServerThatDoesNotStop) {
  Node& node = add_node("a");
  constexpr auto body = [](Lifecycle* test, Node* node) -> Task<void> {
    Reactor& reactor = test->reactor;
    co_await test->bootstrap(node);
    std::vector<std::shared_ptr<Connection>> clients;
    for (int i = 0; i < 50; ++i) {
      ConnParams params{{"host", test->root.string()}, {"port", node->address().port}, {"user", "postgres"}};
      auto session = co_await Connection::open(reactor, params, test->within(seconds(5)));
      CO_ASSERT_OK(session);
      clients.emplace_back(std::move(*session));
    }
    const Instant kill_at = reactor.now() + milliseconds(300);
    Instant safe;
    CO_ASSERT_OK(co_await node->server->stop(
        {.mode = StopMode::kSmart, .kill_at = kill_at, .at_safepoint = [&] { safe = reactor.now(); }},
        test->within(seconds(5))));
    EXPECT_GE(safe, kill_at);
    test->print_ms("kill_at -> no process of 50 clients left", reactor.now() - kill_at);
    EXPECT_LT(ms(reactor.now() - kill_at), 5000);
    EXPECT_TRUE(ServerProcesses(node->options.data_dir, "postgres").orphans().empty());
    CO_ASSERT_OK(co_await node->server->start(std::nullopt, test->within(seconds(20))));
  };
  run(body(this, &node));
}

// The Ctx ends the waiting, not the stopping; hooks of a caller that is gone are not called; a second caller sharpens.
TEST_F(Lifecycle, AStopGoesOnWithoutItsCaller) {
  Node& node = add_node("a");
  constexpr auto body = [](Lifecycle* test, Node* node) -> Task<void> {
    co_await test->bootstrap(node);
    ConnParams params{{"host", test->root.string()}, {"port", node->address().port}, {"user", "postgres"}};
    const auto client = co_await Connection::open(test->reactor, params, test->within(seconds(5)));
    CO_ASSERT_OK(client);
    bool told = false;
    const auto waited = co_await node->server->stop({.mode = StopMode::kSmart, .at_safepoint = [&] { told = true; }},
                                                    test->within(milliseconds(50)));
    EXPECT_EQ(waited.error().code(), Errc::kTimeout);
    EXPECT_TRUE(node->server->postmaster());
    bool second = false;
    CO_ASSERT_OK(co_await node->server->stop({.mode = StopMode::kFast, .at_safepoint = [&] { second = true; }},
                                             test->within(seconds(20))));
    EXPECT_TRUE(second);
    EXPECT_FALSE(told);
    EXPECT_FALSE(node->server->postmaster());
  };
  run(body(this, &node));
}

// The loop, REST and a failover may all look at once. They take turns with the one session; who gives up early takes no
// answer away from the others.
TEST_F(Lifecycle, ObservationsAtOnceTakeTurns) {
  Node& node = add_node("a");
  constexpr auto look = [](Lifecycle* test, Node* node, Duration patience, int* answered) -> Task<void> {
    const ServerView view = co_await node->server->observe(test->within(patience));
    if (view.queried && view.is_primary() && view.timeline == 1 && view.wal_lsn) ++*answered;
  };
  constexpr auto body = [](Lifecycle* test, Node* node, decltype(look) one) -> Task<void> {
    co_await test->bootstrap(node);
    constexpr int kLooks = 20;
    int patient = 0;
    int hasty = 0;
    TaskGroup group(test->reactor);
    for (int i = 0; i < kLooks; ++i) {
      group.spawn(one(test, node, seconds(20), &patient));
      group.spawn(one(test, node, std::chrono::microseconds(1 + 50 * i), &hasty));
    }
    co_await group.join();
    EXPECT_EQ(patient, kLooks);
    EXPECT_EQ(co_await test->sql(node,
                                 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'Patroni heartbeat'"),
              "1");
  };
  run(body(this, &node, look));
}

// A postmaster that does not run any more, and is not dead either.
TEST_F(Lifecycle, AFrozenServerIsSeenAndEnded) {
  Node& node = add_node("a");
  constexpr auto body = [](Lifecycle* test, Node* node) -> Task<void> {
    co_await test->bootstrap(node);
    const pid_t pid = test->postmaster_pid(*node);
    ::kill(pid, SIGSTOP);
    for (const pid_t child : child_pids(pid)) ::kill(child, SIGSTOP);
    const Instant looking = test->reactor.now();
    const ServerView view = co_await node->server->observe(test->within(milliseconds(300)));
    EXPECT_LT(ms(test->reactor.now() - looking), 3000);
    EXPECT_TRUE(view.postmaster_alive);
    EXPECT_FALSE(view.queried);
    EXPECT_EQ(view.readiness, Readiness::kNoResponse);
    CO_ASSERT_OK(co_await node->server->stop(
        {.mode = StopMode::kFast, .kill_at = test->reactor.now() + milliseconds(100)}, test->within(seconds(10))));
    EXPECT_FALSE(node->server->postmaster());
    CO_ASSERT_OK(co_await node->server->start(std::nullopt, test->within(seconds(20))));
  };
  run(body(this, &node));
}

// PG-037, PG-449: the agent goes and comes again, the server does not notice.
TEST_F(Lifecycle, ARunningServerIsAdopted) {
  Node& node = add_node("a");
  constexpr auto first = [](Lifecycle* test, Node* node) -> Task<void> { co_await test->bootstrap(node); };
  run(first(this, &node));
  const pid_t pid = postmaster_pid(node);
  restart_agent(node);
  constexpr auto second = [](Lifecycle* test, Node* node, pid_t pid) -> Task<void> {
    const ServerView early = co_await node->server->observe(test->within(seconds(5)));
    EXPECT_TRUE(early.postmaster_alive);
    EXPECT_EQ(early.readiness, Readiness::kAccepting);
    CO_ASSERT_OK(co_await node->server->start(std::nullopt, test->within(seconds(5))));  // PG-047: a success
    const ServerView view = co_await node->server->observe(test->within(seconds(5)));
    EXPECT_TRUE(view.is_primary());
    EXPECT_EQ(test->postmaster_pid(*node), pid);
    CO_ASSERT_TRUE(node->server->postmaster().has_value());
    EXPECT_EQ(node->server->postmaster()->pid, pid);
    const Instant killed = test->reactor.now();
    test->kill_server(*node);
    CO_ASSERT_TRUE(co_await test->wait_until([&] { return node->changed_at > killed && !node->server->postmaster(); },
                                             seconds(2)));
    test->print_ms("adopted: SIGKILL of all processes -> noticed", node->changed_at - killed);
  };
  run(second(this, &node, pid));
}

// PG-056, DESIGN 7: stale lock files whose pid belongs to some other process now.
TEST_F(Lifecycle, LockFilesOfAReusedPidDoNotKeepTheServerFromStarting) {
  Node& node = add_node("a");
  constexpr auto body = [](Lifecycle* test, Node* node) -> Task<void> {
    co_await test->bootstrap(node);
    CO_ASSERT_OK(co_await node->server->stop({.mode = StopMode::kFast}, test->within(seconds(20))));
    auto other = spawn({.argv = {"sleep", "60"}});
    CO_ASSERT_OK(other);
    const auto stale = fmt::format("{}\n{}\n1700000000\n{}\n{}\n127.0.0.1\n", other->pid(),
                                   node->options.data_dir.string(), node->address().port, test->root.string());
    CO_ASSERT_OK(write_file_atomically(node->options.data_dir / "postmaster.pid", stale));
    CO_ASSERT_OK(write_file_atomically(test->root / (".s.PGSQL." + node->address().port + ".lock"), stale));
    EXPECT_FALSE((co_await node->server->observe(test->within(seconds(5)))).postmaster_alive);
    CO_ASSERT_OK(co_await node->server->start(std::nullopt, test->within(seconds(20))));
    CO_ASSERT_OK(other->kill(SIGKILL));
    (void)co_await other->wait(test->reactor, Ctx{});
  };
  run(body(this, &node));
}

// HA-253: a server that dies while starting is a failure with the reason, at once.
TEST_F(Lifecycle, AFailedStartTellsWhy) {
  Node& node = add_node("a");
  constexpr auto body = [](Lifecycle* test, Node* node) -> Task<void> {
    co_await test->bootstrap(node);
    CO_ASSERT_OK(co_await node->server->stop({.mode = StopMode::kFast}, test->within(seconds(20))));
    CO_ASSERT_OK(
        write_file_atomically(node->options.data_dir / "postgresql.auto.conf", "shared_buffers = 'rubbish'\n"));
    const auto started = co_await node->server->start(std::nullopt, test->within(seconds(20)));
    CO_ASSERT_TRUE(!started);
    EXPECT_EQ(started.error().code(), Errc::kFailed);
    EXPECT_NE(started.error().text().find("shared_buffers"), std::string::npos) << started.error().text();
  };
  run(body(this, &node));
}

}  // namespace
}  // namespace matriarch::postgres
