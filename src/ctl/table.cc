#include "ctl/table.h"

#include "config/yaml.h"
#include "model/utf8.h"

namespace matriarch::ctl {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Drawn without an own column: combining marks, joiners, variation selectors.
constexpr std::array kZeroWidth = {Range{0x0300, 0x036F}, Range{0x0483, 0x0489}, Range{0x0591, 0x05BD},
                                   Range{0x200B, 0x200F}, Range{0x20D0, 0x20FF}, Range{0xFE00, 0xFE0F},
                                   Range{0xFE20, 0xFE2F}};
// East Asian wide and full-width characters, and pictographs.
constexpr std::array kWide = {Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0x33FF},
                              Range{0x3400, 0x4DBF},   Range{0x4E00, 0x9FFF},   Range{0xA000, 0xA4CF},
                              Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},
                              Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},   Range{0x1F300, 0x1F64F},
                              Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD}};

bool in(std::span<const Range> ranges, char32_t c) {
  return std::ranges::any_of(ranges, [c](Range range) { return range.first <= c && c <= range.last; });
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find('\n', begin);
    lines.emplace_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return lines;
    begin = end + 1;
  }
}

std::string cell_text(const Cell& cell) { return cell ? string_form(*cell) : std::string(); }

using Lines = std::vector<std::string>;

// A row of the drawing: one list of lines a cell.
std::string draw_row(const std::vector<Lines>& cells, const std::vector<Column>& columns,
                     const std::vector<std::size_t>& widths) {
  std::size_t height = 1;
  for (const Lines& cell : cells) height = std::max(height, cell.size());
  std::string drawn;
  for (std::size_t y = 0; y < height; ++y) {
    drawn += '|';
    for (std::size_t x = 0; x < cells.size(); ++x) {
      const std::string text = y < cells[x].size() ? cells[x][y] : std::string();
      const std::string fill(widths[x] - display_width(text), ' ');
      drawn += ' ';
      drawn += columns[x].align == Align::kLeft ? text + fill : fill + text;
      drawn += " |";
    }
    drawn += '\n';
  }
  return drawn;
}

std::string draw_rule(const std::vector<std::size_t>& widths) {
  std::string rule = "+";
  for (const std::size_t width : widths) rule += std::string(width + 2, '-') + '+';
  return rule;
}

// CTL-070. Cuts the title by characters, never inside one.
std::string draw_title(std::string_view title, const std::string& rule) {
  const std::size_t room = rule.size() - 2;
  std::size_t used = 0;
  std::size_t end = 0;
  while (end < title.size()) {
    std::size_t next = end;
    next_character(title, next);
    const std::size_t width = display_width(title.substr(end, next - end));
    if (used + width > room) break;
    used += width;
    end = next;
  }
  return "+" + std::string(title.substr(0, end)) + rule.substr(1 + used);
}

bool is_empty_value(const Cell& cell) {
  return !cell || cell->is_null() || (cell->is_string() && cell->as_string().empty()) ||
         (cell->is_map() && cell->as_map().empty());
}

Value::List as_maps(const Table& table, EmptyKeys empty) {
  Value::List list;
  for (const auto& row : table.rows) {
    Value::Map map;
    for (std::size_t x = 0; x < row.size(); ++x) {
      if (empty == EmptyKeys::kOmit && is_empty_value(row[x])) continue;
      map.set(table.columns[x].title, row[x] ? *row[x] : Value(""));
    }
    list.emplace_back(std::move(map));
  }
  return list;
}

// Inside a flow collection a plain text must not contain the marks of one.
std::string flow_scalar(const Value& value) {
  Value::Map wrapped;
  wrapped.set("k", value);
  std::string text = config::to_yaml(Value(std::move(wrapped))).substr(3);
  while (text.ends_with('\n')) text.pop_back();
  const bool plain = value.is_string() && !text.starts_with('\'') && !text.starts_with('"');
  if (!plain || text.find_first_of(",[]{}?:") == std::string::npos) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::optional<Format> parse_format(std::string_view text) {
  if (text == "pretty") return Format::kPretty;
  if (text == "tsv") return Format::kTsv;
  if (text == "json") return Format::kJson;
  if (text == "yaml" || text == "yml") return Format::kYaml;
  return std::nullopt;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    if (c < 0x300) {
      width += 1;
    } else if (!in(kZeroWidth, c)) {
      width += in(kWide, c) ? 2 : 1;
    }
  }
  return width;
}

