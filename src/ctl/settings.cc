#include "ctl/settings.h"

#include <array>
#include <charconv>
#include <cstdlib>

#include <unistd.h>

#include "config/load.h"

namespace matriarch::ctl {
namespace {

struct Scheme {
  std::string_view name;
  std::string_view port;
};
// The first with a port is what the port alone means (CTL-040).
constexpr std::array kSchemes = {Scheme{"zookeeper", "2181"}, Scheme{"exhibitor", "8181"}, Scheme{"consul", "8500"},
                                 Scheme{"etcd", "2379"}, Scheme{"etcd3", "2379"}};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::string default_config_file() {
  std::string folder = variable("XDG_CONFIG_HOME");
  if (folder.empty()) folder = variable("HOME") + "/.config";
  return folder + "/patroni/patronictl.yaml";
}

bool readable(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

Error bad_url(std::string_view url, std::string_view why) {
  return {Errc::kInvalid, fmt::format("--dcs-url {}: {}; expected [scheme://][host][:port][/namespace]", url, why)};
}

}  // namespace

ProcessEnvironment take_process_environment() {
  ProcessEnvironment environment;
  environment.config_file = variable("PATRONICTL_CONFIG_FILE");
  environment.dcs_url = variable("DCS_URL");
  for (const char* name : {"LOGLEVEL", "PATRONI_LOGLEVEL", "PATRONI_LOG_LEVEL"}) {
    if (std::string level = variable(name); !level.empty()) environment.log_level = std::move(level);
  }
  environment.default_file = default_config_file();
  environment.values = config::take_environment();
  return environment;
}

Status apply_dcs_url(Value& tree, std::string_view url) {
  std::string_view rest = url;
  std::string_view name;
  if (const auto mark = rest.find("://"); mark != std::string_view::npos) {
    name = rest.substr(0, mark);
    rest.remove_prefix(mark + 3);
  }
  const auto slash = rest.find('/');
  const std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash);
  const std::string_view authority = rest.substr(0, slash);
  const auto colon = authority.find(']') == std::string_view::npos ? authority.rfind(':')
                                                                   : authority.find(':', authority.find(']'));
  const std::string_view port_text = colon == std::string_view::npos ? "" : authority.substr(colon + 1);
  const std::string_view host = authority.substr(0, colon);
  if (port_text.find_first_not_of("0123456789") != std::string_view::npos) return bad_url(url, "the port is no number");

  const auto scheme = std::ranges::find_if(kSchemes, [&](const Scheme& known) {
    return name.empty() ? known.port == port_text : known.name == name;
  });
  if (scheme == kSchemes.end() && !name.empty()) {
    return Error(Errc::kInvalid, fmt::format("Unknown dcs scheme: {}", name));
  }
  const std::string_view kind = scheme == kSchemes.end() ? "etcd" : scheme->name;
  const std::string_view port = !port_text.empty() ? port_text : scheme == kSchemes.end() ? "2379" : scheme->port;
  if (!tree.is_map()) tree = Value(Value::Map());
  for (const std::string_view section : {"consul", "etcd", "etcd3", "exhibitor", "kubernetes", "raft", "zookeeper"}) {
    tree.as_map().erase(section);  // CTL-043, CTL-327
  }
  const std::string address = fmt::format("{}:{}", host.empty() ? "localhost" : host, port);
  Value::Map section;
  if (kind == "zookeeper" || kind == "exhibitor") {
    const std::string only_host(host.empty() ? "localhost" : host);
    section.set("hosts", Value::List{kind == "exhibitor" ? only_host : address});
    std::int64_t number = 0;
    std::from_chars(port.data(), port.data() + port.size(), number);
    if (kind == "exhibitor") section.set("port", number);
  } else {
    section.set("host", address);
  }
  tree.as_map().set(kind, std::move(section));
  if (path.size() > 1) tree.as_map().set("namespace", std::string(path));
  return {};
}

Result<config::ClientConfig> load_settings(const GlobalOptions& options, const ProcessEnvironment& environment) {
  std::string file = options.config_file.value_or(environment.config_file);
  if (file.empty()) file = environment.default_file;
  if (file != environment.default_file && !readable(file)) {  // CTL-014, CTL-015
    return Error(Errc::kInvalid, fmt::format("Provided config file {} not existing or no read rights. Check the "
                                             "-c/--config-file parameter", file));
  }
  auto loaded = config::load_tree(file, environment.values);
  if (!loaded) return loaded.error();
  config::Warnings warnings = std::move(loaded->warnings);
  std::optional<std::string> url = options.dcs_url;
  if (!url && !environment.dcs_url.empty()) url = environment.dcs_url;
  if (url) {
    if (auto applied = apply_dcs_url(loaded->tree, *url); !applied) return applied.error();
  }
  auto settings = config::make_client_config(loaded->tree, warnings);
  for (const std::string& warning : warnings) log::debug("{}", warning);  // most keys are not the CLI's business (CTL-033)
  if (settings && options.insecure) settings->ctl.insecure = true;
  return settings;
}

log::Level log_level_of(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (upper == "DEBUG" || upper == "NOTSET") return log::Level::kDebug;
  if (upper == "INFO") return log::Level::kInfo;
  if (upper == "ERROR") return log::Level::kError;
  if (upper == "CRITICAL" || upper == "FATAL") return log::Level::kCritical;
  return log::Level::kWarning;
}

Error no_store_error(std::string_view available) {
  return {Errc::kInvalid, fmt::format("Can not find suitable configuration of distributed configuration store\n"
                                      "Available implementations: {}", available)};
}

}  // namespace matriarch::ctl
