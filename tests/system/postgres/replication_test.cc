// Standbys: cloned, following, restarted, promoted, rewound, and their slots.
#include <csignal>

#include <sys/stat.h>

#include "base/files.h"
#include "postgres/postmaster.h"
#include "tests/system/postgres/fixture.h"

namespace matriarch::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kStreaming = "SELECT status FROM pg_stat_wal_receiver";

class Replication : public PostgresTest {
 public:
  Task<bool> streaming(Node* node) { return wait_for_sql(node, kStreaming, "streaming", seconds(10)); }
};

pid_t startup_process(pid_t postmaster) {
  for (const pid_t pid : child_pids(postmaster)) {
    if (look_at(pid).title.find("startup") != std::string::npos) return pid;
  }
  return 0;
}

// PG-283, PG-288, PG-199, PG-145, PG-148, PG-188, PG-383.
TEST_F(Replication, ACloneStreamsAndIsPromoted) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  constexpr auto body = [](Replication* test, Node* a, Node* b) -> Task<void> {
    Reactor& reactor = test->reactor;
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    EXPECT_EQ(co_await test->sql(a, "CREATE TABLE t AS SELECT 42 AS n"), "");
    CO_ASSERT_TRUE(co_await test->wait_for_sql(b, "SELECT n FROM t", "42", seconds(5)));

    ServerView view = co_await b->server->observe(test->within(seconds(5)));
    EXPECT_TRUE(view.queried);
    EXPECT_TRUE(view.in_recovery);
    EXPECT_TRUE(view.recovery_configured);
    EXPECT_EQ(view.replication_state, "streaming");
    EXPECT_EQ(view.timeline, 0U);
    EXPECT_EQ(view.received_timeline, 1U);
    EXPECT_TRUE(view.receive_lsn);
    EXPECT_TRUE(view.replay_lsn);
    EXPECT_EQ(view.control.state, ControlState::kInArchiveRecovery);
    const ServerView primary = co_await a->server->observe(test->within(seconds(5)));
    CO_ASSERT_TRUE(primary.walsenders.size() == 1);
    EXPECT_EQ(primary.walsenders[0].application_name, "b");
    EXPECT_EQ(primary.walsenders[0].state, "streaming");
    EXPECT_EQ(primary.walsenders[0].usename, "replicator");
    EXPECT_TRUE(primary.slots.contains("b"));

    const auto conf = read_file(b->options.data_dir / "postgresql.conf");
    CO_ASSERT_OK(conf);
    EXPECT_EQ(conf->find("secret"), std::string::npos) << "a password is in the configuration";
    struct stat info{};
    CO_ASSERT_TRUE(stat(b->options.pgpass.c_str(), &info) == 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    EXPECT_EQ((co_await b->server->current_timeline(test->within(seconds(5)))).value_or(0), 1U);

    EXPECT_EQ(co_await b->server->follow_change({.upstream = a->upstream()}, test->within(seconds(5))),
              FollowChange::kNone);

    CO_ASSERT_OK(co_await a->server->stop({.mode = StopMode::kFast}, test->within(seconds(20))));
    const Instant promoting = reactor.now();
    CO_ASSERT_OK(co_await b->server->promote(test->within(seconds(20))));
    test->print_ms("promote", reactor.now() - promoting);
    EXPECT_EQ(co_await test->sql(b, "INSERT INTO t VALUES (43) RETURNING n"), "43");
    view = co_await b->server->observe(test->within(seconds(5)));
    EXPECT_TRUE(view.is_primary());
    EXPECT_EQ(view.timeline, 2U);
    const auto rows = co_await b->server->timeline_history(2, test->within(seconds(5)));
    CO_ASSERT_OK(rows);
    CO_ASSERT_TRUE(rows->size() == 1);
    EXPECT_EQ(rows->front().timeline, 1U);
    EXPECT_EQ(rows->front().new_leader, "b");
    EXPECT_FALSE(rows->front().timestamp.empty());
  };
  run(body(this, &a, &b));
}