std::string render_pretty(const Table& table, std::string_view title) {
  std::vector<Lines> header;
  std::vector<std::size_t> widths;
  for (const Column& column : table.columns) {
    header.push_back({column.title});
    widths.push_back(display_width(column.title));
  }
  std::vector<std::vector<Lines>> body;
  bool several_lines = false;
  for (const auto& row : table.rows) {
    auto& cells = body.emplace_back();
    for (std::size_t x = 0; x < row.size(); ++x) {
      cells.push_back(lines_of(cell_text(row[x])));
      several_lines = several_lines || cells.back().size() > 1;
      for (const auto& line : cells.back()) widths[x] = std::max(widths[x], display_width(line));
    }
  }

  const std::string rule = draw_rule(widths);
  std::string drawn = (title.empty() ? rule : draw_title(title, rule)) + '\n';
  drawn += draw_row(header, table.columns, widths) + rule + '\n';
  for (std::size_t y = 0; y < body.size(); ++y) {
    drawn += draw_row(body[y], table.columns, widths);
    if (several_lines && y + 1 < body.size()) drawn += rule + '\n';  // CTL-071
  }
  return drawn + rule + '\n';
}

std::string render_tsv(const Table& table, std::string_view delimiter) {
  std::string text;
  for (std::size_t x = 0; x < table.columns.size(); ++x) {
    if (x > 0) text += delimiter;
    text += table.columns[x].title;
  }
  text += '\n';
  for (const auto& row : table.rows) {
    for (std::size_t x = 0; x < row.size(); ++x) {
      if (x > 0) text += delimiter;
      text += cell_text(row[x]);
    }
    text += '\n';
  }
  return text;
}

std::string to_spaced_json(const Value& value) {
  if (value.is_list()) {
    std::string text = "[";
    for (const Value& item : value.as_list()) text += (text.size() > 1 ? ", " : "") + to_spaced_json(item);
    return text + "]";
  }
  if (value.is_map()) {
    std::string text = "{";
    for (const auto& [key, item] : value.as_map()) {
      text += (text.size() > 1 ? ", " : "") + to_json(Value(key)) + ": " + to_spaced_json(item);
    }
    return text + "}";
  }
  return to_json(value);
}

std::string to_flow_yaml(const Value& value) {
  if (value.is_list()) {
    std::string text = "[";
    for (const Value& item : value.as_list()) text += (text.size() > 1 ? ", " : "") + to_flow_yaml(item);
    return text + "]";
  }
  if (value.is_map()) {
    std::map<std::string_view, const Value*> sorted;
    for (const auto& [key, item] : value.as_map()) sorted.emplace(key, &item);
    std::string text = "{";
    for (const auto& [key, item] : sorted) {
      text += (text.size() > 1 ? ", " : "") + flow_scalar(Value(key)) + ": " + to_flow_yaml(*item);
    }
    return text + "}";
  }
  return flow_scalar(value);
}

std::string render_json(const Table& table, EmptyKeys empty) {
  return to_spaced_json(Value(as_maps(table, empty))) + "\n";
}

std::string render_yaml(const Table& table, EmptyKeys empty) {
  return config::to_yaml(Value(as_maps(table, empty))) + "\n";  // one line more (CTL-076)
}

std::string render(const Table& table, Format format, EmptyKeys empty, std::string_view title) {
  switch (format) {
    case Format::kPretty:
      return render_pretty(table, title);
    case Format::kTsv:
      return render_tsv(table);
    case Format::kJson:
      return render_json(table, empty);
    case Format::kYaml:
      return render_yaml(table, empty);
  }
  return {};
}

}  // namespace matriarch::ctl
