#include "model/timestamp.h"

#include <charconv>

namespace matriarch {

namespace {

// Reads a text from its front; every take_*() moves on only if it succeeds.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  // Exactly `digits` digits, value in [low, high].
  bool take_number(std::size_t digits, int low, int high, int& value) {
    if (rest_.size() < digits || rest_.substr(0, digits).find_first_not_of("0123456789") != rest_.npos) return false;
    std::from_chars(rest_.data(), rest_.data() + digits, value);
    if (value < low || value > high) return false;
    rest_.remove_prefix(digits);
    return true;
  }
  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  // ".123": any number of digits, those after the sixth are dropped. Nothing there: 0.
  bool take_fraction(int& microseconds) {
    microseconds = 0;
    if (!take(".") && !take(",")) return true;
    int digits = 0;
    for (int digit = 0; take_number(1, 0, 9, digit); ++digits) {
      if (digits < 6) microseconds = microseconds * 10 + digit;
    }
    for (int missing = digits; missing < 6; ++missing) microseconds *= 10;
    return digits > 0;
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool take_date(Cursor& cursor, std::chrono::year_month_day& date) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!cursor.take_number(4, 1, 9999, year) || !cursor.take("-") || !cursor.take_number(2, 1, 12, month) ||
      !cursor.take("-") || !cursor.take_number(2, 1, 31, day)) {
    return false;
  }
  date = {std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
          std::chrono::day(static_cast<unsigned>(day))};
  return date.ok();
}

bool take_time(Cursor& cursor, std::chrono::microseconds& time) {
  int hours = 0;
  int minutes = 0;
  int seconds = 0;
  int microseconds = 0;
  if (!cursor.take_number(2, 0, 23, hours) || !cursor.take(":") || !cursor.take_number(2, 0, 59, minutes)) return false;
  if (cursor.take(":") && !(cursor.take_number(2, 0, 59, seconds) && cursor.take_fraction(microseconds))) return false;
  time = std::chrono::hours(hours) + std::chrono::minutes(minutes) + std::chrono::seconds(seconds) +
         std::chrono::microseconds(microseconds);
  return true;
}

// Nothing there is no error: `found` stays false.
bool take_offset(Cursor& cursor, bool& found, std::chrono::minutes& offset) {
  cursor.take(" ");
  if (cursor.at_end()) return true;
  found = true;
  if (cursor.take("Z") || cursor.take("z") || cursor.take("UTC") || cursor.take("GMT")) return true;
  const bool negative = cursor.take("-");
  if (!negative && !cursor.take("+")) return false;
  int hours = 0;
  int minutes = 0;
  if (!cursor.take_number(2, 0, 23, hours)) return false;
  if (cursor.take(":") || !cursor.at_end()) {
    if (!cursor.take_number(2, 0, 59, minutes)) return false;
  }
  offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  if (negative) offset = -offset;
  return true;
}

}  // namespace

std::optional<Timestamp> read_timestamp(std::string_view text) {
  Cursor cursor(text);
  std::chrono::year_month_day date;
  std::chrono::microseconds time{};
  Timestamp result;
  if (!take_date(cursor, date)) return std::nullopt;
  if (!cursor.at_end()) {
    if (!cursor.take("T") && !cursor.take(" ")) return std::nullopt;
    if (!take_time(cursor, time) || !take_offset(cursor, result.has_offset, result.offset)) return std::nullopt;
  }
  if (!cursor.at_end()) return std::nullopt;
  result.utc = WallTime(std::chrono::sys_days(date)) + time - result.offset;
  return result;
}

}  // namespace matriarch
