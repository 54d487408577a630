#include "base/log.h"

#include <atomic>
#include <chrono>
#include <ctime>

#include <unistd.h>

namespace matriarch::log {

namespace {

// Each record is one write(2), so that records of several threads never mix.
void write_to_stderr(Level level, std::string_view text) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm local{};
  localtime_r(&seconds, &local);
  const std::string line =
      fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02},{:03} {}: {}\n", local.tm_year + 1900, local.tm_mon + 1,
                  local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec, millis, to_string(level), text);
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, line.data(), line.size());
}

std::atomic<Level> current_level = Level::kInfo;
std::atomic<Sink> current_sink = &write_to_stderr;

}  // namespace

bool enabled(Level level) { return level >= current_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view text) {
  if (enabled(level)) current_sink.load()(level, text);
}

void set_level(Level level) { current_level = level; }

void set_sink(Sink sink) { current_sink = sink == nullptr ? &write_to_stderr : sink; }

std::string_view to_string(Level level) {
  switch (level) {
    case Level::kDebug: return "DEBUG";
    case Level::kInfo: return "INFO";
    case Level::kWarning: return "WARNING";
    case Level::kError: return "ERROR";
    case Level::kCritical: return "CRITICAL";
  }
  return "INFO";
}

}  // namespace matriarch::log
