// Rows and columns, and the five ways they are printed (CTL-065 ff.).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/value.h"

namespace matriarch::ctl {

enum class Format { kPretty, kTsv, kJson, kYaml };
std::optional<Format> parse_format(std::string_view text);

enum class Align { kLeft, kRight };

struct Column {
  std::string title;
  Align align = Align::kLeft;
};

// Absent prints as an empty cell; null as `None` (CTL-072).
using Cell = std::optional<Value>;

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<Cell>> rows;  // each as long as `columns`
};

// Framed by + - |, `title` drawn over the top rule (CTL-067..073).
std::string render_pretty(const Table& table, std::string_view title = {});
std::string render_tsv(const Table& table, std::string_view delimiter = "\t");

// Do the keys of absent and empty values appear in JSON and YAML? (CTL-077)
enum class EmptyKeys { kOmit, kKeep };
std::string render_json(const Table& table, EmptyKeys empty);
std::string render_yaml(const Table& table, EmptyKeys empty);

// One of the above; no title in machine formats (CTL-078).
std::string render(const Table& table, Format format, EmptyKeys empty, std::string_view title = {});

// One line, separators ", " and ": ", ASCII only (CTL-075).
std::string to_spaced_json(const Value& value);

// "{a: 1, b: x}", keys sorted (CTL-100).
std::string to_flow_yaml(const Value& value);

// Columns that a UTF-8 text takes on a terminal.
std::size_t display_width(std::string_view text);

}  // namespace matriarch::ctl
