// The program of this process, by its path.
#pragma once

#include <filesystem>

namespace matriarch {

// Where it was started from, also when an upgrade has replaced the file since. Empty if /proc cannot be read.
std::filesystem::path own_executable();

}  // namespace matriarch
