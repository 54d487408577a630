#include "generate.h"

#include <cstdlib>
#include <filesystem>
#include <optional>

#include <pwd.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/files.h"
#include "base/log.h"
#include "base/reactor.h"
#include "config/generate.h"
#include "postgres/describe.h"
#include "terminal.h"

namespace matriarch::app {

namespace {

constexpr Duration kPatience = std::chrono::seconds(30);

int fail(const std::string& why) {
  fmt::print(stderr, "{}\n", why);
  return 1;
}

// CFG-402.
int put_out(const std::string& path, const Value& tree, const config::Warnings& warnings) {
  for (const auto& warning : warnings) log::warning("{}", warning);
  const std::string text = config::to_config_file(tree);
  if (path.empty()) {
    fmt::print("{}", text);
    return 0;
  }
  std::error_code error;
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) return fail(fmt::format("cannot create {}: {}", folder.string(), error.message()));
  const auto written = write_file_atomically(path, text, 0600);
  return written ? 0 : fail(written.error().text());
}

std::string environment_text(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::string os_user() {
  const passwd* entry = getpwuid(geteuid());
  return entry != nullptr ? entry->pw_name : "";
}

// CFG-407: the data source name, else libpq's environment, else the user of the operating system.
Result<postgres::ConnParams> connection_of(const std::string& dsn) {
  postgres::ConnParams params;
  if (!dsn.empty()) {
    auto parsed = postgres::parse_conninfo(dsn);
    if (!parsed) return Error(Errc::kInvalid, "Failed to parse DSN string");
    params = std::move(*parsed);
  }
  const auto add = [&params](const char* key, const std::string& value) {
    if (!value.empty()) params.try_emplace(key, value);
  };
  add("user", environment_text("PGUSER"));
  add("user", os_user());
  add("password", environment_text("PGPASSWORD"));
  add("dbname", environment_text("PGDATABASE"));
  add("dbname", "postgres");
  postgres::add_session_options(params, 0);
  return params;
}

Result<postgres::Description> look_at_server(const postgres::ConnParams& params) {
  constexpr auto body = [](Reactor* reactor, postgres::ConnParams wanted,
                           std::optional<Result<postgres::Description>>* result) -> Task<void> {
    result->emplace(co_await postgres::describe(*reactor, std::move(wanted), {.deadline = reactor->now() + kPatience}));
  };
  Reactor reactor;
  std::optional<Result<postgres::Description>> result;
  reactor.run_until_done(body(&reactor, params, &result));
  return std::move(*result);
}

// The options of the connection as `authentication.superuser` has them (CFG-410).
Value::Map superuser_of(const postgres::ConnParams& params, int server_version) {
  constexpr std::pair<std::string_view, int> kOptions[] = {{"sslmode", 0},
                                                           {"sslcert", 0},
                                                           {"sslkey", 0},
                                                           {"sslpassword", 130000},
                                                           {"sslrootcert", 0},
                                                           {"sslcrl", 0},
                                                           {"sslcrldir", 140000},
                                                           {"gssencmode", 120000},
                                                           {"channel_binding", 130000},
                                                           {"sslnegotiation", 170000}};
  Value::Map user;
  if (const auto name = params.find("user"); name != params.end()) user.set("username", name->second);
  if (const auto password = params.find("password"); password != params.end()) user.set("password", password->second);
  for (const auto& [option, since] : kOptions) {
    const auto given = params.find(option);
    if (given != params.end() && server_version >= since) user.set(option, given->second);
  }
  return user;
}

config::RunningFacts facts_of(const postgres::Description& server, const postgres::ConnParams& params) {
  config::RunningFacts facts;
  for (const auto& [name, value] : server.settings) facts.gucs.set(name, value);
  facts.data_dir = server.setting("data_directory");
  facts.cluster_name = server.setting("cluster_name");
  facts.listen_addresses = server.setting("listen_addresses");
  facts.port = server.setting("port");
  const auto port = params.find("port");
  facts.connect_port = port != params.end() ? port->second : environment_text("PGPORT");
  facts.bin_dir = server.bin_dir;
  facts.superuser = superuser_of(params, server.server_version);
  facts.pg_hba = server.pg_hba;
  facts.pg_ident = server.pg_ident;
  return facts;
}

}  // namespace

int generate_sample(const CommandLine& line, const config::EnvironmentValues& environment) {
  config::Warnings warnings;
  const Value tree = config::sample_tree(config::machine_facts(), environment, warnings);
  return put_out(line.config_path, tree, warnings);
}

int generate_from_server(const CommandLine& line, const config::EnvironmentValues& environment) {
  auto params = connection_of(line.dsn);
  if (!params) return fail(params.error().text());
  auto server = look_at_server(*params);
  const bool wants_password = !server && server.error().text().find("no password supplied") != std::string::npos;
  if (wants_password) {
    if (const auto typed = ask_password("Please enter the user password: ")) {
      (*params)["password"] = *typed;
      server = look_at_server(*params);
    }
  }
  if (!server && server.error().code() == Errc::kDenied) return fail(server.error().text());
  if (!server) return fail(fmt::format("Failed to establish PostgreSQL connection: {}", server.error().text()));

  config::Warnings warnings;
  const Value tree = config::running_tree(config::machine_facts(), facts_of(*server, *params), environment, warnings);
  return put_out(line.config_path, tree, warnings);
}

}  // namespace matriarch::app
