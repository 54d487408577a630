// Value <-> JSON text.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "model/utf8.h"
#include "model/value.h"

namespace matriarch {

namespace {

void write_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (c >= 0x20 && c < 0x80) {
          out += static_cast<char>(c);
        } else if (c < 0x10000) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
          const unsigned over = static_cast<unsigned>(c) - 0x10000;
          fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}", 0xD800 + (over >> 10), 0xDC00 + (over & 0x3FF));
        }
    }
  }
  out += '"';
}

class Writer {
 public:
  explicit Writer(bool pretty) : pretty_(pretty) {}

  void write(const Value& value) {
    if (value.is_string()) {
      write_string(out_, value.as_string());
    } else if (value.is_map()) {
      write_map(value.as_map());
    } else if (value.is_list()) {
      write_list(value.as_list());
    } else if (value.is_bool()) {
      out_ += value.as_bool() ? "true" : "false";
    } else if (value.is_int() || (value.is_double() && std::isfinite(value.as_double()))) {
      out_ += string_form(value);
    } else {
      out_ += "null";  // JSON has no other word for what is not a number
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void write_map(const Value::Map& map) {
    begin('{');
    for (bool first = true; const auto& [key, value] : map) {
      next(first);
      write_string(out_, key);
      out_ += pretty_ ? ": " : ":";
      write(value);
      first = false;
    }
    end('}', map.empty());
  }

  void write_list(const Value::List& list) {
    begin('[');
    for (bool first = true; const Value& value : list) {
      next(first);
      write(value);
      first = false;
    }
    end(']', list.empty());
  }

  void begin(char bracket) {
    out_ += bracket;
    ++depth_;
  }
  void next(bool first) {
    if (!first) out_ += ',';
    new_line();
  }
  void end(char bracket, bool empty) {
    --depth_;
    if (!empty) new_line();
    out_ += bracket;
  }
  void new_line() {
    if (!pretty_) return;
    out_ += '\n';
    out_.append(depth_ * 2, ' ');
  }

  bool pretty_;
  std::size_t depth_ = 0;
  std::string out_;
};

// "1e400" is read as infinity and "0e400" as no number at all, which no JSON text can hold: written again they would be
// null, and null deletes a key.
double bounded(double number) {
  constexpr double kLargest = std::numeric_limits<double>::max();
  if (std::isnan(number)) return 0;
  return std::clamp(number, -kLargest, kLargest);
}

Value from_boost(const boost::json::value& json) {
  switch (json.kind()) {
    case boost::json::kind::bool_: return json.get_bool();
    case boost::json::kind::int64: return json.get_int64();
    case boost::json::kind::uint64: return json.get_uint64();
    case boost::json::kind::double_: return bounded(json.get_double());
    case boost::json::kind::string: return std::string_view(json.get_string());
    case boost::json::kind::array: {
      Value::List list;
      list.reserve(json.get_array().size());
      for (const auto& item : json.get_array()) list.push_back(from_boost(item));
      return list;
    }
    case boost::json::kind::object: {
      Value::Map map;
      for (const auto& [key, item] : json.get_object()) map.append(std::string_view(key), from_boost(item));
      return map;
    }
    default: return nullptr;
  }
}

constexpr std::size_t kMaxDepth = 64;

}  // namespace

std::string to_json(const Value& value) {
  Writer writer(false);
  writer.write(value);
  return writer.take();
}

std::string to_pretty_json(const Value& value) {
  Writer writer(true);
  writer.write(value);
  return writer.take();
}

Result<Value> parse_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kMaxDepth;
  boost::json::monotonic_resource memory;
  boost::system::error_code failure;
  const boost::json::value parsed = boost::json::parse(text, failure, &memory, options);
  if (failure) return Error(Errc::kInvalid, "not JSON: " + failure.message());
  return from_boost(parsed);
}

}  // namespace matriarch
