#include "tests/unit/layering/source.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

namespace matriarch::layering {

namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// The identifier or number that ends just before `position`.
std::string_view word_before(std::string_view text, std::size_t position) {
  std::size_t begin = position;
  while (begin > 0 && is_word(text[begin - 1])) --begin;
  return text.substr(begin, position - begin);
}

// Where the literal or comment that begins at `begin` ends (one past it); npos if none begins there.
std::size_t end_of_quoted(std::string_view text, std::size_t begin, char quote) {
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == quote || text[i] == '\n') {
      return i + 1;
    }
  }
  return text.size();
}

std::size_t end_of_raw_string(std::string_view text, std::size_t quote) {
  const auto open = text.find('(', quote);
  if (open == std::string_view::npos) return text.size();
  const std::string close = ")" + std::string(text.substr(quote + 1, open - quote - 1)) + "\"";
  const auto end = text.find(close, open);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

std::size_t end_of_blanked(std::string_view text, std::size_t at) {
  const auto rest = text.substr(at);
  const auto or_end = [&](std::size_t found, std::size_t length) {
    return found == std::string_view::npos ? text.size() : found + length;
  };
  if (rest.starts_with("//")) return or_end(text.find('\n', at), 0);
  if (rest.starts_with("/*")) return or_end(text.find("*/", at + 2), 2);
  const auto before = word_before(text, at);
  if (text[at] == '"') {
    return before == "R" || before == "u8R" || before == "LR" ? end_of_raw_string(text, at)
                                                              : end_of_quoted(text, at, '"');
  }
  const bool separates_digits = !before.empty() && std::isdigit(static_cast<unsigned char>(before[0])) != 0;
  if (text[at] == '\'' && !separates_digits) return end_of_quoted(text, at, '\'');
  return std::string_view::npos;
}

std::string blank(std::string_view text) {
  std::string code(text);
  for (std::size_t i = 0; i < text.size();) {
    const auto end = end_of_blanked(text, i);
    if (end == std::string_view::npos) {
      ++i;
      continue;
    }
    for (; i < end; ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
  }
  return code;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) text.remove_suffix(1);
  return text;
}

// Preprocessor lines, with their continuations, would upset the count of braces.
std::string without_preprocessor(std::string code) {
  bool inside = false;
  for (std::size_t begin = 0; begin < code.size();) {
    auto end = code.find('\n', begin);
    if (end == std::string::npos) end = code.size();
    const auto line = trim(std::string_view(code).substr(begin, end - begin));
    const bool continued = line.ends_with('\\');
    if (inside || line.starts_with('#')) {
      inside = continued;
      std::fill(code.begin() + static_cast<std::ptrdiff_t>(begin), code.begin() + static_cast<std::ptrdiff_t>(end),
                ' ');
    }
    begin = end + 1;
  }
  return code;
}

std::string_view first_word(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size() && is_word(text[end])) ++end;
  return text.substr(0, end);
}

std::string_view without_template_head(std::string_view head) {
  while (first_word(head) == "template") {
    int depth = 0;
    std::size_t i = head.find('<');
    for (; i < head.size(); ++i) {
      if (head[i] == '<') ++depth;
      if (head[i] == '>' && --depth == 0) break;
    }
    head = i >= head.size() ? std::string_view() : trim(head.substr(i + 1));
  }
  return head;
}

// The first '=' outside parentheses, or npos.
std::size_t find_assignment(std::string_view head) {
  int depth = 0;
  for (std::size_t i = 0; i < head.size(); ++i) {
    if (head[i] == '(') ++depth;
    if (head[i] == ')') --depth;
    if (head[i] == '=' && depth == 0) return i;
  }
  return std::string_view::npos;
}

// Does the text between the last ';', '{' or '}' and a '{' introduce a function body?
bool introduces_function(std::string_view head) {
  head = without_template_head(trim(head));
  if (std::count(head.begin(), head.end(), '(') != std::count(head.begin(), head.end(), ')')) return false;
  const auto close = head.rfind(')');
  if (close == std::string_view::npos) return false;
  const auto first = first_word(head);
  if (first == "namespace" || first == "enum") return false;
  if (first == "class" || first == "struct" || first == "union") {
    // `struct alignas(8) Name`, but not `struct stat read_stat(int fd) const`.
    const auto after = trim(head.substr(close + 1));
    if (!after.empty() && after != "const" && after != "noexcept" && after != "override") return false;
  }
  if (head.find("operator") != std::string_view::npos) return true;
  const auto assignment = find_assignment(head);
  return assignment == std::string_view::npos || head.find('[', assignment) != std::string_view::npos;  // a lambda
}

std::string name_in(std::string_view head) {
  const auto open = head.find('(');
  std::size_t end = open == std::string_view::npos ? head.size() : open;
  while (end > 0 && !is_word(head[end - 1])) --end;
  return std::string(word_before(head, end));
}

}  // namespace

SourceFile make_source(std::string path, std::string text) {
  std::string code = blank(text);
  return {.path = std::move(path), .text = std::move(text), .code = std::move(code)};
}

bool is_header(const SourceFile& file) { return file.path.ends_with(".h"); }

std::string joined(std::string_view text) {
  std::string result(text);
  std::erase(result, '~');
  return result;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

std::vector<Include> includes_of(const SourceFile& file) {
  std::vector<Include> result;
  const auto code = split_lines(file.code);
  const auto text = split_lines(file.text);
  for (std::size_t i = 0; i < code.size(); ++i) {
    auto line = trim(code[i]);
    if (!line.starts_with('#') || !trim(line.substr(1)).starts_with("include")) continue;
    const auto open = text[i].find_first_of("<\"");
    if (open == std::string_view::npos) continue;
    const auto close = text[i].find_first_of(">\"", open + 1);
    if (close == std::string_view::npos) continue;
    result.push_back(
        {.line = static_cast<int>(i) + 1, .path = std::string(text[i].substr(open + 1, close - open - 1))});
  }
  return result;
}

std::vector<Function> functions_of(const SourceFile& file) {
  const std::string code = without_preprocessor(file.code);
  std::vector<Function> result;
  int line = 1;
  int depth = 0;
  int function_depth = -1;  // the depth around the body that we are in; -1: in none
  std::size_t head_begin = 0;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const char c = code[i];
    if (c == '\n') ++line;
    if (c == '{') {
      const auto head = std::string_view(code).substr(head_begin, i - head_begin);
      if (function_depth < 0 && introduces_function(head)) {
        function_depth = depth;
        result.push_back({.name = name_in(without_template_head(trim(head))), .line = line});
      }
      ++depth;
    }
    if (c == '}' && --depth == function_depth) {
      function_depth = -1;
      result.back().body_lines = std::max(0, line - result.back().line - 1);
    }
    if (c == ';' || c == '{' || c == '}') head_begin = i + 1;
  }
  return result;
}

std::vector<SourceFile> read_tree(const std::filesystem::path& top) {
  std::vector<SourceFile> files;
  for (const char* folder : {"src", "sim", "apps", "tests", "bench"}) {
    if (!std::filesystem::exists(top / folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(top / folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      std::ostringstream text;
      text << std::ifstream(entry.path()).rdbuf();
      files.push_back(make_source(entry.path().lexically_relative(top).generic_string(), text.str()));
    }
  }
  std::ranges::sort(files, {}, &SourceFile::path);
  return files;
}

}  // namespace matriarch::layering
