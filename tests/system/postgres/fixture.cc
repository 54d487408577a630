#include "tests/system/postgres/fixture.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "postgres/data_directory.h"
#include "postgres/pid_file.h"
#include "postgres/postmaster.h"

namespace matriarch::postgres {

namespace fs = std::filesystem;

namespace {

constexpr int kFirstPort = 25500;

fs::path server_programs() {
  if (const char* given = std::getenv("MATRIARCH_PG_BINDIR"); given != nullptr) return given;
  for (int major = 18; major >= 13; --major) {
    const fs::path dir = fmt::format("/usr/lib/postgresql/{}/bin", major);
    if (fs::exists(dir / "postgres")) return dir;
  }
  return {};
}

}  // namespace

void PostgresTest::SetUp() {
  root = fmt::format("/tmp/pg/{}.{}", testing::UnitTest::GetInstance()->current_test_info()->name(), getpid());
  fs::create_directories(root);
  if (std::getenv("VERBOSE") == nullptr) log::set_level(log::Level::kCritical);
}

void PostgresTest::TearDown() {
  constexpr auto close_all = [](PostgresTest* self) -> Task<void> {
    for (const auto& node : self->nodes) {
      if (!node->server) continue;
      const Instant soon = self->reactor.now() + std::chrono::seconds(10);
      const auto stopped = co_await node->server->stop({.mode = StopMode::kImmediate, .kill_at = soon}, Ctx{});
      if (!stopped) ADD_FAILURE() << stopped.error().text();
      co_await node->server->close();
    }
  };
  run(close_all(this));
  if (HasFailure()) {
    std::printf("the servers' files are kept in %s\n", root.c_str());
  } else {
    fs::remove_all(root);
  }
}

Node& PostgresTest::add_node(const std::string& name) {
  auto node = std::make_unique<Node>();
  PostgresOptions& options = node->options;
  options.scope = "test";
  options.name = name;
  options.data_dir = root / name;
  options.bin_dir = server_programs();
  options.pgpass = root / (name + ".pgpass");
  options.server_log = root / (name + ".log");
  const auto port = kFirstPort + static_cast<int>(nodes.size());
  options.listen = fmt::format("127.0.0.1:{}", port);
  options.superuser = {.username = "postgres", .password = "super secret"};
  options.replication = {.username = "replicator", .password = "it's \\ a : secret"};
  options.rewind = Credentials{.username = "rewinder", .password = "rewind"};
  options.parameters.set("unix_socket_directories", root.string());
  options.parameters.set("shared_buffers", "16MB");
  options.parameters.set("fsync", "off");
  options.parameters.set("log_min_messages", "info");
  options.pg_hba = {"local all all trust", "host replication replicator 127.0.0.1/32 scram-sha-256",
                    "host all all 127.0.0.1/32 scram-sha-256"};
  options.bootstrap.initdb = Value::List{Value("data-checksums"), Value("no-sync")};
  options.method_sections["basebackup"] = Value::List{Value("checkpoint=fast"), Value("no-sync")};
  options.rewind_options = Value::List{Value("no-sync")};
  options.use_pg_rewind = true;
  nodes.push_back(std::move(node));
  restart_agent(*nodes.back());
  return *nodes.back();
}

void PostgresTest::restart_agent(Node& node) {
  constexpr auto close = [](PostgresServer* server) -> Task<void> { co_await server->close(); };
  if (node.server) run(close(node.server.get()));
  const auto source = [&node](const Value& dynamic) -> Result<PostgresOptions> {
    PostgresOptions options = node.options;
    if (const Value* parameters = dynamic.at("postgresql", "parameters"); parameters != nullptr) {
      for (const auto& [name, value] : parameters->as_map()) options.parameters.set(name, value);
    }
    return options;
  };
  node.server = std::make_unique<PostgresServer>(reactor, node.options, source);
  node.server->on_change([this, &node] {
    ++node.changes;
    node.changed_at = reactor.now();
  });
}

void PostgresTest::run(Task<void> task) { reactor.run_until_done(std::move(task)); }

Task<void> PostgresTest::bootstrap(Node* node) {
  CO_ASSERT_OK(co_await node->server->initdb(within(std::chrono::seconds(60))));
  CO_ASSERT_OK(co_await node->server->post_bootstrap(within(std::chrono::seconds(60))));
}

Task<void> PostgresTest::make_standby(Node* node, Node* primary) {
  const auto limit = within(std::chrono::seconds(60));
  CO_ASSERT_OK(co_await node->server->clone({.member = primary->options.name, .address = primary->address()}, limit));
  Server::SlotPlan slots;
  for (const auto& other : nodes) {
    if (other.get() != primary) slots.physical[other->options.name] = Lsn{};
  }
  CO_ASSERT_OK(co_await primary->server->sync_slots(slots, limit));
  CO_ASSERT_OK(co_await node->server->start(StandbyTarget{.upstream = primary->upstream()}, limit));
  CO_ASSERT_TRUE(
      co_await wait_for_sql(node, "SELECT status FROM pg_stat_wal_receiver", "streaming", std::chrono::seconds(10)));
}

Task<std::string> PostgresTest::sql(Node* node, std::string statement) {
  ConnParams params{
      {"host", root.string()}, {"port", node->address().port}, {"user", "postgres"}, {"dbname", "postgres"}};
  auto session = co_await Connection::open(reactor, params, within(std::chrono::seconds(5)));
  if (!session) co_return "ERROR " + session.error().text();
  const auto rows = co_await (*session)->query(statement, within(std::chrono::seconds(20)));
  if (!rows) co_return "ERROR " + rows.error().text();
  std::string result;
  for (std::size_t r = 0; r < rows->rows.size(); ++r) {
    if (r > 0) result += '\n';
    for (std::size_t c = 0; c < rows->columns.size(); ++c) result += (c > 0 ? "|" : "") + rows->text(r, c);
  }
  co_return result;
}

Task<bool> PostgresTest::wait_for_sql(Node* node, std::string statement, std::string expected, Duration limit) {
  const Ctx ctx = within(limit);
  std::string last;
  while (true) {
    last = co_await sql(node, statement);
    if (last == expected) co_return true;
    if (!co_await pause_for(reactor, std::chrono::milliseconds(5), ctx)) break;
  }
  std::printf("%s gives \"%s\" and not \"%s\"\n", statement.c_str(), last.c_str(), expected.c_str());
  co_return false;
}

pid_t PostgresTest::postmaster_pid(const Node& node) {
  const auto file = read_pid_file(node.options.data_dir);
  return file ? file->pid : 0;
}

void PostgresTest::kill_server(const Node& node) {
  const pid_t pid = postmaster_pid(node);
  ASSERT_GT(pid, 0);
  ::kill(pid, SIGSTOP);
  for (const pid_t child : child_pids(pid)) ::kill(child, SIGKILL);
  ::kill(pid, SIGKILL);
}

void PostgresTest::print_ms(const char* what, Duration took) {
  std::printf("  %-60s %8.1f ms\n", what, ms(took));
  std::fflush(stdout);
}

}  // namespace matriarch::postgres
