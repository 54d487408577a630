// The tree itself against the rules.
#include <fstream>

#include <gtest/gtest.h>

#include "tests/unit/layering/rules.h"

namespace matriarch::layering {
namespace {

const std::vector<Exception>& exceptions() {
  static const std::vector<Exception> list{
      {"clock", "apps/matriarch/notify.cc", "the service manager's protocol wants CLOCK_MONOTONIC with RELOADING=1"},
      {"clock", "src/guard/strike.cc", "the guardian has no scheduler: one timer on CLOCK_BOOTTIME"},
      {"fork", "src/guard/respawn.cc", "the guardian has no threads, and posix_spawn allocates"},
  };
  return list;
}

std::set<std::string> readmes_in(const std::filesystem::path& top) {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top / "src")) {
    if (entry.path().filename() == "README.md") found.insert(entry.path().lexically_relative(top).generic_string());
  }
  if (std::filesystem::exists(top / "sim/README.md")) found.insert("sim/README.md");
  return found;
}

TEST(Tree, KeepsTheHouseRules) {
  const std::filesystem::path top = MATRIARCH_SOURCE_DIR;
  const auto files = read_tree(top);
  ASSERT_GT(files.size(), 30U) << "the tree was not found at " << top;
  for (const auto& violation : without_exceptions(check_all(files, readmes_in(top)), exceptions())) {
    ADD_FAILURE() << violation.text();
  }
}

// The table in the documentation is the one that is checked.
TEST(Tree, ArchitectureNamesEachFolder) {
  const std::filesystem::path top = MATRIARCH_SOURCE_DIR;
  std::ifstream file(top / "docs/architecture.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::set<std::string> layers;
  for (const auto& source : read_tree(top)) {
    if (source.path.starts_with("src/")) layers.insert("src/" + layer_of(source.path));
  }
  for (const auto& layer : layers) EXPECT_NE(text.find("`" + layer), std::string::npos) << layer << " is not described";
}

}  // namespace
}  // namespace matriarch::layering
