#include "base/log.h"

#include <atomic>
#include <mutex>

#include <cerrno>
#include <poll.h>
#include <unistd.h>

#include "base/log_format.h"
#include "base/log_record.h"

namespace matriarch::log {

namespace {

// Each record is one write(2), so that records of several threads and processes do not mix.
void write_to_stderr(const Record& record) {
  static const auto& format = *new PlainFormat();  // never destroyed: records may come until the very end
  write_all(STDERR_FILENO, format.line(record));
}

// "matriarch.agent" contains "matriarch.agent" and "matriarch.agent.act".
bool contains(std::string_view component, std::string_view name) {
  return name.starts_with(component) && (name.size() == component.size() || name[component.size()] == '.');
}

struct Components {
  std::mutex mutex;
  ComponentLevels levels;
};

Components& components() {
  static auto& instance = *new Components();  // never destroyed, as above
  return instance;
}

std::atomic<Level> root_level = Level::kInfo;
std::atomic<Level> lowest_level = Level::kInfo;  // of root_level and all components
std::atomic<bool> has_components = false;
std::atomic<Sink> current_sink = nullptr;
std::atomic<Backend> current_backend = nullptr;

Level level_of(const std::source_location& where) {
  Level found = root_level.load(std::memory_order_relaxed);
  if (!has_components.load(std::memory_order_relaxed)) return found;
  const std::string name = component_name(where);
  std::size_t longest = 0;
  const std::lock_guard lock(components().mutex);
  for (const auto& [component, level] : components().levels) {
    if (component.size() < longest || !contains(component, name)) continue;
    longest = component.size();
    found = level;
  }
  return found;
}

}  // namespace

bool enabled(Level level) { return level >= lowest_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view text, std::source_location where) {
  if (!enabled(level) || level < level_of(where)) return;
  if (const Sink sink = current_sink.load()) {
    sink(level, text);
    return;
  }
  Record record = make_record(level, text, where);
  if (const Backend backend = current_backend.load()) {
    backend(std::move(record));
  } else {
    write_to_stderr(record);
  }
}

void set_level(Level level) { set_levels(level, {}); }

void set_levels(Level level, const ComponentLevels& levels) {
  const std::lock_guard lock(components().mutex);
  auto& known = components().levels;
  known.clear();
  Level lowest = level;
  for (const auto& [name, own] : levels) {
    known.insert_or_assign(name == "patroni" ? "matriarch" : name, own);
    lowest = std::min(lowest, own);
  }
  root_level = level;
  lowest_level = lowest;
  has_components = !known.empty();
}

Level level() { return root_level; }

void set_sink(Sink sink) { current_sink = sink; }

void set_backend(Backend backend) { current_backend = backend; }

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

Record make_record(Level level, std::string_view text, std::source_location where) {
  return {.level = level,
          .text = std::string(text),
          .where = where,
          .when = WallTime(std::chrono::duration_cast<WallTime::duration>(
              std::chrono::system_clock::now().time_since_epoch())),
          .thread = ::gettid()};
}

std::string_view source_path(const std::source_location& where) {
  const std::string_view path = where.file_name();
  for (const std::string_view top : {"/src/", "/apps/", "/tests/"}) {
    if (const auto at = path.rfind(top); at != path.npos) return path.substr(at + 1);
  }
  return path;
}

std::string component_name(const std::source_location& where) {
  std::string_view path = source_path(where);
  for (const std::string_view top : {"src/", "apps/matriarch/"}) {
    if (path.starts_with(top)) path.remove_prefix(top.size());
  }
  if (const auto dot = path.rfind('.'); dot != path.npos) path = path.substr(0, dot);
  std::string name = fmt::format("matriarch.{}", path);
  std::ranges::replace(name, '/', '.');
  return name;
}

bool write_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n >= 0) {
      data.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

}  // namespace matriarch::log
