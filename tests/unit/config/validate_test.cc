// --validate-config: lines as CFG-379..401 give them.
#include "config/validate.h"

#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "fixture.h"

namespace matriarch::config {
namespace {

class FakeProbes final : public ValidationProbes {
 public:
  Result<bool> accepts_connections(const std::string& host, int port) override {
    asked.push_back(host + " " + std::to_string(port));
    if (host == "unresolvable") return Error(Errc::kNotFound, "Name or service not known");
    return accepting.contains(host);
  }
  Result<std::string> version_of(const std::string&) override { return version; }

  std::set<std::string> accepting = {"e1", "e2"};
  std::string version = "postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)";
  std::vector<std::string> asked;
};

class Validate : public ::testing::Test {
 protected:
  Validate() {
    std::string name = (std::filesystem::temp_directory_path() / "config_validate_XXXXXX").string();
    folder_ = mkdtemp(name.data());
    std::filesystem::create_directory(folder_ / "bin");
    for (const char* program : {"pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready"})
      program_file(program);
  }
  ~Validate() override { std::filesystem::remove_all(folder_); }

  void program_file(const std::string& name) {
    const auto path = folder_ / "bin" / name;
    std::ofstream(path) << "#!/bin/sh\n";
    chmod(path.c_str(), 0755);
  }

  Value good(std::string_view patch = "{}") {
    Value tree = minimal("{restapi: {listen: '127.0.0.1:8008'}, postgresql: {listen: '127.0.0.1:5433'}}");
    put(tree, "postgresql.bin_dir", (folder_ / "bin").string());
    put(tree, "postgresql.data_dir", (folder_ / "data").string());
    apply_patch(tree, yaml(patch));
    return tree;
  }

  std::vector<std::string> lines(const Value& tree, bool ignore_port = false) {
    return validate(tree, {.ignore_listen_port = ignore_port}, probes_);
  }
  // The lines of a good configuration with one patch on top.
  std::vector<std::string> with(std::string_view patch) { return lines(good(patch)); }

