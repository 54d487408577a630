#include "http/parser.h"

#include <gtest/gtest.h>

namespace matriarch::http {
namespace {

struct Parsed {
  ParseState state = ParseState::kNeedMore;
  std::string body;
  std::size_t consumed = 0;
};

// Feeds `text` in pieces of `step` bytes, as they might arrive.
Parsed parse(Parser& parser, std::string_view text, std::size_t step) {
  Parsed result;
  std::string input;
  for (std::size_t i = 0; i < text.size() && result.state != ParseState::kComplete;) {
    input += text.substr(i, step);
    i += step;
    do {
      const auto fed = parser.feed(input);
      input.erase(0, fed.consumed);
      result.consumed += fed.consumed;
      result.state = fed.state;
      if (fed.state == ParseState::kFailed) return result;
    } while (result.state == ParseState::kHead);
  }
  result.body = parser.body();
  return result;
}

constexpr ParseLimits kLimits{.head_bytes = 4096, .body_bytes = 1024};

TEST(ParserTest, ReadsARequestHoweverItIsCut) {
  constexpr std::string_view kText =
      "POST /restart?x=1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-Y:  z \r\n\r\n"
      "4;ext=1\r\nabcd\r\n1\r\ne\r\n0\r\nTrailer: t\r\n\r\n";
  for (std::size_t step = 1; step <= kText.size(); ++step) {
    Parser parser;
    parser.reset(Parser::Kind::kRequest, kLimits);
    const auto parsed = parse(parser, kText, step);
    ASSERT_EQ(parsed.state, ParseState::kComplete) << step;
    EXPECT_EQ(parsed.consumed, kText.size());
    EXPECT_EQ(parsed.body, "abcde");
    EXPECT_EQ(parser.head().method, "POST");
    EXPECT_EQ(parser.head().target, "/restart?x=1");
    EXPECT_EQ(parser.head().headers.find("x-y"), "z");
    EXPECT_FALSE(parser.head().headers.has("Trailer"));
    EXPECT_TRUE(parser.head().keep_alive);
    EXPECT_TRUE(parser.head().has_body);
  }
}

TEST(ParserTest, IsUsedAgainAfterReset) {
  Parser parser;
  for (int i = 0; i < 3; ++i) {
    parser.reset(Parser::Kind::kResponse, kLimits);
    const auto parsed = parse(parser, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP", 7);
    EXPECT_EQ(parsed.state, ParseState::kComplete);
    EXPECT_EQ(parser.body(), "hi");
    EXPECT_EQ(parser.head().headers.size(), 1U);
  }
}

TEST(ParserTest, EndOfInputEndsABodyWithoutLength) {
  Parser parser;
  parser.reset(Parser::Kind::kResponse, kLimits);
  EXPECT_EQ(parse(parser, "HTTP/1.0 200 OK\r\n\r\nbody", 5).state, ParseState::kNeedMore);
  EXPECT_EQ(parser.end_of_input(), ParseState::kComplete);
  EXPECT_EQ(parser.body(), "body");
  EXPECT_FALSE(parser.head().keep_alive);

  parser.reset(Parser::Kind::kResponse, kLimits);
  parse(parser, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody", 5);
  EXPECT_EQ(parser.end_of_input(), ParseState::kFailed);
  EXPECT_EQ(parser.failure(), ParseFailure::kTruncated);

  parser.reset(Parser::Kind::kResponse, kLimits);
  EXPECT_EQ(parser.end_of_input(), ParseState::kFailed);
}

TEST(ParserTest, ResponsesWithoutBody) {
  Parser parser;
  parser.reset(Parser::Kind::kResponseToHead, kLimits);
  EXPECT_EQ(parse(parser, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 100).state, ParseState::kComplete);
  parser.reset(Parser::Kind::kResponse, kLimits);
  EXPECT_EQ(parse(parser, "HTTP/1.1 204 No Content\r\n\r\n", 100).state, ParseState::kComplete);
}

TEST(ParserTest, NamesWhatIsWrong) {
  struct Case {
    std::string text;
    ParseFailure failure;
    Parser::Kind kind = Parser::Kind::kRequest;
  };
  const std::string head = "GET / HTTP/1.1\r\n";
  const Case cases[] = {
      {"GET / HTTP/3.0\r\n\r\n", ParseFailure::kVersion},
      {"GET /\r\n\r\n", ParseFailure::kSyntax},
      {"\x16\x03\x01 garbage\r\n\r\n", ParseFailure::kSyntax},
      {head + "A B: c\r\n\r\n", ParseFailure::kSyntax},
      {head + "Content-Length: x\r\n\r\n", ParseFailure::kSyntax},
      {head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", ParseFailure::kSyntax},
      {head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ParseFailure::kSyntax},
      {head + "Transfer-Encoding: gzip\r\n\r\n", ParseFailure::kEncoding},
      {head + "Content-Length: 1025\r\n\r\n", ParseFailure::kBodyTooLarge},
      {head + "Transfer-Encoding: chunked\r\n\r\n400\r\n" + std::string(1024, 'x') + "\r\n1\r\ny\r\n",
       ParseFailure::kBodyTooLarge},
      {head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", ParseFailure::kSyntax},
      {head + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(20000, 'x'), ParseFailure::kSyntax},
      {head + "X: " + std::string(5000, 'y') + "\r\n\r\n", ParseFailure::kHeadTooLarge},
      {"SSH-2.0-x\r\n\r\n", ParseFailure::kVersion, Parser::Kind::kResponse},
      {"HTTP/1.1 200 OK\r\n" + std::string(5000, 'y'), ParseFailure::kHeadTooLarge, Parser::Kind::kResponse},
      {"HTTP/1.1 200 OK\r\n\r\n" + std::string(1025, 'y'), ParseFailure::kBodyTooLarge, Parser::Kind::kResponse},
  };
  for (const auto& c : cases) {
    for (const std::size_t step : {std::size_t{1}, std::size_t{1000}, c.text.size()}) {
      Parser parser;
      parser.reset(c.kind, kLimits);
      EXPECT_EQ(parse(parser, c.text, step).state, ParseState::kFailed) << c.text.substr(0, 80);
      EXPECT_EQ(parser.failure(), c.failure) << c.text.substr(0, 80) << " -> " << to_string(parser.failure());
    }
  }
}

// API-063.
TEST(HeadScannerTest, FindsTheEndAndHoldsTheLimits) {
  constexpr HeadScanner::Limits kScan{.line_bytes = 20, .head_bytes = 60, .header_count = 3};
  const auto scan = [&](std::string_view text, HeadScanner& scanner) {
    auto state = HeadScanner::State::kIncomplete;
    for (std::size_t n = 1; n <= text.size() && state == HeadScanner::State::kIncomplete; ++n) {
      state = scanner.scan(text.substr(0, n), kScan);
    }
    return state;
  };
  HeadScanner scanner;
  EXPECT_EQ(scan("GET / HTTP/1.1\r\na: b\r\n\r\nrest", scanner), HeadScanner::State::kComplete);
  EXPECT_EQ(scanner.head_size(), 24U);
  EXPECT_FALSE(scanner.has_bare_line_feeds());

  scanner.reset();
  EXPECT_EQ(scan("GET / HTTP/1.0\na: b\r\n\nrest", scanner), HeadScanner::State::kComplete);
  EXPECT_EQ(scanner.head_size(), 22U);
  EXPECT_TRUE(scanner.has_bare_line_feeds());
  EXPECT_EQ(with_full_line_ends("GET / HTTP/1.0\na: b\r\n\n"), "GET / HTTP/1.0\r\na: b\r\n\r\n");

  scanner.reset();
  EXPECT_EQ(scan("GET /aaaaaaaaaaaaaaaaaaaaaaaaaa", scanner), HeadScanner::State::kRequestLineTooLong);
  scanner.reset();
  EXPECT_EQ(scan("GET /\r\na: bbbbbbbbbbbbbbbbbbbbbbbbb", scanner), HeadScanner::State::kHeadersTooLarge);
  scanner.reset();
  EXPECT_EQ(scan("G\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n", scanner), HeadScanner::State::kHeadersTooLarge);
  scanner.reset();
  EXPECT_EQ(scan("G\r\na:\r\nb:\r\nc:\r\n\r\n", scanner), HeadScanner::State::kComplete);
  scanner.reset();
  EXPECT_EQ(scan("G23456789012345\r\na23456789012345\r\nb2345678901234\r\nc23456789012\r\n", scanner),
            HeadScanner::State::kHeadersTooLarge);
}

}  // namespace
}  // namespace matriarch::http
