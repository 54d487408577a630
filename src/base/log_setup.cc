#include "base/log_setup.h"

#include <mutex>

#include <unistd.h>

#include "base/log_file.h"
#include "base/log_heartbeat.h"
#include "base/log_queue.h"

namespace matriarch::log {

namespace {

constexpr std::string_view kFileName = "patroni.log";

// What one configuration makes of a record. Exchanged as a whole by the next one.
struct Output {
  std::variant<PlainFormat, JsonFormat> format;
  std::shared_ptr<LogFile> file;  // none: stderr
  HeartbeatFilter::Rules heartbeat;
};

// The state that lives as long as the process: never destroyed, as a blocked writer may outlive main().
struct Pipeline {
  std::mutex mutex;
  std::shared_ptr<const Output> output;
  std::shared_ptr<LogQueue> queue;

  HeartbeatFilter heartbeats;         // the writer's
  std::optional<std::string> failed;  // the writer's: the file's last error, told once
};

Pipeline& pipeline() {
  static auto& instance = *new Pipeline();
  return instance;
}

std::shared_ptr<LogQueue> current_queue() {
  const std::lock_guard lock(pipeline().mutex);
  return pipeline().queue;
}

// A record that the file does not take (a full disk, say) goes to stderr: better there than nowhere.
void write_line(const Output& output, const Record& record) {
  const std::string line = std::visit([&](const auto& format) { return format.line(record); }, output.format);
  auto& failed = pipeline().failed;
  if (!output.file) {
    write_all(STDERR_FILENO, line);
    return;
  }
  const auto written = output.file->append(line);
  if (written) {
    failed.reset();
    return;
  }
  if (failed != written.error().text()) {
    failed = written.error().text();
    const auto text = fmt::format("the log file cannot be written, the log goes to stderr meanwhile: {}", *failed);
    const Record complaint = make_record(Level::kError, text, std::source_location::current());
    write_all(STDERR_FILENO, std::visit([&](const auto& format) { return format.line(complaint); }, output.format));
  }
  write_all(STDERR_FILENO, line);
}

void consume(Record record) {
  std::shared_ptr<const Output> output;
  {
    const std::lock_guard lock(pipeline().mutex);
    output = pipeline().output;
  }
  const auto passed = pipeline().heartbeats.pass(std::move(record), output->heartbeat);
  for (const auto& one : passed) write_line(*output, one);
}

void enqueue(Record record) {
  if (const auto queue = current_queue()) queue->push(std::move(record));
}

void discard(Record) {}

std::variant<PlainFormat, JsonFormat> make_format(const Options& options, std::vector<std::string>& problems) {
  if (options.shape == Shape::kJson) return JsonFormat(options.json_fields, options.json_constants, options.dateformat);
  auto format = PlainFormat::parse(options.format, options.dateformat);
  if (format) return std::move(*format);
  problems.push_back(fmt::format("log.format: {} in {}; the default format is used", format.error().text(),
                                 json_string(options.format)));
  return *PlainFormat::parse(kDefaultFormat, options.dateformat);
}

std::shared_ptr<LogFile> open_file(const Options& options, std::vector<std::string>& problems) {
  if (options.dir.empty()) return nullptr;
  auto file = LogFile::open(
      {.path = options.dir / kFileName, .mode = options.mode, .keep = options.file_num, .size = options.file_size});
  if (file) return std::move(*file);
  const std::lock_guard lock(pipeline().mutex);
  auto former = pipeline().output ? pipeline().output->file : nullptr;
  problems.push_back(fmt::format("log.dir: {}; the log stays on {}: name a directory that exists and can be written",
                                 file.error().text(), former ? former->path().string() : "stderr"));
  return former;
}

}  // namespace

std::vector<std::string> configure(const Options& options) {
  std::vector<std::string> problems;
  auto output = std::make_shared<Output>(Output{
      .format = make_format(options, problems),
      .file = open_file(options, problems),
      .heartbeat = {.active = options.level == Level::kInfo, .deduplicate = options.deduplicate_heartbeats}});
  set_levels(options.level, options.components);
  const std::lock_guard lock(pipeline().mutex);
  pipeline().output = std::move(output);
  if (pipeline().queue) {
    pipeline().queue->set_capacity(options.queue_capacity);
    return problems;
  }
  auto queue = LogQueue::start(options.queue_capacity, consume);
  if (queue) {
    pipeline().queue = std::move(*queue);
    set_backend(enqueue);
  } else {
    set_backend(consume);  // may wait for its destination, but logs
    problems.push_back(fmt::format("{}: a blocked log blocks the agent", queue.error().text()));
  }
  return problems;
}

bool flush(Duration limit) {
  const auto queue = current_queue();
  return !queue || queue->flush(limit);
}

bool shut_down(Duration limit) {
  const auto queue = current_queue();
  const bool written = !queue || queue->close(limit);
  set_backend(written ? nullptr : discard);
  const std::lock_guard lock(pipeline().mutex);
  pipeline().queue = nullptr;
  return written;
}

std::size_t queue_size() {
  const auto queue = current_queue();
  return queue ? queue->size() : 0;
}

std::uint64_t records_lost() {
  const auto queue = current_queue();
  return queue ? queue->lost() : 0;
}

}  // namespace matriarch::log
