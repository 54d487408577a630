// Sources and precedence: files, folders, environment, cache (CFG-190..207, CFG-258..262, CFG-315..317).
#include "config/load.h"

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "config/schema.h"
#include "fixture.h"

namespace matriarch::config {
namespace {

class Load : public ::testing::Test {
 protected:
  Load() {
    std::string name = (std::filesystem::temp_directory_path() / "config_load_XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Load() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  static Value tree(const std::filesystem::path& path, const EnvironmentValues& environment = {}) {
    auto loaded = load_tree(path, environment);
    EXPECT_TRUE(loaded.ok()) << (loaded ? "" : loaded.error().text());
    return loaded ? loaded->tree : Value();
  }
  static std::string refusal(const std::filesystem::path& path) {
    const auto loaded = load_tree(path, {});
    return loaded ? "accepted" : loaded.error().text();
  }

  std::filesystem::path folder_;
};

TEST_F(Load, FolderMergesInOrderOfNames) {  // CFG-259
  write("10.yml", "a: 1\nlist: [1, 2]\nmap: {x: 1, y: 2}\ngone: 1\n");
  write("20.yaml", "a: 2\nlist: [3]\nmap: {y: 3, z: ~}\ngone: ~\n");
  write("30.conf", "a: 3\n");
  std::filesystem::create_directory(folder_ / "40.yml");
  EXPECT_EQ(tree(folder_), yaml("{a: 2, list: [3], map: {x: 1, y: 3}}"));
}

TEST_F(Load, WrongFiles) {  // CFG-260, CFG-262
  EXPECT_EQ(refusal(write("a.yml", "- 1\n")), "invalid config file " + (folder_ / "a.yml").string());
  EXPECT_EQ(refusal(write("a.yml", "")), "invalid config file " + (folder_ / "a.yml").string());
  EXPECT_TRUE(refusal(write("a.yml", "a: [\n")).starts_with((folder_ / "a.yml").string() + ":2:"));
  EXPECT_NE(refusal(write("a.yml", std::string(kMaxYamlSize + 1, ' '))).find("larger than"), std::string::npos);
  mkfifo((folder_ / "pipe").c_str(), 0600);
  EXPECT_EQ(refusal(folder_ / "pipe"), "invalid config path " + (folder_ / "pipe").string());
  EXPECT_EQ(refusal(folder_ / "missing"), "accepted");  // CFG-258: not by itself an error
  EXPECT_EQ(refusal(folder_), refusal(folder_ / "a.yml"));
}

TEST_F(Load, TopLevelNullsAreDropped) {  // CFG-261
  EXPECT_EQ(tree(write("a.yml", "a: ~\nb: {c: ~}\n")), yaml("{b: {c: ~}}"));
}

TEST_F(Load, EnvironmentWinsOverTheFile) {  // CFG-258
  const auto file = write(
      "a.yml", "scope: file\nrestapi: {listen: 'a:1', http_extra_headers: {A: 1, B: 2}}\netcd3: {host: x, port: 1}\n");
  const EnvironmentValues environment = {{"PATRONI_SCOPE", "env"},
                                         {"PATRONI_RESTAPI_CONNECT_ADDRESS", "c:1"},
                                         {"PATRONI_RESTAPI_HTTP_EXTRA_HEADERS", "C: 3"},
                                         {"PATRONI_ETCD3_HOSTS", "a:2379,b:2379"}};
  EXPECT_EQ(tree(file, environment),
            yaml("{scope: env, restapi: {listen: 'a:1', http_extra_headers: {C: 3}, connect_address: 'c:1'}, "
                 "etcd3: {host: x, port: 1, hosts: ['a:2379', 'b:2379']}}"));
}

TEST_F(Load, WholeDocumentInTheEnvironment) {  // CFG-204, CFG-258
  const EnvironmentValues environment = {{"PATRONI_CONFIGURATION", "{scope: document}"}, {"PATRONI_NAME", "n"}};
  EXPECT_EQ(tree("", environment), yaml("{scope: document}"));
  EXPECT_EQ(tree(folder_ / "missing", environment), yaml("{scope: document}"));
  EXPECT_EQ(tree(write("a.yml", "scope: file\n"), environment), yaml("{scope: file, name: n}"));
  EXPECT_EQ(tree("", {{"PATRONI_CONFIGURATION", "{}"}, {"PATRONI_NAME", "n"}}), yaml("{name: n}"));
  EXPECT_FALSE(load_tree("", {{"PATRONI_CONFIGURATION", "[1]"}}).ok());
  const auto broken = load_tree("", {{"PATRONI_CONFIGURATION", "{scope: [}"}, {"PATRONI_NAME", "n"}});
  ASSERT_TRUE(broken.ok());
  EXPECT_EQ(broken->tree, yaml("{name: n}"));
  EXPECT_EQ(broken->warnings.size(), 1u);
}

TEST_F(Load, ObsoleteLayout) {  // CFG-143, CFG-190..192
  EXPECT_EQ(
      tree(write(
          "a.yml",
          "postgresql: {name: n, replication: {username: r}, superuser: {username: s}, pg_rewind: {username: w}}\n")),
      yaml("{postgresql: {name: n, replication: {username: r}, superuser: {username: s}, pg_rewind: {username: w}, "
           "use_pg_rewind: true, "
           "authentication: {replication: {username: r}, superuser: {username: s}}}, name: n}"));
  EXPECT_EQ(*tree(write("a.yml", "postgresql: {replication: {username: r}, pg_rewind: {username: w}}\n"))
                 .at("postgresql", "authentication", "superuser", "username"),
            Value("w"));
  EXPECT_EQ(*tree(write("a.yml", "postgresql: {superuser: {username: s}}\n")).at("postgresql", "use_pg_rewind"),
            Value(false));
  EXPECT_EQ(tree(write("a.yml", "zookeeper: {hosts: [a], exhibitor: {hosts: [e]}}\n")),
            yaml("{exhibitor: {hosts: [e]}}"));
  EXPECT_EQ(*tree(write("a.yml", "name: top\npostgresql: {name: n}\n")).find("name"), Value("top"));
}

TEST_F(Load, UnknownKeysAndDynamicKeysAreWarnedAbout) {
  const auto loaded =
      load(write("a.yml", to_yaml(minimal("{scoope: x, ttl: 5, tags: {any: 1}, postgresql: {use_slots: no}}"))), {});
  ASSERT_TRUE(loaded.ok());
  EXPECT_TRUE(mentions(loaded->warnings, "unknown key scoope is ignored"));
  EXPECT_TRUE(mentions(loaded->warnings, "ttl has no effect in the local configuration"));
  EXPECT_EQ(loaded->warnings.size(), 2u);
  EXPECT_FALSE(load(write("a.yml", "scope: x\n"), {}).ok());
}

TEST_F(Load, Cache) {  // CFG-315, CFG-316, CFG-329
  EXPECT_EQ(read_cache(folder_).error().code(), Errc::kNotFound);
  ASSERT_TRUE(write_cache(folder_, yaml("{ttl: 30, x: {y: ü}}"), 0640).ok());
  EXPECT_EQ(*read_cache(folder_), yaml("{ttl: 30, x: {y: ü}}"));
  struct stat info{};
  ASSERT_EQ(stat((folder_ / "patroni.dynamic.json").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, mode_t{0640});
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);  // no temporary file is left
  for (const char* bad : {"", "[]", "{", "5", "null"}) {
    write("patroni.dynamic.json", bad);
    EXPECT_FALSE(read_cache(folder_).ok()) << bad;
  }
}

// --- the environment

Value overlay(const EnvironmentValues& environment, Warnings* said = nullptr) {
  Warnings warnings;
  const Value value = environment_overlay(environment, warnings);
  if (said != nullptr) *said = warnings;
  return value;
}

TEST(Environment, IsTakenAway) {  // CFG-193, CFG-194
  setenv("PATRONI_SCOPE", "s", 1);
  setenv("PATRONI_SUPERUSER_PASSWORD", "pw", 1);
  setenv("PATRONI_CONFIGURATION", "{}", 1);
  setenv("PATRONI_UNRELATED", "x", 1);
  setenv("MATRIARCH_GUARDIAN", "off", 1);
  const auto taken = take_environment();
  EXPECT_EQ(taken, (EnvironmentValues{{"PATRONI_SCOPE", "s"},
                                      {"PATRONI_SUPERUSER_PASSWORD", "pw"},
                                      {"PATRONI_CONFIGURATION", "{}"},
                                      {"MATRIARCH_GUARDIAN", "off"}}));
  for (const auto& [name, value] : taken) EXPECT_EQ(getenv(name.c_str()), nullptr) << name;
  EXPECT_NE(getenv("PATRONI_UNRELATED"), nullptr);
  unsetenv("PATRONI_UNRELATED");
  EXPECT_EQ(overlay(taken),
            yaml("{scope: s, guardian: false, postgresql: {authentication: {superuser: {password: pw}}}}"));
}

TEST(Environment, Types) {  // CFG-195..201
  EXPECT_EQ(overlay({{"PATRONI_NAME", ""}}), Value(Value::Map()));
  EXPECT_EQ(overlay({{"PATRONI_LOG_MODE", "0644"}, {"PATRONI_LOG_FILE_NUM", "0x10"}}),
            yaml("{log: {mode: 420, file_num: 16}}"));
  EXPECT_EQ(overlay({{"PATRONI_CTL_INSECURE", "YES"}, {"PATRONI_ZOOKEEPER_USE_SSL", "false"}}),
            yaml("{ctl: {insecure: true}, zookeeper: {use_ssl: false}}"));
  EXPECT_EQ(overlay({{"PATRONI_RAFT_PARTNER_ADDRS", "'a:1','b:2'"}}), yaml("{raft: {partner_addrs: ['a:1', 'b:2']}}"));
  EXPECT_EQ(overlay({{"PATRONI_RESTAPI_ALLOWLIST", "- 10.0.0.1\n- h"}}), yaml("{restapi: {allowlist: [10.0.0.1, h]}}"));
  EXPECT_EQ(overlay({{"PATRONI_ETCD_HOSTS", "[::1]:2379,[::2]:2379"}}),
            yaml("{etcd: {hosts: ['[::1]:2379', '[::2]:2379']}}"));
  EXPECT_EQ(overlay({{"PATRONI_KUBERNETES_LABELS", "{app: x, a: b}"}}), yaml("{kubernetes: {labels: {app: x, a: b}}}"));
  EXPECT_EQ(overlay({{"PATRONI_KUBERNETES_LABELS", "app: x\na: b"}}), yaml("{kubernetes: {labels: {app: x, a: b}}}"));
  EXPECT_EQ(overlay({{"PATRONI_KUBERNETES_PORTS", "{name: pg, port: 5432}"}}),
            yaml("{kubernetes: {ports: [{name: pg, port: 5432}]}}"));
  EXPECT_EQ(overlay({{"PATRONI_KUBERNETES_RETRIABLE_HTTP_CODES", "409, 429"}}),
            yaml("{kubernetes: {retriable_http_codes: [409, 429]}}"));
  EXPECT_EQ(overlay({{"PATRONI_LOG_FORMAT", "%(message)s"}}), yaml("{log: {format: '%(message)s'}}"));
  EXPECT_EQ(overlay({{"PATRONI_LOG_FORMAT", "message, {levelname: l}"}}),
            yaml("{log: {format: [message, {levelname: l}]}}"));
  EXPECT_EQ(overlay({{"PATRONI_THREAD_STACK_SIZE", "512kB"}, {"PATRONI_THREAD_POOL_SIZE", "7"}}),
            yaml("{thread_pool_size: 7, thread_stack_size: 512kB}"));
  EXPECT_EQ(overlay({{"PATRONI_RAFT_MIN_TIMEOUT", "0.5"}}), yaml("{raft: {min_timeout: 0.5}}"));
  EXPECT_EQ(overlay({{"PATRONI_POSTGRESQL_BIN_PG_CTL", "x"}, {"PATRONI_POSTGRESQL_BIN_IS_READY", "y"}}),
            yaml("{postgresql: {bin_name: {pg_ctl: x, pg_isready: y}}}"));
  EXPECT_EQ(overlay({{"PATRONI_SUPERUSER_USERNAME", "123"}}),
            yaml("{postgresql: {authentication: {superuser: {username: '123'}}}}"));
  EXPECT_EQ(overlay({{"PATRONI_CITUS_GROUP", "0"}, {"PATRONI_CITUS_DATABASE", "d"}}),
            yaml("{citus: {group: 0, database: d}}"));
}

TEST(Environment, Aliases) {  // CFG-203
  EXPECT_EQ(overlay({{"PATRONI_LOGLEVEL", "DEBUG"}}), yaml("{log: {level: DEBUG}}"));
  EXPECT_EQ(overlay({{"PATRONI_LOGLEVEL", "DEBUG"}, {"PATRONI_LOG_LEVEL", "ERROR"}}), yaml("{log: {level: ERROR}}"));
}

TEST(Environment, WhatDoesNotParseIsLeftOutWithoutShowingIt) {  // CFG-199, CFG-453
  Warnings said;
  EXPECT_EQ(overlay({{"PATRONI_CITUS_GROUP", "HIDDEN"},
                     {"PATRONI_CTL_INSECURE", "HIDDEN"},
                     {"PATRONI_ZOOKEEPER_AUTH_DATA", "{HIDDEN"},
                     {"PATRONI_CONSUL_CHECKS", "{HIDDEN"}},
                    &said),
            Value(Value::Map()));
  EXPECT_EQ(said.size(), 4u);
  EXPECT_FALSE(mentions(said, "HIDDEN"));
}

TEST(Environment, EveryVariableOfTheTableReachesItsKey) {
  for (const KeySpec& spec : known_keys()) {
    if (spec.env.empty() || spec.env.find('<') != spec.env.npos) continue;
    const std::string name = "PATRONI_" + std::string(spec.env);
    SCOPED_TRACE(name);
    EXPECT_TRUE(is_configuration_variable(name));
    const std::string text = spec.type == KeyType::kBool ? "on" : spec.type == KeyType::kMap ? "a: b" : "1";
    const Value tree = overlay({{name, text}});
    const Value* at = &tree;
    std::string path(spec.path);
    for (std::size_t start = 0; at != nullptr && start <= path.size();) {
      const std::size_t dot = std::min(path.find('.', start), path.size());
      at = at->find(path.substr(start, dot - start));
      start = dot + 1;
    }
    ASSERT_NE(at, nullptr);
    EXPECT_FALSE(at->is_null());
  }
}

}  // namespace
}  // namespace matriarch::config