// DESIGN 7: the request to promote and the end of the walreceiver in one wake-up of the startup process.
TEST_F(Replication, PromotionDoesNotSleepTheRetryInterval) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  constexpr auto body = [](Replication* test, Node* a, Node* b) -> Task<void> {
    Reactor& reactor = test->reactor;
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    const pid_t startup = startup_process(test->postmaster_pid(*b));
    CO_ASSERT_TRUE(startup != 0);
    ::kill(startup, SIGSTOP);
    test->kill_server(*a);
    CO_ASSERT_TRUE(co_await test->wait_until(
        [&] {
          const auto children = child_pids(test->postmaster_pid(*b));
          return std::ranges::none_of(
              children, [](pid_t pid) { return look_at(pid).title.find("walreceiver") != std::string::npos; });
        },
        seconds(5)));
    const Instant promoting = reactor.now();
    // The startup process goes on when the request has been waiting for it as long as the end of the walreceiver.
    reactor.call_at(promoting + milliseconds(20), [startup] { ::kill(startup, SIGCONT); });
    CO_ASSERT_OK(co_await b->server->promote(test->within(seconds(20))));
    test->print_ms("promote, forced into the retry interval", reactor.now() - promoting);
    EXPECT_LT(ms(reactor.now() - promoting), 1500) << "it slept wal_retrieve_retry_interval";
  };
  run(body(this, &a, &b));
}

TEST_F(Replication, AStandbyStreamsAgainSoonAfterACrash) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  constexpr auto body = [](Replication* test, Node* a, Node* b) -> Task<void> {
    Reactor& reactor = test->reactor;
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    for (int round = 0; round < 3; ++round) {
      test->kill_server(*b);
      CO_ASSERT_TRUE(co_await test->wait_until([&] { return !b->server->postmaster(); }, seconds(2)));
      const Instant starting = reactor.now();
      CO_ASSERT_OK(co_await b->server->start(StandbyTarget{.upstream = a->upstream()}, test->within(seconds(20))));
      test->print_ms("standby: start after SIGKILL", reactor.now() - starting);
      CO_ASSERT_TRUE(co_await test->streaming(b));
      test->print_ms("standby: start after SIGKILL -> streaming", reactor.now() - starting);
      EXPECT_LT(ms(reactor.now() - starting), 4000) << "it slept wal_retrieve_retry_interval";
    }
    // The upstream is away when the standby looks for it the first time, and comes shortly after.
    CO_ASSERT_OK(co_await b->server->stop({.mode = StopMode::kFast}, test->within(seconds(20))));
    CO_ASSERT_OK(co_await a->server->stop({.mode = StopMode::kFast}, test->within(seconds(20))));
    CO_ASSERT_OK(co_await b->server->start(StandbyTarget{.upstream = a->upstream()}, test->within(seconds(20))));
    CO_ASSERT_OK(co_await a->server->start(std::nullopt, test->within(seconds(20))));
    const Instant back = reactor.now();
    CO_ASSERT_TRUE(co_await test->streaming(b));
    test->print_ms("upstream accepts again -> streaming", reactor.now() - back);
    EXPECT_LT(ms(reactor.now() - back), 3000);
  };
  run(body(this, &a, &b));
}

