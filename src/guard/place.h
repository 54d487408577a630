// Where the guardian of a data directory is to be found: a folder with its lock and its socket. Never inside the data
// directory, where a socket breaks pg_rewind.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace matriarch::guard {

// The path that names a data directory to its guardian: absolute, links resolved as far as it exists.
std::string canonical_data_dir(const std::filesystem::path& data_dir);

// In the order of preference: /run/matriarch/<hash>, <parent of data_dir>/.matriarch-<hash>.
std::vector<std::filesystem::path> guardian_folders(const std::string& canonical);

// Makes it if need be. kDenied: cannot be made, or somebody else could put things into it.
Status make_private_folder(const std::filesystem::path& folder);

// Connects to the guardian in `folder`. kNotFound, kUnavailable: none answers there; kDenied: another user's.
Result<UniqueFd> connect_to_guardian(const std::filesystem::path& folder);

}  // namespace matriarch::guard
