#include "ctl/command_line.h"

#include <CLI/CLI.hpp>

#include "ctl/command_line_detail.h"

namespace matriarch::ctl {
namespace {

// Usage first, then what the command does, then its options (CTL-004).
class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string name) const override {
    std::string usage = "Usage: " + name + " [OPTIONS]";
    for (const CLI::Option* option : app->get_options([](const CLI::Option* o) { return o->get_positional(); })) {
      usage += " " + (option->get_type_name().empty() ? make_option_usage(option) : option->get_type_name());
    }
    if (app->get_parent() == nullptr) usage += " COMMAND [ARGS]...";
    return usage + "\n";
  }

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string text = make_usage(app, std::move(name)) + "\n  " + app->get_description() + "\n" + make_groups(app, mode);
    return text + make_subcommands(app, mode);
  }
};

const CLI::App& parsed_app(const CLI::App& root) {
  const auto commands = root.get_subcommands();
  return commands.empty() ? root : *commands.back();
}

std::string usage_line(const std::string& program, const CLI::App& root) {
  const CLI::App& app = parsed_app(root);
  const std::string name = &app == &root ? program : program + " " + app.get_name();
  return HelpFormatter().make_usage(&app, name);
}

// CTL-022
std::string reason_of(const CLI::ParseError& error, const CLI::App& root) {
  const std::string what = error.what();
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError)) {
    return fmt::format("Missing argument '{}'.", what.substr(0, what.find(' ')));
  }
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ValidationError)) return "Invalid value for " + what;
  const auto extras = root.remaining(/*recurse=*/true);
  if (error.get_exit_code() != static_cast<int>(CLI::ExitCodes::ExtrasError) || extras.empty()) return what;
  const std::string& first = extras.front();
  if (first.size() > 1 && first.starts_with('-')) return "No such option: " + first.substr(0, first.find('='));
  if (root.get_subcommands().empty()) return fmt::format("No such command '{}'.", first);
  return fmt::format("Got unexpected extra argument ({})", first);
}

void add_global_options(CLI::App& root, GlobalOptions& options) {
  root.add_option("-c,--config-file", options.config_file, "Configuration file")->take_last()->type_name("TEXT");
  root.add_option("-d,--dcs-url,--dcs", options.dcs_url, "The DCS connect url")->take_last()->type_name("TEXT");
  root.add_flag("-k,--insecure", options.insecure, "Allow connections to SSL sites without certs");
}

}  // namespace

std::string usage_text(const std::string& usage, std::string_view reason) {
  const std::string command = usage.substr(7, usage.find(" [OPTIONS]") - 7);  // behind "Usage: "
  return fmt::format("{}Try '{} --help' for help.\n\nError: {}\n", usage, command, reason);
}

Parsed parse_command_line(const std::string& program, const std::vector<std::string>& arguments) {
  CLI::App root("Command-line interface for interacting with a cluster of Matriarch or Patroni nodes.", program);
  auto formatter = std::make_shared<HelpFormatter>();
  formatter->column_width(36);
  root.formatter(formatter);
  root.set_help_flag("--help", "Show this message and exit.");
  root.require_subcommand(0, 1);  // one: what follows is never taken for another command

  Invocation invocation;
  add_global_options(root, invocation.global);
  detail::Start start;
  detail::add_commands(root, start);
  try {
    root.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return Help{root.help()};
  } catch (const CLI::ParseError& error) {
    return UsageError{usage_text(usage_line(program, root), reason_of(error, root))};
  }
  if (!start) return Help{root.help()};  // CTL-003
  invocation.start = std::move(start);
  invocation.usage = usage_line(program, root);
  return invocation;
}

}  // namespace matriarch::ctl
