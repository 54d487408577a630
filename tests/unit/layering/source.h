// A source file as the rules see it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace matriarch::layering {

struct SourceFile {
  std::string path;  // relative to the top of the tree, with '/'
  std::string text;  // as it is
  std::string code;  // the same with the content of comments, strings and characters blanked; lines stay where they are
};

struct Include {
  int line = 0;
  std::string path;
};

struct Function {
  std::string name;    // as far as it can be told
  int line = 0;        // of the opening brace
  int body_lines = 0;  // between the braces
};

SourceFile make_source(std::string path, std::string text);
bool is_header(const SourceFile& file);

// Without its '~'. The rules and their samples split the words they are about with it, so that a plain search of the
// tree for such a word finds only real uses.
std::string joined(std::string_view text);

std::vector<std::string_view> split_lines(std::string_view text);
std::vector<Include> includes_of(const SourceFile& file);

// Outermost function bodies (a lambda inside belongs to its function), found by counting braces.
std::vector<Function> functions_of(const SourceFile& file);

// All *.h and *.cc below src, sim, apps, tests and bench, in order of their path.
std::vector<SourceFile> read_tree(const std::filesystem::path& top);

}  // namespace matriarch::layering
