#include "postgres/shell_words.h"

namespace matriarch::postgres {

namespace {

bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// A backslash between double quotes protects only these.
bool special_in_double_quotes(char c) { return c == '"' || c == '\\'; }

}  // namespace

Result<std::vector<std::string>> shell_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool last = i + 1 == text.size();
    if (quote == '\'') {
      if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (c == '\\' && (quote == '\0' || (!last && special_in_double_quotes(text[i + 1])))) {
      if (last) return Error(Errc::kInvalid, "a command ends with a backslash: remove it or quote it");
      word += text[++i];
      in_word = true;
    } else if (quote == '"') {
      if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (blank(c)) {
      if (std::exchange(in_word, false)) words.push_back(std::exchange(word, {}));
    } else {
      word += c;
      in_word = true;
    }
  }
  if (quote != '\0') return Error(Errc::kInvalid, "a command has an unclosed quote: close it");
  if (in_word) words.push_back(std::move(word));
  return words;
}

}  // namespace matriarch::postgres
