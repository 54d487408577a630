// The simulated PostgreSQL: timelines, streaming, synchronous commit, stopping, copying.
#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "sim/postgres.h"

namespace matriarch::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Watcher final : public PostgresObserver {
 public:
  void writable_changed(Postgres&) override {}
  void promoted(Postgres&) override { ++promotions; }
  void initialized(Postgres&) override {}
  void before_data_loss(Postgres&, std::string_view) override { ++removals; }
  void started_half_rewound(Postgres&) override { ++misstarts; }
  void diverged_stream(Postgres&, Postgres&) override { ++misfits; }

  int promotions = 0;
  int removals = 0;
  int misfits = 0;
  int misstarts = 0;
};

class SimPostgres : public testing::Test {
 protected:
  SimPostgres() {
    for (int i = 0; i < 3; ++i) {
      machines_.push_back(std::make_unique<Process>(scheduler_, clock_));
      servers_.push_back(std::make_unique<Postgres>(world_, *machines_.back(), Random(static_cast<std::uint64_t>(i) + 9),
                                                    std::string(1, static_cast<char>('a' + i)), i));
    }
  }

  void run_for(Duration duration) {
    const Instant until = scheduler_.now() + duration;
    while (scheduler_.run_one(until)) {
    }
  }
  Postgres& a() { return *servers_[0]; }
  Postgres& b() { return *servers_[1]; }
  Postgres& c() { return *servers_[2]; }
  static StandbyTarget following(const std::string& member) { return {.upstream = Upstream{.member = member}}; }

  Status wait(const std::function<void(Postgres::Done)>& begin) {
    const auto result = std::make_shared<std::optional<Status>>();
    begin([result](const Status& status) { *result = status; });
    run_for(seconds(30));
    return result->value_or(Status(Error(Errc::kTimeout, "never ended")));
  }
  // a is primary, b and c stream from it.
  void build() {
    ASSERT_TRUE(wait([&](auto done) { a().initdb(done); }));
    for (Postgres* standby : {&b(), &c()}) {
      ASSERT_TRUE(wait([&](auto done) { standby->clone("a", done); }));
      ASSERT_TRUE(wait([&](auto done) { standby->start(following("a"), done); }));
      ASSERT_TRUE(standby->streaming_from(a()));
    }
  }
  // Whether a write was acknowledged within a second.
  bool write(Postgres& server) {
    const auto acknowledged = std::make_shared<bool>(false);  // the answer may come when nobody waits any more
    server.write(100, [acknowledged](bool ok, Lsn, std::uint64_t) { *acknowledged = ok; });
    run_for(seconds(1));
    return *acknowledged;
  }
  void partition(Endpoint x, Endpoint y) {
    network_.block(x, y);
    network_.block(y, x);
  }

  VirtualScheduler scheduler_;
  Trace trace_{scheduler_};
  Coverage coverage_;
  Network network_{Random(1), 3, {}};
  Watcher watcher_;
  PostgresWorld world_{.scheduler = scheduler_, .network = network_, .trace = trace_, .coverage = coverage_, .observer = &watcher_};
  MachineClock clock_{scheduler_.now(), Instant(seconds(100)), 0};
  std::vector<std::unique_ptr<Process>> machines_;
  std::vector<std::unique_ptr<Postgres>> servers_;
};

TEST_F(SimPostgres, StandbysReceiveWhatIsWritten) {
  build();
  EXPECT_TRUE(write(a()));
  EXPECT_FALSE(write(b())) << "a standby takes no writes";
  EXPECT_EQ(b().wal().end(), a().wal().end());
  EXPECT_TRUE(b().wal().agrees_with(a().wal(), a().wal().end()));
}

TEST_F(SimPostgres, SynchronousCommitWaitsForTheNamedStandby) {
  build();
  a().set_synchronous({"b"}, 1, SyncMode::kPriority);
  EXPECT_TRUE(write(a()));
  partition(0, 1);
  EXPECT_FALSE(write(a()));
  EXPECT_FALSE(b().wal().end() == a().wal().end());
  a().set_synchronous({"b", "c"}, 1, SyncMode::kQuorum);
  EXPECT_TRUE(write(a()));
  a().crash("test");
  EXPECT_FALSE(a().can_acknowledge());
}

