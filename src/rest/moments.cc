#include "rest/moments.h"

#include <fmt/format.h>

namespace matriarch::rest {

std::string iso_text(const Timestamp& moment, char between_date_and_time) {
  const WallTime local = moment.utc + moment.offset;
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(local - day);
  std::string text =
      fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), between_date_and_time,
                  time.hours().count(), time.minutes().count(), time.seconds().count());
  if (time.subseconds().count() != 0) text += fmt::format(".{:06}", time.subseconds().count());
  const auto minutes = std::chrono::abs(moment.offset).count();
  return text + fmt::format("{}{:02}:{:02}", moment.offset.count() < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

std::string document_time(std::string_view printed_by_server) {
  const auto moment = read_timestamp(printed_by_server);
  return moment && moment->has_offset ? iso_text(*moment, ' ') : std::string(printed_by_server);
}

double epoch_seconds(std::string_view printed_by_server) {
  const auto moment = read_timestamp(printed_by_server);
  return moment ? static_cast<double>(moment->utc.time_since_epoch().count()) / 1e6 : 0;
}

std::variant<std::string, ScheduleProblem> parse_schedule(const Value& given, WallTime now) {
  if (!given.is_string()) return ScheduleProblem::kUnparsable;
  const auto moment = read_timestamp(given.as_string());
  if (!moment) return ScheduleProblem::kUnparsable;
  if (!moment->has_offset) return ScheduleProblem::kNoTimeZone;
  if (moment->utc < now) return ScheduleProblem::kPast;
  return iso_text(*moment);
}

}  // namespace matriarch::rest
