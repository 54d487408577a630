#include "model/standby_names.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace matriarch {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_word(std::string_view text, std::string_view word) {
  return std::ranges::equal(text, word, [](char a, char b) { return lower(a) == b; });
}

bool begins_name(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || static_cast<unsigned char>(c) >= 0x80; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool continues_name(char c) { return begins_name(c) || is_digit(c) || c == '$'; }

struct Token {
  enum class Kind { kEnd, kName, kQuoted, kNumber, kSign, kBroken };
  Kind kind = Kind::kEnd;
  std::string text;

  [[nodiscard]] bool sign(std::string_view what) const { return kind == Kind::kSign && text == what; }
  [[nodiscard]] bool name() const { return kind == Kind::kName || kind == Kind::kQuoted || kind == Kind::kNumber; }
};

class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) { step(); }

  [[nodiscard]] const Token& now() const { return now_; }
  Token take() {
    Token taken = now_;
    step();
    return taken;
  }

 private:
  void step() {
    while (at_ < text_.size() && std::string_view(" \t\n\r\f").contains(text_[at_])) ++at_;
    if (at_ == text_.size()) {
      now_ = {};
    } else if (const char c = text_[at_]; c == '"') {
      quoted();
    } else if (std::string_view("(),*").contains(c)) {
      now_ = {Token::Kind::kSign, std::string(1, text_[at_++])};
    } else if (begins_name(c)) {
      now_ = {Token::Kind::kName, run(continues_name)};
    } else if (is_digit(c)) {
      now_ = {Token::Kind::kNumber, run(is_digit)};
    } else {
      now_ = {Token::Kind::kBroken, {}};
    }
  }

  std::string run(bool (*belongs)(char)) {
    const auto begin = at_;
    while (at_ < text_.size() && belongs(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  void quoted() {
    std::string name;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] != '"') {
        name += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        name += text_[++at_];
      } else {
        ++at_;
        now_ = {Token::Kind::kQuoted, std::move(name)};
        return;
      }
    }
    now_ = {Token::Kind::kBroken, {}};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Token now_;
};

// name, name, ...
bool read_list(Tokens& tokens, std::set<std::string>& names) {
  while (true) {
    if (tokens.now().sign("*")) {
      tokens.take();
      names.emplace(kSyncPlaceholder);
      names.emplace("*");
    } else if (tokens.now().name()) {
      names.insert(tokens.take().text);
    } else {
      return false;
    }
    if (!tokens.now().sign(",")) return true;
    tokens.take();
  }
}

bool read_counted(Tokens& tokens, StandbyNames& result) {
  const Token count = tokens.take();
  const auto* end = count.text.data() + count.text.size();
  if (std::from_chars(count.text.data(), end, result.count).ptr != end || result.count < 1) return false;
  if (!tokens.take().sign("(") || !read_list(tokens, result.names)) return false;
  return tokens.take().sign(")");
}

// `FIRST` and `ANY` are names as well, unless a number follows.
bool read_all(Tokens tokens, StandbyNames& result) {
  result.type = SyncMode::kPriority;
  Tokens ahead = tokens;
  const Token first = ahead.take();
  if (first.kind == Token::Kind::kName && ahead.now().kind == Token::Kind::kNumber) {
    if (is_word(first.text, "any")) result.type = SyncMode::kQuorum;
    if (!is_word(first.text, "any") && !is_word(first.text, "first")) return false;
    return read_counted(ahead, result) && ahead.now().kind == Token::Kind::kEnd;
  }
  if (first.kind == Token::Kind::kNumber && ahead.now().sign("(")) {
    return read_counted(tokens, result) && tokens.now().kind == Token::Kind::kEnd;
  }
  result.count = 1;
  return read_list(tokens, result.names) && tokens.now().kind == Token::Kind::kEnd;
}

bool is_plain(std::string_view name) {
  if (name.empty() || !begins_name(name[0]) || is_word(name, "first") || is_word(name, "any")) return false;
  return std::ranges::all_of(name, [](char c) { return continues_name(c) && static_cast<unsigned char>(c) < 0x80; });
}

std::string quoted_where_needed(const std::string& name) {
  if (is_plain(name)) return name;
  std::string result = "\"";
  for (const char c : name) {
    if (c == '"') result += c;
    result += c;
  }
  return result + '"';
}

}  // namespace

std::optional<StandbyNames> parse_standby_names(std::string_view text) {
  const Tokens tokens(text);
  StandbyNames result;
  if (tokens.now().kind == Token::Kind::kEnd) return result;
  if (!read_all(tokens, result)) return std::nullopt;
  if (result.names.erase("*") > 0) {
    result.names = {std::string(kSyncPlaceholder)};
  } else if (result.names.size() == 1 && result.names.contains(std::string(kSyncPlaceholder))) {
    result.names.clear();
  }
  return result;
}

std::string format_standby_names(std::vector<std::string> names, int count, SyncMode mode) {
  if (std::ranges::find(names, "*") != names.end() || (names.empty() && count >= 1)) names = {std::string(kSyncPlaceholder)};
  if (names.empty()) return {};
  std::ranges::sort(names);
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ",") + quoted_where_needed(name);
  const int number = count > 0 ? count : static_cast<int>(names.size());
  if (mode == SyncMode::kQuorum) return fmt::format("ANY {} ({})", number, list);
  return names.size() == 1 ? list : fmt::format("{} ({})", number, list);
}

}  // namespace matriarch