TEST_F(SimPostgres, APromotionBeginsATimelineAndTheOldPrimaryCannotJustFollow) {
  build();
  partition(0, 1);
  partition(0, 2);
  EXPECT_TRUE(write(a()));  // b and c do not have it
  ASSERT_TRUE(wait([&](auto done) { b().promote(done); }));
  EXPECT_EQ(b().wal().timeline(), 2u);
  EXPECT_EQ(watcher_.promotions, 1);
  a().kill();
  network_.heal();
  ASSERT_TRUE(wait([&](auto done) { a().start(following("b"), done); }));
  EXPECT_FALSE(a().streaming_from(b()));
  EXPECT_GT(coverage_.count("postgres: standby refused, its timeline diverged"), 0u);

  a().stop(StopMode::kFast, {}, [](const Status&) {});
  run_for(seconds(5));
  ASSERT_TRUE(wait([&](auto done) { b().checkpoint(done); }));
  std::optional<RewindOutcome> rewound;
  a().rewind("b", [&](RewindOutcome outcome) { rewound = outcome; });
  run_for(seconds(10));
  EXPECT_EQ(rewound, RewindOutcome::kDone);
  ASSERT_TRUE(wait([&](auto done) { a().start(following("b"), done); }));
  EXPECT_TRUE(a().streaming_from(b()));
  EXPECT_TRUE(c().wal().end() <= b().wal().end());
}

TEST_F(SimPostgres, TheOtherStandbyFollowsOntoTheNewTimeline) {
  build();
  EXPECT_TRUE(write(a()));
  a().kill();
  ASSERT_TRUE(wait([&](auto done) { b().promote(done); }));
  c().follow(following("b"));
  run_for(seconds(10));
  EXPECT_TRUE(c().streaming_from(b()));
  EXPECT_EQ(c().wal().timeline(), 2u);
}

TEST_F(SimPostgres, AFastStopHandsEverythingOver) {  // HA-229, HA-247
  build();
  EXPECT_TRUE(write(a()));
  std::string order;
  Lsn checkpoint;
  a().stop(StopMode::kFast,
           {.at_safepoint =
                [&] {
                  order += "safepoint ";
                  EXPECT_FALSE(a().writable());
                },
            .at_shutdown_checkpoint =
                [&](Lsn at, Lsn) {
                  order += "checkpoint ";
                  checkpoint = at;
                  EXPECT_TRUE(a().running());
                }},
           [&](const Status&) { order += "gone"; });
  EXPECT_TRUE(a().writable()) << "until the last backend has seen the signal";
  run_for(seconds(10));
  EXPECT_EQ(order, "safepoint checkpoint gone");
  EXPECT_GE(b().wal().end(), checkpoint);
  EXPECT_EQ(a().control().state, ControlState::kShutDown);
}

TEST_F(SimPostgres, AnInterruptedRewindLeavesADirectoryThatDoesNotStart) {
  build();
  a().kill();
  ASSERT_TRUE(wait([&](auto done) { b().promote(done); }));
  ASSERT_TRUE(wait([&](auto done) { b().checkpoint(done); }));
  a().rewind("b", [](RewindOutcome) { FAIL() << "its process was killed"; });
  a().abort_job();
  EXPECT_FALSE(a().has_complete_data());
  EXPECT_EQ(a().view().interrupted, Interrupted::kRewind);
  EXPECT_FALSE(wait([&](auto done) { a().start(following("b"), done); }));
  EXPECT_EQ(watcher_.misstarts, 1);
}

TEST_F(SimPostgres, ARemovalIsReportedAndABrokenCloneLeavesNothing) {
  build();
  b().kill();
  b().remove_directory("test");
  EXPECT_EQ(watcher_.removals, 1);
  b().clone("a", [](const Status& status) { EXPECT_FALSE(status); });
  run_for(milliseconds(200));
  a().kill();
  run_for(seconds(3));
  EXPECT_EQ(b().directory(), Postgres::Directory::kEmpty);
}

TEST_F(SimPostgres, AFullDiskStopsAPrimaryAndPreventsItsStart) {
  build();
  PostgresFaults faults;
  faults.disk_full = true;
  a().set_faults(faults);
  EXPECT_FALSE(a().running());
  EXPECT_FALSE(wait([&](auto done) { a().start(std::nullopt, done); }));
  a().set_faults({});
  EXPECT_TRUE(wait([&](auto done) { a().start(std::nullopt, done); }));
  EXPECT_TRUE(a().writable());
  EXPECT_EQ(a().wal().timeline(), 1u) << "a crash is no reason for a new timeline";
}

}  // namespace
}  // namespace matriarch::sim
