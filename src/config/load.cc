#include "config/load.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/files.h"
#include "config/schema.h"
#include "config/text.h"

namespace matriarch::config {

namespace {

namespace fs = std::filesystem;

Result<Value> read_one(const fs::path& file, Warnings& warnings) {
  auto text = read_file(file, kMaxYamlSize);
  if (!text) return text.error();
  auto tree = parse_yaml(*text, file.string(), warnings);
  if (!tree) return tree.error();
  if (tree->is_map()) return tree;
  warnings.push_back(fmt::format("{} does not contain a dict", file.string()));
  return Error(Errc::kInvalid, fmt::format("invalid config file {}", file.string()));
}

// CFG-259.
Result<Value> read_folder(const fs::path& folder, Warnings& warnings) {
  std::vector<fs::path> files;
  std::error_code failure;
  for (auto at = fs::directory_iterator(folder, failure); !failure && at != fs::directory_iterator();
       at.increment(failure)) {
    const auto extension = at->path().extension();
    if ((extension == ".yml" || extension == ".yaml") && at->is_regular_file(failure)) files.push_back(at->path());
  }
  if (failure) return errno_error(failure.value(), "cannot read the folder " + folder.string());
  std::sort(files.begin(), files.end());
  Value merged{Value::Map()};
  for (const fs::path& file : files) {
    auto tree = read_one(file, warnings);
    if (!tree) return tree.error();
    apply_patch(merged, *tree);
  }
  return merged;
}

Result<Value> read_path(const fs::path& path, Warnings& warnings) {
  std::error_code failure;
  if (fs::is_directory(path, failure)) return read_folder(path, warnings);
  if (fs::is_regular_file(path, failure)) return read_one(path, warnings);
  return Error(Errc::kInvalid, fmt::format("invalid config path {}", path.string()));
}

// Sections are merged key by key; a value of a known key replaces what the file says, also when it is a mapping.
void lay_over(Value::Map& base, const Value::Map& overlay, const std::string& path) {
  for (const auto& [key, value] : overlay) {
    const std::string inner = path.empty() ? key : path + "." + key;
    Value* present = base.find(key);
    if (value.is_map() && present != nullptr && present->is_map() && find_key(KeyScope::kLocal, inner) == nullptr) {
      lay_over(present->as_map(), value.as_map(), inner);
    } else {
      base.set(key, value);
    }
  }
}

// The document of PATRONI_CONFIGURATION; null if there is none that can be used (CFG-204, CFG-258).
Result<Value> configuration_document(const EnvironmentValues& environment, Warnings& warnings) {
  const auto found = environment.find("PATRONI_CONFIGURATION");
  if (found == environment.end()) return Value();
  auto tree = parse_yaml(found->second, "PATRONI_CONFIGURATION", warnings);
  if (!tree) {
    warnings.push_back(tree.error().text());
    return Value();
  }
  if (tree->truthy() && !tree->is_map()) {
    return Error(Errc::kInvalid, "PATRONI_CONFIGURATION does not contain a mapping");
  }
  return tree;
}

void drop_top_level_nulls(Value& tree) {
  Value::Map kept;
  for (auto& [key, value] : tree.as_map()) {
    if (!value.is_null()) kept.append(key, std::move(value));
  }
  tree = std::move(kept);
}

Value::Map* section(Value& tree, std::string_view name) {
  Value* found = tree.as_map().find(name);
  return found != nullptr && found->is_map() ? &found->as_map() : nullptr;
}

// CFG-190, CFG-191: credentials as sections of their own.
void translate_credentials(Value::Map& postgresql) {
  const auto copy_of = [&postgresql](std::string_view key) {
    const Value* found = postgresql.find(key);
    return found == nullptr ? Value() : *found;
  };
  const Value authentication = copy_of("authentication");
  const Value rewind = copy_of("pg_rewind");
  Value::Map users;
  if (authentication.is_null()) {
    const bool obsolete = postgresql.contains("replication") || postgresql.contains("superuser") || !rewind.is_null();
    if (!obsolete) return;
    for (const std::string_view user : {"replication", "superuser"}) {
      if (Value found = copy_of(user); found.is_map()) users.set(user, std::move(found));
    }
    postgresql.set("use_pg_rewind", !rewind.is_null());
  } else if (authentication.is_map()) {
    users = authentication.as_map();
  } else {
    return;
  }
  const Value* superuser = users.find("superuser");
  if ((superuser == nullptr || !superuser->truthy()) && rewind.is_map()) users.set("superuser", rewind);
  postgresql.set("authentication", Value(std::move(users)));
}

void warn_of_unknown_keys(const Value& tree, Warnings& warnings) {
  for (const std::string& path : unknown_keys(KeyScope::kLocal, tree)) {
    const bool dynamic_only = find_key(KeyScope::kDynamic, path) != nullptr;
    warnings.push_back(
        dynamic_only ? fmt::format("{} has no effect in the local configuration; set it with edit-config, or below "
                                   "bootstrap.dcs for a new cluster",
                                   path)
                     : fmt::format("unknown key {} is ignored; check its spelling", path));
  }
}

}  // namespace

void normalize_tree(Value& tree) {
  if (!tree.is_map()) return;
  drop_top_level_nulls(tree);
  if (Value::Map* zookeeper = section(tree, "zookeeper")) {  // CFG-143
    if (const Value* exhibitor = zookeeper->find("exhibitor"); exhibitor != nullptr && exhibitor->truthy()) {
      Value moved = *exhibitor;
      tree.as_map().erase("zookeeper");
      tree.as_map().set("exhibitor", std::move(moved));
    }
  }
  Value::Map* postgresql = section(tree, "postgresql");
  if (postgresql == nullptr) return;
  translate_credentials(*postgresql);
  const Value* old_name = postgresql->find("name");
  if (!tree.as_map().contains("name") && old_name != nullptr) {  // CFG-192
    Value name = *old_name;
    tree.as_map().set("name", std::move(name));
  }
}

Result<LocalTree> load_tree(const fs::path& path, const EnvironmentValues& environment) {
  LocalTree loaded;
  std::error_code failure;
  if (!path.empty() && fs::exists(path, failure)) {
    auto tree = read_path(path, loaded.warnings);
    if (!tree) return tree.error();
    loaded.tree = std::move(*tree);
    loaded.from_file = true;
  } else {
    auto document = configuration_document(environment, loaded.warnings);
    if (!document) return document.error();
    if (document->truthy()) {
      loaded.tree = std::move(*document);
      normalize_tree(loaded.tree);
      return loaded;
    }
    loaded.tree = Value::Map();
  }
  const Value overlay = environment_overlay(environment, loaded.warnings);
  lay_over(loaded.tree.as_map(), overlay.as_map(), "");
  normalize_tree(loaded.tree);
  return loaded;
}

Result<LoadedConfig> load(const fs::path& path, const EnvironmentValues& environment) {
  auto tree = load_tree(path, environment);
  if (!tree) return tree.error();
  Warnings warnings = std::move(tree->warnings);
  auto config = make_local_config(tree->tree, warnings);
  if (!config) return config.error();
  warn_of_unknown_keys(tree->tree, warnings);
  return LoadedConfig{std::move(*config), std::move(tree->tree), std::move(warnings)};
}

}  // namespace matriarch::config
