#include "ctl/times.h"

#include <ctime>

#include "model/timestamp.h"

namespace matriarch::ctl {
namespace {

using std::chrono::minutes;

// The local zone's offset when its clocks show `local`.
minutes local_offset(WallTime local) {
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(local - day));
  std::tm fields{};
  fields.tm_year = static_cast<int>(date.year()) - 1900;
  fields.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
  fields.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
  fields.tm_hour = static_cast<int>(time.hours().count());
  fields.tm_min = static_cast<int>(time.minutes().count());
  fields.tm_sec = static_cast<int>(time.seconds().count());
  fields.tm_isdst = -1;
  (void)std::mktime(&fields);  // for tm_gmtoff
  return minutes(fields.tm_gmtoff / 60);
}

ZonedTime to_zoned(const Timestamp& time) {
  if (time.has_offset) return {.utc = time.utc, .offset = time.offset};
  const minutes offset = local_offset(time.utc);
  return {.utc = time.utc - offset, .offset = offset};
}

// A date alone means its midnight.
std::optional<Timestamp> read_time(std::string_view text) {
  constexpr std::size_t kDateLength = 10;  // 2030-01-01
  return read_timestamp(text.size() == kDateLength ? std::string(text) + "T00:00" : std::string(text));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

struct LocalTime {
  std::tm fields{};
  int microsecond = 0;
};

LocalTime local_time(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t unix_time = seconds.time_since_epoch().count();
  LocalTime local;
  localtime_r(&unix_time, &local.fields);
  local.microsecond = static_cast<int>((time - seconds).count());
  return local;
}

}  // namespace

std::string ZonedTime::text(char separator) const {
  const auto local = utc + offset;
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(local - day);
  std::string fraction;
  if (time.subseconds().count() != 0) fraction = fmt::format(".{:06}", time.subseconds().count());
  const auto distance = std::chrono::abs(offset).count();
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}{}{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), separator,
                     time.hours().count(), time.minutes().count(), time.seconds().count(), fraction,
                     offset < minutes(0) ? '-' : '+', distance / 60, distance % 60);
}

Result<std::optional<ZonedTime>> parse_schedule(std::string_view text) {
  const std::string_view wanted = trimmed(text);
  if (wanted.empty() || wanted == "now") return std::optional<ZonedTime>();
  const auto time = read_time(wanted);
  if (!time) {
    return Error(Errc::kInvalid, fmt::format("Unable to parse scheduled timestamp ({}). It should be in an unambiguous "
                                             "format (e.g. ISO 8601)", text));
  }
  return std::optional(to_zoned(*time));
}

std::string normalized_timestamp(std::string_view text) {
  const auto time = read_time(trimmed(text));
  return time && time->has_offset ? to_zoned(*time).iso() : std::string(text);
}

std::string local_seconds(WallTime time) {
  const LocalTime local = local_time(time);
  const std::tm& f = local.fields;
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", f.tm_year + 1900, f.tm_mon + 1, f.tm_mday, f.tm_hour,
                     f.tm_min, f.tm_sec);
}

std::string local_fraction(WallTime time) {
  return fmt::format("{}.{:05}", local_seconds(time), local_time(time).microsecond / 10);
}

std::string example_schedule(WallTime now) {
  std::string text = local_seconds(now + std::chrono::hours(1)).substr(0, 16);
  text[10] = 'T';
  return text;
}

}  // namespace matriarch::ctl
