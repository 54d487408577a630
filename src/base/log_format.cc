#include "base/log_format.h"

#include <cmath>

namespace matriarch::log {

namespace {

constexpr int kMaxWidth = 1000;  // of a field, and of its precision

// Takes a number of at most kMaxWidth off the front; -1: it is larger.
int take_number(std::string_view& text) {
  int number = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    number = std::min(number * 10 + (text.front() - '0'), kMaxWidth + 1);
    text.remove_prefix(1);
  }
  return number > kMaxWidth ? -1 : number;
}

bool is_one_of(char type, std::string_view types) { return types.find(type) != types.npos; }

// Takes "-08.3f" off the front.
Result<Conversion> take_conversion(std::string_view& text) {
  Conversion conversion;
  for (; !text.empty(); text.remove_prefix(1)) {
    const char flag = text.front();
    if (flag == '-') conversion.left = true;
    else if (flag == '+') conversion.plus = true;
    else if (flag == ' ') conversion.space = true;
    else if (flag == '#') conversion.alternative = true;
    else if (flag == '0') conversion.zeros = true;
    else break;
  }
  conversion.width = take_number(text);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    conversion.precision = take_number(text);
    if (conversion.precision < 0) conversion.width = -1;
  }
  if (conversion.width < 0) return Error(Errc::kInvalid, fmt::format("widths go up to {}", kMaxWidth));
  while (text.starts_with('h') || text.starts_with('l') || text.starts_with('L')) text.remove_prefix(1);
  if (text.empty() || !is_one_of(text.front(), "diouxXeEfFgGsra")) {
    return Error(Errc::kInvalid, "a conversion like s or d is missing behind the field's name");
  }
  conversion.type = text.front();
  text.remove_prefix(1);
  return conversion;
}

bool is_text(const Conversion& conversion) { return is_one_of(conversion.type, "sra"); }
bool is_integer(const Conversion& conversion) { return is_one_of(conversion.type, "diouxX"); }

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }  // of UTF-8

std::string padded(std::string text, const Conversion& conversion) {
  const auto width = static_cast<std::size_t>(conversion.width);
  const auto size = static_cast<std::size_t>(std::ranges::count_if(text, starts_character));
  if (size >= width) return text;
  return conversion.left ? text + std::string(width - size, ' ') : std::string(width - size, ' ') + text;
}

std::string padded_number(bool negative, std::string_view prefix, std::string digits, const Conversion& conversion) {
  const std::string_view sign = negative ? "-" : conversion.plus ? "+" : conversion.space ? " " : "";
  const std::size_t size = sign.size() + prefix.size() + digits.size();
  const auto width = static_cast<std::size_t>(conversion.width);
  if (conversion.zeros && !conversion.left && size < width) digits.insert(0, width - size, '0');
  return padded(fmt::format("{}{}{}", sign, prefix, digits), conversion);
}

std::string integer_text(std::int64_t value, const Conversion& conversion) {
  const auto magnitude = value < 0 ? -static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::string digits;
  std::string_view prefix;
  switch (conversion.type) {
    case 'o': digits = fmt::format("{:o}", magnitude), prefix = "0o"; break;
    case 'x': digits = fmt::format("{:x}", magnitude), prefix = "0x"; break;
    case 'X': digits = fmt::format("{:X}", magnitude), prefix = "0X"; break;
    default: digits = fmt::format("{}", magnitude); break;
  }
  const auto precision = static_cast<std::size_t>(std::max(conversion.precision, 0));
  if (digits.size() < precision) digits.insert(0, precision - digits.size(), '0');
  return padded_number(value < 0, conversion.alternative ? prefix : "", std::move(digits), conversion);
}

std::string real_text(double value, const Conversion& conversion) {
  const std::string pattern = fmt::format("{{:{}.{{}}{}}}", conversion.alternative ? "#" : "", conversion.type);
  const int precision = conversion.precision < 0 ? 6 : conversion.precision;
  std::string digits = fmt::format(fmt::runtime(pattern), std::fabs(value), precision);
  return padded_number(std::signbit(value), "", std::move(digits), conversion);
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string text_text(const FieldValue& value, const Conversion& conversion) {
  std::string text = std::visit([](const auto& v) { return fmt::format("{}", v); }, value);
  if (conversion.type != 's' && std::holds_alternative<std::string>(value)) text = in_quotes(text);
  if (conversion.precision >= 0) {
    int characters = 0;
    const auto end = std::ranges::find_if(
        text, [&](char c) { return starts_character(c) && characters++ == conversion.precision; });
    text.erase(end, text.end());
  }
  return padded(std::move(text), conversion);
}

std::string converted(const FieldValue& value, const Conversion& conversion) {
  if (is_text(conversion)) return text_text(value, conversion);
  const auto* integer = std::get_if<std::int64_t>(&value);
  if (is_integer(conversion)) {
    return integer_text(integer != nullptr ? *integer : static_cast<std::int64_t>(std::get<double>(value)), conversion);
  }
  return real_text(integer != nullptr ? static_cast<double>(*integer) : std::get<double>(value), conversion);
}

}  // namespace

// `format` begins behind "%(".
Result<PlainFormat::Piece> PlainFormat::parse_field(std::string_view& format) {
  const auto end = format.find(')');
  if (end == format.npos) return Error(Errc::kInvalid, "\"%(\" without \")\"");
  Piece piece{.before = {}, .field = std::string(format.substr(0, end)), .conversion = {}};
  format.remove_prefix(end + 1);
  const auto example = field_value(piece.field, Record{}, "");
  if (!example) {
    return Error(Errc::kInvalid, fmt::format("there is no field \"{}\", only {}", piece.field, field_names()));
  }
  const auto conversion = take_conversion(format);
  if (!conversion) return conversion.error().in(piece.field);
  if (!is_text(*conversion) && std::holds_alternative<std::string>(*example)) {
    return Error(Errc::kInvalid, fmt::format("{} is a text: write %({})s", piece.field, piece.field));
  }
  piece.conversion = *conversion;
  return piece;
}

Result<PlainFormat> PlainFormat::parse(std::string_view format, std::string dateformat) {
  std::vector<Piece> pieces;
  std::string literal;
  while (!format.empty()) {
    const auto percent = format.find('%');
    literal += format.substr(0, percent);
    if (percent == format.npos) break;
    format.remove_prefix(percent + 1);
    if (format.starts_with('%')) {
      literal += '%';
      format.remove_prefix(1);
    } else if (format.starts_with('(')) {
      format.remove_prefix(1);
      auto piece = parse_field(format);
      if (!piece) return piece.error();
      piece->before = std::exchange(literal, {});
      pieces.push_back(std::move(*piece));
    } else {
      return Error(Errc::kInvalid, "behind \"%\" must stand \"(field)\" or another \"%\"");
    }
  }
  pieces.push_back({.before = literal + "\n", .field = {}, .conversion = {}});
  return PlainFormat(std::move(pieces), std::move(dateformat));
}

std::string PlainFormat::line(const Record& record) const {
  std::string line;
  for (const auto& piece : pieces_) {
    line += piece.before;
    if (const auto value = field_value(piece.field, record, dateformat_)) line += converted(*value, piece.conversion);
  }
  return line;
}

}  // namespace matriarch::log
