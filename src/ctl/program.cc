#include "ctl/program.h"

#include <csignal>
#include <random>

#include <unistd.h>

#include "base/log.h"
#include "ctl/command_line.h"
#include "ctl/http_rest.h"
#include "ctl/times.h"

namespace matriarch::ctl {
namespace {

constexpr int kOk = 0;
constexpr int kError = 1;
constexpr int kUsage = 2;

// CTL-020: at a prompt, while watching or waiting.
void abort_on_interrupt(int /*signal*/) {
  restore_terminal();
  constexpr std::string_view kText = "\nAborted!\n";
  (void)!::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(kError);
}

void handle_interrupts() {
  struct sigaction action {};
  action.sa_handler = abort_on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
}

// CTL-017. What a log line needs; a sink is a plain function.
struct LogTarget {
  Console* console = nullptr;
  const Scheduler* scheduler = nullptr;
};
LogTarget log_target;

void write_log_line(log::Level level, std::string_view text) {
  const WallTime now = log_target.scheduler->wall_now();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  log_target.console->err(
      fmt::format("{},{:03} - {} - {}\n", local_seconds(now), milliseconds, log::to_string(level), text));
}

class LogToConsole {
 public:
  LogToConsole(Console& console, const Scheduler& scheduler, const std::string& level) {
    log_target = {.console = &console, .scheduler = &scheduler};
    log::set_sink(write_log_line);
    log::set_level(log_level_of(level));
  }
  LogToConsole(const LogToConsole&) = delete;
  LogToConsole& operator=(const LogToConsole&) = delete;
  ~LogToConsole() { log::set_sink(nullptr); }
};

int report_error(Console& console, const Error& error) {
  console.err(error.code() == Errc::kCancelled ? "Aborted!\n" : fmt::format("Error: {}\n", error.text()));
  return kError;
}

Task<void> finish(Task<Status> task, Clusters* clusters, Status* status) {
  *status = co_await std::move(task);
  co_await clusters->close();
}

int run_command(App& app, Reactor& reactor, const Invocation& invocation, bool reference_exit_codes) {
  auto task = invocation.start(app);
  if (!task) {
    app.console.err(usage_text(invocation.usage, task.error().text()));
    return kUsage;
  }
  Status status;
  reactor.run_until_done(finish(std::move(*task), &app.clusters, &status));
  if (!status) return report_error(app.console, status.error());
  return app.refused && !reference_exit_codes ? kError : kOk;
}

}  // namespace

int run_program(const std::string& program, const std::vector<std::string>& arguments, Console& console,
                const MakeClusters& make_clusters) {
  handle_interrupts();
  const Parsed parsed = parse_command_line(program, arguments);
  if (const auto* help = std::get_if<Help>(&parsed)) {
    console.out(help->text);
    return kOk;
  }
  if (const auto* usage = std::get_if<UsageError>(&parsed)) {
    console.err(usage->text);
    return kUsage;
  }
  const auto& invocation = std::get<Invocation>(parsed);
  const ProcessEnvironment environment = take_process_environment();
  Reactor reactor;
  const LogToConsole logging(console, reactor, environment.log_level);
  auto config = load_settings(invocation.global, environment);
  if (!config) return report_error(console, config.error());

  const auto rest = make_http_rest(reactor, config->ctl);
  const auto clusters = make_clusters(reactor, *config);
  App app{.scheduler = reactor,
          .console = console,
          .clusters = *clusters,
          .rest = *rest,
          .config = *config,
          .program = program,
          .version = MATRIARCH_VERSION,
          .random_below = [](std::size_t limit) { return std::random_device()() % limit; }};
  return run_command(app, reactor, invocation, program == "patronictl");
}

}  // namespace matriarch::ctl
