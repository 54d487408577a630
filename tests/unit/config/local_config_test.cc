// The local configuration, typed (config.md section 1), and what stops a start (CFG-263, CFG-264).
#include "config/local_config.h"

#include <gtest/gtest.h>

#include "fixture.h"

namespace matriarch::config {
namespace {

std::string refusal(const Value& tree) {
  Warnings warnings;
  const auto config = make_local_config(tree, warnings);
  return config ? "accepted" : config.error().text();
}

TEST(LocalConfig, MinimalHasDefaults) {
  Warnings warnings;
  const LocalConfig config = local(minimal(), &warnings);
  EXPECT_TRUE(warnings.empty());
  EXPECT_EQ(config.scope, "demo");
  EXPECT_EQ(config.name_space, "/service");
  EXPECT_EQ(config.thread_pool_size, 5);
  EXPECT_EQ(config.log, LogConfig());
  EXPECT_EQ(config.restapi.listen, (HostPort{"127.0.0.1", 8008}));
  EXPECT_EQ(config.restapi.base_url(), "http://node1:8008");
  EXPECT_EQ(config.store.kind, StoreKind::kEtcd3);
  EXPECT_EQ(config.store.etcd.endpoints, (std::vector<HostPort>{{"e1", 2379}, {"e2", 2379}}));
  EXPECT_EQ(config.postgresql.listen_addresses, "*");
  EXPECT_EQ(config.postgresql.port, 5433);
  EXPECT_EQ(config.postgresql.config_dir, "/data/pg");
  EXPECT_EQ(config.postgresql.pgpass.filename(), "pgpass");
  EXPECT_EQ(config.postgresql.superuser.password.reveal(), "s3cret-super");
  EXPECT_EQ(config.postgresql.rewind_user(), config.postgresql.superuser);
  EXPECT_FALSE(config.bootstrap);
  EXPECT_FALSE(config.citus);
  EXPECT_EQ(config.watchdog, WatchdogConfig());
  EXPECT_EQ(config.guardian, GuardianConfig());
}

TEST(LocalConfig, WhatStopsAStart) {  // CFG-263, CFG-264
  EXPECT_EQ(refusal(Value(Value::Map())), "Config is empty.");
  EXPECT_EQ(refusal(Value()), "Config is empty.");
  EXPECT_EQ(refusal(minimal("{name: __patroni_strict_sync_replica_placeholder__}")),
            "Node 'name' can't be set to '__patroni_strict_sync_replica_placeholder__'");
  for (const char* key : {"scope", "name"}) {
    Value tree = minimal();
    tree.as_map().erase(key);
    EXPECT_TRUE(refusal(tree).starts_with(std::string(key) + " is not defined; ")) << key;
  }
  EXPECT_EQ(refusal(minimal("{restapi: {listen: ~}}")), "Can not find \"restapi.listen\" config");  // API-002
  EXPECT_EQ(refusal(minimal("{restapi: ~}")), "Can not find \"restapi.listen\" config");
  for (const char* bad : {"127.0.0.1", "host:", "host:0", "host:65536", "host:x", "[::1", "[::1]x:80"}) {  // API-003
    Value tree = minimal();
    put(tree, "restapi.listen", bad);
    EXPECT_EQ(
        refusal(tree),
        std::string("Invalid \"restapi\" config: expected <HOST>:<PORT> for \"listen\", but got \"") + bad + "\"");
  }
  EXPECT_TRUE(refusal(minimal("{postgresql: {listen: ~}}")).starts_with("postgresql.listen is not defined"));
  EXPECT_TRUE(refusal(minimal("{postgresql: {listen: 'a:b'}}")).starts_with("postgresql.listen: "));
  EXPECT_TRUE(refusal(minimal("{postgresql: {data_dir: ''}}")).starts_with("postgresql.data_dir is not defined"));
  EXPECT_EQ(refusal(minimal("{postgresql: {parameters: [a]}}")),
            "postgresql.parameters is not a dictionary");  // CFG-050
  EXPECT_NE(refusal(minimal("{etcd3: ~}")).find("Available implementations: consul, etcd, etcd3"),
            std::string::npos);  // CFG-108
  for (const char* section : {"restapi", "ctl"}) {
    for (const char* half : {"username", "password"}) {
      Value tree = minimal();
      put(tree, std::string(section) + ".authentication." + half, "secret-half");
      const std::string text = refusal(tree);
      EXPECT_NE(text.find("is set but"), std::string::npos) << section << half;
      EXPECT_EQ(text.find("secret-half"), std::string::npos);
    }
  }
}

TEST(LocalConfig, Namespace) {  // CFG-007, DCS-007
  for (const char* text : {"/service/", "service", "//service", "service//"}) {
    EXPECT_EQ(local(minimal(std::string("{namespace: ") + text + "}")).name_space, "/service") << text;
  }
  EXPECT_EQ(local(minimal("{namespace: /a//b/}")).name_space, "/a/b");
  EXPECT_EQ(local(minimal("{namespace: /}")).name_space, "");
}

TEST(LocalConfig, UnquotedNumbersAreTexts) {
  const LocalConfig config =
      local(minimal("{scope: 12, name: 1.5, postgresql: {authentication: {superuser: {password: 12345}}}}"));
  EXPECT_EQ(config.scope, "12");
  EXPECT_EQ(config.name, "1.5");
  EXPECT_EQ(config.postgresql.superuser.password.reveal(), "12345");
}

TEST(HostPorts, Forms) {  // API-001, DCS-224
  struct Case {
    const char* text;
    HostPort expected;
    const char* written;
  };
  const Case cases[] = {{"h:1", {"h", 1}, "h:1"},
                        {"h", {"h", 99}, "h:99"},
                        {":80", {"", 80}, ":80"},
                        {"*:80", {"*", 80}, "*:80"},
                        {"[::1]:80", {"::1", 80}, "[::1]:80"},
                        {"[::1]", {"::1", 99}, "[::1]:99"},
                        {"::1", {"::1", 99}, "[::1]:99"},
                        {"2001:db8::5", {"2001:db8::5", 99}, "[2001:db8::5]:99"},
                        {"::1:5432", {"::1", 5432}, "[::1]:5432"},
                        {":::80", {"::", 80}, "[::]:80"},
                        {" h:1 ", {"h", 1}, "h:1"},
                        {"fe80::1%eth0", {"fe80::1%eth0", 99}, "[fe80::1%eth0]:99"}};
  for (const Case& c : cases) {
    const auto parsed = parse_host_port(c.text, 99);
    ASSERT_TRUE(parsed.ok()) << c.text;
    EXPECT_EQ(*parsed, c.expected) << c.text;
    EXPECT_EQ(to_string(*parsed), c.written) << c.text;
  }
  EXPECT_EQ(to_string(HostPort{"h", 0}), "h");
  for (const char* bad : {"", " ", "h:", "h:x", "h:-1", "h:123456", "[::1", "[::1]80"})
    EXPECT_FALSE(parse_host_port(bad, 1).ok()) << bad;
}

TEST(LocalConfig, PostgresListen) {  // CFG-036
  const auto listen = [](const char* text) {
    Value tree = minimal();
    put(tree, "postgresql.listen", text);
    const LocalConfig config = local(tree);
    return config.postgresql.listen_addresses + " " + std::to_string(config.postgresql.port);
  };
  EXPECT_EQ(listen("127.0.0.1, 10.0.0.1:6000"), "127.0.0.1,10.0.0.1 6000");
  EXPECT_EQ(listen("localhost"), "localhost 5432");
  EXPECT_EQ(listen("[::1],[fe80::2]:6000"), "::1,fe80::2 6000");
  EXPECT_EQ(listen("*"), "* 5432");
}

TEST(LocalConfig, RestApi) {  // CFG-084..100
  const RestApiConfig rest =
      local(
          minimal("{restapi: {listen: '*:8009', connect_address: ~, certfile: /c, keyfile_password: pw, verify_client: "
                  "REQUIRED, "
                  "allowlist: [10.0.0.0/8, 5], http_extra_headers: {A: b, 'bad name': x, C: \"d\\r\\ne\"}, "
                  "https_extra_headers: {S: 1}, request_queue_size: 4096, thread_pool_size: 3, server_tokens: Minimal, "
                  "authentication: {username: u, password: p}}}"))
          .restapi;
  EXPECT_EQ(rest.listen.host, "");
  EXPECT_EQ(rest.connect_address, rest.listen);
  EXPECT_TRUE(rest.tls());
  EXPECT_EQ(rest.verify_client, VerifyClient::kRequired);
  EXPECT_EQ(rest.allowlist, std::vector<std::string>{"10.0.0.0/8"});
  EXPECT_EQ(rest.http_extra_headers, (TextPairs{{"A", "b"}}));
  EXPECT_EQ(rest.https_extra_headers, (TextPairs{{"S", "1"}}));
  EXPECT_EQ(rest.request_queue_size, 4096);
  EXPECT_EQ(rest.thread_pool_size, 5);
  EXPECT_EQ(rest.server_tokens, ServerTokens::kMinimal);
  Warnings warnings;
  const RestApiConfig odd =
      local(minimal("{restapi: {verify_client: sometimes, allowlist: x, request_queue_size: 4097, server_tokens: loud, "
                    "thread_pool_size: many, allowlist_include_members: perhaps}}"),
            &warnings)
          .restapi;
  EXPECT_EQ(odd.verify_client, VerifyClient::kNone);
  EXPECT_TRUE(odd.allowlist.empty());
  EXPECT_EQ(odd.request_queue_size, 5);
  EXPECT_EQ(warnings.size(), 6u);
}

TEST(LocalConfig, CtlFallsBackToRestApi) {  // CFG-101..104, CTL-036
  const char* rest = "restapi: {cafile: /ca, authentication: {username: ru, password: rp}}";
  const CtlConfig fallback = local(minimal(std::string("{") + rest + "}")).ctl;
  EXPECT_EQ(fallback.authentication.username, "ru");
  EXPECT_EQ(fallback.cacert, "/ca");
  const CtlConfig own =
      local(minimal(std::string("{ctl: {insecure: on, cacert: /own, authentication: {username: cu, password: cp}}, ") +
                    rest + "}"))
          .ctl;
  EXPECT_EQ(own.authentication.username, "cu");
  EXPECT_EQ(own.authentication.password.reveal(), "cp");
  EXPECT_EQ(own.cacert, "/own");
  EXPECT_TRUE(own.insecure);
}

TEST(LocalConfig, Log) {  // CFG-010..022, CFG-436..438
  const LogConfig log = local(minimal("{log: {type: json, level: warn, traceback_level: debug, format: [asctime, "
                                      "{levelname: level}, 5, {a: 1}], "
                                      "dir: /var/log, mode: 0640, file_num: 2, file_size: 0, loggers: {a.b: ERROR, c: "
                                      "x}, static_fields: {app: x}, "
                                      "max_queue_size: '50', deduplicate_heartbeat_logs: yes}}"))
                            .log;
  EXPECT_EQ(log.type, LogType::kJson);
  EXPECT_EQ(log.level, log::Level::kWarning);
  EXPECT_EQ(log.traceback_level, log::Level::kDebug);
  EXPECT_EQ(log.json_fields, (TextPairs{{"asctime", "asctime"}, {"levelname", "level"}}));
  EXPECT_EQ(log.mode, mode_t{0640});
  EXPECT_EQ(log.loggers, (std::map<std::string, log::Level>{{"a.b", log::Level::kError}}));
  EXPECT_EQ(log.max_queue_size, 50);
  EXPECT_TRUE(log.deduplicate_heartbeat_logs);
  const LogConfig text_json = local(minimal("{log: {type: json, format: '%(levelname)-8s %(message)s'}}")).log;
  EXPECT_EQ(text_json.json_fields, (TextPairs{{"levelname", "levelname"}, {"message", "message"}}));
  Warnings warnings;
  const LogConfig odd =
      local(minimal("{log: {type: xml, level: LOUD, format: [a], mode: 01000, file_num: -1, dir: []}}"), &warnings).log;
  EXPECT_EQ(odd, LogConfig());
  EXPECT_EQ(warnings.size(), 6u);
}

TEST(LocalConfig, EtcdEndpoints) {  // CFG-125..135, DCS-225..227
  const auto etcd = [](std::string_view section) {
    return local(minimal("{etcd3: ~, etcd: " + std::string(section) + "}")).store.etcd;
  };
  EXPECT_EQ(etcd("{host: h}").endpoints, (std::vector<HostPort>{{"h", 2379}}));
  EXPECT_TRUE(etcd("{host: h}").expand_host);
  EXPECT_FALSE(etcd("{host: h, protocol: https}").expand_host);
  EXPECT_EQ(etcd("{host: 'h:1', port: 2}").endpoints, (std::vector<HostPort>{{"h", 2}}));
  EXPECT_EQ(etcd("{hosts: [a, 'b:1', '[::1]:2'], port: 7}").endpoints,
            (std::vector<HostPort>{{"a", 7}, {"b", 1}, {"::1", 2}}));
  EXPECT_EQ(etcd("{hosts: 'a:1, b', host: z}").endpoints, (std::vector<HostPort>{{"a", 1}, {"b", 2379}}));
  const EtcdConfig url = etcd("{url: 'https://us%40er:p%3Aw@h:1/x', hosts: z, username: other, password: other}");
  EXPECT_EQ(url.endpoints, (std::vector<HostPort>{{"h", 1}}));
  EXPECT_EQ(url.protocol, "https");
  EXPECT_EQ(url.username, "us@er");
  EXPECT_EQ(url.password.reveal(), "p:w");
  EXPECT_FALSE(url.use_proxies);
  EXPECT_TRUE(etcd("{proxy: 'http://p', url: 'http://u'}").use_proxies);
  EXPECT_EQ(etcd("{srv_domain: d}").srv, "d");
  EXPECT_EQ(etcd("{srv: s, discovery_srv: d, srv_suffix: x}").srv, "s");
  EXPECT_EQ(etcd("{host: h, username: u, password: p}").password.reveal(), "p");
}

TEST(LocalConfig, ManagedEtcd) {
  const auto managed = [](const std::string& more) {
    return local(minimal("{restapi: {connect_address: 'me:8008'}, etcd3: {hosts: ~, managed: true" + more + "}}")).store.etcd;
  };
  const EtcdConfig plain = managed("");
  EXPECT_TRUE(plain.managed);
  EXPECT_TRUE(plain.partners.empty());
  EXPECT_EQ(plain.own.client_address, (HostPort{"me", 2379}));
  EXPECT_EQ(plain.own.peer_address, (HostPort{"me", 2380}));
  EXPECT_TRUE(plain.data_dir.is_absolute());
  EXPECT_TRUE(plain.data_dir.string().ends_with(".etcd"));
  const EtcdConfig full = managed(
      ", partners: ['a', 'b:99', 'a:8008'], client_address: 'c:1', peer_address: 'c:2', data_dir: /x, bin: /y, quota: 2, "
      "bootstrap_patience: 5, snapshot_interval: 0, snapshots_kept: 3, defragment_interval: 60, stop_with_agent: on");
  EXPECT_EQ(full.partners, (std::vector<HostPort>{{"a", 8008}, {"b", 99}}));
  EXPECT_EQ(full.own.client_address, (HostPort{"c", 1}));
  EXPECT_EQ(full.own.quota, 2);
  EXPECT_EQ(full.own.bootstrap_patience, 5);
  EXPECT_EQ(full.own.snapshots_kept, 3);
  EXPECT_TRUE(full.own.stop_with_agent);
}

TEST(LocalConfig, ManagedEtcdRefusesContradictions) {  // key, value and remedy in each message
  for (const auto& [section, key, remedy] : std::initializer_list<std::array<std::string, 3>>{
           {"{hosts: 'e:1', managed: true}", "etcd3.hosts: 'e:1'", "remove one of them"},
           {"{hosts: ~, url: 'http://e:1', managed: true}", "etcd3.url", "remove one of them"},
           {"{hosts: ~, username: u, managed: true}", "etcd3.username", "protocol: https"},
           {"{hosts: ~, protocol: https, managed: true}", "etcd3.protocol", "cacert, cert and key"},
           {"{hosts: ~, partners: ['a:b'], managed: true}", "etcd3.partners: a:b", "REST API"},
           {"{hosts: ~, data_dir: rel, managed: true}", "etcd3.data_dir: rel", "absolute"},
           {"{hosts: ~, client_address: ':1', managed: true}", "etcd3.client_address: :1", "reach this node"},
           {"{hosts: ~, client_address: 'a:1', peer_address: 'a:1', managed: true}", "etcd3.peer_address: a:1", "of its own"}}) {
    const std::string text = refusal(minimal("{restapi: {connect_address: 'me:8008'}, etcd3: " + section + "}"));
    EXPECT_NE(text.find(key), std::string::npos) << text;
    EXPECT_NE(text.find(remedy), std::string::npos) << text;
  }
  EXPECT_NE(refusal(minimal("{etcd3: {hosts: ~, managed: true, data_dir: /data/node/sub}, postgresql: {data_dir: /data/node}}"))
                .find("inside PostgreSQL's data directory"),
            std::string::npos);
  EXPECT_NE(refusal(minimal("{etcd3: ~, etcd: {host: a, managed: true}}")).find("call the section etcd3"), std::string::npos);
}

TEST(LocalConfig, Witness) {
  Warnings warnings;
  const auto good = make_witness_config(
      yaml("{scope: s, name: w, restapi: {listen: 'h:8008'}, etcd3: {managed: true, partners: 'a,b', data_dir: /w}}"), warnings);
  ASSERT_TRUE(good) << good.error().text();
  EXPECT_EQ(good->etcd.data_dir, "/w");
  EXPECT_EQ(good->etcd.own.peer_address, (HostPort{"h", 2380}));
  const auto no_folder = make_witness_config(yaml("{scope: s, name: w, restapi: {listen: 'h:1'}, etcd3: {managed: true}}"), warnings);
  ASSERT_FALSE(no_folder);
  EXPECT_NE(no_folder.error().text().find("etcd3.data_dir"), std::string::npos);
  const auto elsewhere = make_witness_config(yaml("{scope: s, name: w, restapi: {listen: 'h:1'}, etcd3: {hosts: a}}"), warnings);
  ASSERT_FALSE(elsewhere);
  EXPECT_NE(elsewhere.error().text().find("etcd3.managed"), std::string::npos);
}

TEST(LocalConfig, StoreOrder) {  // CFG-108
  for (const auto& [sections, kind] : std::initializer_list<std::pair<const char*, StoreKind>>{
           {"{zookeeper: {hosts: a}, raft: {self_addr: 'a:1'}}", StoreKind::kEtcd3},
           {"{consul: {host: a}}", StoreKind::kConsul},
           {"{etcd: {host: a}}", StoreKind::kEtcd},
           {"{etcd3: ~, zookeeper: {hosts: a}}", StoreKind::kZooKeeper},
           {"{etcd3: ~, kubernetes: {labels: {}}}", StoreKind::kKubernetes},
           {"{etcd3: ~, exhibitor: {hosts: [a]}}", StoreKind::kExhibitor}}) {
    EXPECT_EQ(local(minimal(sections)).store.kind, kind) << sections;
  }
  const StoreConfig raft = local(minimal("{etcd3: ~, raft: {self_addr: 'a:2222', partner_addrs: ['b:2222']}}")).store;
  EXPECT_TRUE(raft.etcd.managed);
  EXPECT_EQ(raft.etcd.partners, (std::vector<HostPort>{{"b", 2222}}));
}

TEST(LocalConfig, Users) {  // CFG-074..083
  const auto pg = local(minimal("{postgresql: {authentication: {rewind: {username: r, password: p, sslmode: require, "
                                "options: '-c evil'}}}}"))
                      .postgresql;
  ASSERT_TRUE(pg.rewind);
  EXPECT_EQ(pg.rewind_user().username, "r");
  EXPECT_EQ(pg.rewind_user().sslmode, "require");
}

TEST(LocalConfig, Bootstrap) {  // CFG-023..035
  const auto boot = local(minimal("{bootstrap: {dcs: {ttl: 40}, method: restore, restore: {command: /r, no_params: "
                                  "yes, scope: x, threads: 4, name: ~, "
                                  "keep_existing_recovery_conf: on, recovery_conf: {restore_command: c}}, initdb: "
                                  "[data-checksums], post_init: /p, pg_hba: [a, 5]}}"))
                        .bootstrap;
  ASSERT_TRUE(boot && boot->custom);
  EXPECT_EQ(boot->custom->command, "/r");
  EXPECT_TRUE(boot->custom->no_params && boot->custom->keep_existing_recovery_conf && boot->custom->has_recovery_conf);
  EXPECT_EQ(boot->custom->extra, (TextPairs{{"threads", "4"}, {"name", "None"}}));
  EXPECT_EQ(boot->post_bootstrap, "/p");
  EXPECT_EQ(boot->pg_hba, std::vector<std::string>{"a"});
  Warnings warnings;
  const auto plain =
      local(minimal("{bootstrap: {method: gone, post_bootstrap: a, post_init: b, users: {x: {}}}}"), &warnings)
          .bootstrap;
  EXPECT_FALSE(plain->custom);  // CFG-025
  EXPECT_EQ(plain->post_bootstrap, "a");
  EXPECT_TRUE(mentions(warnings, "bootstrap.users"));  // CFG-035
  EXPECT_TRUE(mentions(warnings, "bootstrap.method: 'gone'"));
  const auto citus = local(minimal("{citus: {group: 1, database: c}, bootstrap: {}}"));
  EXPECT_EQ(*citus.bootstrap->dcs.find("synchronous_mode"), Value("quorum"));  // CFG-257
  EXPECT_EQ(*local(minimal("{citus: {group: 1, database: c}, bootstrap: {dcs: {synchronous_mode: off}}}"))
                 .bootstrap->dcs.find("synchronous_mode"),
            Value(false));
}

TEST(LocalConfig, Citus) {  // CFG-169
  EXPECT_EQ(local(minimal("{citus: {group: 0, database: c}}")).citus, (CitusConfig{0, "c"}));
  for (const char* bad : {"{group: 0}", "{database: c}", "{group: x, database: c}", "{group: 1, database: 5}",
                          "{group: -1, database: c}", "5"}) {
    EXPECT_FALSE(local(minimal(std::string("{citus: ") + bad + "}")).citus) << bad;
  }
}

TEST(LocalConfig, Watchdog) {  // CFG-171..174
  const auto mode = [](std::string_view text) {
    return local(minimal("{watchdog: {mode: " + std::string(text) + "}}")).watchdog.mode;
  };
  for (const char* off : {"off", "'off'", "false", "disable", "DISABLED", "strange"})
    EXPECT_EQ(mode(off), WatchdogMode::kOff) << off;
  for (const char* on : {"automatic", "Auto", "~"}) EXPECT_EQ(mode(on), WatchdogMode::kAutomatic) << on;
  for (const char* required : {"required", "REQUIRE"}) EXPECT_EQ(mode(required), WatchdogMode::kRequired) << required;
  const WatchdogConfig w = local(minimal("{watchdog: {device: /dev/x, safety_margin: -1, driver: testing}}")).watchdog;
  EXPECT_EQ(w.safety_margin, -1);
  EXPECT_EQ(w.driver, WatchdogDriver::kTesting);
  EXPECT_EQ(local(minimal("{watchdog: {safety_margin: -2}}")).watchdog.safety_margin, 5);
}

TEST(LocalConfig, Guardian) {
  EXPECT_FALSE(local(minimal("{guardian: off}")).guardian.enabled);
  EXPECT_TRUE(local(minimal("{guardian: on}")).guardian.enabled);
  EXPECT_EQ(local(minimal("{guardian: {respawn: true}}")).guardian, (GuardianConfig{true, true}));
  EXPECT_FALSE(local(minimal("{guardian: {enabled: no}}")).guardian.enabled);
}

TEST(LocalConfig, TagConflicts) {  // CFG-188
  const auto said = [](std::string_view tags) {
    Warnings warnings;
    local(minimal("{tags: " + std::string(tags) + "}"), &warnings);
    return warnings;
  };
  EXPECT_EQ(said("{nofailover: true, failover_priority: 1}"),
            Warnings{"Conflicting configuration between nofailover: True and failover_priority: 1. Defaulting to "
                     "nofailover: True"});
  EXPECT_EQ(
      said("{nosync: false, sync_priority: 0}"),
      Warnings{"Conflicting configuration between nosync: False and sync_priority: 0. Defaulting to nosync: False"});
  EXPECT_TRUE(said("{nofailover: true, failover_priority: 0}").empty());
  EXPECT_TRUE(said("{nofailover: false, failover_priority: 5}").empty());
  EXPECT_TRUE(said("{nofailover: ~, failover_priority: 0}").empty());
}

TEST(ToolOptions, Forms) {  // CFG-026, CFG-062, CFG-070, PG-017..019
  const auto options = [](Tool tool, std::string_view text, int version = 150000) {
    return tool_options(tool, yaml(text), version);
  };
  EXPECT_EQ(options(Tool::kInitdb, "[data-checksums, {encoding: UTF8}, {locale: \"'en US'\"}]").arguments,
            (std::vector<std::string>{"--data-checksums", "--encoding=UTF8", "--locale=en US"}));
  EXPECT_EQ(options(Tool::kRewind, "{debug: yes, sync-method: \"'a' 'b'\", empty: '', none: ~}").arguments,
            (std::vector<std::string>{"--debug=True", "--sync-method='a' 'b'"}));
  EXPECT_EQ(options(Tool::kInitdb, "[pgdata, {pwfile: x}, nosync, sync-only, version]").errors.size(), 5u);
  EXPECT_EQ(options(Tool::kBasebackup, "{pgdata: a, format: t, wal-method: x, dbname: d, password: p, max-rate: 1M}")
                .arguments,
            std::vector<std::string>{"--max-rate=1M"});
  EXPECT_EQ(options(Tool::kBasebackup, "[{compress: server-gzip}]").arguments,
            std::vector<std::string>{"--compress=server-gzip"});
  EXPECT_EQ(options(Tool::kBasebackup, "[{compress: server-gzip}]", 140000).errors.size(), 1u);
  EXPECT_EQ(options(Tool::kBasebackup, "[{compress: gzip}, compress=9, gzip]").errors.size(), 3u);
  EXPECT_EQ(options(Tool::kRewind, "{target-pgdata: x, source-server: y, dry-run: 1}").errors.size(), 3u);
  EXPECT_EQ(options(Tool::kInitdb, "[{a: 1, b: 2}, [], ~, '']").errors.size(), 4u);
  EXPECT_EQ(options(Tool::kInitdb, "5").errors.size(), 1u);
  EXPECT_TRUE(options(Tool::kInitdb, "~").errors.empty());
}

TEST(ClientConfig, NeedsAlmostNothing) {  // CTL-033, CTL-034
  Warnings warnings;
  const auto none = make_client_config(Value(Value::Map()), warnings);
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->store);
  EXPECT_EQ(none->name_space, "/service");
  const auto some = make_client_config(yaml("{scope: s, etcd3: {host: h}, citus: {group: 2}, ttl: 40}"), warnings);
  EXPECT_EQ(some->citus_group, 2);
  EXPECT_EQ(some->ttl, 40);
  EXPECT_FALSE(make_client_config(yaml("{ctl: {authentication: {username: u}}}"), warnings).ok());
}

TEST(Secrets, NeverAppearInWarnings) {  // CFG-453
  Warnings warnings;
  Value tree = minimal(
      "{restapi: {keyfile_password: [TOPSECRET]}, ctl: {keyfile_password: {a: TOPSECRET}}, etcd3: {url: "
      "'ftp://u:TOPSECRET@h', password: [TOPSECRET]}, "
      "postgresql: {authentication: {superuser: {password: [TOPSECRET]}, rewind: {sslpassword: {x: TOPSECRET}}}}}");
  local(tree, &warnings);
  EXPECT_GE(warnings.size(), 5u);
  EXPECT_FALSE(mentions(warnings, "TOPSECRET"));
}

}  // namespace
}  // namespace matriarch::config
