#include "http/parser.h"

#include <algorithm>
#include <variant>

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace matriarch::http {

namespace beast = boost::beast;

namespace {

using beast::error_code;
using beast::string_view;

// What the two parsers have in common: where the parts of a message go.
struct Sink {
  MessageHead head;
  std::string body;
  bool head_done = false;
  std::size_t body_limit = 0;
  std::size_t body_seen = 0;
  ParseFailure failure = ParseFailure::kNone;

  void stop(ParseFailure why, error_code& error) {
    failure = why;
    error = beast::http::error::body_limit;
  }

  std::size_t take(string_view bytes, error_code& error) {
    body_seen += bytes.size();
    if (body_seen > body_limit) {
      stop(ParseFailure::kBodyTooLarge, error);
      return 0;
    }
    body.append(bytes.data(), bytes.size());
    return bytes.size();
  }
};

std::string text(string_view bytes) { return {bytes.data(), bytes.size()}; }

template <bool kIsRequest>
class BeastParser final : public beast::http::basic_parser<kIsRequest> {
 public:
  explicit BeastParser(Sink& sink) : sink_(sink) {}

 private:
  void on_request_impl(beast::http::verb, string_view method, string_view target, int version, error_code&) override {
    sink_.head.method = text(method);
    sink_.head.target = text(target);
    sink_.head.version = version;
  }
  void on_response_impl(int status, string_view reason, int version, error_code&) override {
    sink_.head.status = status;
    sink_.head.reason = text(reason);
    sink_.head.version = version;
  }
  void on_field_impl(beast::http::field, string_view name, string_view value, error_code&) override {
    if (!sink_.head_done)
      sink_.head.headers.add(text(name), text(value));  // later ones are trailers: nobody needs them
  }
  void on_header_impl(error_code& error) override {
    sink_.head_done = true;
    // A coding other than chunked leaves the end of a request undefined.
    if (kIsRequest && sink_.head.headers.has("Transfer-Encoding") && !this->chunked()) {
      return sink_.stop(ParseFailure::kEncoding, error);
    }
    const bool has_body = !this->is_done();
    if (has_body && this->content_length().value_or(0) > sink_.body_limit) {
      sink_.stop(ParseFailure::kBodyTooLarge, error);
    }
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view bytes, error_code& error) override { return sink_.take(bytes, error); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code& error) override {
    return sink_.take(bytes, error);
  }
  void on_finish_impl(error_code&) override {}

  Sink& sink_;
};

ParseFailure failure_of(const error_code& error) {
  using beast::http::error;
  if (error == error::bad_version) return ParseFailure::kVersion;
  if (error == error::header_limit) return ParseFailure::kHeadTooLarge;
  if (error == error::body_limit) return ParseFailure::kBodyTooLarge;
  if (error == error::partial_message) return ParseFailure::kTruncated;
  return ParseFailure::kSyntax;
}

// The head is parsed as a whole; later only a chunk's own header has to be in one piece, and those are short.
constexpr std::size_t kMaxChunkHead = 16 << 10;

}  // namespace

struct Parser::Impl {
  Sink sink;
  std::variant<std::monostate, BeastParser<true>, BeastParser<false>> parser;
  std::size_t head_limit = 0;
  std::size_t head_bytes = 0;
  bool head_reported = false;
  bool touched = false;

  template <class P>
  Fed feed(P& beast_parser, std::string_view bytes) {
    std::size_t consumed = 0;
    while (true) {
      error_code error;
      const auto rest = bytes.substr(consumed);
      if (rest.empty()) return {ParseState::kNeedMore, consumed};
      const auto n = beast_parser.put(boost::asio::const_buffer(rest.data(), rest.size()), error);
      consumed += n;
      touched = touched || n != 0;
      if (!head_reported) head_bytes += n;
      if (error == beast::http::error::need_more) return need_more(bytes.size() - consumed, consumed);
      if (error) return fail(failure_of(error), consumed);
      if (!head_reported && beast_parser.is_header_done()) {
        head_reported = true;
        if (head_bytes > head_limit) return fail(ParseFailure::kHeadTooLarge, consumed);
        sink.head.keep_alive = beast_parser.keep_alive();
        sink.head.has_body = !beast_parser.is_done();
        if (!beast_parser.is_done()) return {ParseState::kHead, consumed};
      }
      if (beast_parser.is_done()) return {ParseState::kComplete, consumed};
    }
  }

  Fed need_more(std::size_t pending, std::size_t consumed) {
    if (!head_reported && head_bytes + pending > head_limit) return fail(ParseFailure::kHeadTooLarge, consumed);
    if (head_reported && pending > kMaxChunkHead) return fail(ParseFailure::kSyntax, consumed);
    return {ParseState::kNeedMore, consumed};
  }

  Fed fail(ParseFailure why, std::size_t consumed) {
    if (sink.failure == ParseFailure::kNone) sink.failure = why;
    return {ParseState::kFailed, consumed};
  }

  template <class P>
  ParseState end_of_input(P& beast_parser) {
    error_code error = beast::http::error::partial_message;
    if (touched) beast_parser.put_eof(error);
    if (error) return fail(failure_of(error), 0).state;
    return ParseState::kComplete;
  }
};

Parser::Parser() : impl_(std::make_unique<Impl>()) {}

Parser::~Parser() = default;

void Parser::reset(Kind kind, ParseLimits limits) {
  auto& impl = *impl_;
  impl.sink = Sink{.body_limit = limits.body_bytes};
  impl.head_limit = limits.head_bytes;
  impl.head_bytes = 0;
  impl.head_reported = impl.touched = false;
  const auto prepare = [&](auto& parser) {
    parser.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(limits.head_bytes, 1 << 30)) + 1);
    parser.body_limit(boost::none);  // counted by the Sink
    if (kind == Kind::kResponseToHead) parser.skip(true);
  };
  if (kind == Kind::kRequest) {
    prepare(impl.parser.emplace<1>(impl.sink));
  } else {
    prepare(impl.parser.emplace<2>(impl.sink));
  }
}

