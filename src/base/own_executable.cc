#include "base/own_executable.h"

#include <string>
#include <string_view>
#include <system_error>

namespace matriarch {

std::filesystem::path own_executable() {
  std::error_code error;
  auto path = std::filesystem::read_symlink("/proc/self/exe", error).string();
  constexpr std::string_view kDeleted = " (deleted)";  // the file is another one now
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  return path;
}

}  // namespace matriarch
