// HTTP messages, addresses, URLs, queries, base64. The first byte chooses which; of a message the second says how it is cut.
#include "http/encoding.h"
#include "http/parser.h"
#include "http/url.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace matriarch;
using fuzz::require;

struct Outcome {
  http::ParseState state = http::ParseState::kNeedMore;
  std::string target;
  std::string body;
};

Outcome parse(http::Parser::Kind kind, std::string_view text, std::size_t step) {
  http::Parser parser;
  parser.reset(kind, {.head_bytes = 512, .body_bytes = 512});
  Outcome outcome;
  std::string input;
  bool ended = false;
  for (std::size_t at = 0; at < text.size() && !ended; at += step) {
    input += text.substr(at, step);
    do {
      const auto fed = parser.feed(input);
      require(fed.consumed <= input.size(), "no more is consumed than there is");
      input.erase(0, fed.consumed);
      outcome.state = fed.state;
    } while (outcome.state == http::ParseState::kHead);
    ended = outcome.state == http::ParseState::kComplete || outcome.state == http::ParseState::kFailed;
  }
  if (!ended) outcome.state = parser.end_of_input();
  if (outcome.state == http::ParseState::kComplete) {
    outcome.target = parser.head().target;
    outcome.body = parser.body();
    require(outcome.body.size() <= 512, "bodies are bounded");
  }
  return outcome;
}

void check_message(http::Parser::Kind kind, std::string_view text) {
  const std::size_t step = fuzz::take_choice(text, 16) + 1;
  const Outcome whole = parse(kind, text, text.size() + 1);
  const Outcome cut = parse(kind, text, step);
  if (whole.state != http::ParseState::kComplete) return;
  require(cut.state == whole.state && cut.target == whole.target && cut.body == whole.body,
          "a message is the same however it is cut");
}

void check_head(std::string_view text) {
  http::HeadScanner scanner;
  const http::HeadScanner::Limits limits{.line_bytes = 64, .head_bytes = 512, .header_count = 8};
  if (scanner.scan(text, limits) == http::HeadScanner::State::kComplete) {
    require(scanner.head_size() <= text.size(), "the head is a part of the text");
    (void)http::with_full_line_ends(text.substr(0, scanner.head_size()));
  }
}

void check_target(std::string_view text) {
  const std::string path = http::path_of_target(text);
  require(path.substr(0, 2) != "//", "a path has one leading slash");
  const auto query = http::query_of_target(text);
  require(http::parse_query(http::encode_query(query)) == query, "a query that was written is read back the same");
}

void check_address(std::string_view text) {
  if (const auto url = http::parse_url(text)) {
    const auto again = http::parse_url(url->origin() + url->target);
    require(again.ok() && again->address == url->address && again->target == url->target,
            "a URL is read back the same");
  }
  if (const auto address = http::parse_host_port(text, 80)) (void)http::to_string(*address);
  (void)http::is_numeric_address(text);
}

void check_encodings(std::string_view text) {
  require(http::base64_decode(http::base64_encode(text)) == text, "base64 there and back");
  if (const auto bytes = http::base64_decode(text)) (void)http::base64_encode(*bytes);
  require(http::percent_decode(http::percent_encode(text)) == text, "percent-encoding there and back");
  (void)http::percent_decode(text);
  (void)http::parse_basic_authorization(text);
  require(http::authorized(http::basic_authorization({.user = "u", .password = std::string(text)}),
                           {.user = "u", .password = std::string(text)}),
          "the right password is accepted");
  require(!http::authorized(text, {.user = "some user", .password = "some password that nobody guesses"}),
          "a wrong one is not");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text = fuzz::text_of(data, size);
  switch (fuzz::take_choice(text, 6)) {
    case 0: check_message(http::Parser::Kind::kRequest, text); break;
    case 1: check_message(http::Parser::Kind::kResponse, text); break;
    case 2: check_head(text); break;
    case 3: check_target(text); break;
    case 4: check_address(text); break;
    default: check_encodings(text); break;
  }
  return 0;
}
