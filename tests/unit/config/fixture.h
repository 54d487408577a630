// A configuration that a node would start with, and helpers to change it.
#pragma once

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "config/effective.h"
#include "config/local_config.h"
#include "config/yaml.h"

namespace matriarch::config {

inline Value yaml(std::string_view text) {
  Warnings warnings;
  auto value = parse_yaml(text, "test", warnings);
  EXPECT_TRUE(value.ok()) << text << (value ? "" : value.error().text());
  return value ? *value : Value();
}

inline constexpr std::string_view kMinimal = R"(
scope: demo
name: node1
restapi: {listen: '127.0.0.1:8008', connect_address: 'node1:8008'}
etcd3: {hosts: 'e1:2379,e2:2379'}
postgresql:
  listen: '*:5433'
  connect_address: node1:5433
  data_dir: /data/pg
  authentication:
    superuser: {username: postgres, password: s3cret-super}
    replication: {username: replicator, password: s3cret-repl}
)";

// kMinimal with a patch (null deletes) on top.
inline Value minimal(std::string_view patch = "{}") {
  Value tree = yaml(kMinimal);
  apply_patch(tree, yaml(patch));
  return tree;
}

inline void put(Value& tree, std::string_view path, Value value) {
  Value* at = &tree;
  while (true) {
    if (!at->is_map()) *at = Value::Map();
    const std::size_t dot = path.find('.');
    at = &at->as_map()[path.substr(0, dot)];
    if (dot == path.npos) break;
    path.remove_prefix(dot + 1);
  }
  *at = std::move(value);
}

inline LocalConfig local(const Value& tree, Warnings* said = nullptr) {
  Warnings warnings;
  auto config = make_local_config(tree, warnings);
  EXPECT_TRUE(config.ok()) << (config ? "" : config.error().text());
  if (said != nullptr) *said = warnings;
  return config ? std::move(*config) : LocalConfig();
}

inline EffectiveConfig effect(std::string_view dynamic, const Value& local_tree = minimal(),
                              Floors floors = Floors::kReference) {
  auto config = effective(yaml(dynamic), local(local_tree), floors);
  EXPECT_TRUE(config.ok()) << dynamic << (config ? "" : config.error().text());
  return config ? std::move(*config) : EffectiveConfig();
}

inline bool mentions(const Warnings& warnings, std::string_view text) {
  return std::any_of(warnings.begin(), warnings.end(), [text](const std::string& w) { return w.find(text) != w.npos; });
}

inline bool has_line(const std::vector<std::string>& lines, std::string_view line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace matriarch::config
