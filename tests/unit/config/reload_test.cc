// What a changed configuration means for a running node (CFG-306..314), and the generators (CFG-402..411).
#include "config/reload.h"

#include <gtest/gtest.h>

#include "config/generate.h"
#include "fixture.h"

namespace matriarch::config {
namespace {

LocalChanges changes(std::string_view patch, std::string_view before = "{}") {
  const Value old_tree = minimal(before);
  Value new_tree = old_tree;
  apply_patch(new_tree, yaml(patch));
  return compare(old_tree, local(old_tree), new_tree, local(new_tree));
}

TEST(Reload, NothingChanged) {  // CFG-312
  const LocalChanges none = changes("{}");
  EXPECT_FALSE(none.any || none.log || none.tags || none.restapi || none.postgresql || none.store || none.watchdog);
  EXPECT_TRUE(none.needs_restart.empty());
}

TEST(Reload, PartsThatChanged) {
  EXPECT_TRUE(changes("{log: {level: DEBUG}}").log);
  EXPECT_TRUE(changes("{tags: {x: 1}}").tags);
  EXPECT_TRUE(changes("{tags: {x: 1}}").any);
  EXPECT_TRUE(changes("{watchdog: {mode: off}}").watchdog);
  EXPECT_TRUE(changes("{ctl: {insecure: true}}").ctl);
  const LocalChanges rest = changes("{restapi: {allowlist: [a]}}");
  EXPECT_TRUE(rest.restapi && !rest.restapi_listener);
  for (const char* patch : {"{listen: '127.0.0.1:9'}", "{certfile: a}", "{keyfile_password: a}",
                            "{verify_client: required}", "{ciphers: x}"}) {
    EXPECT_TRUE(changes(std::string("{restapi: ") + patch + "}").restapi_listener) << patch;  // API-010
  }
  EXPECT_TRUE(changes("{postgresql: {parameters: {work_mem: 5MB}}}").postgresql);
  EXPECT_TRUE(changes("{postgresql: {callbacks: {on_start: x}}}").postgresql);
  EXPECT_TRUE(changes("{etcd3: {password: x}}").store);
}

TEST(Reload, WhatNeedsARestart) {  // CFG-314
  EXPECT_EQ(
      changes("{name: n2, namespace: /x, etcd3: {hosts: a}, postgresql: {data_dir: /new, bin_dir: /b}, log: {level: "
              "DEBUG}}")
          .needs_restart,
      (std::vector<std::string>{"etcd3.hosts", "name", "namespace", "postgresql.bin_dir", "postgresql.data_dir"}));
  EXPECT_EQ(changes("{restapi: {request_queue_size: 9}, citus: {group: 1, database: d}}").needs_restart,
            (std::vector<std::string>{"citus.database", "citus.group", "restapi.request_queue_size"}));
}

TEST(Reload, CarryOver) {  // CFG-314
  const LocalConfig running = local(minimal("{postgresql: {bin_dir: /old}, consul: {host: h, token: a, dc: d}}"));
  const LocalConfig loaded = local(minimal(
      "{scope: s2, name: n2, namespace: /x, thread_pool_size: 9, citus: {group: 1, database: d}, guardian: off, "
      "consul: {host: other, token: b}, log: {level: DEBUG}, restapi: {request_queue_size: 9, allowlist: [a]}, "
      "postgresql: {data_dir: /new, bin_dir: /new, listen: '*:1', database: x}}"));
  const LocalConfig merged = carry_over(running, loaded);
  EXPECT_EQ(merged.scope, "demo");
  EXPECT_EQ(merged.name, "node1");
  EXPECT_EQ(merged.name_space, "/service");
  EXPECT_EQ(merged.postgresql.data_dir, "/data/pg");
  EXPECT_EQ(merged.postgresql.port, 1);
  EXPECT_EQ(*merged.postgresql_tree.find("bin_dir"), Value("/old"));
  EXPECT_FALSE(merged.postgresql_tree.contains("database"));
  EXPECT_EQ(merged.store.section, yaml("{host: h, token: b}"));  // CFG-110
  EXPECT_EQ(merged.restapi.request_queue_size, 5);
  EXPECT_EQ(merged.restapi.allowlist.size(), 1u);
  EXPECT_EQ(merged.log.level, log::Level::kDebug);
  EXPECT_FALSE(merged.citus);
  EXPECT_TRUE(merged.guardian.enabled);
}

TEST(Reload, CarryOverKeepsTheStoreOfTheStart) {
  const LocalConfig running = local(minimal("{etcd3: {hosts: a, password: p, username: u}}"));
  EXPECT_EQ(carry_over(running, local(minimal("{etcd3: ~, zookeeper: {hosts: z}}"))).store, running.store);
  const StoreConfig store = carry_over(running, local(minimal("{etcd3: {hosts: b, password: q, username: u}}"))).store;
  EXPECT_EQ(store.etcd.endpoints, running.store.etcd.endpoints);
  EXPECT_EQ(store.etcd.password.reveal(), "q");
}

TEST(Reload, EffectiveChanges) {
  const auto difference = [](std::string_view a, std::string_view b) { return compare(effect(a), effect(b)); };
  EXPECT_FALSE(difference("{ttl: 30}", "{ttl: '30'}").any());
  EXPECT_TRUE(difference("{}", "{ttl: 31}").timing);
  EXPECT_TRUE(difference("{}", "{pause: true}").settings);
  EXPECT_FALSE(difference("{}", "{pause: true}").timing);
  EXPECT_TRUE(difference("{}", "{postgresql: {parameters: {a.b: 1}}}").postgresql);
  EXPECT_TRUE(difference("{}", "{slots: {a: ~}}").slots);
  EXPECT_TRUE(difference("{}", "{ignore_slots: [{}]}").slots);
  EXPECT_TRUE(difference("{standby_cluster: {host: a}}", "{standby_cluster: {host: b}}").standby_cluster);
  EXPECT_FALSE(difference("{x: 1}", "{x: 2}").any());
}

// --- generators

SampleFacts facts() { return {.host_name = "node7", .address = "10.0.0.7", .bin_dir = "/usr/bin"}; }

TEST(Generate, SampleIsAValidConfigurationOnceFilledIn) {  // CFG-404, CFG-406
  Warnings warnings;
  const EnvironmentValues environment = {
      {"PATRONI_SCOPE", "demo"}, {"PATRONI_ETCD3_HOST", "e1"}, {"PATRONI_REPLICATION_USERNAME", "repl"}};
  const std::string text = to_config_file(sample_tree(facts(), environment, warnings));
  EXPECT_FALSE(text.ends_with('\n'));
  const Value tree = yaml(text);
  const LocalConfig config = local(tree, &warnings);
  EXPECT_EQ(config.scope, "demo");
  EXPECT_EQ(config.name, "node7");
  EXPECT_EQ(config.postgresql.connect_address, (HostPort{"10.0.0.7", 5432}));
  EXPECT_EQ(*tree.at("postgresql", "pg_hba"),
            yaml("[host all all all scram-sha-256, host replication repl all scram-sha-256]"));
  const auto dynamic = effective(Value(config.bootstrap->dcs), config, Floors::kReference);
  ASSERT_TRUE(dynamic.ok());
  EXPECT_TRUE(dynamic->warnings.empty());
  EXPECT_TRUE(dynamic->settings.use_pg_rewind);
  EXPECT_EQ(*dynamic->postgresql.parameters.find("wal_keep_size"), Value("128MB"));
  EXPECT_TRUE(warnings.empty());
}

TEST(Generate, OrderAndForm) {  // CFG-402, CFG-403
  Warnings warnings;
  const std::string text = to_config_file(sample_tree(facts(), {}, warnings));
  std::size_t last = 0;
  for (const char* key :
       {"scope:", "name:", "\nlog:", "\nrestapi:", "\netcd3:", "\nbootstrap:", "\npostgresql:", "\ntags:"}) {
    const std::size_t at = text.find(key);
    ASSERT_NE(at, std::string::npos) << key;
    EXPECT_GE(at, last) << key;
    last = at;
  }
  EXPECT_NE(text.find("  dcs:\n    loop_wait: 10\n    retry_timeout: 10\n    ttl: 30\n"), std::string::npos);
  EXPECT_NE(text.find("scope: '#FIXME'"), std::string::npos);
  EXPECT_NE(text.find("\n\nrestapi:"), std::string::npos);
}

TEST(Generate, FromARunningServer) {  // CFG-408..411
  Warnings warnings;
  RunningFacts running{.gucs = yaml("{max_connections: '50', archive_command: cp, data_directory: /d, port: '6000', "
                                    "wal_log_hints: off, a.b: x}")
                                   .as_map(),
                       .data_dir = "/d",
                       .cluster_name = "main",
                       .listen_addresses = "10.0.0.7",
                       .port = "6000",
                       .bin_dir = "/b",
                       .superuser = yaml("{username: postgres, password: pw}").as_map(),
                       .pg_hba = {"local all all peer"}};
  const Value tree = running_tree(facts(), running, {}, warnings);
  EXPECT_EQ(*tree.find("scope"), Value("main"));
  EXPECT_EQ(*tree.at("postgresql", "listen"), Value("10.0.0.7:6000"));
  EXPECT_EQ(*tree.at("postgresql", "connect_address"), Value("10.0.0.7:6000"));
  EXPECT_EQ(*tree.at("postgresql", "parameters"), yaml("{archive_command: cp}"));
  EXPECT_EQ(*tree.at("bootstrap", "dcs", "postgresql", "parameters"),
            yaml("{max_connections: '50', wal_log_hints: off, a.b: x}"));
  EXPECT_EQ(*tree.at("bootstrap", "dcs", "postgresql", "use_pg_rewind"), Value(false));
  EXPECT_EQ(tree.at("postgresql", "pg_ident"), nullptr);
  EXPECT_EQ(*tree.at("postgresql", "authentication", "replication", "password"), Value("#FIXME"));
}

TEST(Generate, MachineFactsAreNeverEmpty) {
  const SampleFacts machine = machine_facts();
  EXPECT_FALSE(machine.host_name.empty());
  EXPECT_FALSE(machine.address.empty());
}

}  // namespace
}  // namespace matriarch::config
