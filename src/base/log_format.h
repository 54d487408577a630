// From a record to its line, plain (CFG-433, CFG-434) or JSON (CFG-436, CFG-437).
//
// Thread: any; formats do not change once they are made.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log_fields.h"
#include "base/log_record.h"
#include "base/result.h"

namespace matriarch::log {

inline constexpr std::string_view kDefaultFormat = "%(asctime)s %(levelname)s: %(message)s";

// What stands behind "%(name)" in a format: "-8s", "03d", ".3f".
struct Conversion {
  bool left = false;        // -
  bool plus = false;        // +
  bool space = false;       // ' '
  bool alternative = false;  // #
  bool zeros = false;       // 0
  int width = 0;            // 0..kMaxWidth
  int precision = -1;       // -1: none given
  char type = 's';          // one of diouxXeEfFgGsra
};

class PlainFormat {
 public:
  PlainFormat() : PlainFormat(*parse(kDefaultFormat, "")) {}
  // kInvalid: unknown field or conversion, a number's conversion for a text. `dateformat`: as field_value().
  static Result<PlainFormat> parse(std::string_view format, std::string dateformat);

  // Ends with a newline.
  [[nodiscard]] std::string line(const Record& record) const;

 private:
  struct Piece {
    std::string before;  // literal text before the field
    std::string field;   // empty: literal text only
    Conversion conversion;
  };

  PlainFormat(std::vector<Piece> pieces, std::string dateformat)
      : pieces_(std::move(pieces)), dateformat_(std::move(dateformat)) {}

  static Result<Piece> parse_field(std::string_view& format);

  std::vector<Piece> pieces_;
  std::string dateformat_;
};

class JsonFormat {
 public:
  using Pairs = std::vector<std::pair<std::string, std::string>>;

  // `fields`: field -> key; a field that does not exist is null in every record. `constants`: key -> value as JSON
  // text, added where no field has that key.
  JsonFormat(const Pairs& fields, const Pairs& constants, std::string dateformat);

  [[nodiscard]] std::string line(const Record& record) const;

 private:
  Pairs fields_;
  Pairs constants_;
  std::string dateformat_;
};

// "text", quoted and escaped; what is no UTF-8 becomes U+FFFD.
std::string json_string(std::string_view text);

}  // namespace matriarch::log
