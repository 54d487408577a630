// The log: one line a record, "2026-07-01 12:00:00,123 INFO: text" by default (CFG-434), to stderr until log_setup.h
// says otherwise (CFG-428).
//
// Thread: any. After log::configure() a call never blocks, whatever the destination does (CFG-431). Records must never
// contain a secret (CFG-453).
#pragma once

#include <cstddef>
#include <concepts>
#include <cstdint>
#include <map>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>

#include <fmt/format.h>

namespace matriarch::log {

enum class Level { kDebug, kInfo, kWarning, kError, kCritical };

// A format string that knows where it stands. Made by the compiler from a literal only.
template <class... Args>
struct Text {
  template <std::convertible_to<std::string_view> Literal>
  consteval Text(const Literal& literal,  // NOLINT(google-explicit-constructor)
                 std::source_location place = std::source_location::current())
      : format(literal), where(place) {}

  fmt::format_string<Args...> format;
  std::source_location where;
};

// True if a record of this level may be wanted by some component. Cheap: for skipping the work of making one.
[[nodiscard]] bool enabled(Level level);
// Writes one record, if the component it comes from wants that level.
void write(Level level, std::string_view text, std::source_location where = std::source_location::current());

template <class... Args>
void debug(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (enabled(Level::kDebug)) write(Level::kDebug, fmt::format(text.format, std::forward<Args>(args)...), text.where);
}
template <class... Args>
void info(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(text.format, std::forward<Args>(args)...), text.where);
}
template <class... Args>
void warning(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (!enabled(Level::kWarning)) return;
  write(Level::kWarning, fmt::format(text.format, std::forward<Args>(args)...), text.where);
}
template <class... Args>
void error(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (enabled(Level::kError)) write(Level::kError, fmt::format(text.format, std::forward<Args>(args)...), text.where);
}
template <class... Args>
void critical(Text<std::type_identity_t<Args>...> text, Args&&... args) {
  if (!enabled(Level::kCritical)) return;
  write(Level::kCritical, fmt::format(text.format, std::forward<Args>(args)...), text.where);
}

// Level per component (CFG-440): "matriarch" is everything, "matriarch.postgres" the files of src/postgres,
// "matriarch.agent.renew" one file. The longest name wins; "patroni" means "matriarch"; others match nothing.
using ComponentLevels = std::map<std::string, Level>;
// The level of everything that `components` does not name.
void set_level(Level level);
void set_levels(Level level, const ComponentLevels& components);
[[nodiscard]] Level level();

// Receives each record that passed the level filter, in place of everything else. nullptr: back to the usual way.
using Sink = void (*)(Level level, std::string_view text);
void set_sink(Sink sink);

// Records that wait for the writer, and records dropped for want of room that the log has not told about yet (CFG-432).
[[nodiscard]] std::size_t queue_size();
[[nodiscard]] std::uint64_t records_lost();

std::string_view to_string(Level level);

}  // namespace matriarch::log
