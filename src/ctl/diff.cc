#include "ctl/diff.h"

namespace matriarch::ctl {
namespace {

using Lines = std::vector<std::string_view>;

constexpr std::size_t kContext = 3;

Lines split_lines(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

// before[a, a+size) equals after[b, b+size).
struct Match {
  std::size_t a = 0;
  std::size_t b = 0;
  std::size_t size = 0;
};

struct Span {
  std::size_t a_begin, a_end, b_begin, b_end;
};

// The longest one, of equals the first.
Match longest_match(const Lines& before, const Lines& after, Span span) {
  Match best{.a = span.a_begin, .b = span.b_begin};
  std::vector<std::size_t> lengths(after.size() + 1, 0);  // of the match that ends at (a-1, b-1)
  for (std::size_t a = span.a_begin; a < span.a_end; ++a) {
    std::vector<std::size_t> next(after.size() + 1, 0);
    for (std::size_t b = span.b_begin; b < span.b_end; ++b) {
      if (before[a] != after[b]) continue;
      next[b + 1] = lengths[b] + 1;
      if (next[b + 1] > best.size) best = {.a = a + 1 - next[b + 1], .b = b + 1 - next[b + 1], .size = next[b + 1]};
    }
    lengths = std::move(next);
  }
  return best;
}

// All matches in order: the longest, then what is before and behind it likewise.
std::vector<Match> matches_of(const Lines& before, const Lines& after) {
  std::vector<Match> matches;
  std::vector<Span> todo{{0, before.size(), 0, after.size()}};
  while (!todo.empty()) {
    const Span span = todo.back();
    todo.pop_back();
    const Match match = longest_match(before, after, span);
    if (match.size == 0) continue;
    matches.push_back(match);
    todo.push_back({span.a_begin, match.a, span.b_begin, match.b});
    todo.push_back({match.a + match.size, span.a_end, match.b + match.size, span.b_end});
  }
  std::ranges::sort(matches, {}, &Match::a);
  return matches;
}

// One line of the whole comparison: ' ' in both, '-' only before, '+' only after.
struct Step {
  char mark;
  std::string_view text;
};

std::vector<Step> steps_of(const Lines& before, const Lines& after) {
  std::vector<Step> steps;
  std::size_t a = 0;
  std::size_t b = 0;
  auto matches = matches_of(before, after);
  matches.push_back({.a = before.size(), .b = after.size(), .size = 0});
  for (const Match& match : matches) {
    for (; a < match.a; ++a) steps.push_back({'-', before[a]});
    for (; b < match.b; ++b) steps.push_back({'+', after[b]});
    for (std::size_t i = 0; i < match.size; ++i) steps.push_back({' ', before[a + i]});
    a += match.size;
    b += match.size;
  }
  return steps;
}

std::string range_text(std::size_t lines_before, std::size_t count) {
  if (count == 1) return fmt::format("{}", lines_before + 1);
  return fmt::format("{},{}", count == 0 ? lines_before : lines_before + 1, count);
}

// Hunks are runs of changes whose context touches.
std::string hunks_of(const std::vector<Step>& steps) {
  std::string text;
  std::size_t a = 0;  // lines of each text before `at`
  std::size_t b = 0;
  std::size_t at = 0;
  while (at < steps.size()) {
    std::size_t change = at;
    while (change < steps.size() && steps[change].mark == ' ') ++change;
    if (change == steps.size()) break;
    const std::size_t begin = change - std::min(kContext, change - at);
    std::size_t end = change + 1;
    for (std::size_t i = end; i < steps.size() && i < end + 2 * kContext + 1; ++i) {
      if (steps[i].mark != ' ') end = i + 1;
    }
    const std::size_t last = std::min(end + kContext, steps.size());
    a += begin - at;
    b += begin - at;
    std::size_t a_count = 0;
    std::size_t b_count = 0;
    std::string body;
    for (std::size_t i = begin; i < last; ++i) {
      if (steps[i].mark != '+') ++a_count;
      if (steps[i].mark != '-') ++b_count;
      body += fmt::format("{}{}\n", steps[i].mark, steps[i].text);
    }
    text += fmt::format("@@ -{} +{} @@\n{}", range_text(a, a_count), range_text(b, b_count), body);
    a += a_count;
    b += b_count;
    at = last;
  }
  return text;
}

constexpr std::string_view kReset = "\x1b[0m";

std::string_view color_of(std::string_view line) {
  if (line.starts_with("--- ") || line.starts_with("+++ ")) return "\x1b[33m";
  if (line.starts_with("@@")) return "\x1b[1;34m";
  if (line.starts_with('-')) return "\x1b[31m";
  if (line.starts_with('+')) return "\x1b[32m";
  return {};
}

// `line` in its colour, the part that `other` does not share marked.
std::string marked(std::string_view line, std::string_view other) {
  const std::string_view color = color_of(line);
  std::size_t head = 1;  // behind the + or -
  while (head < line.size() && head < other.size() && line[head] == other[head]) ++head;
  std::size_t tail = 0;
  while (tail < line.size() - head && tail < other.size() - std::min(head, other.size()) &&
         line[line.size() - 1 - tail] == other[other.size() - 1 - tail]) {
    ++tail;
  }
  return fmt::format("{}{}\x1b[7m{}\x1b[27m{}{}", color, line.substr(0, head),
                     line.substr(head, line.size() - head - tail), line.substr(line.size() - tail), kReset);
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after) {
  const std::string hunks = hunks_of(steps_of(split_lines(before), split_lines(after)));
  return hunks.empty() ? hunks : "--- \n+++ \n" + hunks;
}

std::string colored(std::string_view diff) {
  const Lines lines = split_lines(diff);
  const auto is_pair = [&](std::size_t i) {  // a single line replaced by a single line
    const auto mark = [&](std::size_t k) { return k < lines.size() && !lines[k].empty() ? lines[k].front() : ' '; };
    return i >= 2 && mark(i) == '-' && mark(i + 1) == '+' && mark(i - 1) != '-' && mark(i + 2) != '+';
  };
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (is_pair(i)) {
      text += marked(lines[i], lines[i + 1]) + "\n" + marked(lines[i + 1], lines[i]) + "\n";
      ++i;
      continue;
    }
    const std::string_view color = color_of(lines[i]);
    text += color.empty() ? fmt::format("{}\n", lines[i]) : fmt::format("{}{}{}\n", color, lines[i], kReset);
  }
  return text;
}

}  // namespace matriarch::ctl
