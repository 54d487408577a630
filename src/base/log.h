// The log: one line a record, "2026-07-01 12:00:00,123 INFO: text" by default (CFG-434). Heartbeat lines that repeat are
// held back by the rules CFG-441 and CFG-442.
//
// Thread: any. Records must never contain a secret (CFG-453).
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace matriarch::log {

enum class Level { kDebug, kInfo, kWarning, kError, kCritical };

// Writes one record to the current sink.
void write(Level level, std::string_view text);
[[nodiscard]] bool enabled(Level level);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kDebug)) write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kInfo)) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kWarning)) write(Level::kWarning, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kError)) write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void critical(fmt::format_string<Args...> format, Args&&... args) {
  if (enabled(Level::kCritical)) write(Level::kCritical, fmt::format(format, std::forward<Args>(args)...));
}

// Receives each record that passed the level filter. Replaces the former sink; the default one writes to stderr.
using Sink = void (*)(Level level, std::string_view text);
void set_level(Level level);
void set_sink(Sink sink);

std::string_view to_string(Level level);

}  // namespace matriarch::log
