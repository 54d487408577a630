// The house rules of docs/architecture.md, as functions from source files to violations.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/layering/source.h"

namespace matriarch::layering {

struct Violation {
  std::string path;
  int line = 0;
  std::string rule;    // its short name, as in kExceptions
  std::string remedy;  // what is wrong and what to do

  [[nodiscard]] std::string text() const;
};

// The layer a file belongs to: the folder below src, or "sim", "apps", "guardian", "tests", "bench".
std::string layer_of(std::string_view path);

using Violations = std::vector<Violation>;

// Includes go down the table of folders, and name files from src/ or from the top.
Violations check_includes(const SourceFile& file);
// Heavy or leaky libraries stay in few places: Beast, Asio, Boost.JSON.
Violations check_libraries(const SourceFile& file);
// Words in code that bypass the scheduler, the clock, the random source or posix_spawn.
Violations check_words(const SourceFile& file);
// Marks of unfinished work, in comments too.
Violations check_marks(const SourceFile& file);
Violations check_sizes(const SourceFile& file);

// Rules about all files together.
Violations check_beast_users(const std::vector<SourceFile>& files);
Violations check_readmes(const std::vector<SourceFile>& files, const std::set<std::string>& readmes);

// Everything above, less the exceptions.
Violations check_all(const std::vector<SourceFile>& files, const std::set<std::string>& readmes);

// What may stand although a rule forbids it, and why. An exception that nothing needs any more is a violation itself.
struct Exception {
  std::string_view rule;
  std::string_view path;
  std::string_view reason;
};
Violations without_exceptions(Violations violations, const std::vector<Exception>& exceptions);

}  // namespace matriarch::layering
