// Every key that a configuration may contain (config-keys.tsv), and what of it this build does not do yet.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/yaml.h"
#include "model/value.h"

namespace matriarch::config {

enum class KeyScope { kLocal, kDynamic };
enum class KeyType {
  kText,
  kInt,
  kUnits,
  kNumber,
  kBool,
  kEnum,
  kMap,
  kTextList,
  kTextOrList,
  kListOrMap,
  kIntOrList,
  kMapList,
  kBoolOrText,
  kAny,
};
enum class Effect { kReload, kPgRestart, kRestart, kNext, kBootstrap, kDynamic, kNever };

struct KeySpec {
  std::string_view id;  // CFG-nnn; empty: ours
  KeyScope scope;
  std::string_view path;  // "postgresql.bin_name.<b>": a part in <> stands for any name
  KeyType type;
  Effect effect;
  std::string_view env;  // without PATRONI_; empty: none
  bool secret;
};

std::span<const KeySpec> known_keys();

// The spec of a path ("restapi.listen"), or nullptr. Literal parts win over <placeholders>.
const KeySpec* find_key(KeyScope scope, std::string_view path);

// Is the value at this path a secret (CFG-454)?
bool is_secret_path(std::string_view path);

// Paths that are in the tree but not known, in order. Names below free maps (tags, parameters, labels, ...) are free.
std::vector<std::string> unknown_keys(KeyScope scope, const Value& tree);

// Keys that this build reads but does not act upon yet, as paths; a section stands for all below it. The list is in
// unimplemented.cc.
std::span<const std::string_view> unimplemented_keys();
// One warning that names those present in the tree; absent: none is.
std::optional<std::string> unimplemented_warning(KeyScope scope, const Value& tree);

// A copy that may be shown to people: secrets replaced by "***".
Value masked(const Value& tree);

}  // namespace matriarch::config