// HA-246..248: the shutdown checkpoint is told while walsenders drain, and the standby has it.
TEST_F(Replication, AStopTellsTheShutdownCheckpointEarly) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  a.options.parameters.set("archive_mode", "on");
  a.options.parameters.set("archive_command", "/bin/true");
  restart_agent(a);
  constexpr auto body = [](Replication* test, Node* a, Node* b) -> Task<void> {
    Reactor& reactor = test->reactor;
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    // The walreceiver is held still: the stop takes as long as its walsender waits for it.
    const auto receiver = co_await test->sql(b, "SELECT pid FROM pg_stat_wal_receiver");
    ::kill(std::stoi(receiver), SIGSTOP);
    EXPECT_EQ(co_await test->sql(a, "CREATE TABLE t AS SELECT 1 AS n"), "");
    struct Seen {
      Instant safe;
      Instant reported;
      Lsn checkpoint;
      Lsn before;
      bool alive = false;
    } seen;
    const Instant stopping = reactor.now();
    TaskGroup group(reactor);
    constexpr auto stop = [](Replication* self, Node* node, Seen* into, Task<Status> stopped) -> Task<void> {
      (void)self;
      (void)node;
      (void)into;
      EXPECT_TRUE((co_await std::move(stopped)).ok());
    };
    StopOptions options{.mode = StopMode::kFast, .checkpoint = true};
    options.at_safepoint = [&] { seen.safe = reactor.now(); };
    options.at_shutdown_checkpoint = [&](Lsn checkpoint, Lsn before) {
      seen.reported = reactor.now();
      seen.checkpoint = checkpoint;
      seen.before = before;
      seen.alive = a->server->postmaster().has_value();
    };
    group.spawn(stop(test, a, &seen, a->server->stop(options, test->within(seconds(30)))));
    CO_ASSERT_TRUE(co_await test->wait_until([&] { return seen.reported != Instant(); }, seconds(10)));
    test->print_ms("fast stop -> shutdown checkpoint told", seen.reported - stopping);
    EXPECT_TRUE(seen.alive) << "the postmaster was to be waiting for its walsender";
    EXPECT_LE(seen.safe, reactor.now());
    EXPECT_LT(seen.before, seen.checkpoint) << "archiving switches WAL before the checkpoint (PG-089)";
    ::kill(std::stoi(receiver), SIGCONT);
    co_await group.join();
    CO_ASSERT_TRUE(co_await test->wait_for_sql(
        b, fmt::format("SELECT pg_last_wal_replay_lsn() >= '{}'::pg_lsn", to_string(seen.before)), "t", seconds(5)));
  };
  run(body(this, &a, &b));
}

// PG-205..216: another upstream without a restart; and a role in the history of which nothing is lost.
TEST_F(Replication, FollowingAnotherNodeNeedsNoRestart) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  Node& c = add_node("c");
  constexpr auto body = [](Replication* test, Node* a, Node* b, Node* c) -> Task<void> {
    Reactor& reactor = test->reactor;
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    co_await test->make_standby(c, a);
    const pid_t pid = test->postmaster_pid(*c);
    CO_ASSERT_OK(co_await a->server->stop({.mode = StopMode::kFast}, test->within(seconds(20))));
    CO_ASSERT_OK(co_await b->server->promote(test->within(seconds(20))));
    CO_ASSERT_OK(co_await b->server->sync_slots({.physical = {{"a", Lsn{}}, {"c", Lsn{}}}}, test->within(seconds(5))));
    const StandbyTarget target{.upstream = b->upstream()};
    EXPECT_EQ(co_await c->server->follow_change(target, test->within(seconds(5))), FollowChange::kReload);
    const Instant following = reactor.now();
    CO_ASSERT_OK(co_await c->server->follow(target, test->within(seconds(5))));
    CO_ASSERT_TRUE(co_await test->streaming(c));
    test->print_ms("follow another primary -> streaming", reactor.now() - following);
    EXPECT_EQ(test->postmaster_pid(*c), pid);
    EXPECT_EQ(co_await c->server->follow_change(target, test->within(seconds(5))), FollowChange::kNone);
    // A changed password is found in the file (PG-451).
    EXPECT_EQ(co_await test->sql(b, "ALTER ROLE replicator PASSWORD 'new'"), "");

    // The stopped former primary was there to the end of its timeline: it follows without a rewind (PG-316).
    const auto local = co_await a->server->local_position(test->within(seconds(5)));
    CO_ASSERT_OK(local);
    const auto upstream = co_await a->server->upstream_timeline(b->upstream(), test->within(seconds(5)));
    EXPECT_FALSE(upstream.ok() && upstream->timeline != 2) << "timeline of the new primary";
    if (upstream) {
      CO_ASSERT_TRUE(upstream->history.size() == 1);
      EXPECT_EQ(upstream->history[0].switch_lsn, local->end_of_checkpoint_record);
    }
  };
  run(body(this, &a, &b, &c));
}

