#include "base/log_format.h"

#include <cmath>

namespace matriarch::log {

namespace {

// Bytes of the well-formed UTF-8 character at the start of `text`; 0: there is none (RFC 3629, table 3-7 of Unicode).
std::size_t character_size(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto follows = [&](std::size_t i) { return (at(i) & 0xC0) == 0x80; };
  const unsigned first = at(0);
  const unsigned second = at(1);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4 || !follows(1)) return 0;
  if (first < 0xE0) return 2;
  if (!follows(2) || (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if (first < 0xF0) return 3;
  if (!follows(3) || (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return 4;
}

std::string json_value(const std::optional<FieldValue>& value) {
  if (!value) return "null";
  if (const auto* text = std::get_if<std::string>(&*value)) return json_string(*text);
  if (const auto* number = std::get_if<double>(&*value)) return fmt::format("{}", *number);
  return fmt::format("{}", std::get<std::int64_t>(*value));
}

bool has_key(const JsonFormat::Pairs& pairs, std::string_view key) {
  return std::ranges::any_of(pairs, [&](const auto& pair) { return pair.second == key; });
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const char c = text.front();
    if (size == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(0, size);
    }
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out + "\"";
}

JsonFormat::JsonFormat(const Pairs& fields, const Pairs& constants, std::string dateformat)
    : dateformat_(std::move(dateformat)) {
  for (const auto& field : fields) {
    if (!has_key(fields_, field.second)) fields_.push_back(field);
  }
  for (const auto& constant : constants) {
    if (!has_key(fields_, constant.first)) constants_.push_back(constant);
  }
}

std::string JsonFormat::line(const Record& record) const {
  std::string line = "{";
  const auto add = [&](std::string_view key, std::string_view value) {
    line += fmt::format("{}{}: {}", line.size() > 1 ? ", " : "", json_string(key), value);
  };
  for (const auto& [field, key] : fields_) add(key, json_value(field_value(field, record, dateformat_)));
  for (const auto& [key, value] : constants_) add(key, value);
  return line + "}\n";
}

}  // namespace matriarch::log
