#include "base/log_fields.h"

#include <ctime>

#include <fmt/ranges.h>
#include <unistd.h>

namespace matriarch::log {

namespace {

using std::chrono::microseconds;
using Getter = FieldValue (*)(const Record&, const std::string& dateformat);

const WallTime kProgramStart =
    WallTime(std::chrono::duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch()));

double milliseconds(microseconds time) { return static_cast<double>(time.count()) / 1000; }

// Of the current second, 0..999999.
microseconds fraction(WallTime when) { return when - std::chrono::floor<std::chrono::seconds>(when); }

std::string asctime(const Record& record, const std::string& dateformat) {
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(record.when).time_since_epoch().count();
  std::tm local{};
  localtime_r(&seconds, &local);
  std::array<char, 512> text{};  // what a longer pattern gives is left out
  if (!dateformat.empty()) return {text.data(), std::strftime(text.data(), text.size(), dateformat.c_str(), &local)};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
  return fmt::format("{},{:03}", std::string_view(text.data(), size), fraction(record.when).count() / 1000);
}

std::string file_name(const Record& record) {
  const std::string_view path = source_path(record.where);
  return std::string(path.substr(path.rfind('/') + 1));
}

// "live" of "Task<void> matriarch::app::Daemon::live()".
std::string function_name(const Record& record) {
  constexpr std::string_view kUnnamed = "(anonymous namespace)::";
  std::string_view name = record.where.function_name();
  if (const auto at = name.rfind(kUnnamed); at != name.npos) name.remove_prefix(at + kUnnamed.size());
  name = name.substr(0, name.find('('));
  if (const auto before = name.find_last_of(": "); before != name.npos) name.remove_prefix(before + 1);
  return std::string(name);
}

std::string thread_name(const Record& record) {
  return record.thread == ::getpid() ? "MainThread" : fmt::format("Thread-{}", record.thread);
}

std::int64_t level_number(Level level) { return (static_cast<std::int64_t>(level) + 1) * 10; }

const std::map<std::string_view, Getter>& fields() {
  static const auto& table = *new std::map<std::string_view, Getter>{
      {"asctime", [](const Record& r, const std::string& format) -> FieldValue { return asctime(r, format); }},
      {"created",
       [](const Record& r, const auto&) -> FieldValue { return milliseconds(r.when.time_since_epoch()) / 1000; }},
      {"filename", [](const Record& r, const auto&) -> FieldValue { return file_name(r); }},
      {"funcName", [](const Record& r, const auto&) -> FieldValue { return function_name(r); }},
      {"levelname", [](const Record& r, const auto&) -> FieldValue { return std::string(to_string(r.level)); }},
      {"levelno", [](const Record& r, const auto&) -> FieldValue { return level_number(r.level); }},
      {"lineno", [](const Record& r, const auto&) -> FieldValue { return std::int64_t{r.where.line()}; }},
      {"message", [](const Record& r, const auto&) -> FieldValue { return r.text; }},
      {"module",
       [](const Record& r, const auto&) -> FieldValue {
         const std::string name = file_name(r);
         return name.substr(0, name.rfind('.'));
       }},
      {"msecs", [](const Record& r, const auto&) -> FieldValue { return milliseconds(fraction(r.when)); }},
      {"name", [](const Record& r, const auto&) -> FieldValue { return component_name(r.where); }},
      {"pathname", [](const Record& r, const auto&) -> FieldValue { return std::string(source_path(r.where)); }},
      {"process", [](const Record&, const auto&) -> FieldValue { return std::int64_t{::getpid()}; }},
      {"processName", [](const Record&, const auto&) -> FieldValue { return std::string("MainProcess"); }},
      {"relativeCreated",
       [](const Record& r, const auto&) -> FieldValue { return milliseconds(r.when - kProgramStart); }},
      {"thread", [](const Record& r, const auto&) -> FieldValue { return std::int64_t{r.thread}; }},
      {"threadName", [](const Record& r, const auto&) -> FieldValue { return thread_name(r); }},
  };
  return table;
}

}  // namespace

std::optional<FieldValue> field_value(std::string_view name, const Record& record, const std::string& dateformat) {
  const auto found = fields().find(name);
  if (found == fields().end()) return std::nullopt;
  return found->second(record, dateformat);
}

std::string field_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, getter] : fields()) names.push_back(name);
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace matriarch::log