// PG-435, PG-324..331.
TEST_F(Replication, ADivergedFormerPrimaryIsRewound) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  constexpr auto body = [](Replication* test, Node* a, Node* b) -> Task<void> {
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    CO_ASSERT_OK(co_await b->server->promote(test->within(seconds(20))));
    EXPECT_EQ(co_await test->sql(a, "CREATE TABLE diverged AS SELECT generate_series(1, 1000) AS n"), "");
    test->kill_server(*a);
    CO_ASSERT_TRUE(co_await test->wait_until([&] { return !a->server->postmaster(); }, seconds(2)));
    EXPECT_FALSE(co_await a->server->local_position(test->within(seconds(5)))) << "not shut down cleanly (PG-311)";

    CO_ASSERT_OK(co_await a->server->crash_recovery(test->within(seconds(30))));  // PG-101
    const auto local = co_await a->server->local_position(test->within(seconds(5)));
    CO_ASSERT_OK(local);
    EXPECT_TRUE(local->was_primary);
    CO_ASSERT_OK(co_await b->server->checkpoint(test->within(seconds(20))));
    const auto upstream = co_await a->server->upstream_timeline(b->upstream(), test->within(seconds(5)));
    CO_ASSERT_OK(upstream);
    EXPECT_EQ(upstream->timeline, 2U);
    EXPECT_TRUE(upstream->checkpoint_done);
    CO_ASSERT_TRUE(upstream->history.size() == 1);
    EXPECT_GT(local->lsn, upstream->history[0].switch_lsn) << "so it must be rewound (PG-314)";

    const ServerView view = co_await a->server->observe(test->within(seconds(5)));
    EXPECT_TRUE(a->server->can_rewind(view));
    const Instant rewinding = test->reactor.now();
    EXPECT_EQ(co_await a->server->rewind(b->upstream(), test->within(seconds(60))), RewindOutcome::kDone);
    test->print_ms("rewind", test->reactor.now() - rewinding);
    CO_ASSERT_OK(co_await b->server->sync_slots({.physical = {{"a", Lsn{}}}}, test->within(seconds(5))));
    CO_ASSERT_OK(co_await a->server->start(StandbyTarget{.upstream = b->upstream()}, test->within(seconds(20))));
    CO_ASSERT_TRUE(co_await test->streaming(a));
    EXPECT_EQ(co_await test->sql(a, "SELECT to_regclass('diverged')"), "");

    // A standby is no source (PG-312), and nobody who is not there.
    EXPECT_EQ(co_await b->server->rewind(Upstream{.member = "x", .address = {.host = "127.0.0.1", .port = "25599"}},
                                         test->within(seconds(20))),
              RewindOutcome::kSourceUnavailable);
  };
  run(body(this, &a, &b));
}

// PG-362..370, against the server.
TEST_F(Replication, SlotsAreKeptAsPlanned) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  constexpr auto body = [](Replication* test, Node* a, Node* b) -> Task<void> {
    constexpr const char* kNames = "SELECT string_agg(slot_name, ',' ORDER BY slot_name) FROM pg_replication_slots";
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    EXPECT_EQ(co_await test->sql(a, "SELECT pg_create_physical_replication_slot('stranger') IS NULL"), "f");
    CO_ASSERT_OK(co_await a->server->sync_slots({.physical = {{"b", Lsn{}}, {"c", Lsn{}}}, .drop_unknown = false},
                                                test->within(seconds(5))));
    EXPECT_EQ(co_await test->sql(a, kNames), "b,c,stranger");
    EXPECT_EQ(
        co_await test->sql(a, "SELECT pg_switch_wal() IS NULL; CREATE TABLE t(); SELECT pg_current_wal_lsn() IS NULL"),
        "f");
    const auto now = parse_lsn(co_await test->sql(a, "SELECT pg_current_wal_flush_lsn()")).value_or(Lsn{});
    CO_ASSERT_OK(co_await a->server->sync_slots({.physical = {{"b", now}, {"c", now}}, .keep_inactive = {{"c", true}}},
                                                test->within(seconds(5))));
    EXPECT_EQ(co_await test->sql(a, kNames), "b,c");
    EXPECT_EQ(
        co_await test->sql(a, fmt::format("SELECT restart_lsn = '{}' FROM pg_replication_slots WHERE slot_name = 'c'",
                                          to_string(now))),
        "t");
    // On the standby the same (PG-439).
    CO_ASSERT_TRUE(co_await test->wait_for_sql(
        b, fmt::format("SELECT pg_last_wal_replay_lsn() >= '{}'", to_string(now)), "t", seconds(5)));
    CO_ASSERT_OK(co_await b->server->sync_slots({.physical = {{"c", now}}, .keep_inactive = {{"c", true}}},
                                                test->within(seconds(5))));
    EXPECT_EQ(co_await test->sql(b, kNames), "c");
    // An active slot is not dropped (PG-364), and the failure of nothing else follows from it.
    CO_ASSERT_OK(co_await a->server->sync_slots({}, test->within(seconds(5))));
    EXPECT_EQ(co_await test->sql(a, kNames), "b");
  };
  run(body(this, &a, &b));
}

