// What the server's configuration files contain (PG section 3).
#include <gtest/gtest.h>

#include "postgres/paths.h"
#include "postgres/pgpass.h"
#include "postgres/reloader.h"
#include "postgres/server_config.h"

namespace matriarch::postgres {
namespace {

PostgresOptions some_options() {
  PostgresOptions options;
  options.scope = "demo";
  options.name = "a";
  options.data_dir = "/data";
  options.listen = "*:5433";
  return options;
}

std::string value_of(const Settings& settings, std::string_view name) {
  const auto found = std::ranges::find(settings, name, &Setting::name);
  return found == settings.end() ? "(none)" : found->value;
}

TEST(Paths, ListenAddresses) {  // PG-115..117
  EXPECT_EQ(split_listen("*:5433").port, "5433");
  EXPECT_EQ(split_listen("127.0.0.1").port, "5432");
  EXPECT_EQ(split_listen("[::1]:5433").addresses, "::1");
  EXPECT_EQ(split_listen("::1").addresses, "::1");
  EXPECT_EQ(split_listen("::1:5433").addresses, "::1");
  EXPECT_EQ(split_listen("::1:5433").port, "5433");
  EXPECT_EQ(split_listen("fe80::a").addresses, "fe80::a");
  EXPECT_EQ(split_listen("10.0.0.1, [::1]:5433").addresses, "10.0.0.1,::1");
  EXPECT_EQ(local_address("10.0.0.1:1", false, nullptr).host, "10.0.0.1");
  EXPECT_EQ(local_address("10.0.0.1,0.0.0.0:1", false, nullptr).host, "localhost");
  const Value directories("run, /tmp/x");
  EXPECT_EQ(local_address("*:1", true, &directories).host, "/tmp/x");
  EXPECT_EQ(local_address("*:1", true, nullptr).host, "");
  const Value relative("run");
  EXPECT_EQ(local_address("*:1", true, &relative).host, "localhost");
}

TEST(Controlled, DefaultsAndOrder) {  // PG-172
  const auto settings = controlled_settings(some_options(), {}, 150000);
  std::string names;
  for (const auto& setting : settings) names += setting.name + "=" + setting.value + " ";
  EXPECT_EQ(names,
            "listen_addresses=* port=5433 cluster_name=demo wal_level=replica hot_standby=on max_connections=100 "
            "max_wal_senders=10 wal_keep_size=128MB max_prepared_transactions=0 max_locks_per_transaction=64 "
            "track_commit_timestamp=off max_replication_slots=10 max_worker_processes=8 wal_log_hints=on ");
}

TEST(Controlled, BadValuesFallBack) {  // PG-173, CFG-297, CFG-298
  Value::Map given;
  given.set("max_connections", "24");
  given.set("Max_Wal_Senders", 3);
  given.set("wal_level", "minimal");
  given.set("hot_standby", false);
  given.set("port", 1);
  given.set("wal_log_hints", "off");
  given.set("max_replication_slots", "16.4");
  given.set("wal_keep_segments", 10);
  const auto settings = controlled_settings(some_options(), given, 150000);
  EXPECT_EQ(value_of(settings, "max_connections"), "100");
  EXPECT_EQ(value_of(settings, "max_wal_senders"), "3");
  EXPECT_EQ(value_of(settings, "wal_level"), "replica");
  EXPECT_EQ(value_of(settings, "hot_standby"), "on");
  EXPECT_EQ(value_of(settings, "port"), "5433");
  EXPECT_EQ(value_of(settings, "wal_log_hints"), "off");
  EXPECT_EQ(value_of(settings, "max_replication_slots"), "16");
  EXPECT_EQ(value_of(settings, "wal_keep_size"), "160MB");  // PG-176
}

TEST(ServerConfig, AStandbyIsNotBelowItsControlFile) {  // PG-179, PG-180
  ConfigFacts facts{.role = Role::kReplica, .major_version = 150000, .control = ControlFile{.max_connections = 200}};
  const auto config = make_server_config(some_options(), facts);
  EXPECT_EQ(value_of(config.command_line, "max_connections"), "200");
  ASSERT_EQ(config.raised.size(), 1U);
  EXPECT_EQ(config.raised[0].name, "max_connections");
  EXPECT_EQ(config.raised[0].control_value, "200");
  EXPECT_EQ(config.raised[0].configured_value, "100");
}

TEST(ServerConfig, TheWholeFile) {  // PG-162..168
  auto options = some_options();
  options.parameters.set("log_line_prefix", "it's \\ %m");
  options.parameters.set("Work_Mem", "8MB");
  options.parameters.set("max_connections", 50);
  options.parameters.set("restore_command", "cp");
  options.parameters.set("autovacuum", false);
  options.parameters.set("gone", Value());
  Value::Map primary;
  primary.set("work_mem", "16MB");
  primary.set("port", 1);
  options.parameters_by_role.primary = primary;
  options.pg_hba = {"local all all trust"};
  const auto config = make_server_config(options, {.role = Role::kPromoted,
                                                   .major_version = 150000,
                                                   .recovery = {{"primary_slot_name", "a"}, {"restore_command", "x"}}});
  const std::string expected_end =
      "include 'postgresql.base.conf'\n\n"
      "autovacuum = 'off'\ncluster_name = 'demo'\nhba_file = '/data/pg_hba.conf'\nhot_standby = 'on'\n"
      "ident_file = '/data/pg_ident.conf'\nlisten_addresses = '*'\nlog_line_prefix = 'it''s \\\\ %m'\n"
      "max_connections = '50'\nmax_locks_per_transaction = '64'\nmax_prepared_transactions = '0'\n"
      "max_replication_slots = '10'\nmax_wal_senders = '10'\nmax_worker_processes = '8'\nport = '5433'\n"
      "track_commit_timestamp = 'off'\nwal_keep_size = '128MB'\nwal_level = 'replica'\nwal_log_hints = 'on'\n"
      "work_mem = '16MB'\n\n# recovery.conf\nprimary_slot_name = 'a'\nrestore_command = 'x'\n";
  EXPECT_EQ(config.main_conf.substr(config.main_conf.find("include")), expected_end);
  EXPECT_EQ(value_of(config.command_line, "wal_keep_size"), "(none)");
  ASSERT_TRUE(config.hba);
  EXPECT_TRUE(config.hba->ends_with("local all all trust\n"));
  EXPECT_FALSE(config.ident);
}

TEST(ServerConfig, RedirectedFilesAreNotManaged) {  // PG-166, PG-184
  auto options = some_options();
  options.pg_hba = {"x"};
  options.pg_ident = {"y"};
  options.parameters.set("hba_file", "/etc/hba");
  options.parameters.set("ident_file", "pg_ident.conf");
  const auto config = make_server_config(options, {.role = Role::kPrimary});
  EXPECT_FALSE(config.hba);
  EXPECT_TRUE(config.ident);
  EXPECT_EQ(value_of(config.parameters, "hba_file"), "/etc/hba");
  const auto open = make_server_config(options, {.role = Role::kPrimary, .custom_bootstrap = true});  // PG-186
  ASSERT_TRUE(open.hba);
  EXPECT_NE(open.hba->find("samehost trust"), std::string::npos);
  EXPECT_EQ(value_of(open.parameters, "hba_file"), "/data/pg_hba.conf");
}

TEST(ServerConfig, SynchronousStandbyNames) {  // PG-177, SYNC-018
  auto options = some_options();
  options.parameters.set("synchronous_standby_names", "mine");
  ConfigFacts facts{.role = Role::kPrimary, .synchronous_standby_names = "b"};
  const auto name = [&](const PostgresOptions& with) {
    return value_of(make_server_config(with, facts).parameters, "synchronous_standby_names");
  };
  EXPECT_EQ(name(options), "b") << "the mode is off, but /sync may name b still (SYNC-032)";
  facts.synchronous_standby_names.reset();
  EXPECT_EQ(name(options), "mine");
  facts.synchronous_standby_names = "b";
  options.synchronous_mode = SyncMode::kPriority;
  EXPECT_EQ(name(options), "b");
  facts.synchronous_standby_names = "";
  EXPECT_EQ(name(options), "(none)");
  facts.synchronous_standby_names.reset();
  EXPECT_EQ(name(options), "(none)");
  options.synchronous_mode_strict = true;
  EXPECT_EQ(name(options), kSyncPlaceholder);
  facts.role = Role::kReplica;
  EXPECT_EQ(name(options), "(none)");
}

TEST(AutoConf, LosesRecoverySettingsOnly) {  // PG-170
  EXPECT_EQ(without_recovery_settings("# c\nwork_mem = '1MB'\nprimary_conninfo = 'x'\n  Restore_Command='y'\n"),
            "# c\nwork_mem = '1MB'\n");
  EXPECT_FALSE(without_recovery_settings("# primary_conninfo\nwork_mem = 1\n"));
}

TEST(Recovery, ConfiguredSettings) {  // PG-169, PG-194, PG-203
  auto options = some_options();
  options.recovery_conf.set("restore_command", "from section");
  options.recovery_conf.set("trigger_file", "/t");
  options.recovery_conf.set("pause_at_recovery_target", false);
  const auto before = configured_recovery(options, Role::kReplica, 150000);
  EXPECT_EQ(before.at("promote_trigger_file"), "/t");
  EXPECT_EQ(before.at("recovery_target_action"), "promote");
  EXPECT_FALSE(configured_recovery(options, Role::kReplica, 160000).contains("promote_trigger_file"));
  options.parameters.set("recovery_min_apply_delay", "5s");
  EXPECT_EQ(configured_recovery(options, Role::kReplica, 150000),
            (RecoverySettings{{"recovery_min_apply_delay", "5s"}}));
}

constexpr std::string_view kTable =
    "work_mem\tuser\tg\tINTEGER\t4096\t64\t2147483647\td\t\n"
    "checkpoint_timeout\tsighup\tg\tINTEGER\t300\t30\t86400\td\t\n"
    "autovacuum\tsighup\tg\tBOOLEAN\tTRUE\t\t\td\t\n"
    "synchronous_commit\tuser\tg\tENUM\ton\t\t\td\t\n"
    "checkpoint_completion_target\tsighup\tg\tREAL\t0.9\t0\t1\td\t\n"
    "log_directory\tsighup\tg\tSTRING\tlog\t\t\td\t\n";

TEST(Catalog, ChecksNamesAndValues) {  // PG-178, CFG-333..336
  const auto catalog = GucCatalog::parse(kTable, 150000);
  ASSERT_TRUE(catalog);
  EXPECT_EQ(catalog->checked("work_mem", "1GB"), "1GB");
  EXPECT_EQ(catalog->checked("work_mem", "1kB"), "64");
  EXPECT_EQ(catalog->checked("checkpoint_timeout", "2d"), "86400");
  EXPECT_EQ(catalog->checked("checkpoint_completion_target", "1.5"), "1");
  EXPECT_EQ(catalog->checked("work_mem", "rubbish"), std::nullopt);
  EXPECT_EQ(catalog->checked("autovacuum", "perhaps"), std::nullopt);
  EXPECT_EQ(catalog->checked("synchronous_commit", "remote_apply"), "remote_apply");
  EXPECT_EQ(catalog->checked("synchronous_commit", "rubbish"), std::nullopt);
  EXPECT_EQ(catalog->checked("synchronous_commit", "yes"), "yes");
  EXPECT_EQ(catalog->checked("log_directory", "any thing"), "any thing");
  EXPECT_EQ(catalog->checked("my.extension", "x"), "x");
  EXPECT_EQ(catalog->checked("no_such_setting", "x"), std::nullopt);
  EXPECT_EQ(catalog->checked("zero_damaged_pages", "on"), "on");  // PG-427
  EXPECT_FALSE(GucCatalog::parse("no table\n", 150000));
}

TEST(Pgpass, Lines) {  // PG-187, PG-188
  const ConnParams params{{"host", "a,/run/pg"}, {"port", "5433"}, {"user", "re:pl"}, {"password", "p\\:x"}};
  EXPECT_EQ(pgpass_content(params),
            "a:5433:*:re\\:pl:p\\\\\\:x\n/run/pg:5433:*:re\\:pl:p\\\\\\:x\nlocalhost:5433:*:re\\:pl:p\\\\\\:x\n");
  EXPECT_EQ(pgpass_content({{"password", "x"}}), "*:*:*:*:x\n");
  EXPECT_EQ(pgpass_content({{"host", "a"}}), "");
}

// A name is written without quotes: whoever may edit /config must not write other lines with it.
TEST(ServerConfig, OnlyNamesOfSettingsAreWritten) {  // CFG-331
  PostgresOptions options = some_options();
  for (const char* name : {"a.b.c", "work_mem = '1MB'\narchive_command", "ok.x\nlog_statement", "a b", "x;", "", ".a", "a.",
                           "1a", "#c", "a\tb"}) {
    options.parameters.set(name, "bad");
  }
  options.parameters.set("ext.good", "fine\nssl = on");
  options.parameters.set("work_mem", std::string("1\0MB", 4));
  const auto catalog = GucCatalog::parse("work_mem\tuser\tGroup\tINTEGER\t4096\t64\t2147483647\tText\t\n", 150000);
  for (const GucCatalog* known : {static_cast<const GucCatalog*>(nullptr), catalog ? &*catalog : nullptr}) {
    const auto config = make_server_config(options, {.role = Role::kReplica, .major_version = 150000, .catalog = known});
    EXPECT_EQ(config.main_conf.find("bad"), std::string::npos) << config.main_conf;
    EXPECT_NE(config.main_conf.find("\next.good = 'finessl = on'\n"), std::string::npos) << config.main_conf;
    EXPECT_EQ(config.main_conf.find('\0'), std::string::npos);
  }
}

}  // namespace
}  // namespace matriarch::postgres
