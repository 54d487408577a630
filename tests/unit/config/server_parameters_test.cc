// What a server of a version and role is given (config.md 3.3, 3.4).
#include "config/server_parameters.h"

#include <gtest/gtest.h>

#include "fixture.h"

namespace matriarch::config {
namespace {

std::string find(const TextPairs& pairs, std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return value;
  }
  return "absent";
}

ServerParameters parameters(std::string_view dynamic, int version = 150000, RoleClass role = RoleClass::kPrimary,
                            std::string_view local_patch = "{}") {
  return server_parameters(effect(dynamic, minimal(local_patch)), role, version, {});
}

TEST(Controlled, DefaultsAndOrderOfTheCommandLine) {  // CFG-275, CFG-282..296, PG-172
  const auto result = parameters("{}");
  const TextPairs expected = {{"listen_addresses", "*"},
                              {"port", "5433"},
                              {"cluster_name", "demo"},
                              {"wal_level", "replica"},
                              {"hot_standby", "on"},
                              {"max_connections", "100"},
                              {"max_wal_senders", "10"},
                              {"max_prepared_transactions", "0"},
                              {"max_locks_per_transaction", "64"},
                              {"track_commit_timestamp", "off"},
                              {"max_replication_slots", "10"},
                              {"max_worker_processes", "8"},
                              {"wal_log_hints", "on"}};
  EXPECT_EQ(result.command_line, expected);
  EXPECT_EQ(find(result.file, "wal_keep_size"), "128MB");
  EXPECT_EQ(find(result.file, "wal_keep_segments"), "absent");
  EXPECT_EQ(find(result.file, "max_connections"), "100");
  EXPECT_TRUE(std::is_sorted(result.file.begin(), result.file.end()));
  EXPECT_TRUE(result.warnings.empty());
  EXPECT_EQ(result.hba_file, "/data/pg/pg_hba.conf");  // CFG-304
  EXPECT_TRUE(result.manages_hba && result.manages_ident);
}

TEST(Controlled, AcceptedAndRefusedValues) {  // CFG-285..298
  struct Case {
    const char* name;
    const char* value;
    const char* written;
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
                        {"wal_level", "minimal", "replica", true},
                        {"wal_level", "hot_standby", "replica", false},
                        {"hot_standby", "off", "on", true},
                        {"hot_standby", "'yes'", "yes", false},
                        {"track_commit_timestamp", "on", "on", false},
                        {"track_commit_timestamp", "maybe", "off", true},
                        {"wal_log_hints", "off", "off", false},
                        {"wal_log_hints", "7", "on", true},
                        {"wal_keep_size", "16MB", "16MB", false},
                        {"wal_keep_size", "1GB", "1GB", false},
                        {"wal_keep_size", "15MB", "128MB", true},
                        {"wal_keep_size", "256", "256", false}};
  for (const Case& c : cases) {
    const auto config = effect(std::string("{postgresql: {parameters: {") + c.name + ": " + c.value + "}}}");
    EXPECT_EQ(find(server_parameters(config, RoleClass::kPrimary, 150000, {}).file, c.name), c.written)
        << c.name << ' ' << c.value;
    EXPECT_EQ(mentions(config.warnings, "failed validation, defaulting to"), c.warns) << c.name << ' ' << c.value;
  }
  EXPECT_TRUE(
      mentions(effect("{postgresql: {parameters: {max_connections: 24}}}").warnings,
               "postgresql parameter max_connections=24 failed validation, defaulting to 100"));  // CFG-297, CFG-468
  EXPECT_TRUE(
      mentions(effect("{postgresql: {parameters: {listen_addresses: x}}}").warnings, "listen_addresses"));  // CFG-282
  EXPECT_EQ(
      find(parameters("{postgresql: {parameters: {port: 1, listen_addresses: evil, cluster_name: x}}}").file, "port"),
      "5433");
  EXPECT_EQ(find(parameters("{postgresql: {parameters: {MAX_CONNECTIONS: 200}}}").file, "max_connections"),
            "200");  // CFG-341
}

TEST(Controlled, WhatTheServerWouldRefuseIsClamped) {  // CFG-344
  EXPECT_EQ(
      find(parameters("{postgresql: {parameters: {max_connections: 999999999}}}").command_line, "max_connections"),
      "262143");
}

TEST(Controlled, LocalAndRoleValuesAreDropped) {  // CFG-279, CFG-280
  const auto result = parameters("{}", 150000, RoleClass::kPrimary,
                                 "{postgresql: {parameters: {max_connections: 500, port: 1}, parameters_primary: "
                                 "{Wal_Level: logical, work_mem: 9MB}}}");
  EXPECT_EQ(find(result.file, "max_connections"), "100");
  EXPECT_EQ(find(result.file, "port"), "5433");
  EXPECT_EQ(find(result.file, "wal_level"), "replica");
  EXPECT_EQ(find(result.file, "work_mem"), "9MB");
  EXPECT_EQ(result.warnings,
            Warnings{"Role-based config attempted to override protected parameter 'wal_level', ignoring"});
}

TEST(Controlled, WalKeepConversions) {  // CFG-300
  EXPECT_EQ(find(parameters("{postgresql: {parameters: {wal_keep_segments: 10}}}").file, "wal_keep_size"), "160MB");
  EXPECT_EQ(find(parameters("{postgresql: {parameters: {wal_keep_segments: 0}}}").file, "wal_keep_size"), "128MB");
  const auto old = effect("{postgresql: {parameters: {wal_keep_size: 1000MB}}}");
  Warnings warnings;
  const auto twelve = configured_parameters(old, RoleClass::kPrimary, 120000, warnings);
  EXPECT_EQ(*twelve.find("wal_keep_segments"), Value(63));
  EXPECT_EQ(twelve.find("wal_keep_size"), nullptr);
  EXPECT_EQ(*configured_parameters(effect("{}"), RoleClass::kPrimary, 120000, warnings).find("wal_keep_segments"),
            Value(8));
  const auto unknown = configured_parameters(old, RoleClass::kPrimary, 0, warnings);  // CFG-299
  EXPECT_EQ(*unknown.find("wal_keep_size"), Value("1000MB"));
  EXPECT_EQ(*unknown.find("wal_level"), Value("hot_standby"));
}

TEST(Roles, Overrides) {  // CFG-051..055, CFG-280, PG-182
  const auto config = effect(
      "{postgresql: {parameters: {work_mem: 1MB, fsync: on}, parameters_replica: {work_mem: 2MB, fsync: ~}, "
      "parameters_standby_leader: {work_mem: 3MB}, pg_hba: [base], pg_hba_replica: [replica], pg_ident: [i], "
      "pg_ident_primary: [p]}}");
  const auto value = [&](RoleClass role, const char* name) {
    return find(server_parameters(config, role, 150000, {}).file, name);
  };
  EXPECT_EQ(value(RoleClass::kNone, "work_mem"), "1MB");
  EXPECT_EQ(value(RoleClass::kPrimary, "work_mem"), "1MB");
  EXPECT_EQ(value(RoleClass::kReplica, "work_mem"), "2MB");
  EXPECT_EQ(value(RoleClass::kStandbyLeader, "work_mem"), "3MB");
  EXPECT_EQ(value(RoleClass::kPrimary, "fsync"), "on");
  EXPECT_EQ(value(RoleClass::kReplica, "fsync"), "absent");  // CFG-339
  EXPECT_EQ(pg_hba_lines(config, RoleClass::kReplica), std::vector<std::string>{"replica"});
  EXPECT_EQ(pg_hba_lines(config, RoleClass::kPrimary), std::vector<std::string>{"base"});
  EXPECT_EQ(pg_ident_lines(config, RoleClass::kPrimary), std::vector<std::string>{"p"});
  EXPECT_EQ(role_class(Role::kPromoted), RoleClass::kPrimary);
  EXPECT_EQ(role_class(Role::kDemoted), RoleClass::kReplica);
  EXPECT_EQ(role_class(Role::kUninitialized), RoleClass::kNone);
}

TEST(Files, HbaAndIdent) {  // CFG-052, CFG-304
  const auto other =
      parameters("{}", 150000, RoleClass::kPrimary,
                 "{postgresql: {config_dir: /etc/pg, parameters: {hba_file: sub/x.conf, ident_file: pg_ident.conf}}}");
  EXPECT_EQ(other.hba_file, "/etc/pg/sub/x.conf");
  EXPECT_FALSE(other.manages_hba);
  EXPECT_EQ(other.ident_file, "/etc/pg/pg_ident.conf");
  EXPECT_TRUE(other.manages_ident);
  EXPECT_EQ(find(other.file, "hba_file"), "absent");
}

TEST(Filter, OnlyWhenWriting) {  // CFG-337
  const auto config = effect("{postgresql: {parameters: {io_method: worker, nonsense: 1, my.x: 2, work_mem: 1kB}}}");
  Warnings warnings;
  const auto configured = configured_parameters(config, RoleClass::kPrimary, 150000, warnings);
  EXPECT_NE(configured.find("io_method"), nullptr);
  EXPECT_EQ(*configured.find("work_mem"), Value("1kB"));
  const auto written = server_parameters(config, RoleClass::kPrimary, 150000, {});
  EXPECT_EQ(find(written.file, "io_method"), "absent");
  EXPECT_EQ(find(written.file, "nonsense"), "absent");
  EXPECT_EQ(find(written.file, "my.x"), "2");
  EXPECT_EQ(find(written.file, "work_mem"), "64");
  EXPECT_EQ(written.warnings.size(), 3u);
  EXPECT_EQ(find(server_parameters(config, RoleClass::kPrimary, 180000, {}).file, "io_method"), "worker");  // CFG-343
}

TEST(Filter, SynchronousStandbyNames) {  // CFG-302, PG-177
  const char* text = "{synchronous_mode: %, postgresql: {parameters: {synchronous_standby_names: 'ANY 1 (*)'}}}";
  const auto with = [&](const char* mode) {
    std::string document = text;
    document.replace(document.find('%'), 1, mode);
    return find(parameters(document).file, "synchronous_standby_names");
  };
  EXPECT_EQ(with("off"), "ANY 1 (*)");
  EXPECT_EQ(with("on"), "absent");
  EXPECT_EQ(with("quorum"), "absent");
}

TEST(Recovery, ParametersReplaceRecoveryConf) {  // CFG-327, CFG-466
  const char* patch = "{postgresql: {recovery_conf: {restore_command: a, archive_cleanup_command: b}}}";
  EXPECT_EQ(parameters("{}", 150000, RoleClass::kReplica, patch).recovery,
            (TextPairs{{"archive_cleanup_command", "b"}, {"restore_command", "a"}}));
  const auto replaced =
      parameters("{postgresql: {parameters: {Restore_Command: c}}}", 150000, RoleClass::kReplica, patch);
  EXPECT_EQ(replaced.recovery, (TextPairs{{"restore_command", "c"}}));
  EXPECT_EQ(find(replaced.file, "Restore_Command"), "absent");
}

TEST(Recovery, WhomToFollowIsNeverConfigured) {  // CFG-056
  const auto result = parameters(
      "{}", 150000, RoleClass::kReplica,
      "{postgresql: {recovery_conf: {primary_conninfo: 'password=x', primary_slot_name: s, recovery_target_lsn: 0/1, "
      "recovery_target: immediate, recovery_end_command: e, standby_mode: on, nonsense: 1}}}");
  EXPECT_EQ(result.recovery, (TextPairs{{"recovery_end_command", "e"}}));
  EXPECT_FALSE(mentions(result.warnings, "password"));
}

TEST(Recovery, TriggerFileIsRenamed) {  // CFG-328, PG-194
  const char* patch = "{postgresql: {recovery_conf: {trigger_file: /t}}}";
  EXPECT_EQ(parameters("{}", 150000, RoleClass::kReplica, patch).recovery, (TextPairs{{"promote_trigger_file", "/t"}}));
  EXPECT_TRUE(parameters("{}", 160000, RoleClass::kReplica, patch).recovery.empty());
}

TEST(Recovery, PauseAtTargetBecomesAnAction) {  // CFG-347
  Value::Map settings = yaml("{pause_at_recovery_target: false}").as_map();
  translate_recovery_settings(settings, 150000);
  EXPECT_EQ(Value(settings), yaml("{recovery_target_action: promote}"));
  settings = yaml("{pause_at_recovery_target: 'on', recovery_target_action: shutdown}").as_map();
  translate_recovery_settings(settings, 150000);
  EXPECT_EQ(Value(settings), yaml("{recovery_target_action: shutdown}"));
}

TEST(Recovery, StandbyClusterOverrides) {  // CFG-239..241
  const char* dynamic =
      "{standby_cluster: {host: h, restore_command: r, archive_cleanup_command: c, recovery_min_apply_delay: 1h}}";
  const char* patch = "{postgresql: {recovery_conf: {restore_command: own}}}";
  EXPECT_EQ(parameters(dynamic, 150000, RoleClass::kReplica, patch).recovery,
            (TextPairs{{"archive_cleanup_command", "c"}, {"restore_command", "r"}}));
  EXPECT_EQ(find(parameters(dynamic, 150000, RoleClass::kStandbyLeader, patch).recovery, "recovery_min_apply_delay"),
            "1h");
}

TEST(Citus, Needs) {  // CFG-305
  const auto result =
      parameters("{postgresql: {parameters: {shared_preload_libraries: 'a, citus', max_connections: 200}}}", 150000,
                 RoleClass::kPrimary, "{citus: {group: 0, database: citus}}");
  EXPECT_EQ(find(result.file, "shared_preload_libraries"), "citus,a");
  EXPECT_EQ(find(result.file, "max_prepared_transactions"), "400");
  EXPECT_EQ(find(result.file, "wal_level"), "logical");
  EXPECT_EQ(find(result.file, "citus.local_hostname"), "localhost");
}

TEST(Address, LocalTcpHost) {  // PG-115
  const std::pair<const char*, const char*> cases[] = {{"*", "localhost"},       {"0.0.0.0", "localhost"},
                                                       {"10.0.0.1", "10.0.0.1"}, {"10.0.0.1,127.0.0.1", "localhost"},
                                                       {"::1", "::1"},           {"", "localhost"}};
  for (const auto& [listen, host] : cases) EXPECT_EQ(local_tcp_host({.listen_addresses = listen}), host) << listen;
}

TEST(Files, ConfLine) {  // CFG-320
  EXPECT_EQ(conf_line("a", "it's \\ here"), "a = 'it''s \\\\ here'");
}

}  // namespace
}  // namespace matriarch::config