// SYNC-016, SYNC-017.
TEST_F(Replication, SynchronousStandbysComeIntoForce) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  a.options.synchronous_mode = SyncMode::kPriority;
  restart_agent(a);
  constexpr auto body = [](Replication* test, Node* a, Node* b) -> Task<void> {
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    CO_ASSERT_OK(co_await a->server->set_synchronous_standbys({"b"}, 1, SyncMode::kPriority, test->within(seconds(5))));
    CO_ASSERT_TRUE(co_await test->wait_for_sql(a, "SELECT sync_state FROM pg_stat_replication", "sync", seconds(5)));
    const ServerView view = co_await a->server->observe(test->within(seconds(5)));
    EXPECT_EQ(view.synchronous_standby_names, "b");
    EXPECT_EQ(view.walsenders.at(0).sync_state, "sync");
    CO_ASSERT_OK(co_await a->server->set_synchronous_standbys({}, 0, SyncMode::kPriority, test->within(seconds(5))));
    EXPECT_EQ(co_await test->sql(a, "SHOW synchronous_standby_names"), "");
  };
  run(body(this, &a, &b));
}

// PG-273..282: custom methods, in order, with their arguments.
TEST_F(Replication, ReplicaMethodsAreTriedInOrder) {
  Node& a = add_node("a");
  Node& b = add_node("b");
  const auto log = (root / "arguments").string();
  const auto script = (root / "method").string();
  ASSERT_TRUE(write_file_atomically(script, fmt::format("#!/bin/sh\necho \"$@\" >> {}\nexit 3\n", log), 0755).ok());
  Value::Map section;
  section.set("command", script + " 'first word'");
  section.set("extra", "value");
  section.set("no_leader", true);
  b.options.method_sections["mine"] = section;
  b.options.create_replica_methods = {"mine", "basebackup"};
  b.options.method_sections["basebackup"] =
      Value::List{Value("checkpoint=fast"), Value("no-sync"), Value("pgdata=/nowhere")};
  restart_agent(b);
  constexpr auto body = [](Replication* test, Node* a, Node* b, std::string log) -> Task<void> {
    co_await test->bootstrap(a);
    co_await test->make_standby(b, a);
    const auto arguments = read_file(log);
    CO_ASSERT_OK(arguments);
    EXPECT_EQ(*arguments,
              fmt::format("first word --extra=value --no_leader=True --scope=test --role=replica --datadir={} "
                          "--connstring=dbname=postgres user=replicator host=127.0.0.1 port=25500\n",
                          b->options.data_dir.string()));
    CO_ASSERT_OK(co_await b->server->stop({.mode = StopMode::kFast}, test->within(seconds(20))));
    // Without a source only methods with no_leader remain (PG-275), and this one fails.
    EXPECT_FALSE((co_await b->server->clone({}, test->within(seconds(20)))).ok());
    EXPECT_EQ((co_await b->server->observe(test->within(seconds(5)))).directory, DataDirectory::kEmpty);
  };
  run(body(this, &a, &b, log));
}

}  // namespace
}  // namespace matriarch::postgres
