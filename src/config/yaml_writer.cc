// Block style YAML, as people edit it.
#include <algorithm>

#include <fmt/format.h>

#include "config/yaml.h"
#include "model/utf8.h"

namespace matriarch::config {

namespace {

bool has_unprintable(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xfeff || c == 0x2028 || c == 0x2029) return true;
  }
  return false;
}

// Would a plain scalar with this text be read back as this very text?
bool can_be_plain(std::string_view text) {
  if (text.empty() || !resolve_plain_scalar(text).is_string()) return false;
  constexpr std::string_view kIndicators = "-?:,[]{}#&*!|>'\"%@`=";
  const bool dash_word = text.size() > 1 && text[0] == '-' && text[1] != ' ' && !text.starts_with("---");
  if (kIndicators.find(text[0]) != kIndicators.npos && !dash_word) return false;
  if (text.starts_with("0x") || text.starts_with("0b")) return false;  // "0x_" makes some readers stumble
  if (text.starts_with("---") || text.starts_with("...") || text == "<<") return false;
  if (text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (text.find(": ") != text.npos || text.find(" #") != text.npos) return false;
  // Dates would be time stamps for other YAML 1.1 readers.
  const bool date_like = text.size() >= 8 && text.size() <= 40 && text.find('-') == 4 &&
                         text.find_first_not_of("0123456789-:+.TtZz ") == text.npos;
  return !date_like;
}

std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t start = at;
    const char32_t c = next_character(text, at);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0)) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else if (c == 0xfeff || c == 0x2028 || c == 0x2029) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(start, at - start);
    }
  }
  return out + '"';
}

std::string text_scalar(std::string_view text) {
  if (has_unprintable(text)) return double_quoted(text);
  if (can_be_plain(text)) return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

std::string number_scalar(double number) {
  std::string text = string_form(number);
  if (text == "inf" || text == "-inf" || text == "nan") return text[0] == '-' ? "-.inf" : "." + text;
  // YAML 1.1 needs the dot: 1e+20 would be text.
  if (const auto e = text.find('e'); e != text.npos && text.find('.') == text.npos) text.insert(e, ".0");
  return text;
}

std::string scalar(const Value& value) {
  if (value.is_null()) return "null";
  if (value.is_bool()) return value.as_bool() ? "true" : "false";
  if (value.is_double()) return number_scalar(value.as_double());
  if (value.is_string()) return text_scalar(value.as_string());
  return string_form(value);
}

class Writer {
 public:
  explicit Writer(KeyOrder order) : order_(order) {}

  void map(const Value::Map& value, int indent, bool first_inline) {
    for (const auto* member : members(value)) {
      if (!first_inline) out_.append(static_cast<std::size_t>(indent), ' ');
      first_inline = false;
      out_ += text_scalar(member->first) + ":";
      entry(member->second, indent);
    }
  }

  void list(const Value::List& value, int indent, bool first_inline) {
    for (const Value& item : value) {
      if (!first_inline) out_.append(static_cast<std::size_t>(indent), ' ');
      first_inline = false;
      out_ += '-';
      if (item.is_map() && !item.as_map().empty()) {
        out_ += ' ';
        map(item.as_map(), indent + 2, true);
      } else if (item.is_list() && !item.as_list().empty()) {
        out_ += ' ';
        list(item.as_list(), indent + 2, true);
      } else {
        inline_value(item);
      }
    }
  }

  void inline_value(const Value& value) { out_ += " " + leaf(value) + "\n"; }

  static std::string leaf(const Value& value) {
    if (value.is_map()) return "{}";
    return value.is_list() ? "[]" : scalar(value);
  }

  std::string take() { return std::move(out_); }

 private:
  [[nodiscard]] std::vector<const Value::Member*> members(const Value::Map& value) const {
    std::vector<const Value::Member*> all;
    for (const auto& member : value) all.push_back(&member);
    if (order_ == KeyOrder::kSorted) {
      std::sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
    }
    return all;
  }

  void entry(const Value& value, int indent) {
    if (value.is_map() && !value.as_map().empty()) {
      out_ += '\n';
      map(value.as_map(), indent + 2, false);
    } else if (value.is_list() && !value.as_list().empty()) {
      out_ += '\n';
      list(value.as_list(), indent, false);
    } else {
      inline_value(value);
    }
  }

  KeyOrder order_;
  std::string out_;
};

}  // namespace

std::string to_yaml(const Value& value, KeyOrder order) {
  Writer writer(order);
  if (value.is_map() && !value.as_map().empty()) {
    writer.map(value.as_map(), 0, false);
  } else if (value.is_list() && !value.as_list().empty()) {
    writer.list(value.as_list(), 0, false);
  } else {
    return Writer::leaf(value) + "\n";
  }
  return writer.take();
}

}  // namespace matriarch::config