  std::filesystem::path folder_;
  FakeProbes probes_;
};

using Lines = std::vector<std::string>;

TEST_F(Validate, GoodConfigurationSaysNothing) {  // CFG-379
  EXPECT_EQ(lines(good()), Lines{});
  EXPECT_EQ(with("{bootstrap: {dcs: {ttl: 30, slots: {a: ~}, postgresql: {parameters: {max_connections: 100, x: y}}}, "
                 "initdb: [a, {b: c}]}, "
                 "tags: {clonefrom: true, own: 1}, log: {level: INFO, format: [a, {b: c}]}, watchdog: {mode: off}, "
                 "postgresql: {basebackup: {max-rate: 1M}, create_replica_methods: [w], w: {command: c}}}"),
            Lines{});
}

TEST_F(Validate, EmptyMappingNamesWhatIsMissing) {  // CFG-385, CFG-386
  Lines expected = {"name",  "scope",     "restapi",    "postgresql", "consul",   "etcd",
                    "etcd3", "exhibitor", "kubernetes", "raft",       "zookeeper"};
  for (std::string& line : expected) line += "  is not defined.";
  EXPECT_EQ(lines(Value(Value::Map())), expected);
}

TEST_F(Validate, MissingKeysOfSections) {
  const Lines found = with(
      "{restapi: {listen: ~, connect_address: ~, authentication: {username: u}}, bootstrap: {dcs: ~}, "
      "postgresql: {listen: ~, data_dir: ~, authentication: {superuser: {username: ~}, replication: ~}}, citus: {}}");
  // Nulls that a patch brought into new sections stay, hence "None".
  for (const char* line :
       {"restapi.listen  is not defined.", "restapi.connect_address  is not defined.",
        "restapi.authentication.password  is not defined.", "postgresql.listen  is not defined.",
        "postgresql.data_dir  is not defined.", "postgresql.authentication.superuser.username  is not defined.",
        "postgresql.authentication.replication  is not defined.", "bootstrap.dcs None is not a dictionary",
        "citus.group  is not defined.", "citus.database  is not defined."}) {
    EXPECT_TRUE(has_line(found, line)) << line;
  }
  EXPECT_EQ(found.size(), 10u);
}

TEST_F(Validate, Types) {  // CFG-382, CFG-383, CFG-387, CFG-388
  struct Case {
    const char* patch;
    const char* line;
  };
  const Case cases[] = {
      {"{scope: 5}", "scope 5 is not a string"},
      {"{name: [a]}", "name ['a'] is not a string"},
      {"{thread_pool_size: 4}", "thread_pool_size 4 didn't pass validation: Wrong value"},
      {"{thread_pool_size: x}", "thread_pool_size x is not an integer"},
      {"{thread_pool_size: true}", "thread_pool_size True didn't pass validation: Wrong value"},
      {"{thread_stack_size: 65537}", "thread_stack_size 65537 didn't pass validation: Wrong value"},
      {"{log: {max_queue_size: x}}", "log.max_queue_size x is not an integer"},
      {"{log: 5}", "log 5 is not a dictionary"},
      {"{log: {level: info}}", "log.level info didn't pass validation: Wrong value"},
      {"{log: {mode: 512}}", "log.mode 512 didn't pass validation: Wrong value"},
      {"{log: {format: []}}", "log.format [] didn't pass validation: should contain at least one item"},
      {"{log: {format: [5]}}",
       "log.format [5] didn't pass validation: each item should be a string or a dictionary with string values"},
      {"{log: {format: 5}}", "log.format 5 didn't pass validation: Should be a string or a list"},
      {"{log: {loggers: a}}", "log.loggers a is not a dictionary"},
      {"{ctl: {insecure: 'yes'}}", "ctl.insecure yes is not a boolean"},
      {"{ctl: {insecure: 1}}", "ctl.insecure 1 is not a boolean"},
      {"{restapi: {allowlist: []}}", "restapi.allowlist [] is an empty list"},
      {"{restapi: {allowlist: a}}", "restapi.allowlist a is not a list"},
      {"{restapi: {allowlist: [a, 5]}}", "restapi.allowlist.1 5 is not a string"},
      {"{restapi: {verify_client: NONE}}", "restapi.verify_client NONE didn't pass validation: Wrong value"},
      {"{restapi: {request_queue_size: 4097}}", "restapi.request_queue_size 4097 didn't pass validation: Wrong value"},
      {"{restapi: {server_tokens: x}}", "restapi.server_tokens x didn't pass validation: Wrong value"},
      {"{bootstrap: {dcs: {ttl: 19}}}", "bootstrap.dcs.ttl 19 didn't pass validation: Wrong value"},
      {"{bootstrap: {dcs: {synchronous_mode: x}}}",
       "bootstrap.dcs.synchronous_mode x didn't pass validation: invalid value for synchronous_mode"},
      {"{bootstrap: {dcs: {synchronous_node_count: 0}}}",
       "bootstrap.dcs.synchronous_node_count 0 didn't pass validation: Wrong value"},
      {"{bootstrap: {dcs: {standby_cluster: {port: 65536, host: h}}}}",
       "bootstrap.dcs.standby_cluster.port 65536 didn't pass validation: Wrong value"},
      {"{bootstrap: {dcs: {postgresql: {parameters: {max_connections: 0}}}}}",
       "bootstrap.dcs.postgresql.parameters.max_connections 0 didn't pass validation: Wrong value"},
      {"{bootstrap: {dcs: {postgresql: {pg_hba: []}}}}", "bootstrap.dcs.postgresql.pg_hba [] is an empty list"},
      {"{postgresql: {pg_ctl_timeout: 1m}}", "postgresql.pg_ctl_timeout 1m is not an integer"},
      {"{postgresql: {parameters: {unix_socket_directories: [a]}}}",
       "postgresql.parameters.unix_socket_directories ['a'] is not a string"},
      {"{postgresql: {parameters: 5}}", "postgresql.parameters 5 is not a dictionary"},
      {"{watchdog: {mode: on}}", "watchdog.mode True didn't pass validation: Wrong value"},
      {"{watchdog: {safety_margin: -2}}", "watchdog.safety_margin -2 didn't pass validation: Wrong value"},
      {"{tags: {nofailover: 'false'}}", "tags.nofailover false is not a boolean"},
      {"{tags: {nofailover: true, failover_priority: 1}}",
       "tags  Multiple of ('nofailover', 'failover_priority') provided"},
      {"{tags: {nosync: true, sync_priority: 1}}", "tags  Multiple of ('nosync', 'sync_priority') provided"},
      {"{citus: {group: -1, database: d}}", "citus.group -1 didn't pass validation: Wrong value"},
      {"{kubernetes: {labels: {}, pod_ip: x}}",
       "kubernetes.pod_ip x didn't pass validation: Is not a valid ipv6 address"},
      {"{kubernetes: {labels: {}, ports: [{name: 5, port: 1}]}}", "kubernetes.ports.0.name 5 is not a string"},
      {"{kubernetes: {labels: {}, ports: [{port: 65536}]}}",
       "kubernetes.ports.0.port 65536 didn't pass validation: Wrong value"},
      {"{kubernetes: {labels: {}, retriable_http_codes: x}}", "kubernetes.retriable_http_codes x is not an integer"},
      {"{kubernetes: {}}", "kubernetes.labels  is not defined."},
      {"{consul: {host: e1, consistency: strong}}", "consul.consistency strong didn't pass validation: Wrong value"},
      {"{raft: {self_addr: 'r:1', partner_addrs: a}}", "raft.partner_addrs a is not an array"},
      {"{raft: {self_addr: 'r:1', partner_addrs: [e1], min_timeout: 0}}",
       "raft.min_timeout 0 didn't pass validation: Wrong value"},
      {"{zookeeper: {hosts: []}}", "zookeeper.hosts [] is an empty list"},
      {"{scoope: x}", "scoope  is not a known key"},
      {"{ttl: 30}", "ttl  has no effect here; it belongs below bootstrap.dcs"},
      {"{bootstrap: {dcs: {tll: 1}}}", "bootstrap.dcs.tll  is not a known key"},
  };
  for (const Case& c : cases) {
    const Lines found = with(c.patch);
    EXPECT_TRUE(has_line(found, c.line)) << c.patch << " gives " << ::testing::PrintToString(found);
  }
}

TEST_F(Validate, AcceptedAlternatives) {  // CFG-461..463
  for (const char* patch :
       {"{thread_pool_size: '7'}", "{thread_stack_size: 524288}", "{thread_stack_size: 524280}",
        "{log: {max_queue_size: true}}",
        "{bootstrap: {dcs: {ttl: 40s, member_slots_ttl: 30min, synchronous_mode: QUORUM}}}",
        "{log: {traceback_level: Debug}}", "{postgresql: {rewind: {a: b}}}",
        "{kubernetes: {labels: {}, pod_ip: '::1', retriable_http_codes: [1]}}", "{etcd3: {hosts: [e1, 'e2:2379']}}",
        "{etcd3: {hosts: ~, managed: true}}", "{guardian: off}"}) {
    EXPECT_EQ(with(patch), Lines{}) << patch;
  }
}

TEST_F(Validate, ConnectAddresses) {  // CFG-391
  for (const char* bad : {"127.0.0.1:1", "0.0.0.0", "'*:1'", "'[::1]:1'", "localhost:1"}) {
    const Lines found = with(std::string("{postgresql: {connect_address: ") + bad + "}}");
    ASSERT_EQ(found.size(), 1u) << bad;
    EXPECT_NE(
        found[0].find(R"(didn't pass validation: must not contain "127.0.0.1", "0.0.0.0", "*", "::1", "localhost")"),
        std::string::npos);
  }
  EXPECT_EQ(with("{restapi: {connect_address: 'a:b'}}"),
            Lines{"restapi.connect_address a:b didn't pass validation: contains a wrong value"});
  EXPECT_EQ(with("{restapi: {connect_address: a}}"), Lines{});
}

TEST_F(Validate, ListenAddresses) {  // CFG-392
  probes_.accepting.insert("127.0.0.1");
  EXPECT_EQ(lines(good()),
            (Lines{"restapi.listen 127.0.0.1:8008 didn't pass validation: Port 8008 is already in use.",
                   "postgresql.listen 127.0.0.1:5433 didn't pass validation: Port 5433 is already in use."}));
  EXPECT_EQ(lines(good(), true), Lines{});
  EXPECT_EQ(lines(good("{postgresql: {listen: '*,10.0.0.1:5432'}}"), true),
            Lines{"postgresql.listen *,10.0.0.1:5432 didn't pass validation: expecting '*' alone"});
  EXPECT_EQ(lines(good("{restapi: {listen: 'localhost'}}"), true),
            Lines{"restapi.listen localhost didn't pass validation: contains a wrong value"});
  probes_.accepting.clear();
  EXPECT_TRUE(has_line(lines(good("{postgresql: {listen: 'unresolvable:1'}}")),
                       "postgresql.listen unresolvable:1 didn't pass validation: Name or service not known"));
}

TEST_F(Validate, Endpoints) {  // CFG-393
  EXPECT_EQ(with("{etcd3: {hosts: 'e1:2379,gone:1,unresolvable:1'}}"),
            (Lines{"etcd3.hosts.1 gone:1 didn't pass validation: gone:1 is not reachable",
                   "etcd3.hosts.2 unresolvable:1 didn't pass validation: Name or service not known"}));
  probes_.asked.clear();
  with("{etcd3: {hosts: [e1]}}");
  EXPECT_TRUE(has_line(probes_.asked, "e1 1"));
  EXPECT_EQ(lines(good("{etcd3: {hosts: ~}}"), true).size(), 6u);  // one for each alternative
}

TEST_F(Validate, DataDirectory) {  // CFG-394
  const auto data = folder_ / "data";
  const std::string path = data.string();
  const auto says = [&](const std::string& reason) {
    EXPECT_EQ(lines(good()), Lines{"postgresql.data_dir " + path + " didn't pass validation: " + reason});
  };
  std::filesystem::create_directory(data);
  std::filesystem::create_directory(data / "lost+found");
  std::ofstream(data / ".hidden");
  EXPECT_EQ(lines(good()), Lines{});
  std::ofstream(data / "file");
  says("doesn't look like a valid data directory");
  std::ofstream(data / "PG_VERSION") << "15\n";
  says("data dir for the cluster is not empty, but doesn't contain \"pg_wal\" directory");
  std::filesystem::create_directory(data / "pg_wal");
  EXPECT_EQ(lines(good()), Lines{});
  probes_.version = "postgres (PostgreSQL) 16beta1";
  says("data_dir directory postgresql version (15) doesn't match with 'postgres --version' output (16)");
  std::filesystem::remove_all(data);
  std::ofstream(data) << "x";
  says("is not a directory");
  EXPECT_EQ(with("{postgresql: {data_dir: ''}}"),
            Lines{"postgresql.data_dir  didn't pass validation: is an empty string"});
}

TEST_F(Validate, Programs) {  // CFG-395, CFG-396
  std::filesystem::remove(folder_ / "bin" / "initdb");
  std::filesystem::remove(folder_ / "bin" / "pg_isready");
  const std::string bin = (folder_ / "bin").string();
  EXPECT_EQ(lines(good()), (Lines{"postgresql.bin_dir  does not contain 'initdb' in '" + bin + "'",
                                  "postgresql.bin_dir  does not contain 'pg_isready' in '" + bin + "'"}));
  program_file("my_initdb");
  EXPECT_EQ(
      with("{postgresql: {bin_name: {initdb: my_initdb, pg_isready: gone, postgres: ''}}}"),
      (Lines{"postgresql.bin_name.pg_isready gone didn't pass validation: does not contain 'gone' in '" + bin + "'",
             "postgresql.bin_name.postgres  didn't pass validation: is an empty string"}));
  EXPECT_EQ(with("{postgresql: {bin_dir: /nowhere}}"),
            Lines{"postgresql.bin_dir  Directory '/nowhere' does not exist."});
  Value file = good();
  put(file, "postgresql.bin_dir", (folder_ / "bin" / "postgres").string());
  EXPECT_TRUE(lines(file)[0].ends_with("' is not a directory."));
}

TEST_F(Validate, SecretsAreMasked) {  // CFG-454
  const Lines found = with(
      "{restapi: {keyfile_password: [TOPSECRET]}, etcd3: {password: 815}, zookeeper: {hosts: [e1], auth_data: "
      "TOPSECRET}, "
      "consul: {token: 816}, etcd: {url: ['http://u:TOPSECRET@h']}}");
  EXPECT_TRUE(has_line(found, "restapi.keyfile_password *** is not a string"));
  EXPECT_TRUE(has_line(found, "etcd3.password *** is not a string"));
  EXPECT_TRUE(has_line(found, "consul.token *** is not a string"));
  for (const std::string& line : found) {
    EXPECT_EQ(line.find("TOPSECRET"), std::string::npos) << line;
    EXPECT_EQ(line.find("81"), std::string::npos) << line;
  }
}

TEST_F(Validate, Print) {  // CFG-379, CFG-380
  EXPECT_EQ(print_config(yaml("{b: ü, a: 1, postgresql: {listen: x}}")),
            "a: 1\nb: ü\npostgresql:\n  bin_dir: ''\n  listen: x\n");
  EXPECT_EQ(print_config(yaml("{postgresql: {bin_dir: /b}}")), "postgresql:\n  bin_dir: /b\n");
}

TEST_F(Validate, SystemProbes) {
  EXPECT_EQ(system_probes().accepts_connections("127.0.0.1", 1).value_or(true), false);
  EXPECT_EQ(system_probes().accepts_connections("no-such-host.invalid", 1).error().code(), Errc::kNotFound);
  EXPECT_EQ(system_probes().version_of("/bin/echo").value_or("").substr(0, 5), "echo ");
  EXPECT_FALSE(system_probes().version_of("/nowhere/postgres").ok());
}

}  // namespace
}  // namespace matriarch::config
