// Timings, cluster-wide settings, merging of the postgresql section (config.md 2 and 3.3).
#include "config/effective.h"

#include <gtest/gtest.h>

#include "config/guc.h"
#include "fixture.h"

namespace matriarch::config {
namespace {

using std::chrono::seconds;

TEST(Timing, ReferenceExamples) {  // CFG-251, CFG-252, HA-015..018, DCS-204
  struct Case {
    Timing wanted, expected;
    std::size_t warnings;
  };
  const Case cases[] = {
      {{10, 10, 10}, {20, 1, 9}, 2},  {{30, 15, 10}, {30, 10, 10}, 1}, {{30, 10, 20}, {30, 1, 14}, 1},
      {{21, 10, 10}, {21, 1, 10}, 1}, {{30, 10, 10}, {30, 10, 10}, 0}, {{20, 0, 3}, {20, 1, 3}, 1},
      {{20, 10, 1}, {20, 10, 3}, 1},  {{-5, -5, -5}, {20, 1, 3}, 3},   {{100, 10, 10}, {100, 10, 10}, 0},
      {{20, 14, 3}, {20, 14, 3}, 0},  {{20, 15, 3}, {20, 14, 3}, 1},   {{1e9, 1e9, 1e9}, {1e9, 1, 499999999}, 1}};
  for (const Case& c : cases) {
    Warnings warnings;
    EXPECT_EQ(adjust_timing(c.wanted, Floors::kReference, warnings), c.expected) << c.wanted.ttl;
    EXPECT_EQ(warnings.size(), c.warnings) << c.wanted.ttl;
  }
}

TEST(Timing, RelationHoldsForEveryInput) {  // HA-018
  for (const Floors floors : {Floors::kReference, Floors::kMatriarch}) {
    const double least_ttl = floors == Floors::kReference ? 20 : 2;
    const double least_wait = floors == Floors::kReference ? 1 : 0.2;
    const double least_retry = floors == Floors::kReference ? 3 : 0.5;
    for (double ttl = 0; ttl < 60; ttl += 0.7) {
      for (double wait = 0; wait < 40; wait += 1.3) {
        for (double retry = 0; retry < 40; retry += 1.7) {
          Warnings warnings;
          const Timing t = adjust_timing({ttl, wait, retry}, floors, warnings);
          ASSERT_GE(t.ttl, least_ttl);
          ASSERT_GE(t.loop_wait, least_wait - 1e-9);
          ASSERT_GE(t.retry_timeout, least_retry);
          ASSERT_LE(t.loop_wait + 2 * t.retry_timeout, t.ttl + 1e-9) << ttl << ' ' << wait << ' ' << retry;
          // A renewal must leave more than one loop before the guardian acts (DESIGN 3).
          ASSERT_GT(0.999 * t.ttl - std::max(0.15, 0.01 * t.ttl), t.loop_wait);
          ASSERT_EQ(warnings.empty(), (t == Timing{ttl, wait, retry}));
        }
      }
    }
  }
}

TEST(Timing, MatriarchFloors) {  // DESIGN 3
  Warnings warnings;
  EXPECT_EQ(adjust_timing({3, 0.5, 1}, Floors::kMatriarch, warnings), (Timing{3, 0.5, 1}));
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(adjust_timing({5, 10, 10}, Floors::kMatriarch, warnings), (Timing{5, 0.5, 2.25}));
  EXPECT_EQ(adjust_timing({1, 0.1, 0.1}, Floors::kMatriarch, warnings), (Timing{2, 0.2, 0.5}));
  EXPECT_EQ(adjust_timing({30, 10, 20}, Floors::kMatriarch, warnings), (Timing{30, 1, 14}));
  const auto config = effect("{ttl: 3.5, loop_wait: '0.5', retry_timeout: 1}", minimal(), Floors::kMatriarch);
  EXPECT_EQ(config.settings.ttl, std::chrono::milliseconds(3500));
  EXPECT_EQ(config.settings.loop_wait, std::chrono::milliseconds(500));
}

TEST(Timing, AcceptedForms) {  // CFG-254
  EXPECT_EQ(effect("{ttl: '31'}").settings.ttl, seconds(31));
  EXPECT_EQ(effect("{ttl: 45.9}").settings.ttl, seconds(45));
  EXPECT_EQ(effect("{ttl: ' 40 '}").settings.ttl, seconds(40));
  for (const char* bad : {"40s", "abc", "", "1:30", "31.5", "0x1F g"}) {
    Value document{Value::Map()};
    put(document, "ttl", bad);
    const auto config = effective(document, local(minimal()), Floors::kReference);
    ASSERT_FALSE(config.ok()) << bad;
    EXPECT_TRUE(config.error().text().starts_with("ttl: ")) << config.error().text();
  }
  for (const char* key : {"ttl", "loop_wait", "retry_timeout"}) {
    for (const Value& bad : {Value(), Value(true), Value(Value::List()), Value(Value::Map()), Value(1e300)}) {
      Value document{Value::Map()};
      put(document, key, bad);
      EXPECT_FALSE(effective(document, local(minimal()), Floors::kReference).ok()) << key;
      EXPECT_FALSE(effective(document, local(minimal()), Floors::kMatriarch).ok()) << key;
    }
  }
}

TEST(Timing, AdjustedValuesAreKeptForTheCache) {  // CFG-253, CFG-308
  EXPECT_EQ(Value(effect("{ttl: 10, x: 1}").dynamic), yaml("{ttl: 20, x: 1, loop_wait: 1, retry_timeout: 9}"));
  EXPECT_EQ(Value(effect("{ttl: '30', x: {y: ~}}").dynamic), yaml("{ttl: '30', x: {y: ~}}"));
  EXPECT_EQ(Value(effect("{}").dynamic), Value(Value::Map()));
}

TEST(Settings, Defaults) {
  const Settings settings = effect("{}").settings;
  EXPECT_EQ(settings, Settings());
}

TEST(Settings, OddValuesGiveDefaultsAndWarnings) {  // CFG-211..224
  const auto config = effect(
      "{maximum_lag_on_failover: 1MB, maximum_lag_on_syncnode: x, check_timeline: maybe, max_timelines_history: -1, "
      "primary_start_timeout: x, master_start_timeout: 5, primary_stop_timeout: -2, primary_race_backoff: [], "
      "failsafe_mode: 7, "
      "pause: soon, synchronous_mode: sometimes, synchronous_mode_strict: {}, synchronous_node_count: many, "
      "member_slots_ttl: 1 week, "
      "ignore_slots: 5, slots: 5, standby_cluster: 5}");
  Settings expected;
  EXPECT_EQ(config.settings, expected);
  EXPECT_GE(config.warnings.size(), 15u);
  EXPECT_TRUE(mentions(config.warnings, "maximum_lag_on_failover: '1MB' must be an integer; the default is used"));
}

TEST(Settings, Values) {
  const auto config = effect(
      "{maximum_lag_on_failover: '2097152', maximum_lag_on_syncnode: 0, check_timeline: 'yes', max_timelines_history: "
      "10, "
      "master_start_timeout: 5, master_stop_timeout: 7, primary_race_backoff: 3, failsafe_mode: 'on', pause: 1, "
      "synchronous_mode: Quorum, synchronous_mode_strict: true, synchronous_node_count: 0, member_slots_ttl: 30min}");
  const Settings& s = config.settings;
  EXPECT_EQ(s.maximum_lag_on_failover, 2097152u);
  EXPECT_EQ(s.maximum_lag_on_syncnode, 0);
  EXPECT_TRUE(s.check_timeline && s.failsafe_mode && s.paused && s.synchronous_mode_strict);
  EXPECT_EQ(s.primary_start_timeout, seconds(5));
  EXPECT_EQ(s.primary_stop_timeout, seconds(7));
  EXPECT_EQ(s.primary_race_backoff, seconds(3));
  EXPECT_EQ(s.synchronous_mode, SyncMode::kQuorum);
  EXPECT_EQ(s.synchronous_node_count, 1);  // CFG-224
  EXPECT_EQ(s.member_slots_ttl, seconds(1800));
  EXPECT_TRUE(config.warnings.empty());
}

TEST(Settings, NewNameHidesTheOldOne) {  // CFG-215, CFG-216
  EXPECT_EQ(effect("{primary_start_timeout: 9, master_start_timeout: 5}").settings.primary_start_timeout, seconds(9));
  EXPECT_EQ(effect("{primary_start_timeout: bad, master_start_timeout: 5}").settings.primary_start_timeout,
            seconds(300));
  EXPECT_EQ(effect("{primary_start_timeout: ~, master_start_timeout: 5}").settings.primary_start_timeout, seconds(300));
}

TEST(Settings, SynchronousModeIsOffInAStandbyCluster) {  // CFG-222, CFG-234
  const auto config =
      effect("{synchronous_mode: on, standby_cluster: {host: 10.0.0.1, port: 5433, primary_slot_name: s1}}");
  EXPECT_EQ(config.settings.synchronous_mode, SyncMode::kOff);
  EXPECT_TRUE(config.settings.standby_cluster);
  ASSERT_TRUE(config.standby_cluster);
  EXPECT_EQ(config.standby_cluster->host, "10.0.0.1");
  EXPECT_EQ(config.standby_cluster->port, "5433");
  EXPECT_EQ(config.standby_cluster->primary_slot_name, "s1");
  EXPECT_EQ(config.standby_cluster->create_replica_methods, std::vector<std::string>{"basebackup"});
  for (const char* inactive :
       {"{}", "{host: ''}", "{host: ~, port: 0}", "{primary_slot_name: s}", "{archive_cleanup_command: x}"}) {
    EXPECT_FALSE(effect(std::string("{standby_cluster: ") + inactive + "}").settings.standby_cluster) << inactive;
  }
  EXPECT_TRUE(effect("{standby_cluster: {restore_command: cp}}").settings.standby_cluster);
}

TEST(Slots, PermanentSlots) {  // CFG-228..232
  const auto config = effect(
      "{slots: {a: ~, b: {type: physical}, c: {database: d, plugin: p}, e: {type: logical, database: d}, Bad: {}, f: "
      "5, g: {type: x}, "
      "h: {cluster_type: primary}, i: {type: physical, cluster_type: standby}, j: 0}}");
  std::string names;
  for (const PermanentSlot& slot : config.slots) names += slot.name;
  EXPECT_EQ(names, "abchij");
  EXPECT_EQ(config.slots[2].type, SlotType::kLogical);
  EXPECT_EQ(config.slots[2].plugin, "p");
  EXPECT_EQ(config.slots[3].clusters, SlotClusters::kPrimaryOnly);
  EXPECT_EQ(config.slots[4].clusters, SlotClusters::kStandbyOnly);
  EXPECT_EQ(config.warnings.size(), 4u);
  EXPECT_EQ(effect("{permanent_replication_slots: {x: ~}, permanent_slots: {y: ~}, slots: {z: ~}}").slots[0].name, "x");
  EXPECT_EQ(effect("{permanent_replication_slots: {}, permanent_slots: {y: ~}, slots: {z: ~}}").slots[0].name, "y");
  const std::string long_name(64, 'a');
  EXPECT_TRUE(effect("{slots: {" + long_name + ": ~}}").slots.empty());
}

TEST(Slots, IgnoreSlots) {  // CFG-233
  const auto config = effect("{ignore_slots: [{name: a, type: logical}, {}, 5, {database: ~, plugin: p}]}");
  ASSERT_EQ(config.ignore_slots.size(), 3u);
  EXPECT_EQ(config.ignore_slots[0], (IgnoreSlot{"a", "logical", "", ""}));
  EXPECT_EQ(config.ignore_slots[1], IgnoreSlot());
  EXPECT_EQ(config.warnings.size(), 1u);
}

TEST(Merge, LocalReplacesDynamicKeys) {  // CFG-278
  const auto config = effect(
      "{postgresql: {pg_hba: [dynamic], callbacks: {on_start: d, on_stop: d}, use_pg_rewind: true, bin_name: "
      "{postgres: x}, "
      "parameters: {work_mem: 1MB, Log_Min_Duration: 1, fsync: off}, use_slots: false, database: dyn}}",
      minimal(
          "{postgresql: {pg_hba: [local], callbacks: {on_start: l}, use_slots: true, parameters: {WORK_MEM: 2MB}}}"));
  const PostgresqlConfig& pg = config.postgresql;
  EXPECT_EQ(pg.pg_hba, std::vector<std::string>{"local"});
  EXPECT_EQ(pg.callbacks.on_start, "l");
  EXPECT_EQ(pg.callbacks.on_stop, "");
  EXPECT_TRUE(config.settings.use_pg_rewind);
  EXPECT_FALSE(config.settings.use_slots);  // CFG-073
  EXPECT_EQ(pg.program("postgres"), "x");
  EXPECT_EQ(pg.program("initdb"), "initdb");
  EXPECT_EQ(pg.database, "dyn");
  EXPECT_EQ(pg.parameters.find("work_mem"), nullptr);  // CFG-341: the last spelling wins
  EXPECT_EQ(*pg.parameters.find("WORK_MEM"), Value("2MB"));
  EXPECT_EQ(*pg.parameters.find("fsync"), Value(false));
}

TEST(Merge, LocalOnlyKeysOfTheDocumentAreIgnored) {  // CFG-249, CFG-445
  const auto config = effect(
      "{postgresql: {listen: 'evil:1', data_dir: /evil, config_dir: /evil, pgpass: /evil, connect_address: 'evil:1', "
      "authentication: {superuser: {username: evil, password: evil}}}}");
  EXPECT_EQ(config.postgresql.local, local(minimal()).postgresql);
}

TEST(Merge, LocalTimingsHaveNoEffect) {  // CFG-277
  EXPECT_EQ(effect("{}", minimal("{ttl: 99, loop_wait: 5, standby_cluster: {host: x}, pause: true}")).settings,
            Settings());
}

TEST(Merge, FailuresKeepTimingsAndPostgresqlButReadFlags) {  // CFG-255
  const LocalConfig node = local(minimal());
  const auto before = effect("{ttl: 40, postgresql: {parameters: {work_mem: 5MB}}, pause: false}");
  for (const char* bad :
       {"{ttl: 40s, pause: true}", "{postgresql: 5, pause: true}", "{postgresql: {parameters: [1]}, pause: true}"}) {
    EXPECT_FALSE(effective(yaml(bad), node, Floors::kReference).ok()) << bad;
    const auto kept = effective_or_keep(yaml(bad), node, Floors::kReference, before);
    EXPECT_EQ(kept.settings.ttl, seconds(40)) << bad;
    EXPECT_EQ(kept.postgresql, before.postgresql);
    EXPECT_TRUE(kept.settings.paused);
    EXPECT_FALSE(kept.warnings.empty());
  }
  const auto kept = effective_or_keep(Value(5), node, Floors::kReference, before);  // CFG-307
  EXPECT_EQ(kept.settings, before.settings);
  const auto fine = effective_or_keep(yaml("{ttl: 50}"), node, Floors::kReference, before);
  EXPECT_EQ(fine.settings.ttl, seconds(50));
}

TEST(Merge, ReplicaMethods) {  // CFG-060..067
  const auto config = effect("{standby_cluster: {host: h, create_replica_methods: [remote, basebackup]}}",
                             minimal("{postgresql: {create_replica_methods: [wal_g, basebackup, bare], wal_g: "
                                     "{command: /w, no_leader: 1, threads: 4, ok: yes, "
                                     "skip: [1]}, remote: {command: r, no_params: true, keep_data: on}}}"));
  const auto& methods = config.postgresql.methods;
  ASSERT_EQ(methods.size(), 3u);
  EXPECT_EQ(methods.at("wal_g").command, "/w");
  EXPECT_TRUE(methods.at("wal_g").no_leader);
  EXPECT_EQ(methods.at("wal_g").extra, (TextPairs{{"threads", "4"}, {"ok", "True"}}));  // PG-016
  EXPECT_EQ(methods.at("bare").command, "bare");
  EXPECT_TRUE(methods.at("remote").no_params && methods.at("remote").keep_data);
  EXPECT_EQ(effect("{}", minimal("{postgresql: {create_replica_method: [old]}}")).postgresql.create_replica_methods,
            std::vector<std::string>{"old"});
  EXPECT_EQ(effect("{}").postgresql.create_replica_methods, std::vector<std::string>{"basebackup"});
}

// --- the parameters that only /config may set

std::string parameter(const EffectiveConfig& config, std::string_view name) {
  const Value* value = find_guc_value(config.postgresql.parameters, name);
  return value == nullptr ? "absent" : string_form(*value);
}

TEST(Controlled, Defaults) {  // CFG-275
  const auto config = effect("{}");
  EXPECT_EQ(Value(config.postgresql.parameters), yaml("{wal_level: hot_standby, hot_standby: 'on', max_connections: "
                                                      "100, max_wal_senders: 10, max_prepared_transactions: 0, "
                                                      "max_locks_per_transaction: 64, track_commit_timestamp: 'off', "
                                                      "max_replication_slots: 10, max_worker_processes: 8, "
                                                      "wal_log_hints: 'on'}"));
}

TEST(Controlled, AcceptedAndRefusedValues) {  // CFG-285..298
  struct Case {
    const char* name;
    const char* value;
    const char* kept;
    bool warns;
  };
  const Case cases[] = {{"max_connections", "25", "25", false},
                        {"max_connections", "24", "100", true},
                        {"max_connections", "'101'", "101", false},
                        {"max_connections", "100kB", "100", true},
                        {"max_connections", "true", "100", true},
                        {"max_connections", "[1]", "100", true},
                        {"max_wal_senders", "3", "3", false},
                        {"max_wal_senders", "2", "10", true},
                        {"max_prepared_transactions", "0", "0", false},
                        {"max_prepared_transactions", "-1", "0", true},
                        {"max_locks_per_transaction", "32", "32", false},
                        {"max_locks_per_transaction", "31", "64", true},
                        {"max_replication_slots", "4", "4", false},
                        {"max_replication_slots", "3", "10", true},
                        {"max_worker_processes", "2", "2", false},
                        {"max_worker_processes", "16.4", "16", false},
                        {"max_worker_processes", "1", "8", true},
                        {"wal_level", "LOGICAL", "logical", false},
                        {"wal_level", "minimal", "hot_standby", true},
                        {"wal_level", "replica", "replica", false},
                        {"hot_standby", "off", "on", true},
                        {"hot_standby", "'yes'", "yes", false},
                        {"track_commit_timestamp", "on", "True", false},
                        {"track_commit_timestamp", "maybe", "off", true},
                        {"wal_log_hints", "off", "False", false},
                        {"wal_log_hints", "7", "on", true},
                        {"wal_keep_size", "16MB", "16MB", false},
                        {"wal_keep_size", "1GB", "1GB", false},
                        {"wal_keep_size", "15MB", "128MB", true},
                        {"wal_keep_size", "256", "256", false},
                        {"wal_keep_segments", "1", "1", false},
                        {"wal_keep_segments", "0", "8", true}};
  for (const Case& c : cases) {
    const auto config = effect(std::string("{postgresql: {parameters: {") + c.name + ": " + c.value + "}}}");
    EXPECT_EQ(parameter(config, c.name), c.kept) << c.name << ' ' << c.value;
    EXPECT_EQ(mentions(config.warnings, "failed validation, defaulting to"), c.warns) << c.name << ' ' << c.value;
  }
  EXPECT_TRUE(
      mentions(effect("{postgresql: {parameters: {max_connections: 24}}}").warnings,
               "postgresql parameter max_connections=24 failed validation, defaulting to 100"));  // CFG-297, CFG-468
  EXPECT_EQ(parameter(effect("{postgresql: {parameters: {MAX_CONNECTIONS: 200}}}"), "max_connections"),
            "200");  // CFG-341
}

TEST(Controlled, OnlyTheDocumentSetsThem) {  // CFG-279, CFG-282
  const auto config =
      effect("{postgresql: {parameters: {listen_addresses: evil, port: 1, cluster_name: x}}}",
             minimal("{postgresql: {parameters: {Max_Connections: 500, wal_level: logical, port: 2}}}"));
  EXPECT_EQ(parameter(config, "max_connections"), "100");
  EXPECT_EQ(parameter(config, "wal_level"), "hot_standby");
  for (const char* name : {"listen_addresses", "port", "cluster_name"}) {
    EXPECT_EQ(parameter(config, name), "absent");
    EXPECT_TRUE(mentions(config.warnings, std::string("postgresql parameter ") + name));
  }
}

TEST(Initial, CacheWinsOverBootstrap) {  // CFG-317
  const LocalConfig node = local(minimal("{bootstrap: {dcs: {ttl: 40}}}"));
  EXPECT_EQ(initial_dynamic(yaml("{ttl: 50}"), node), yaml("{ttl: 50}"));
  EXPECT_EQ(initial_dynamic(std::nullopt, node), yaml("{ttl: 40}"));
  EXPECT_EQ(initial_dynamic(Value(1), node), yaml("{ttl: 40}"));
  EXPECT_EQ(initial_dynamic(std::nullopt, local(minimal())), Value(Value::Map()));
}

TEST(CheckDynamic, NamesKeyValueAndRemedy) {
  EXPECT_TRUE(
      check_dynamic(yaml("{ttl: 30, postgresql: {parameters: {work_mem: 1MB}, callbacks: {on_start: a}}, slots: {a: ~}}"),
                    Floors::kReference)
          .empty());
  EXPECT_EQ(check_dynamic(yaml("{ttl: 40s}"), Floors::kReference),
            std::vector<std::string>{"ttl: '40s' must be a number of seconds without a unit"});
  const auto problems = check_dynamic(yaml("{tll: 30, postgresql: {paramaters: {}}, pause: x}"), Floors::kReference);
  EXPECT_TRUE(has_line(problems, "tll: unknown key; check its spelling"));
  EXPECT_TRUE(has_line(problems, "postgresql.paramaters: unknown key; check its spelling"));
  EXPECT_TRUE(has_line(problems, "pause: 'x' must be true or false; the default is used"));
  EXPECT_FALSE(check_dynamic(Value::List(), Floors::kReference).empty());
}

TEST(CheckDynamic, Parameters) {  // CFG-331..335
  const Value document = yaml(
      "{postgresql: {parameters: {work_mem: 64mb, max_connections: 200, my.x: 1, transaction_timeout: 1s}, "
      "parameters_replica: {fsync: 7}}}");
  EXPECT_EQ(check_dynamic(document, Floors::kReference, 150000),
            (std::vector<std::string>{
                "postgresql.parameters.work_mem: must be an integer with a unit of B, kB, MB, GB, TB (upper and lower "
                "case matter)",
                "postgresql.parameters.transaction_timeout: is no parameter of PostgreSQL 15; it is left out there",
                "postgresql.parameters_replica.fsync: must be on or off"}));
  EXPECT_EQ(check_dynamic(document, Floors::kReference).size(), 2u);
}

TEST(AcceptableDynamic, OnlyWhatCannotBeMergedIsRefused) {  // CFG-001, CFG-255, API-344
  for (const char* fine : {"{}", "{ttl: 20}", "{ttl: 5, pause: maybe, unknown: {x: ~}}",
                           "{postgresql: {parameters: {max_connections: '101', nonsense: 1}}}",
                           "{synchronous_mode: strange, slots: 5}", "{postgresql: ~}"}) {
    EXPECT_TRUE(acceptable_dynamic(yaml(fine), Floors::kReference).ok()) << fine;
  }
  for (const char* bad :
       {"{ttl: 40s}", "{loop_wait: ~}", "{postgresql: []}", "{postgresql: {parameters: x}}", "[]", "5"}) {
    const Status status = acceptable_dynamic(yaml(bad), Floors::kReference);
    ASSERT_FALSE(status.ok()) << bad;
    EXPECT_EQ(status.error().code(), Errc::kInvalid);
  }
}

}  // namespace
}  // namespace matriarch::config
