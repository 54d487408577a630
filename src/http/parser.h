// HTTP/1.x messages out of bytes. Internal to src/http; the only user of Boost.Beast is parser.cc.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace matriarch::http {

enum class ParseState {
  kNeedMore,  // what was not consumed is to be offered again, with more
  kHead,      // head() has just been completed; the rest may be fed at once
  kComplete,  // so is body()
  kFailed,    // see failure()
};

enum class ParseFailure { kNone, kSyntax, kVersion, kEncoding, kHeadTooLarge, kBodyTooLarge, kTruncated };

std::string_view to_string(ParseFailure failure);

struct MessageHead {
  std::string method;  // requests
  std::string target;
  int status = 0;  // responses
  std::string reason;
  int version = 11;  // 10 or 11
  Headers headers;
  bool keep_alive = false;
  bool has_body = false;  // one is announced
};

struct ParseLimits {
  std::size_t head_bytes;
  std::size_t body_bytes;
};

class Parser {
 public:
  enum class Kind { kRequest, kResponse, kResponseToHead };

  Parser();
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // Begins a message.
  void reset(Kind kind, ParseLimits limits);

  struct Fed {
    ParseState state;
    std::size_t consumed;
  };
  // Precondition: reset() was called and neither kComplete nor kFailed was returned since.
  Fed feed(std::string_view bytes);
  // The other side ended the connection: kComplete (a body without a length) or kFailed.
  ParseState end_of_input();

  [[nodiscard]] MessageHead& head();
  // What came of the body and has not been taken (moved from) yet.
  [[nodiscard]] std::string& body();
  [[nodiscard]] ParseFailure failure() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Finds where the head of a request ends, and holds the limits that HTTP has an own status for, before anything is
// parsed. Lines may end in a bare line feed: hand-written probes send that.
class HeadScanner {
 public:
  struct Limits {
    std::size_t line_bytes;
    std::size_t head_bytes;
    std::size_t header_count;
  };
  enum class State { kIncomplete, kComplete, kRequestLineTooLong, kHeadersTooLarge };

  void reset() { *this = {}; }
  // `bytes` begins with the same bytes as at the former call.
  State scan(std::string_view bytes, const Limits& limits);

  // After kComplete: the length with the final empty line.
  [[nodiscard]] std::size_t head_size() const { return line_begin_; }
  [[nodiscard]] bool has_bare_line_feeds() const { return bare_; }

 private:
  State too_large() const { return lines_ == 0 ? State::kRequestLineTooLong : State::kHeadersTooLarge; }

  std::size_t line_begin_ = 0;
  std::size_t searched_ = 0;  // there is no line feed between line_begin_ and here
  std::size_t lines_ = 0;
  bool bare_ = false;
};

// The same with CR LF everywhere.
std::string with_full_line_ends(std::string_view head);

}  // namespace matriarch::http
