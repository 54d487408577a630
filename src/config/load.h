// Where the configuration of a node comes from, and in which order (CFG-258..264, CFG-315..317).
#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "config/environment.h"
#include "config/local_config.h"
#include "config/yaml.h"
#include "model/value.h"

namespace matriarch::config {

// The local configuration as one tree: files below, environment on top.
struct LocalTree {
  Value tree;  // a map; holds secrets
  Warnings warnings;
  bool from_file = false;  // false: from the environment only, so a reload reads nothing anew (CFG-313)
};

// `path`: a file, a folder of *.yml and *.yaml files, or empty. A path that does not exist is no error by itself
// (CFG-258). Errors (kInvalid, kDenied, kIo, kTooLarge): syntax, not a mapping, neither file nor folder, unreadable.
Result<LocalTree> load_tree(const std::filesystem::path& path, const EnvironmentValues& environment);

// Removes top-level nulls and translates the obsolete layout (CFG-190..192, CFG-143, CFG-261).
void normalize_tree(Value& tree);

struct LoadedConfig {
  LocalConfig config;
  Value tree;         // what `config` was made of; holds secrets
  Warnings warnings;  // to be logged
};

// load_tree and make_local_config in one: what the daemon calls at start and on reload. Unknown keys are in the
// warnings; those that are known but not implemented are not, see unimplemented_warning(). On an error of a reload
// the caller logs it and keeps what it has (CFG-262).
Result<LoadedConfig> load(const std::filesystem::path& path, const EnvironmentValues& environment);

// The cache of the dynamic configuration in the data directory, `patroni.dynamic.json` (CFG-315, CFG-316).
inline constexpr const char* kCacheFile = "patroni.dynamic.json";
// kNotFound: no cache. kInvalid: unreadable content, to be logged and ignored.
Result<Value> read_cache(const std::filesystem::path& data_dir);
// Does nothing if the file holds the same document. `mode`: 0600, or 0640 if PGDATA is group-readable (CFG-329).
Status write_cache(const std::filesystem::path& data_dir, const Value& dynamic, mode_t mode);

}  // namespace matriarch::config