Parser::Fed Parser::feed(std::string_view bytes) {
  if (auto* request = std::get_if<1>(&impl_->parser)) return impl_->feed(*request, bytes);
  return impl_->feed(std::get<2>(impl_->parser), bytes);
}

ParseState Parser::end_of_input() {
  if (auto* request = std::get_if<1>(&impl_->parser)) return impl_->end_of_input(*request);
  return impl_->end_of_input(std::get<2>(impl_->parser));
}

MessageHead& Parser::head() { return impl_->sink.head; }
std::string& Parser::body() { return impl_->sink.body; }
ParseFailure Parser::failure() const { return impl_->sink.failure; }

std::string_view to_string(ParseFailure failure) {
  switch (failure) {
    case ParseFailure::kNone: return "no failure";
    case ParseFailure::kSyntax: return "malformed HTTP message";
    case ParseFailure::kVersion: return "unsupported or malformed HTTP version";
    case ParseFailure::kEncoding: return "unsupported transfer coding";
    case ParseFailure::kHeadTooLarge: return "headers too large";
    case ParseFailure::kBodyTooLarge: return "body too large";
    case ParseFailure::kTruncated: return "connection closed in the middle of a message";
  }
  return "unknown failure";
}

HeadScanner::State HeadScanner::scan(std::string_view bytes, const Limits& limits) {
  while (true) {
    const auto end = bytes.find('\n', std::max(line_begin_, searched_));
    const auto line_end = end == std::string_view::npos ? bytes.size() : end;
    if (line_end - line_begin_ > limits.line_bytes) return too_large();
    if (line_end > limits.head_bytes) return State::kHeadersTooLarge;
    searched_ = line_end;
    if (end == std::string_view::npos) return State::kIncomplete;
    const bool full = end > line_begin_ && bytes[end - 1] == '\r';
    bare_ = bare_ || !full;
    const bool empty = end - line_begin_ == (full ? 1 : 0);
    line_begin_ = end + 1;
    if (empty) return State::kComplete;
    if (lines_ > limits.header_count) return State::kHeadersTooLarge;
    ++lines_;
  }
}

std::string with_full_line_ends(std::string_view head) {
  std::string out;
  out.reserve(head.size() + 32);
  for (const char c : head) {
    if (c == '\n' && !out.ends_with('\r')) out += '\r';
    out += c;
  }
  return out;
}

}  // namespace matriarch::http
