#include "ctl/prompt.h"

#include <charconv>
#include <cctype>

namespace matriarch::ctl {
namespace {

Result<std::string> answer_to(Console& console, const std::string& prompt) {
  console.out(prompt);
  auto line = console.read_line();
  if (!line) return Error(Errc::kCancelled, "standard input ended at a question");
  return std::move(*line);
}

std::string lower_trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

}  // namespace

Result<std::string> ask(Console& console, std::string_view text, std::string_view fallback) {
  auto answer = answer_to(console, fmt::format("{} [{}]: ", text, fallback));
  if (answer && answer->empty()) return std::string(fallback);
  return answer;
}

Result<std::string> ask(Console& console, std::string_view text) {
  for (;;) {
    auto answer = answer_to(console, fmt::format("{}: ", text));
    if (!answer || !answer->empty()) return answer;
  }
}

Result<int> ask_int(Console& console, std::string_view text) {
  for (;;) {
    auto answer = ask(console, text);
    if (!answer) return answer.error();
    const std::string number = lower_trimmed(*answer);
    int value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error == std::errc() && end == number.data() + number.size()) return value;
    console.out(fmt::format("Error: '{}' is not a valid integer.\n", *answer));
  }
}

Result<bool> confirm(Console& console, std::string_view text) {
  for (;;) {
    auto answer = answer_to(console, fmt::format("{} [y/N]: ", text));
    if (!answer) return answer.error();
    const std::string word = lower_trimmed(*answer);
    if (word == "y" || word == "yes") return true;
    if (word.empty() || word == "n" || word == "no") return false;
    console.out("Error: invalid input\n");
  }
}

}  // namespace matriarch::ctl
