// The data directory as a folder: is there a cluster in it, which version, may its group read it; removing it and moving
// it away. Functions marked "blocking" may take long and belong on a worker thread.
#pragma once

#include <filesystem>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "model/server_view.h"

namespace matriarch::postgres {

struct DirectoryLook {
  DataDirectory state = DataDirectory::kInaccessible;
  std::string problem;  // when inaccessible: what, and how to mend it
};
DirectoryLook look_at_directory(const std::filesystem::path& data_dir);  // PG-236

// PG-001: 9.6 is 90600, 15 is 150000. 0 = missing or not a version (PG-002).
int read_major_version(const std::filesystem::path& data_dir);
int parse_major_version(std::string_view text);

bool recovery_configured(const std::filesystem::path& data_dir);  // PG-191
// There is a backup_label that says so. Up to version 14 an exclusive backup leaves one in the directory of a primary that
// crashed, too (PG-100): there only one that a streamed backup wrote counts.
bool is_restored_backup(const std::filesystem::path& data_dir);

struct FileModes {
  mode_t file = 0600;
  mode_t directory = 0700;
};
FileModes modes_in(const std::filesystem::path& data_dir);  // PG-234

// PG-237. A symlink is only unlinked. Blocking.
Status remove_directory_tree(const std::filesystem::path& data_dir);
// PG-238: renamed to <name>.failed, an older one deleted. Blocking.
Status move_directory_away(const std::filesystem::path& data_dir);
// Everything in it, but not the directory itself (which may be a mount point).
Status empty_directory(const std::filesystem::path& dir);

}  // namespace matriarch::postgres
