// The table of keys against the contract's own list, and every key with every kind of value: nothing crashes, wrong
// values fall back with a warning that names the key, and secrets stay out of it.
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "config/guc.h"
#include "config/load.h"
#include "config/schema.h"
#include "config/text.h"
#include "config/validate.h"
#include "fixture.h"

namespace matriarch::config {
namespace {

struct Row {
  std::string id, scope, key, env, effect;
};

// tests/unit/config/data/config-keys.tsv is a copy of the contract.
std::vector<Row> contract() {
  std::ifstream file(std::string(MATRIARCH_SOURCE_DIR) + "/tests/unit/config/data/config-keys.tsv");
  std::vector<Row> rows;
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    const auto fields = split(line, '\t');
    rows.push_back({fields[0], fields[1], fields[2], fields[6].substr(0, fields[6].find(' ')), fields[7]});
  }
  return rows;
}

TEST(KeyTable, HasEveryKeyOfTheContract) {
  const auto rows = contract();
  ASSERT_GT(rows.size(), 280u);
  for (const Row& row : rows) {
    if (row.key.find("<any other") != row.key.npos || row.key.ends_with("authentication.<u>.<other>")) continue;
    if (row.key.starts_with("postgresql.parameters.")) continue;  // GUCs: controlled_gucs()
    std::string key = row.key;
    if (const auto at = key.find("<role>"); at != key.npos) key.replace(at, 6, "replica");
    const auto keys = known_keys();
    const auto found = std::find_if(keys.begin(), keys.end(), [&](const KeySpec& spec) {
      return spec.path == key && (spec.scope == KeyScope::kLocal) == (row.scope == "local");
    });
    ASSERT_NE(found, keys.end()) << row.id << ' ' << key;
    EXPECT_EQ(found->id, row.id) << key;
    EXPECT_EQ(row.env, found->env.empty() ? "" : "PATRONI_" + std::string(found->env)) << key;
    EXPECT_EQ(row.effect.starts_with("reload") || row.effect.starts_with("patronictl"),
              found->effect == Effect::kReload)
        << key;
    EXPECT_EQ(row.effect.starts_with("restart"), found->effect == Effect::kRestart) << key;
  }
}

TEST(KeyTable, Lookup) {
  EXPECT_EQ(find_key(KeyScope::kLocal, "postgresql.bin_name.pg_ctl")->id, "CFG-044");
  EXPECT_EQ(find_key(KeyScope::kLocal, "bootstrap.method")->id, "CFG-025");
  EXPECT_EQ(find_key(KeyScope::kLocal, "bootstrap.mine.command")->id, "CFG-027");
  EXPECT_EQ(find_key(KeyScope::kDynamic, "slots.a.type")->id, "CFG-230");
  EXPECT_EQ(find_key(KeyScope::kLocal, "postgresql"), nullptr);
  EXPECT_EQ(find_key(KeyScope::kDynamic, "scope"), nullptr);
}

TEST(KeyTable, UnknownKeys) {
  const auto unknown = [](std::string_view text) { return unknown_keys(KeyScope::kLocal, yaml(text)); };
  using Paths = std::vector<std::string>;
  EXPECT_EQ(unknown("{scope: a, x: 1, log: {levle: 1, loggers: {any.thing: x}}, tags: {mine: {a: 1}}}"),
            (Paths{"x", "log.levle"}));
  EXPECT_EQ(unknown("{postgresql: {paramaters: {a: 1}, parameters: {a: 1}, wal_g: {command: x, y: z}, authentication: "
                    "{superuser: {usrname: x}, nobody: {username: x}}}}"),
            (Paths{"postgresql.paramaters", "postgresql.authentication.superuser.usrname"}));
  EXPECT_EQ(unknown("{postgresql: {create_replica_methods: [m], m: {a: 1}, n: {a: 1}, o: 5}}"),
            (Paths{"postgresql.n", "postgresql.o"}));
  EXPECT_EQ(unknown("{bootstrap: {method: m, m: {x: 1}, dcs: {ttl: 1, tll: 2, postgresql: {parameters: {a: 1}, wrong: "
                    "1}}, bad: 1}}"),
            (Paths{"bootstrap.dcs.tll", "bootstrap.dcs.postgresql.wrong", "bootstrap.bad"}));
  EXPECT_EQ(
      unknown_keys(
          KeyScope::kDynamic,
          yaml("{slots: {a: {type: x, extra: 1}}, postgresql: {callbacks: {on_start: a}, pre_promote: x}, z: 1}")),
      (Paths{"slots.a.extra", "z"}));
  EXPECT_TRUE(unknown_keys(KeyScope::kLocal, Value(5)).empty());
}

TEST(KeyTable, Unimplemented) {
  EXPECT_FALSE(unimplemented_keys().empty());
  EXPECT_EQ(unimplemented_warning(KeyScope::kLocal, yaml("{scope: a, etcd3: {hosts: x}}")), std::nullopt);
  for (const std::string_view path : unimplemented_keys()) {
    Value tree{Value::Map()};
    put(tree, path, yaml("{a: 1}"));
    const auto warning = unimplemented_warning(KeyScope::kLocal, tree);
    ASSERT_TRUE(warning) << path;
    EXPECT_NE(warning->find(path), std::string::npos);
  }
}

TEST(Masking, Secrets) {
  EXPECT_TRUE(is_secret_path("postgresql.authentication.superuser.password"));
  EXPECT_TRUE(is_secret_path("zookeeper.auth_data.digest"));
  EXPECT_FALSE(is_secret_path("postgresql.pgpass"));
  EXPECT_EQ(masked(yaml("{a: {password: x, token: ''}, url: 'https://u:p@h/x', l: ['http://a@b', 'plain'], b: 1}")),
            yaml("{a: {password: '***', token: ''}, url: 'https://***@h/x', l: ['http://***@b', 'plain'], b: 1}"));
}

// Instances of a pattern with its placeholders filled in.
std::string instance(std::string_view pattern) {
  std::string path(pattern);
  const std::pair<const char*, const char*> names[] = {{"<u>", "superuser"}, {"<b>", "pg_ctl"},   {"<method>", "mine"},
                                                       {"<other>", "extra"}, {"<custom>", "own"}, {"<name>", "slot1"}};
  for (const auto& [placeholder, name] : names) {
    if (const auto at = path.find(placeholder); at != path.npos)
      path.replace(at, std::string(placeholder).size(), name);
  }
  return path;
}

std::vector<Value> every_kind_of_value() {
  return {Value(),
          Value(true),
          Value(false),
          Value(0),
          Value(-1),
          Value(7),
          Value(INT64_MAX),
          Value(INT64_MIN),
          Value(1.5),
          Value(-1e300),
          Value(std::numeric_limits<double>::quiet_NaN()),
          Value(std::numeric_limits<double>::infinity()),
          Value(""),
          Value("LEAKED text"),
          Value("5s"),
          Value("http://u:LEAKED@h:1"),
          Value("a:b:c"),
          Value(std::string(3'000, 'x')),
          Value("\xc3\xa9\n\"'\\"),
          Value(Value::List()),
          yaml("[LEAKED, 1, ~, {a: LEAKED}]"),
          Value(Value::Map()),
          yaml("{a: LEAKED, b: {c: ~}, LEAKED: 1}")};
}

class NoProbes final : public ValidationProbes {
 public:
  Result<bool> accepts_connections(const std::string&, int) override { return false; }
  Result<std::string> version_of(const std::string&) override { return std::string("postgres (PostgreSQL) 15.1"); }
};

// A mapping or list under a secret key must not show its content either.
void expect_no_leak(const std::vector<std::string>& lines, const KeySpec& spec) {
  if (!spec.secret) return;
  for (const std::string& line : lines) EXPECT_EQ(line.find("LEAKED"), std::string::npos) << line;
}

TEST(EveryKey, WithEveryKindOfValueLocal) {
  NoProbes probes;
  for (const KeySpec& spec : known_keys()) {
    if (spec.scope != KeyScope::kLocal) continue;
    const std::string path = instance(spec.path);
    SCOPED_TRACE(path);
    for (const Value& value : every_kind_of_value()) {
      Value tree = minimal(
          "{bootstrap: {method: mine, mine: {command: c}, dcs: {}}, postgresql: {bin_dir: /nowhere, "
          "create_replica_methods: [mine], mine: "
          "{command: c}}}");
      put(tree, path, value);
      Value normalized = tree;
      normalize_tree(normalized);
      Warnings warnings;
      const auto config = make_local_config(normalized, warnings);
      expect_no_leak(warnings, spec);
      if (config) {
        expect_no_leak(effective(Value(Value::Map()), *config, Floors::kReference)->warnings, spec);
        if (!value.is_map()) EXPECT_TRUE(unknown_keys(KeyScope::kLocal, tree).empty());
      } else {
        expect_no_leak({config.error().text()}, spec);
        EXPECT_FALSE(config.error().text().empty());
      }
      expect_no_leak(validate(tree, {.ignore_listen_port = true}, probes), spec);
      Value alone{Value::Map()};
      put(alone, path, value);
      EXPECT_TRUE(parse_yaml(to_yaml(alone), "written", warnings).ok());
    }
  }
}

TEST(EveryKey, WithEveryKindOfValueDynamic) {  // CFG-208..250, CFG-255: never a crash
  const LocalConfig node = local(minimal());
  const EffectiveConfig before = effect("{ttl: 40}");
  for (const KeySpec& spec : known_keys()) {
    if (spec.scope != KeyScope::kDynamic) continue;
    const std::string path = instance(spec.path);
    SCOPED_TRACE(path);
    for (const Value& value : every_kind_of_value()) {
      Value document{Value::Map()};
      put(document, path, value);
      for (const Floors floors : {Floors::kReference, Floors::kMatriarch}) {
        const EffectiveConfig config = effective_or_keep(document, node, floors, before);
        EXPECT_LE(config.settings.loop_wait + 2 * config.settings.retry_timeout,
                  config.settings.ttl + std::chrono::nanoseconds(10));
        EXPECT_GE(config.settings.synchronous_node_count, 0);
        EXPECT_GE(config.settings.primary_start_timeout.count(), 0);
        EXPECT_GE(config.settings.member_slots_ttl.count(), 0);
        (void)check_dynamic(document, floors);  // only that it ends
      }
      const bool wrong_kind =
          value.is_list() && (spec.type == KeyType::kInt || spec.type == KeyType::kBool || spec.type == KeyType::kText);
      if (wrong_kind && spec.path.find('.') == spec.path.npos && !spec.path.starts_with("master_")) {
        EXPECT_FALSE(check_dynamic(document, Floors::kReference).empty());
      }
    }
  }
}

TEST(EveryKey, EveryGucWithEveryKindOfValue) {
  for (const Value& value : every_kind_of_value()) {
    for (const GucRule& rule : known_gucs()) {
      const auto problem = guc_problem(rule.name, value, 0);
      if (problem) EXPECT_EQ(problem->find("LEAKED"), std::string::npos) << rule.name;
      EXPECT_TRUE(problem || value.is_null() || guc_text(value)) << rule.name;
    }
  }
}

}  // namespace
}  // namespace matriarch::config
